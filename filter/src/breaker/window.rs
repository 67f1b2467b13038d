//! How did the recent calls end? A ring of buckets with running totals, so that neither recording
//! nor reading depends on the window's length or on how long nothing happened.
//!
//! A window by count is the same ring with one call per bucket.

use crate::breaker::Tally;
use crate::outcome::Counted;
use crate::policy::WindowShape;
use crate::time::{Instant, nanos};
use core::time::Duration;

/// One bucket: how its calls ended, and the latest reset that one of its failures announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// What was counted.
    pub tally: Tally,
    /// The latest announced reset; [`Instant::ZERO`] if none.
    pub announced_until: Instant,
}

/// The recent calls, as one shape of window sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    shape: WindowShape,
    /// A bucket's width in nanoseconds; zero in a window by count.
    width: u64,
    /// The newest bucket's number: time divided by the bucket's width, or calls counted.
    head: u64,
    /// The newest bucket's place in the ring.
    newest: usize,
    /// When a call was last recorded.
    recorded_at: Instant,
    /// When a policy of this shape last recorded.
    used_at: Instant,
    total: Tally,
    ring: Vec<Bucket>,
}

impl Window {
    /// An empty window of this shape.
    #[must_use]
    pub fn new(shape: WindowShape, now: Instant) -> Self {
        let mut window = Self::unused();
        let ring = core::iter::repeat_n(Bucket::default(), shape.bucket_count());
        window.restore(shape, 0, [now, now], ring);
        window.move_head(window.number_at(now));
        window
    }

    /// A window to [`restore`](Self::restore).
    pub(super) fn unused() -> Self {
        Self {
            shape: WindowShape::Count { calls: 0, max_age: Duration::ZERO },
            width: 0,
            head: 0,
            newest: 0,
            recorded_at: Instant::ZERO,
            used_at: Instant::ZERO,
            total: Tally::default(),
            ring: Vec::new(),
        }
    }

    /// Becomes the window of a record, in the memory that it has already; the record says when a
    /// call was last recorded, and when a policy of this shape did. As many buckets are taken as the
    /// shape has.
    pub fn restore(
        &mut self,
        shape: WindowShape,
        head: u64,
        [recorded_at, used_at]: [Instant; 2],
        ring: impl Iterator<Item = Bucket>,
    ) {
        self.shape = shape;
        self.width = match shape {
            WindowShape::Time { .. } => nanos(shape.bucket_width()),
            WindowShape::Count { .. } => 0,
        };
        (self.recorded_at, self.used_at) = (recorded_at, used_at);
        self.ring.clear();
        self.ring.extend(ring);
        self.ring.resize(shape.bucket_count(), Bucket::default());
        let tallies = self.ring.iter().map(|bucket| bucket.tally);
        self.total = tallies.fold(Tally::default(), Tally::plus);
        self.move_head(head);
    }

    /// Forget everything, as every new epoch does.
    pub fn clear(&mut self) {
        self.total = Tally::default();
        self.ring.fill(Bucket::default());
    }

    /// Count one call that ended now.
    pub fn record(&mut self, counted: Counted, announced_until: Option<Instant>, now: Instant) {
        self.advance(now);
        if matches!(self.shape, WindowShape::Count { .. }) && counted.is_call() {
            self.step();
        }
        self.recorded_at = self.recorded_at.max(now);
        if let Some(bucket) = self.ring.get_mut(self.newest) {
            bucket.tally.count(counted);
            bucket.announced_until =
                bucket.announced_until.max(announced_until.unwrap_or(Instant::ZERO));
            self.total.count(counted);
        }
    }

    /// Let go of what left the window by now.
    pub fn advance(&mut self, now: Instant) {
        match self.shape {
            WindowShape::Time { .. } => {
                // Mostly the newest bucket goes on, and a comparison is cheaper than a division. A
                // worker's clock may read slightly behind: its calls count as the newest.
                let end = self.head.saturating_add(1).saturating_mul(self.width);
                if now.as_nanos() >= end {
                    self.step_to(self.number_at(now));
                }
            }
            WindowShape::Count { max_age, .. } => {
                if now >= self.recorded_at + max_age {
                    self.clear();
                }
            }
        }
    }

    /// What the window holds; call [`Window::advance`] first.
    #[must_use]
    pub const fn total(&self) -> Tally {
        self.total
    }

    /// The latest reset that a failure still in the window announced.
    #[must_use]
    pub fn announced_until(&self) -> Instant {
        self.ring.iter().map(|bucket| bucket.announced_until).max().unwrap_or(Instant::ZERO)
    }

    /// The window's shape.
    #[must_use]
    pub const fn shape(&self) -> WindowShape {
        self.shape
    }

    /// The newest bucket's number.
    #[must_use]
    pub const fn head(&self) -> u64 {
        self.head
    }

    /// When a call was last recorded.
    #[must_use]
    pub const fn recorded_at(&self) -> Instant {
        self.recorded_at
    }

    /// When a policy of this shape last recorded.
    #[must_use]
    pub const fn used_at(&self) -> Instant {
        self.used_at
    }

