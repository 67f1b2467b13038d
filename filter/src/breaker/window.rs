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
    head: WindowHead,
    ring: Vec<Bucket>,
}

/// What is known of a window beside its buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowHead {
    /// Until when nothing leaves: the end of the newest bucket; or of a window by count, which is
    /// forgotten as a whole.
    pub until: Instant,
    /// When a policy of this shape last recorded.
    pub used_at: Instant,
    /// The newest bucket's place in the ring.
    pub newest: usize,
    /// What all buckets hold together.
    pub total: Tally,
}

impl Window {
    /// An empty window of this shape.
    #[must_use]
    pub fn new(shape: WindowShape, now: Instant) -> Self {
        let until = match shape {
            WindowShape::Time { .. } => end_of_bucket(now, shape.bucket_nanos()),
            WindowShape::Count { max_age, .. } => now + max_age,
        };
        let head = WindowHead { until, used_at: now, ..WindowHead::default() };
        Self { shape, head, ring: vec![Bucket::default(); shape.bucket_count()] }
    }

    /// A window to [`restore`](Self::restore).
    pub(super) fn unused() -> Self {
        let shape = WindowShape::Count { calls: 0, max_age: Duration::ZERO };
        Self { shape, head: WindowHead::default(), ring: Vec::new() }
    }

    /// Becomes the window of a record, in the memory that it has already. `ring` has as many buckets
    /// as the shape.
    pub fn restore(
        &mut self,
        shape: WindowShape,
        head: WindowHead,
        ring: impl Iterator<Item = Bucket>,
    ) {
        self.shape = shape;
        self.head = head;
        self.ring.clear();
        self.ring.extend(ring);
    }

    /// Forget everything, as every new epoch does.
    pub fn clear(&mut self) {
        self.head.total = Tally::default();
        self.ring.fill(Bucket::default());
    }

    /// Count one call that ended now.
    #[inline]
    pub fn record(&mut self, counted: Counted, announced_until: Option<Instant>, now: Instant) {
        self.advance(now);
        if let WindowShape::Count { max_age, .. } = self.shape {
            self.head.until = self.head.until.max(now + max_age);
            if counted.is_call() {
                self.step();
            }
        }
        if let Some(bucket) = self.ring.get_mut(self.head.newest) {
            bucket.tally.count(counted);
            self.head.total.count(counted);
            if let Some(announced) = announced_until {
                bucket.announced_until = bucket.announced_until.max(announced);
            }
        }
    }

    /// Count so many successes of one bucket, which ended then, in theirs: others may have recorded
    /// later ones. A window by count, which is younger than they are, does without them: its places
    /// are those of the latest calls.
    pub(super) fn record_successes(&mut self, successes: u32, then: Instant) {
        if let WindowShape::Count { .. } = self.shape {
            return;
        }
        self.advance(then);
        let behind = self.head.until.as_nanos().saturating_sub(then.as_nanos()).saturating_sub(1);
        let steps = behind.checked_div(self.shape.bucket_nanos()).unwrap_or(0);
        let Some(bucket) = self.bucket_before(steps) else { return };
        bucket.tally.count_successes(successes);
        self.head.total.count_successes(successes);
    }

    /// The bucket so many places before the newest; `None` if the window let go of it.
    fn bucket_before(&mut self, steps: u64) -> Option<&mut Bucket> {
        let length = self.ring.len();
        let steps = usize::try_from(steps).ok().filter(|steps| *steps < length)?;
        let place = self.head.newest.saturating_add(length).saturating_sub(steps);
        self.ring.get_mut(if place < length { place } else { place.saturating_sub(length) })
    }

    /// Whether it is one by time, in which nothing failed or was slow.
    pub(super) fn holds_only_successes_by_time(&self) -> bool {
        matches!(self.shape, WindowShape::Time { .. }) && self.head.total.holds_only_successes()
    }

    /// Let go of what left the window by now. A worker's clock may read slightly behind: its calls
    /// count as the newest.
    #[inline]
    pub fn advance(&mut self, now: Instant) {
        // Mostly nothing left, and a comparison is cheaper than a division.
        if now >= self.head.until {
            self.let_go(now);
        }
    }

