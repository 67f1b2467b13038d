//! Which window does a policy look at, when several policies share one breaker?
//!
//! Two listeners, or a listener and its draining predecessor, may ask for different shapes. Each
//! shape has a window of its own and every call is counted in all of them, so that no policy wipes
//! another's.

use crate::breaker::{Tally, Window};
use crate::outcome::Counted;
use crate::policy::WindowShape;
use crate::time::Instant;

/// Shapes kept side by side; a fifth replaces the one that was unused for longest.
pub const MAX_WINDOWS: usize = 4;

/// One window per shape in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    windows: Vec<Window>,
}

impl Windows {
    /// So many windows for a record to be read into, at most [`MAX_WINDOWS`], in the memory that
    /// those have which were there before.
    pub fn to_restore(&mut self, count: usize) -> &mut [Window] {
        self.windows.resize_with(count.min(MAX_WINDOWS), Window::unused);
        &mut self.windows
    }

    /// All windows.
    #[must_use]
    pub fn as_slice(&self) -> &[Window] {
        &self.windows
    }

    /// Forget every call, keep the shapes.
    pub fn clear(&mut self) {
        self.windows.iter_mut().for_each(Window::clear);
    }

    /// The only window, if it is of this shape, as nearly always.
    #[inline]
    pub(super) fn only(&mut self, shape: WindowShape) -> Option<&mut Window> {
        match self.windows.as_mut_slice() {
            [only] if only.shape() == shape => Some(only),
            _ => None,
        }
    }

    /// Count a call in every window. A policy of `shape` records it: that window is there
    /// afterwards, and shapes that nobody used for their whole span are gone.
    pub fn record(
        &mut self,
        shape: WindowShape,
        counted: Counted,
        announced_until: Option<Instant>,
        now: Instant,
    ) {
        self.use_by(shape, now);
        for window in &mut self.windows {
            window.record(counted, announced_until, now);
        }
    }

    /// The same for so many successes of one bucket, which ended then.
    pub(super) fn record_successes(&mut self, shape: WindowShape, successes: u32, then: Instant) {
        self.use_by(shape, then);
        for window in &mut self.windows {
            window.record_successes(successes, then);
        }
    }

    /// What the window of this shape holds.
    #[must_use]
    pub fn total(&self, shape: WindowShape) -> Tally {
        self.of(shape).map_or_else(Tally::default, Window::total)
    }

    /// The latest reset that a failure still in the window of this shape announced.
    #[must_use]
    pub fn announced_until(&self, shape: WindowShape) -> Instant {
        self.of(shape).map_or(Instant::ZERO, Window::announced_until)
    }

    fn of(&self, shape: WindowShape) -> Option<&Window> {
        self.windows.iter().find(|window| window.shape() == shape)
    }

    fn use_by(&mut self, shape: WindowShape, now: Instant) {
        self.make_room(shape, now);
        if let Some(window) = self.windows.iter_mut().find(|window| window.shape() == shape) {
            window.touch(now);
        }
    }

    fn make_room(&mut self, shape: WindowShape, now: Instant) {
        let is_kept = |window: &Window| {
            window.shape() == shape || now < window.used_at() + window.shape().span()
        };
        if !self.windows.iter().all(is_kept) {
            self.windows.retain(is_kept);
        }
        if self.of(shape).is_some() {
            return;
        }
        if self.windows.len() >= MAX_WINDOWS
            && let Some(stalest) = (0..self.windows.len())
                .min_by_key(|index| self.windows.get(*index).map(Window::used_at))
        {
            self.windows.swap_remove(stalest);
        }
        self.windows.push(Window::new(shape, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn shape(seconds: u64) -> WindowShape {
        WindowShape::Time { duration: Duration::from_secs(seconds), buckets: 10 }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn two_policies_in_turns_do_not_wipe_each_others_window() {
        let mut windows = Windows::default();
        for second in 0..8 {
            let shape = if second % 2 == 0 { shape(60) } else { shape(10) };
            windows.record(shape, Counted::Failure, None, at(second));
        }
        assert_eq!(windows.total(shape(60)).failures, 8);
        assert_eq!(windows.total(shape(10)).failures, 7, "from its first use on");
    }

    #[test]
    fn a_shape_that_nobody_uses_any_more_goes_away() {
        let mut windows = Windows::default();
        windows.record(shape(10), Counted::Failure, None, at(0));
        windows.record(shape(60), Counted::Failure, None, at(9));
        assert_eq!(windows.as_slice().len(), 2);
        windows.record(shape(60), Counted::Failure, None, at(10));
        assert_eq!(windows.as_slice().len(), 1);
    }

    #[test]
    fn a_shape_in_use_stays() {
        let mut windows = Windows::default();
        windows.record(shape(10), Counted::Failure, None, at(0));
        windows.record(shape(10), Counted::Failure, None, at(8));
        windows.record(shape(60), Counted::Failure, None, at(15));
        assert_eq!(windows.as_slice().len(), 2);
    }

    #[test]
    fn the_number_of_shapes_is_bounded() {
        let mut windows = Windows::default();
        for seconds in 10..30 {
            windows.record(shape(seconds), Counted::Failure, None, at(1));
        }
        assert_eq!(windows.as_slice().len(), MAX_WINDOWS);
        assert_eq!(windows.total(shape(29)).failures, 1);
    }
}
