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

    /// The failures' share, if there are at least `minimum` calls.
    #[must_use]
    pub fn failure_rate(self, minimum: u32) -> Option<f64> {
        rate(self.failures, self.calls, minimum)
    }

    /// The slow calls' share, if there are at least `minimum` calls.
    #[must_use]
    pub fn slow_rate(self, minimum: u32) -> Option<f64> {
        rate(
            self.slow.saturating_add(self.cancelled_slow),
            self.calls.saturating_add(self.cancelled_slow),
            minimum,
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

fn rate(part: u32, whole: u32, minimum: u32) -> Option<f64> {
    (whole >= minimum.max(1)).then(|| f64::from(part) / f64::from(whole))
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
    fn a_rate_needs_its_minimum_of_calls() {
        let calls = tally(&[Counted::Failure, Counted::Success]);
        assert_eq!(calls.failure_rate(3), None);
        assert_eq!(calls.failure_rate(2), Some(0.5));
        assert_eq!(Tally::default().failure_rate(0), None);
    }

    #[test]
    fn a_cancelled_slow_call_is_on_both_sides_of_the_slow_rate_only() {
        let calls = tally(&[Counted::Success, Counted::CancelledSlow]);
        assert_eq!(calls.slow_rate(2), Some(0.5));
        assert_eq!(calls.failure_rate(1), Some(0.0));
        assert_eq!(calls.calls, 1);
    }
}
