//! One call, from its request to its one outcome: what was observed, and what it means.

mod announced;
mod classify;
mod client_timeouts;
mod exchange;
mod flags;

pub use announced::announced;
pub use client_timeouts::ClientTimeouts;
pub use exchange::{Exchange, ResponseHead, Source};
pub use flags::{Ending, Flags};
