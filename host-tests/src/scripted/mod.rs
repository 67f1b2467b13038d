//! A request and its answer that are said beforehand, played on both sides of a proxy and recorded on
//! both: what a proxy does to traffic is the difference between two records of one script.
//!
//! ```ignore
//! let upstream = Upstream::start().await?;
//! let record = upstream.play(envoy.address(), &script).await;
//! assert_eq!(record, other_record);
//! ```

mod client;
mod message;
mod progress;
mod script;
mod trace;
mod upstream;

pub use self::script::{Framing, Message, Pace, Protocol, Script};
pub use self::trace::{Event, Fields, Record, Trace};
pub use self::upstream::Upstream;