    /// The buckets, in the ring's order.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        &self.ring
    }

    /// A policy of this shape records now.
    pub fn touch(&mut self, now: Instant) {
        self.used_at = self.used_at.max(now);
    }

    fn step_to(&mut self, head: u64) {
        let steps = head.saturating_sub(self.head);
        if steps >= self.ring.len() as u64 {
            self.clear();
            self.move_head(head);
        } else {
            (0..steps).for_each(|_| self.step());
        }
    }

    /// The next bucket is the newest, and its old calls leave.
    fn step(&mut self) {
        self.head = self.head.saturating_add(1);
        self.newest = self.newest.saturating_add(1);
        if self.newest >= self.ring.len() {
            self.newest = 0;
        }
        if let Some(bucket) = self.ring.get_mut(self.newest) {
            self.total = self.total.minus(bucket.tally);
            *bucket = Bucket::default();
        }
    }

    fn move_head(&mut self, head: u64) {
        self.head = head;
        self.newest = head.checked_rem(self.ring.len() as u64).unwrap_or(0) as usize;
    }

    fn number_at(&self, now: Instant) -> u64 {
        match self.shape {
            WindowShape::Time { .. } => now.as_nanos().checked_div(self.width).unwrap_or(0),
            WindowShape::Count { .. } => 0,
        }
    }
}

impl WindowShape {
    /// How many buckets the ring has.
    #[must_use]
    pub const fn bucket_count(self) -> usize {
        match self {
            Self::Time { buckets, .. } => buckets as usize,
            Self::Count { calls, .. } => calls as usize,
        }
    }

    /// For how long a call counts at most.
    #[must_use]
    pub const fn span(self) -> Duration {
        match self {
            Self::Time { duration, .. } => duration,
            Self::Count { max_age, .. } => max_age,
        }
    }

    fn bucket_width(self) -> Duration {
        self.span().checked_div(self.bucket_count() as u32).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: WindowShape =
        WindowShape::Time { duration: Duration::from_secs(60), buckets: 10 };
    const LAST_THREE: WindowShape =
        WindowShape::Count { calls: 3, max_age: Duration::from_secs(600) };

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn failures_at(window: &mut Window, seconds: u64) -> u32 {
        window.advance(at(seconds));
        window.total().failures
    }

    #[test]
    fn a_call_leaves_a_time_window_with_its_bucket() {
        let mut window = Window::new(MINUTE, at(0));
        window.record(Counted::Failure, None, at(1));
        window.record(Counted::Failure, None, at(7));
        assert_eq!(failures_at(&mut window, 59), 2);
        assert_eq!(failures_at(&mut window, 60), 1);
        assert_eq!(failures_at(&mut window, 66), 0);
    }

    #[test]
    fn buckets_that_left_are_gone_also_after_a_long_silence() {
        let mut window = Window::new(MINUTE, at(0));
        window.record(Counted::Failure, Some(at(5000)), at(1));
        assert_eq!(failures_at(&mut window, 86_400), 0);
        assert_eq!(window.announced_until(), Instant::ZERO);
    }

    #[test]
    fn a_clock_that_reads_behind_counts_in_the_newest_bucket() {
        let mut window = Window::new(MINUTE, at(100));
        window.record(Counted::Failure, None, at(90));
        assert_eq!(failures_at(&mut window, 100), 1);
    }

    #[test]
    fn a_count_window_holds_the_last_calls() {
        let mut window = Window::new(LAST_THREE, at(0));
        for counted in [Counted::Failure, Counted::Failure, Counted::Success, Counted::Success] {
            window.record(counted, None, at(1));
        }
        assert_eq!(window.total().calls, 3);
        assert_eq!(window.total().failures, 1);
    }

    #[test]
    fn a_count_window_is_forgotten_after_max_age_without_a_record() {
        let mut window = Window::new(LAST_THREE, at(0));
        window.record(Counted::Failure, None, at(1));
        assert_eq!(failures_at(&mut window, 600), 1);
        assert_eq!(failures_at(&mut window, 601), 0);
    }

    #[test]
    fn a_cancelled_slow_call_pushes_no_call_out_of_a_count_window() {
        let mut window = Window::new(LAST_THREE, at(0));
        for _ in 0..3 {
            window.record(Counted::Failure, None, at(1));
        }
        window.record(Counted::CancelledSlow, None, at(1));
        assert_eq!(window.total().failures, 3);
        assert_eq!(window.total().cancelled_slow, 1);
    }

    #[test]
    fn totals_equal_a_naive_sum_over_random_histories() {
        let mut seed = 7_u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        };
        for shape in [MINUTE, LAST_THREE] {
            let mut window = Window::new(shape, at(0));
            let mut now = 0;
            let mut history: Vec<(u64, bool)> = Vec::new();
            for _ in 0..2_000 {
                now += random() % 20;
                let failed = random() % 2 == 0;
                let counted = if failed { Counted::Failure } else { Counted::Success };
                window.record(counted, None, at(now));
                history.push((now, failed));
                let inside: Vec<bool> = match shape {
                    WindowShape::Time { .. } => history
                        .iter()
                        .filter(|(time, _)| time / 6 + 10 > now / 6)
                        .map(|(_, failed)| *failed)
                        .collect(),
                    WindowShape::Count { .. } => {
                        history.iter().rev().take(3).map(|(_, failed)| *failed).collect()
                    }
                };
                assert_eq!(window.total().calls as usize, inside.len());
                assert_eq!(
                    window.total().failures as usize,
                    inside.iter().filter(|failed| **failed).count()
                );
            }
        }
    }
}
