//! Has a closed breaker seen enough to open?

use crate::breaker::{Breaker, Cause, Share, Tally, fleet};
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

    /// How many failures in a row must be remembered for this policy, ramp and suspicion included.
    pub(super) fn longest_run(policy: &Policy) -> usize {
        let configured = policy.trip.consecutive_failures.unwrap_or(0);
        configured.max(RAMP_CONSECUTIVE_FAILURES).max(fleet::longest_run(policy)) as usize
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
        let count = breaker.run.length(policy.window, now);
        let threshold = self.consecutive_failures?;
        (count >= threshold).then_some(Cause::ConsecutiveFailures { count, threshold })
    }

    fn rates(self, breaker: &Breaker, policy: &Policy) -> Option<Cause> {
        self.failure_rate(breaker, policy).or_else(|| slow_rate(breaker, policy))
    }

    fn failure_rate(self, breaker: &Breaker, policy: &Policy) -> Option<Cause> {
        let Tally { calls, failures, .. } = breaker.windows.total(policy.window);
        let threshold = policy.trip.failure_rate?;
        reached(Share { part: failures, calls, threshold }, self.minimum_calls)
            .map(Cause::FailureRate)
    }
}

/// A ramp says nothing about slowness: its minimum of calls stays the configured one.
fn slow_rate(breaker: &Breaker, policy: &Policy) -> Option<Cause> {
    let (part, calls) = breaker.windows.total(policy.window).slow_of();
    let threshold = policy.trip.slow_rate?;
    reached(Share { part, calls, threshold }, policy.trip.minimum_calls).map(Cause::SlowRate)
}

/// The share, if it is one of enough calls and reaches its threshold.
fn reached(share: Share, minimum_calls: u32) -> Option<Share> {
    let is_enough = share.calls >= minimum_calls.max(1);
    (is_enough && share.rate() >= share.threshold).then_some(share)
}
