//! Others see failures, but fewer of them than it takes: how many in a row open this breaker?
//!
//! - **One**, where this proxy knows nothing to the contrary: its window holds no success.
//! - **Three**, where it does. Those from before the word count. Whatever fails for others, one failure
//!   is what a background of errors brings: with 2 % of them, the first call after a word fails for one
//!   proxy in fifty, and three in a row do so for one in a hundred thousand. Where the upstream fails for
//!   all, that costs two calls more, and only until enough others say so.
//! - **As many as ever**, once one of its own calls succeeded after the word: that refutes it. It takes
//!   another domain, or another time, to make this proxy suspicious again.
//!
//! Never more than the policy asks for. What opens a breaker so is told to nobody: it is no witness.

use super::{Heard, Hint, OpenedBy};
use crate::breaker::{Breaker, Cause};
use crate::policy::Policy;
use crate::time::Instant;

/// Failures in a row that open a suspicious breaker whose window holds a success.
const FAILURES_DESPITE_SUCCESSES: u32 = 3;

impl Heard {
    /// Others see failures. Of the same ones it is not suspicious again whose own calls said otherwise.
    pub(super) fn suspect(&mut self, hint: &Hint, policy: &Policy, now: Instant) {
        let is_the_same = self.witnesses == hint.witnesses
            && now < self.suspected_until + policy.open.reset_after;
        self.refuted &= is_the_same;
        self.at = now;
        self.suspected_until = hint.suspected_until;
        self.witnesses = hint.witnesses;
    }

    /// Others say that it works.
    pub(super) const fn trust(&mut self) {
        self.suspected_until = Instant::ZERO;
        self.witnesses = 0;
        self.refuted = false;
    }

    /// Whether fewer failures than otherwise are enough.
    pub(in crate::breaker) fn suspects(&self, now: Instant) -> bool {
        !self.refuted && now < self.suspected_until
    }

    /// A call of this proxy's own succeeded then: it sees for itself that the upstream works.
    #[inline]
    fn refute(&mut self, then: Instant) {
        if then >= self.at {
            self.refuted = true;
        }
    }
}

impl Breaker {
    /// A call of this proxy's own succeeded then.
    #[inline]
    pub(in crate::breaker) fn refute(&mut self, then: Instant) {
        if let Some(heard) = &mut self.fleet {
            heard.refute(then);
        }
    }

    /// Whether others see failures, and its own calls do not say otherwise.
    pub(in crate::breaker) fn is_suspected(&self, policy: &Policy, now: Instant) -> bool {
        policy.fleet.is_some() && self.fleet.is_some_and(|heard| heard.suspects(now))
    }

    /// After a failure: why it opens because others see some, if it does.
    pub(in crate::breaker) fn suspicion(&self, policy: &Policy, now: Instant) -> Option<Cause> {
        if !self.is_suspected(policy, now) {
            return None;
        }
        let recent = self.windows.total(policy.window);
        let threshold = if recent.calls > recent.failures { longest_run(policy) } else { 1 };
        let count = self.run.length(policy.window, now);
        (count >= threshold).then_some(Cause::Suspected { count, threshold })
    }

    /// Its own calls open it, if only because a hint lowered a threshold.
    pub(in crate::breaker) fn note_who_opens(&mut self, cause: Cause) {
        let is_lowered = matches!(cause, Cause::Suspected { .. });
        if let Some(heard) = self.fleet.as_mut().filter(|_| is_lowered) {
            heard.opened = OpenedBy::Hint;
        }
    }
}

/// How many failures in a row must be remembered for that; none without a fleet.
pub(in crate::breaker) fn longest_run(policy: &Policy) -> u32 {
    let configured = policy.trip.consecutive_failures.unwrap_or(u32::MAX);
    if policy.fleet.is_some() { configured.min(FAILURES_DESPITE_SUCCESSES) } else { 0 }
}
