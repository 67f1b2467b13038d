//! How are durations spread? In memory that does not grow with their number.

use core::time::Duration;
use hdrhistogram::Histogram;
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// Longer ones count as this, a day.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1_000;

/// The percentiles that are told.
const TOLD: [(&str, f64); 5] =
    [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p999", 99.9)];

/// Durations of a kind, to the millisecond and to one part in a hundred.
#[derive(Clone, Debug)]
pub struct Spread {
    /// The decimal digits that are exact.
    digits: u8,
    /// None before the first came.
    histogram: Option<Box<Histogram<u32>>>,
}

impl Default for Spread {
    fn default() -> Self {
        Self { digits: 2, histogram: None }
    }
}

impl Spread {
    /// One that is exact to a tenth only, and much smaller.
    #[must_use]
    pub const fn coarse() -> Self {
        Self { digits: 1, histogram: None }
    }

    /// One more.
    pub fn add(&mut self, duration: Duration) {
        if let Some(histogram) = self.histogram() {
            // It grows by itself, so that nothing is out of its range.
            let _ = histogram.record(milliseconds(duration));
        }
    }

    /// Those of another.
    pub fn join(&mut self, other: &Self) {
        if let Some(other) = &other.histogram
            && let Some(histogram) = self.histogram()
        {
            let _ = histogram.add(&**other);
        }
    }

    fn histogram(&mut self) -> Option<&mut Histogram<u32>> {
        if self.histogram.is_none() {
            self.histogram = Histogram::new(self.digits).ok().map(|mut histogram| {
                histogram.auto(true);
                Box::new(histogram)
            });
        }
        self.histogram.as_deref_mut()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, |it| it.len())
    }

    /// The duration that a percentage from 0 to 100 of them does not exceed; `None` if there are none.
    #[must_use]
    pub fn percentile(&self, percentage: f64) -> Option<Duration> {
        let histogram = self.histogram.as_ref()?;
        Some(Duration::from_millis(histogram.value_at_percentile(percentage)))
    }

    /// The longest.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.histogram.as_ref()?.max()))
    }

    /// How many are no longer than this.
    #[must_use]
    pub fn count_to(&self, duration: Duration) -> u64 {
        self.histogram.as_ref().map_or(0, |it| it.count_between(0, milliseconds(duration)))
    }

    /// How many there are of each length: bars that grow in width with it, each with its upper end.
    #[must_use]
    pub fn bars(&self) -> Vec<(Duration, u64)> {
        let Some(histogram) = &self.histogram else { return Vec::new() };
        let bars = histogram.iter_log(1, 1.25);
        bars.filter(|bar| bar.count_since_last_iteration() > 0)
            .map(|bar| {
                let end = Duration::from_millis(bar.value_iterated_to());
                (end, bar.count_since_last_iteration())
            })
            .collect()
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(LONGEST_MS)
}

impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Spread", TOLD.len() + 2)?;
        fields.serialize_field("count", &self.count())?;
        for (name, percentage) in TOLD {
            let seconds = self.percentile(percentage).map(|it| it.as_secs_f64());
            fields.serialize_field(name, &seconds)?;
        }
        fields.serialize_field("longest", &self.longest().map(|it| it.as_secs_f64()))?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_to_a_hundredth_whatever_came() {
        let mut spread = Spread::default();
        assert_eq!((spread.percentile(50.0), spread.longest()), (None, None));
        (1..=100_u64).for_each(|seconds| spread.add(Duration::from_secs(seconds)));
        for percentage in [50.0, 90.0, 99.0] {
            let told = spread.percentile(percentage).expect("there are some").as_secs_f64();
            assert!((told - percentage).abs() <= percentage / 100.0, "{percentage}: {told}");
        }
        spread.add(Duration::MAX);
        let longest = spread.longest().expect("there are some");
        assert!((86_400..87_300).contains(&longest.as_secs()), "{longest:?}");
        assert_eq!(spread.bars().iter().map(|(_, count)| count).sum::<u64>(), 101);
        let to_half = spread.count_to(Duration::from_secs(50));
        assert!((50..=51).contains(&to_half), "{to_half}");
    }

    #[test]
    fn spreads_join() {
        let (mut one, mut other) = (Spread::coarse(), Spread::coarse());
        one.add(Duration::from_millis(5));
        other.add(Duration::from_secs(500));
        one.join(&other);
        assert_eq!(one.count(), 2);
        assert!(one.longest() > Some(Duration::from_secs(499)));
    }
}
