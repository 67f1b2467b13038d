//! Which number stands for many rounds? The median, and how far half of them are from each other.

use std::fmt;

/// The middle of many measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// A quarter is below it.
    pub low: f64,
    /// Half is below it.
    pub median: f64,
    /// A quarter is above it.
    pub high: f64,
}

impl Spread {
    /// Of these measurements; zero of none.
    #[must_use]
    pub fn of(measured: &[f64]) -> Self {
        let mut sorted = measured.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| percentile(&sorted, share);
        Self { low: at(0.25), median: at(0.5), high: at(0.75) }
    }
}

/// The value below which this share of the sorted ones is; zero of none.
#[must_use]
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = (share * last as f64).round() as usize;
    sorted.get(place).copied().unwrap_or(0.0)
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2} to {:.2})", self.median, self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_round_moves_no_median() {
        let spread = Spread::of(&[5.0, 1.0, 900.0, 2.0, 3.0]);
        assert_eq!((spread.low, spread.median, spread.high), (2.0, 3.0, 5.0));
        assert_eq!(Spread::of(&[]).median, 0.0);
    }
}
