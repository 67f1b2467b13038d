//! What does one finished call say about its upstream?

use crate::policy::Policy;
use crate::time::Instant;
use core::time::Duration;

/// How a call ended; the names are those of the stats and of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// A whole answer with a status below 400.
    Success,
    /// A success that exceeded a slow limit.
    Slow,
    /// Too many requests for now.
    RateLimited,
    /// The account's quota or credit is used up.
    QuotaExhausted,
    /// The provider says that it has too much to do.
    Overloaded,
    /// Any other 5xx.
    ServerError,
    /// No answer, or no end of it, in time.
    Timeout,
    /// No connection: refused, TLS, DNS, no healthy host.
    ConnectionFailed,
    /// The upstream closed or reset before it answered.
    ConnectionReset,
    /// The upstream began to answer and did not end properly.
    StreamInterrupted,
    /// A 2xx whose body is not what its protocol promises.
    InvalidResponse,
    /// The provider does not know the caller.
    Authentication,
    /// The provider's policy forbids the request or its answer.
    ContentFiltered,
    /// The request is longer than the model takes.
    ContextLength,
    /// Any other 4xx.
    ClientError,
    /// The client left, or struck its own time-out.
    Cancelled,
    /// No upstream was involved, or another breaker answered.
    Local,
}

/// What a category means for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The upstream works.
    Success,
    /// The upstream failed.
    Failure,
    /// It says nothing about the upstream.
    Ignore,
    /// The upstream failed, and calling it again soon is pointless: open at once.
    Open,
}

impl Category {
    /// Every category, in the order of the documents.
    pub const ALL: [Self; 17] = [
        Self::Success,
        Self::Slow,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::Overloaded,
        Self::ServerError,
        Self::Timeout,
        Self::ConnectionFailed,
        Self::ConnectionReset,
        Self::StreamInterrupted,
        Self::InvalidResponse,
        Self::Authentication,
        Self::ContentFiltered,
        Self::ContextLength,
        Self::ClientError,
        Self::Cancelled,
        Self::Local,
    ];

    /// The name in stats, logs and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Slow => "slow",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::ConnectionFailed => "connection_failed",
            Self::ConnectionReset => "connection_reset",
            Self::StreamInterrupted => "stream_interrupted",
            Self::InvalidResponse => "invalid_response",
            Self::Authentication => "authentication",
            Self::ContentFiltered => "content_filtered",
            Self::ContextLength => "context_length",
            Self::ClientError => "client_error",
            Self::Cancelled => "cancelled",
            Self::Local => "local",
        }
    }

    /// What the category means for the breaker.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Success | Self::Slow => Verdict::Success,
            Self::QuotaExhausted => Verdict::Open,
            Self::RateLimited
            | Self::Overloaded
            | Self::ServerError
            | Self::Timeout
            | Self::ConnectionFailed
            | Self::ConnectionReset
            | Self::StreamInterrupted
            | Self::InvalidResponse => Verdict::Failure,
            // The caller's own mistakes never open a breaker for others.
            Self::Authentication
            | Self::ContentFiltered
            | Self::ContextLength
            | Self::ClientError
            | Self::Cancelled
            | Self::Local => Verdict::Ignore,
        }
    }
}

/// An answer is noted at most this often, so that a busy breaker is not stored for every first
/// byte. Whoever asks "did anyone get an answer since?" allows for it.
pub const ANSWER_RESOLUTION: Duration = Duration::from_secs(1);

/// What one finished call adds to a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// A success within its limits.
    Success,
    /// A success that exceeded a slow limit.
    SlowSuccess,
    /// A failure.
    Failure,
    /// The client left after the slow limit: it speaks for slowness, and about nothing else.
    CancelledSlow,
}

impl Counted {
    /// Whether this is a call that the failure rate knows.
    #[must_use]
    pub const fn is_call(self) -> bool {
        !matches!(self, Self::CancelledSlow)
    }
}

/// Who ended a call: for the log, since several can run out of patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The upstream, by its answer or by breaking off.
    Upstream,
    /// One of Envoy's time-outs.
    Envoy,
    /// The client: it left, or its own time-out struck.
    Client,
}

impl EndedBy {
    /// The name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Envoy => "envoy",
            Self::Client => "client",
        }
    }
}

/// One finished call, as the breaker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub category: Category,
    /// Whether a slow limit was exceeded: by a success, or by a client that waited and left.
    pub slow: bool,
    /// How long from now on the upstream asked not to be called.
    pub announced: Option<Duration>,
    /// Who ended the call.
    pub ended_by: EndedBy,
    /// With `cancelled`: the client waited long enough without a byte that this is the provider's
    /// time-out, unless another call got an answer since then.
    pub unanswered_since: Option<Instant>,
}

impl Outcome {
    /// An outcome that announces nothing, and is slow only if that is its category.
    #[must_use]
    pub const fn of(category: Category) -> Self {
        let slow = matches!(category, Category::Slow);
        let ended_by = EndedBy::Upstream;
        Self { category, slow, announced: None, ended_by, unanswered_since: None }
    }

    /// The outcome once it is known whether another call got an answer while this one waited.
    #[must_use]
    pub fn judged(mut self, answered_at: Instant) -> Self {
        if self.category == Category::Cancelled
            && let Some(since) = self.unanswered_since
            && answered_at + ANSWER_RESOLUTION <= since
        {
            self.category = Category::Timeout;
        }
        self
    }

    /// What it adds to a window; `None` if it says nothing.
    #[must_use]
    pub const fn counted(&self) -> Option<Counted> {
        match (self.category.verdict(), self.slow) {
            (Verdict::Success, false) => Some(Counted::Success),
            (Verdict::Success, true) => Some(Counted::SlowSuccess),
            (Verdict::Failure | Verdict::Open, _) => Some(Counted::Failure),
            // A slow 400 says as little as a quick one.
            (Verdict::Ignore, true) if matches!(self.category, Category::Cancelled) => {
                Some(Counted::CancelledSlow)
            }
            (Verdict::Ignore, _) => None,
        }
    }

    /// Until when a failure asked not to be called, capped; an exhausted quota asks for a minimum.
    #[must_use]
    pub fn announced_until(&self, policy: &Policy, now: Instant) -> Option<Instant> {
        if !matches!(self.category.verdict(), Verdict::Failure | Verdict::Open) {
            return None;
        }
        let quota = (self.category == Category::QuotaExhausted).then_some(policy.open.quota);
        let announced = self.announced.max(quota)?;
        Some(now + announced.min(policy.open.announced_max))
    }
}
