//! Which probes are in flight? Each holds a slot until it ends or its lease does.
//!
//! A lease is told from others by its deadline alone: two with the same deadline are worth the
//! same, so it does not matter which of them is given back.

use crate::time::Instant;

/// The most probes that can be in flight at once.
pub const MAX_PROBES: usize = 16;

/// The deadlines of the probes in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leases {
    deadlines: [Instant; MAX_PROBES],
    count: usize,
}

impl Leases {
    /// Leases read back from a record; those above [`MAX_PROBES`] are dropped.
    #[must_use]
    pub fn restore(deadlines: impl Iterator<Item = Instant>) -> Self {
        let mut leases = Self::default();
        deadlines.for_each(|deadline| leases.take(deadline));
        leases
    }

    /// The deadlines held.
    #[must_use]
    pub fn deadlines(&self) -> &[Instant] {
        self.deadlines.get(..self.count).unwrap_or_default()
    }

    /// Hold a slot until `deadline`.
    pub fn take(&mut self, deadline: Instant) {
        if let Some(slot) = self.deadlines.get_mut(self.count) {
            *slot = deadline;
            self.count = self.count.saturating_add(1);
        }
    }

    /// Give the slot with this deadline back; nothing happens if it expired before.
    pub fn release(&mut self, deadline: Instant) {
        if let Some(found) = self.deadlines().iter().position(|held| *held == deadline) {
            self.count = self.count.saturating_sub(1);
            self.deadlines.swap(found, self.count);
            // Equal leases are equal whatever was held before, also after a way through bytes.
            if let Some(freed) = self.deadlines.get_mut(self.count) {
                *freed = Instant::ZERO;
            }
        }
    }

    /// Free the slots whose lease ended; says whether there were any.
    pub fn expire(&mut self, now: Instant) -> bool {
        let before = self.count;
        while let Some(expired) = self.deadlines().iter().copied().find(|held| *held <= now) {
            self.release(expired);
        }
        self.count != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_lease_ends_at_its_deadline() {
        let mut leases = Leases::restore([at(5), at(7)].into_iter());
        assert!(!leases.expire(at(4)));
        assert!(leases.expire(at(5)));
        assert_eq!(leases.deadlines(), [at(7)]);
    }

    #[test]
    fn releasing_what_expired_takes_nobody_elses_slot() {
        let mut leases = Leases::restore([at(5), at(7)].into_iter());
        leases.expire(at(5));
        leases.release(at(5));
        assert_eq!(leases.deadlines(), [at(7)]);
    }

    #[test]
    fn their_number_is_bounded() {
        let leases = Leases::restore((0..100).map(at));
        assert_eq!(leases.deadlines().len(), MAX_PROBES);
    }
}
