//! One call, from its request to its one outcome: what was observed, and what it means.

mod announced;
mod classify;
mod exchange;
mod flags;

pub use announced::announced;
pub use exchange::{ClientTimeouts, Exchange, ResponseHead, Source};
pub use flags::{Ending, Flags};
