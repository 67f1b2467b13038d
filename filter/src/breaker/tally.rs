//! How many calls ended how: the numbers that rates are made of.

use crate::outcome::Counted;

/// Calls counted by how they ended; every number saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Successes and failures.
    pub calls: u32,
    /// Failures among the calls.
    pub failures: u32,
    /// Slow successes among the calls.
    pub slow: u32,
    /// Cancelled calls that had waited past their slow limit; not among the calls.
    pub cancelled_slow: u32,
}

impl Tally {
    /// Add one.
    #[inline]
    pub const fn count(&mut self, counted: Counted) {
        match counted {
            Counted::Success => {}
            Counted::SlowSuccess => self.slow = self.slow.saturating_add(1),
            Counted::Failure => self.failures = self.failures.saturating_add(1),
            Counted::CancelledSlow => self.cancelled_slow = self.cancelled_slow.saturating_add(1),
        }
        if counted.is_call() {
            self.calls = self.calls.saturating_add(1);
        }
    }

    /// Add so many successes.
    pub(super) const fn count_successes(&mut self, successes: u32) {
        self.calls = self.calls.saturating_add(successes);
    }

    /// Whether nothing failed or was slow.
    pub(super) const fn holds_only_successes(self) -> bool {
        self.failures == 0 && self.slow == 0 && self.cancelled_slow == 0
    }

    /// How many were slow, and of how many: a cancelled slow call is on both sides.
    pub(super) const fn slow_of(self) -> (u32, u32) {
        (
            self.slow.saturating_add(self.cancelled_slow),
            self.calls.saturating_add(self.cancelled_slow),
        )
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            failures: self.failures.saturating_add(other.failures),
            slow: self.slow.saturating_add(other.slow),
            cancelled_slow: self.cancelled_slow.saturating_add(other.cancelled_slow),
        }
    }

    pub(super) const fn minus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(other.calls),
            failures: self.failures.saturating_sub(other.failures),
            slow: self.slow.saturating_sub(other.slow),
            cancelled_slow: self.cancelled_slow.saturating_sub(other.cancelled_slow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(counted: &[Counted]) -> Tally {
        let mut tally = Tally::default();
        counted.iter().for_each(|counted| tally.count(*counted));
        tally
    }

    #[test]
    fn a_cancelled_slow_call_is_on_both_sides_of_the_slow_rate_only() {
        let calls = tally(&[Counted::Success, Counted::CancelledSlow]);
        assert_eq!(calls.slow_of(), (1, 2));
        assert_eq!((calls.failures, calls.calls), (0, 1));
    }
}
