//! What does one finished call say about its upstream?

use crate::policy::Policy;
use crate::time::Instant;
use core::time::Duration;

pub use crate::category::{Category, Verdict};

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
    /// Nobody yet: it passed one of the breaker's limits, and is judged while it hangs.
    Limit,
}

impl EndedBy {
    /// The name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Envoy => "envoy",
            Self::Client => "client",
            Self::Limit => "limit",
        }
    }
}

/// What an outcome means to the breaker that records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// What the policy says of its category.
    Direct,
    /// Whatever its category: what this breaker guards works.
    Works,
    /// It says nothing: it concerns another of the call's breakers.
    Nothing,
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
    /// Whether the upstream itself began to answer.
    pub answered: bool,
    /// What it means to the breaker that records it.
    pub bearing: Bearing,
}

impl Outcome {
    /// An outcome that announces nothing, and is slow only if that is its category.
    #[must_use]
    pub const fn of(category: Category) -> Self {
        let slow = matches!(category, Category::Slow);
        let ended_by = EndedBy::Upstream;
        let bearing = Bearing::Direct;
        let unanswered_since = None;
        Self {
            category,
            slow,
            announced: None,
            ended_by,
            unanswered_since,
            answered: false,
            bearing,
        }
    }

    /// The verdict of the breaker that records it.
    #[must_use]
    #[inline]
    pub fn verdict(&self, policy: &Policy) -> Verdict {
        match self.bearing {
            Bearing::Direct => policy.verdicts.on(self.category),
            Bearing::Works => Verdict::Success,
            Bearing::Nothing => Verdict::Ignore,
        }
    }

    /// Whether it adds a success to a window and nothing else, whatever other calls saw.
    #[must_use]
    #[inline]
    pub fn is_plain_success(&self, policy: &Policy) -> bool {
        self.verdict(policy) == Verdict::Success
            && !self.is_slow()
            && self.unanswered_since.is_none()
    }

    /// Whether it speaks for slowness.
    #[must_use]
    #[inline]
    pub fn is_slow(&self) -> bool {
        self.slow && self.bearing == Bearing::Direct
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
    pub fn counted(&self, policy: &Policy) -> Option<Counted> {
        match (self.verdict(policy), self.is_slow()) {
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
        if !matches!(self.verdict(policy), Verdict::Failure | Verdict::Open) {
            return None;
        }
        let quota = (self.category == Category::QuotaExhausted).then_some(policy.open.quota);
        let announced = self.announced.max(quota)?;
        Some(now + announced.min(policy.open.announced_max))
    }
}
