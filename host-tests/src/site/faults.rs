//! What can be wrong with the provider, one after the other.

use std::time::Duration;

use crate::simulator::{Behaviour, Encoding, Pause, StreamEnd};

/// One thing that is wrong, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Every call gets a 500.
    Failing,
    /// Every call gets a 529.
    Overloaded,
    /// Every call gets a 402.
    QuotaExhausted,
    /// Answers are whole but late.
    Slow,
    /// Streams break off.
    CutStreams,
    /// Streams are compressed, and a filter cannot read them.
    Compressed,
}

impl Fault {
    /// Each of them, a healthy time between any two that block calls.
    pub const CYCLE: [Self; 10] = [
        Self::None,
        Self::Failing,
        Self::None,
        Self::Overloaded,
        Self::None,
        Self::QuotaExhausted,
        Self::None,
        Self::Slow,
        Self::Compressed,
        Self::CutStreams,
    ];

    /// In words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::None => "the provider is well",
            Self::Failing => "every call fails with a 500",
            Self::Overloaded => "the provider is overloaded (529)",
            Self::QuotaExhausted => "the quota is used up (402)",
            Self::Slow => "answers are slow",
            Self::CutStreams => "streams break off",
            Self::Compressed => "streams are compressed",
        }
    }

    /// What the provider does with a call; an answer above `slow` counts as slow.
    pub(super) fn behaviour(self, slow: Duration) -> Behaviour {
        match self {
            Self::None => Behaviour::Healthy,
            Self::Failing => Behaviour::status(500),
            Self::Overloaded => Behaviour::status(529),
            Self::QuotaExhausted => Behaviour::status(402),
            Self::Slow => {
                let milliseconds = u64::try_from(slow.as_millis()).unwrap_or(u64::MAX);
                Behaviour::Healthy.after_milliseconds(milliseconds.saturating_mul(2))
            }
            Self::CutStreams => Behaviour::cut_after(3),
            Self::Compressed => Behaviour::compressed_script(
                Encoding::Gzip,
                ["data: {}\n\n", "data: [DONE]\n\n"],
                Pause::None,
                StreamEnd::Silent,
            ),
        }
    }
}
