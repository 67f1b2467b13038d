//! What does really become of one call, whoever watches?

use core::fmt;
use core::time::Duration;
use llm_breaker::time::Instant;

/// How a request wants its answer, and whether a proxy can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// In one piece.
    Whole,
    /// As a stream, and its path or headers say so.
    Stream,
    /// As a stream, but only its body says so, as with OpenAI's SDKs.
    StreamInBody,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With its whole answer.
    Whole,
    /// With an error of the provider's.
    Error {
        /// Its status.
        status: u16,
        /// How long it asks not to be called.
        retry_after: Option<Duration>,
    },
    /// With the error that says that the account's quota is used up.
    QuotaExhausted,
    /// Its answer breaks off.
    Cut,
    /// Nobody could be asked.
    Refused,
    /// The connection broke before an answer.
    Reset,
    /// The caller left.
    Left,
}

/// One call. All times begin at its arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it arrives.
    pub at: Instant,
    /// Which model it asks, from 0 on.
    pub model: u8,
    /// How it wants its answer.
    pub asks: Asks,
    /// When the head of an answer comes, if one does.
    pub head: Option<Duration>,
    /// When a stream's first content comes, if any does.
    pub first: Option<Duration>,
    /// When it ends…
    pub lasts: Duration,
    /// …and how.
    pub end: End,
    /// Whether an incident made it what it is.
    pub hit: bool,
}

/// What it would be worth to let it through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It would succeed.
    Good,
    /// It would fail, and cost its caller the time until then.
    Failing,
    /// Neither: the caller's own mistake, or a caller that leaves a provider that works.
    Neither,
}

impl Call {
    /// What it would be worth to let it through.
    #[must_use]
    pub const fn worth(&self) -> Worth {
        match self.end {
            End::Whole => Worth::Good,
            End::Error { status: 400..=428, .. } => Worth::Neither,
            // Nobody leaves a provider that answers, for the provider's sake.
            End::Left if !self.hit => Worth::Neither,
            _ => Worth::Failing,
        }
    }

    /// When it ends.
    #[must_use]
    pub fn ends_at(&self) -> Instant {
        self.at + self.lasts
    }

    /// Whether its answer is a stream, if one begins.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        !matches!(self.asks, Asks::Whole)
    }
}

impl fmt::Display for Asks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Whole => "in one piece",
            Self::Stream => "as a stream, as path or headers say",
            Self::StreamInBody => "as a stream, as only the body says",
        })
    }
}
