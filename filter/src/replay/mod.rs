//! What would these breakers have done? The calls of a log, or of a generator, are run through the
//! code that Envoy runs: admission, settling and every rule are the ones above, on a clock that the
//! calls bring with them.
//!
//! A call that a breaker would have held back did go out, so it is known how it ended: what was
//! blocked is told apart by that. Of a call that was blocked live nobody knows it.

#![allow(clippy::disallowed_types, reason = "none of this is in the Wasm build")]

mod call;
mod course;
mod desk;
mod engine;
mod findings;
mod flight;
pub mod log;
mod process;
mod rejudge;
pub mod report;
mod roster;
mod spread;
#[cfg(test)]
mod tests;
mod text;
mod told;
pub mod tune;

pub use call::{Call, Ended, Epochs, Fate, Measured, Source};
pub use course::{Course, Merge};
pub use engine::{Candidate, Decision, Replay};
pub use findings::{
    Blocked, BreakerFindings, Ends, Findings, Replayed, Series, Tally, Trip, Turn, Unknown, share,
};
pub use spread::Spread;
pub use text::text;
