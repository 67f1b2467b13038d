//! What does a call cost, blocked or not? In units of one failed call.

use core::ops::{Add, AddAssign};
use core::time::Duration;

use crate::category::Verdict;
use crate::policy::Policy;
use crate::replay::{Call, Decision, Fate};

/// What things cost. Only their proportions count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// A call that is blocked and would have succeeded.
    pub blocked_good: f64,
    /// A call that goes out and fails.
    pub failed: f64,
    /// A second that a caller waits for such a call.
    pub second: f64,
    /// An answer that begins later than this came too late: such a call counts as failed. Without it,
    /// slow answers cost nothing.
    pub patience: Option<Duration>,
}

impl Default for Prices {
    /// To block a call that was good is twice as bad as to let one fail; ten seconds of waiting weigh
    /// as much as a failed call.
    fn default() -> Self {
        Self { blocked_good: 2.0, failed: 1.0, second: 0.1, patience: None }
    }
}

/// What a call is worth, whatever a breaker makes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Worth {
    /// It succeeded in time.
    Good,
    /// It failed, or came too late, after so long.
    Bad(Duration),
    /// It says nothing, or nobody knows.
    Nothing,
}

impl Worth {
    pub(super) fn of(call: &Call, policy: &Policy, prices: &Prices) -> Self {
        let Fate::Sent(ended) = &call.fate else { return Self::Nothing };
        let waited = call.waited().unwrap_or_default();
        let until_it_began = ended.measured.first_token.unwrap_or(waited);
        match policy.verdicts.on(ended.outcome.category) {
            Verdict::Success if prices.patience.is_some_and(|it| until_it_began > it) => {
                Self::Bad(until_it_began)
            }
            Verdict::Success => Self::Good,
            Verdict::Failure | Verdict::Open => Self::Bad(waited),
            Verdict::Ignore => Self::Nothing,
        }
    }
}

/// What calls cost together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bill {
    /// Good calls, blocked or not.
    pub good: u64,
    /// Good calls that were blocked, or cut off by a limit that ends calls.
    pub blocked_good: u64,
    /// Calls that went out and failed.
    pub failed: u64,
    /// Calls that would have failed and were blocked.
    pub spared: u64,
    /// What was waited for calls that failed, in seconds.
    pub waited: f64,
}

impl Bill {
    /// One more call, and what was decided about it.
    pub(super) fn add(&mut self, worth: Worth, decision: Decision, ends_calls: bool) {
        match worth {
            Worth::Good => {
                self.good += 1;
                let is_cut_off = ends_calls && decision.is_timed_out_success;
                self.blocked_good += u64::from(decision.is_blocked || is_cut_off);
            }
            Worth::Bad(_) if decision.is_blocked => self.spared += 1,
            Worth::Bad(waited) => {
                self.failed += 1;
                self.waited += waited.as_secs_f64();
            }
            Worth::Nothing => {}
        }
    }

    /// In units of one failed call.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^53")]
    pub fn cost(&self, prices: &Prices) -> f64 {
        let (blocked_good, failed) = (self.blocked_good as f64, self.failed as f64);
        blocked_good * prices.blocked_good + failed * prices.failed + self.waited * prices.second
    }

    /// What the failures cost of it, and what they were waited for.
    pub(super) fn cost_of_failures(&self, prices: &Prices) -> f64 {
        Self { blocked_good: 0, ..*self }.cost(prices)
    }
}

impl Add for Bill {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            good: self.good + other.good,
            blocked_good: self.blocked_good + other.blocked_good,
            failed: self.failed + other.failed,
            spared: self.spared + other.spared,
            waited: self.waited + other.waited,
        }
    }
}

impl AddAssign for Bill {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
