//! How many failures came in a row, counting only what is still inside the window?

use crate::policy::WindowShape;
use crate::time::Instant;

/// The times of the latest failures in a row, oldest first; as many as a policy needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    capacity: usize,
    times: Vec<Instant>,
}

impl Run {
    /// Becomes the run of a record, in the memory that it has already; the oldest times are dropped
    /// if they do not fit.
    pub fn restore(&mut self, capacity: usize, times: impl Iterator<Item = Instant>) {
        self.capacity = capacity;
        self.times.clear();
        self.times.extend(times);
        self.trim();
    }

    /// Remember at least this many. Never fewer than before: another policy may need more.
    pub fn reserve(&mut self, capacity: usize) {
        self.capacity = self.capacity.max(capacity);
    }

    /// How many it remembers.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// The remembered times, oldest first.
    #[must_use]
    pub fn times(&self) -> &[Instant] {
        &self.times
    }

    /// A failure was recorded.
    pub fn push(&mut self, now: Instant) {
        self.times.push(now);
        self.trim();
    }

    /// A success was recorded, or a new epoch began.
    #[inline]
    pub fn clear(&mut self) {
        self.times.clear();
    }

    /// A success was recorded that ended then: what was pushed later goes on.
    pub fn forget_until(&mut self, success: Instant) {
        self.times.retain(|time| *time > success);
    }

    /// The failures in a row that are inside the window: the oldest age out one by one.
    #[must_use]
    pub fn length(&self, shape: WindowShape, now: Instant) -> u32 {
        let newest_first = self.times.iter().rev().copied();
        let inside = match shape {
            WindowShape::Time { duration, .. } => {
                newest_first.take_while(|time| now.since(*time) < duration).count()
            }
            // A count window is forgotten as a whole once nothing was recorded for `max_age`.
            WindowShape::Count { max_age, .. } => {
                let mut later = now;
                newest_first
                    .take_while(|time| {
                        let fresh = later.since(*time) < max_age;
                        later = *time;
                        fresh
                    })
                    .count()
            }
        };
        u32::try_from(inside).unwrap_or(u32::MAX)
    }

    fn trim(&mut self) {
        let surplus = self.times.len().saturating_sub(self.capacity);
        if surplus > 0 {
            self.times.drain(..surplus);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    const MINUTE: WindowShape =
        WindowShape::Time { duration: Duration::from_secs(60), buckets: 10 };

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn run(times: &[u64]) -> Run {
        let mut run = Run::default();
        run.restore(5, times.iter().map(|seconds| at(*seconds)));
        run
    }

    #[test]
    fn the_oldest_failures_of_a_run_age_out_one_by_one() {
        let run = run(&[0, 10, 20]);
        assert_eq!(run.length(MINUTE, at(59)), 3);
        assert_eq!(run.length(MINUTE, at(60)), 2);
        assert_eq!(run.length(MINUTE, at(70)), 1);
        assert_eq!(run.length(MINUTE, at(80)), 0);
    }

    #[test]
    fn a_success_ends_what_is_not_later_than_it() {
        let mut run = run(&[1, 2, 3]);
        run.forget_until(at(2));
        assert_eq!(run.times(), [at(3)]);
    }

    #[test]
    fn a_run_in_a_count_window_ends_where_the_window_was_forgotten() {
        let shape = WindowShape::Count { calls: 10, max_age: Duration::from_secs(60) };
        assert_eq!(run(&[0, 50, 100]).length(shape, at(101)), 3);
        assert_eq!(run(&[0, 70, 100]).length(shape, at(101)), 2);
        assert_eq!(run(&[0, 70, 100]).length(shape, at(160)), 0);
    }

    #[test]
    fn another_policy_never_shortens_the_memory() {
        let mut run = run(&[1, 2, 3, 4, 5]);
        run.reserve(2);
        assert_eq!(run.length(MINUTE, at(6)), 5);
        run.push(at(6));
        assert_eq!(run.length(MINUTE, at(6)), 5);
    }
}
