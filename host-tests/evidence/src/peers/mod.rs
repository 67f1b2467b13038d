//! The rules of others, as models: each is what its documentation and source say of its defaults, for
//! one upstream that it would have to take out of service.

mod envoy;
mod gobreaker;
mod litellm;
mod resilience4j;
#[cfg(test)]
mod tests;

pub use envoy::OutlierDetection;
pub use gobreaker::Gobreaker;
pub use litellm::{Cooldown, Group};
pub use resilience4j::Resilience4j;

use crate::call::{Call, End};
use core::time::Duration;
use llm_breaker::time::Instant;

/// A rule.
pub trait Rule {
    /// Whether a call may go out now; and if so, in which of the rule's generations.
    fn admits(&mut self, now: Instant) -> Option<u64>;

    /// A call that went out in this generation ended; whether calls are held back from now on that
    /// were not before.
    fn hears(&mut self, heard: &Heard, generation: u64, now: Instant) -> bool;
}

/// What a proxy or a client library sees of how a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// How it ended.
    pub end: End,
    /// How long it took.
    pub lasted: Duration,
}

impl Heard {
    /// What is seen of this call.
    #[must_use]
    pub const fn of(call: &Call) -> Self {
        Self { end: call.end, lasted: call.lasts }
    }

    /// The status of an error, as a proxy or client library gives it; `None` for an answer whose head
    /// was a success, and for a caller that left.
    #[must_use]
    pub const fn error(self) -> Option<u16> {
        match self.end {
            End::Error { status, .. } => Some(status),
            End::QuotaExhausted => Some(429),
            End::Refused | End::Reset => Some(503),
            End::Whole | End::Cut | End::Left => None,
        }
    }

    /// Whether a client library raises an exception.
    #[must_use]
    pub const fn raises(self) -> bool {
        !matches!(self.end, End::Whole)
    }
}