    /// What the window holds; call [`Window::advance`] first.
    #[must_use]
    pub const fn total(&self) -> Tally {
        self.head.total
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

    /// Until when nothing leaves it.
    pub(super) const fn until(&self) -> Instant {
        self.head.until
    }

    /// When a policy of this shape last recorded.
    #[must_use]
    pub const fn used_at(&self) -> Instant {
        self.head.used_at
    }

    /// What is known of it beside its buckets.
    #[must_use]
    pub const fn head(&self) -> &WindowHead {
        &self.head
    }

    /// The buckets, in the ring's order.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        &self.ring
    }

    /// A policy of this shape records now.
    #[inline]
    pub fn touch(&mut self, now: Instant) {
        self.head.used_at = self.head.used_at.max(now);
    }

    #[cold]
    fn let_go(&mut self, now: Instant) {
        let WindowShape::Time { .. } = self.shape else { return self.clear() };
        let width = self.shape.bucket_nanos();
        let until = end_of_bucket(now, width);
        let passed = until.as_nanos().saturating_sub(self.head.until.as_nanos());
        let steps = passed.checked_div(width).unwrap_or(0);
        if steps >= self.ring.len() as u64 {
            self.clear();
        } else {
            (0..steps).for_each(|_| self.step());
        }
        self.head.until = until;
    }

    /// The next bucket is the newest, and its old calls leave.
    fn step(&mut self) {
        self.head.newest = self.head.newest.saturating_add(1);
        if self.head.newest >= self.ring.len() {
            self.head.newest = 0;
            self.count_anew();
        }
        if let Some(bucket) = self.ring.get_mut(self.head.newest) {
            self.head.total = self.head.total.minus(bucket.tally);
            *bucket = Bucket::default();
        }
    }

    /// Once in a round: what a record says of the total was written by others, and may be wrong.
    fn count_anew(&mut self) {
        let tallies = self.ring.iter().map(|bucket| bucket.tally);
        self.head.total = tallies.fold(Tally::default(), Tally::plus);
    }
}

/// The end of the bucket that is the newest now; buckets begin at multiples of their width.
fn end_of_bucket(now: Instant, width: u64) -> Instant {
    let number = now.as_nanos().checked_div(width).unwrap_or(0);
    Instant::from_nanos(number.saturating_add(1).saturating_mul(width))
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

    fn bucket_nanos(self) -> u64 {
        nanos(self.span()).checked_div(self.bucket_count() as u64).unwrap_or(0)
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
    fn successes_that_come_late_count_in_the_bucket_that_they_ended_in() {
        for newest in 0..10 {
            let mut window = Window::new(MINUTE, at(600));
            (0..=newest).for_each(|it| window.record(Counted::Success, None, at(600 + 6 * it)));
            for steps in 0..=11 {
                let mut late = window.clone();
                late.record_successes(5, at(600 + 6 * newest - 6 * steps));
                let mut expected: Vec<u32> =
                    window.buckets().iter().map(|it| it.tally.calls).collect();
                if steps < 10 {
                    expected[(10 + newest as usize - steps as usize) % 10] += 5;
                }
                let calls = late.buckets().iter().map(|it| it.tally.calls);
                assert_eq!(calls.collect::<Vec<_>>(), expected, "{steps} behind {newest}");
                assert_eq!(late.total().calls, expected.iter().sum::<u32>());
            }
        }
    }

    #[test]
    fn a_total_that_fits_no_buckets_is_gone_after_a_round() {
        for shape in [MINUTE, LAST_THREE] {
            let mut window = Window::new(shape, at(0));
            let total = Tally { calls: 7, failures: 1_000, slow: u32::MAX, cancelled_slow: 1 };
            let ring = vec![Bucket::default(); shape.bucket_count()];
            window.restore(shape, WindowHead { total, ..*window.head() }, ring.into_iter());
            (0..=60).for_each(|second| window.record(Counted::Success, None, at(second)));
            let calls = window.total().calls;
            assert_eq!(window.total(), Tally { calls, ..Tally::default() });
            assert_eq!(calls, window.buckets().iter().map(|it| it.tally.calls).sum::<u32>());
        }
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
