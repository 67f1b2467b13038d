//! Which part of the time may a choice be made by, and which part judges it?

use super::price::{Bill, Prices};

/// Into how many equal parts the time is divided.
pub(super) const COUNT: usize = 12;

/// The time of a log in [`COUNT`] equal parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretches {
    from: u64,
    length: u64,
}

impl Stretches {
    /// Of all from the first to the last of these moments, in nanoseconds since 1970.
    pub(super) fn over(from: u64, until: u64) -> Self {
        Self { from, length: until.saturating_sub(from) / COUNT as u64 + 1 }
    }

    /// In which of them a moment lies.
    pub(super) fn of(&self, unix_ns: u64) -> usize {
        let number = unix_ns.saturating_sub(self.from) / self.length;
        usize::try_from(number).unwrap_or(COUNT).min(COUNT - 1)
    }
}

/// What one policy costs in each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bills([Bill; COUNT]);

impl Bills {
    /// The bill of this stretch.
    pub(super) fn at(&mut self, stretch: usize) -> &mut Bill {
        #[expect(clippy::indexing_slicing, reason = "brought within its bounds")]
        &mut self.0[stretch.min(COUNT - 1)]
    }

    fn of(&self, is_held_back: bool) -> impl Iterator<Item = &Bill> {
        let numbered = self.0.iter().enumerate();
        numbered.filter(move |(at, _)| (at % 3 == 2) == is_held_back).map(|(_, bill)| bill)
    }

    /// All that may be searched.
    #[must_use]
    pub fn searched(&self) -> Bill {
        self.of(false).fold(Bill::default(), |all, bill| all + *bill)
    }

    /// All that is held back.
    #[must_use]
    pub fn held_back(&self) -> Bill {
        self.of(true).fold(Bill::default(), |all, bill| all + *bill)
    }

    /// How much less this costs than another, where it may be searched.
    pub(super) fn gain_over(&self, other: &Self, prices: &Prices) -> Gain {
        let differences: Vec<f64> = self
            .of(false)
            .zip(other.of(false))
            .map(|(mine, other)| other.cost(prices) - mine.cost(prices))
            .collect();
        Gain::of(&differences)
    }
}

/// A difference between the costs of two policies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gain {
    /// All together.
    pub(super) total: f64,
    /// By how much the total may be off by chance: its standard error, the stretches being taken for
    /// independent.
    pub(super) error: f64,
    /// In how many stretches it was one.
    pub(super) stretches: usize,
}

impl Gain {
    #[expect(clippy::cast_precision_loss, reason = "a handful of stretches")]
    fn of(differences: &[f64]) -> Self {
        let count = differences.len() as f64;
        let total: f64 = differences.iter().sum();
        let mean = total / count;
        let squares: f64 = differences.iter().map(|it| (it - mean).powi(2)).sum();
        let error = (squares / (count - 1.0) * count).sqrt();
        Self { total, error, stretches: differences.iter().filter(|it| **it > 0.0).count() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_third_stretch_is_held_back() {
        let stretches = Stretches::over(1_000, 13_000);
        assert_eq!(stretches.of(0), 0);
        assert_eq!(stretches.of(13_000), COUNT - 1);
        assert_eq!(stretches.of(u64::MAX), COUNT - 1);
        let mut bills = Bills::default();
        for at in 0..COUNT {
            bills.at(at).failed = 1 << at;
        }
        assert_eq!(bills.searched().failed, 0b0110_1101_1011);
        assert_eq!(bills.held_back().failed, 0b1001_0010_0100);
    }

    #[test]
    fn a_gain_in_one_stretch_is_no_more_than_its_error() {
        let once = Gain::of(&[0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!((once.total, once.stretches), (8.0, 1));
        assert!((once.error - 8.0).abs() < 1e-9, "{once:?}");
        let often = Gain::of(&[1.0; 8]);
        assert_eq!((often.total, often.error, often.stretches), (8.0, 0.0, 8));
    }
}
