//! How did something go over time? In a bounded number of buckets: when more would be needed, each two
//! become one.

use core::time::Duration;
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// Buckets at most.
const MAX_BUCKETS: usize = 240;

/// What can be told of a longer time together.
pub trait Merge {
    /// What came later as well.
    fn merge(&mut self, later: &Self);
}

/// Equal times one after the other, in Unix time.
#[derive(Clone, Debug)]
pub struct Course<T> {
    width_ns: u64,
    /// The number of the first bucket, counted from 1970.
    first: u64,
    buckets: Vec<T>,
}

impl<T> Default for Course<T> {
    fn default() -> Self {
        Self { width_ns: 1_000_000_000, first: 0, buckets: Vec::new() }
    }
}

impl<T: Default + Merge> Course<T> {
    /// The bucket of this time.
    pub fn at(&mut self, unix_ns: u64) -> &mut T {
        if self.buckets.is_empty() {
            self.first = unix_ns / self.width_ns;
        }
        let end = self.first.saturating_add(self.buckets.len() as u64);
        let mut first = self.first.min(unix_ns / self.width_ns);
        let mut last = end.saturating_sub(1).max(unix_ns / self.width_ns);
        while last - first >= MAX_BUCKETS as u64 {
            self.widen();
            (first, last) = (first / 2, last / 2);
        }
        let missing = usize::try_from(self.first.saturating_sub(first)).unwrap_or_default();
        if missing > 0 {
            self.buckets.splice(0..0, core::iter::repeat_with(T::default).take(missing));
            self.first = first;
        }
        let index = usize::try_from(unix_ns / self.width_ns - self.first).unwrap_or_default();
        if index >= self.buckets.len() {
            self.buckets.resize_with(index + 1, T::default);
        }
        let index = index.min(self.buckets.len().saturating_sub(1));
        #[expect(clippy::indexing_slicing, reason = "it was just made as long")]
        &mut self.buckets[index]
    }

    fn widen(&mut self) {
        let mut wider: Vec<T> = Vec::with_capacity(self.buckets.len() / 2 + 1);
        for (number, bucket) in (self.first..).zip(self.buckets.drain(..)) {
            match wider.last_mut() {
                Some(last) if number % 2 == 1 => last.merge(&bucket),
                _ => wider.push(bucket),
            }
        }
        (self.buckets, self.first, self.width_ns) = (wider, self.first / 2, self.width_ns * 2);
    }
}

impl<T> Course<T> {
    /// How long each bucket lasts.
    #[must_use]
    pub const fn width(&self) -> Duration {
        Duration::from_nanos(self.width_ns)
    }

    /// The buckets, each with the nanoseconds since 1970 at which it begins.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, &T)> {
        let begins = |index: usize| (self.first + index as u64) * self.width_ns;
        self.buckets.iter().enumerate().map(move |(index, bucket)| (begins(index), bucket))
    }
}

impl<T: Serialize> Serialize for Course<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Course", 3)?;
        fields.serialize_field("begins_unix_ms", &(self.first * self.width_ns / 1_000_000))?;
        fields.serialize_field("bucket_seconds", &(self.width_ns / 1_000_000_000))?;
        fields.serialize_field("buckets", &self.buckets)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Count(u32);

    impl Merge for Count {
        fn merge(&mut self, later: &Self) {
            self.0 += later.0;
        }
    }

    #[test]
    fn it_stays_bounded_and_loses_nothing_whatever_the_order() {
        let mut course = Course::<Count>::default();
        let seconds = [1_000, 1_001, 999, 500_000, 3, 1_000_000, 77];
        for second in seconds {
            course.at(second * 1_000_000_000).0 += 1;
        }
        let told: Vec<(u64, u32)> = course.buckets().map(|(at, it)| (at, it.0)).collect();
        assert!(told.len() <= MAX_BUCKETS);
        assert_eq!(told.iter().map(|(_, count)| count).sum::<u32>(), seconds.len() as u32);
        let width = course.width().as_nanos() as u64;
        for second in seconds {
            let at = second * 1_000_000_000;
            let its = told.iter().find(|(begins, _)| (*begins..begins + width).contains(&at));
            assert!(its.is_some_and(|(_, count)| *count > 0), "{second}");
        }
    }
}
