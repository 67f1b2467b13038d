//! Has a closed breaker seen enough to open?

use crate::breaker::{Breaker, Cause};
use crate::outcome::{Outcome, Verdict};
use crate::policy::Policy;
use crate::time::Instant;

/// During a ramp, that many failures in a row open again…
const RAMP_CONSECUTIVE_FAILURES: u32 = 2;
/// …and the failure rate counts from that many calls on.
const RAMP_MINIMUM_CALLS: u32 = 5;

/// The thresholds that apply now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    consecutive_failures: Option<u32>,
    minimum_calls: u32,
}

impl Thresholds {
    /// What the policy says.
    pub(super) const fn of(policy: &Policy) -> Self {
        Self {
            consecutive_failures: policy.trip.consecutive_failures,
            minimum_calls: policy.trip.minimum_calls,
        }
    }

    /// The same, tightened: an upstream that just came back gets less credit.
    pub(super) fn of_ramp(policy: &Policy) -> Self {
        let configured = policy.trip.consecutive_failures.unwrap_or(u32::MAX);
        Self {
            consecutive_failures: Some(configured.min(RAMP_CONSECUTIVE_FAILURES)),
            minimum_calls: policy.trip.minimum_calls.min(RAMP_MINIMUM_CALLS),
        }
    }

    /// How many failures in a row must be remembered for this policy, ramp included.
    pub(super) fn longest_run(policy: &Policy) -> usize {
        let longest = policy.trip.consecutive_failures.unwrap_or(0).max(RAMP_CONSECUTIVE_FAILURES);
        usize::try_from(longest).unwrap_or(usize::MAX)
    }

    /// Why to open after this failure or slow call was counted, if at all.
    pub(super) fn reached(
        self,
        breaker: &Breaker,
        policy: &Policy,
        outcome: &Outcome,
        now: Instant,
    ) -> Option<Cause> {
        match outcome.verdict(policy) {
            Verdict::Open => Some(Cause::Verdict),
            Verdict::Failure => self
                .announced(policy, outcome)
                .or_else(|| self.run(breaker, policy, now))
                .or_else(|| self.rates(breaker, policy)),
            Verdict::Success => self.rates(breaker, policy),
            // A client that left speaks for slowness alone: it never trips on others' failures.
            Verdict::Ignore => slow_rate(breaker, policy),
        }
    }

    fn announced(self, policy: &Policy, outcome: &Outcome) -> Option<Cause> {
        let far_enough = policy.trip.open_on_announced?;
        (outcome.announced? >= far_enough).then_some(Cause::AnnouncedReset)
    }

    fn run(self, breaker: &Breaker, policy: &Policy, now: Instant) -> Option<Cause> {
        let length = breaker.run.length(policy.window, now);
        (length >= self.consecutive_failures?).then_some(Cause::ConsecutiveFailures(length))
    }

    fn rates(self, breaker: &Breaker, policy: &Policy) -> Option<Cause> {
        self.failure_rate(breaker, policy).or_else(|| slow_rate(breaker, policy))
    }

    fn failure_rate(self, breaker: &Breaker, policy: &Policy) -> Option<Cause> {
        let rate = breaker.windows.total(policy.window).failure_rate(self.minimum_calls)?;
        (rate >= policy.trip.failure_rate?).then_some(Cause::FailureRate(rate))
    }
}

/// A ramp says nothing about slowness: its minimum of calls stays the configured one.
fn slow_rate(breaker: &Breaker, policy: &Policy) -> Option<Cause> {
    let rate = breaker.windows.total(policy.window).slow_rate(policy.trip.minimum_calls)?;
    (rate >= policy.trip.slow_rate?).then_some(Cause::SlowRate(rate))
}
