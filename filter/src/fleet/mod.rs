//! What do proxies tell each other through a store, and what does one make of it?
//!
//! One VM of each process speaks for its proxy. It is an [`Agent`]: events in, effects out, with the
//! time and random numbers as arguments; it waits for nothing and depends on nothing. Whatever the
//! store answers, or does not, costs a proxy only what it would have learnt from others.

mod agent;
pub mod etcd;
mod event;
mod fact;
mod keys;
mod news;
mod ordered;
mod round;
mod view;
mod words;
mod worth_telling;

pub use agent::{Agent, Seen, Word};
pub use etcd::{CALL_TIMEOUT, MAX_MESSAGE_BYTES, Method, WATCH_METHOD, WATCH_SERVICE};
pub use event::{Counted, Effect, Event, Known, Settings};
pub use fact::Basis;
pub use keys::Node;
pub use news::{MAX_TOLD_BYTES, News, Told};
pub use ordered::{Author, Instruction};
pub use words::Says;
pub use worth_telling::{news_of, news_of_lengthening};
