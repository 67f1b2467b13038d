//! What is drawn by chance, and how: seeded, so that every run can be had again.

use core::fmt;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1, Gamma, StandardNormal};
use rand_pcg::Pcg64Mcg;

/// A normal distribution's 99th percentile, in standard deviations.
const P99: f64 = 2.326_347_874;

/// The source of all chance in one run.
#[derive(Clone, Debug)]
pub struct Chance(Pcg64Mcg);

/// A time that is log-normally distributed, as latencies and repairs are: in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Half are shorter.
    pub median: f64,
    /// One in a hundred is longer.
    pub p99: f64,
    /// None is longer.
    pub at_most: f64,
}

impl Chance {
    /// The chance of this seed, for one purpose: others with the same seed are independent.
    #[must_use]
    pub fn of(seed: u64, purpose: &str) -> Self {
        let purpose = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(Pcg64Mcg::seed_from_u64(seed ^ purpose))
    }

    /// A number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        self.0.random()
    }

    /// Whether something happens that does with this share.
    pub fn is(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// A number between two.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// A number between two, as often below as above their geometric mean.
    pub fn between_logs(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.0.random_range(0..all.len())]
    }

    /// A time with this mean, however long one has waited already, in seconds.
    pub fn memoryless(&mut self, mean: f64) -> f64 {
        let unit: f64 = Exp1.sample(&mut self.0);
        mean * unit
    }

    /// A time with this mean between two of a renewal process: the smaller `shape`, the more they
    /// come in bursts; 1 is a Poisson process. In seconds.
    pub fn renewal(&mut self, mean: f64, shape: f64) -> f64 {
        match Gamma::new(shape, mean / shape) {
            Ok(gamma) => gamma.sample(&mut self.0),
            Err(_) => mean,
        }
    }

    /// A time of this spread, in seconds.
    pub fn spread(&mut self, spread: Spread) -> f64 {
        let normal: f64 = StandardNormal.sample(&mut self.0);
        let sigma = (spread.p99 / spread.median).ln() / P99;
        (spread.median * (sigma * normal).exp()).min(spread.at_most)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "median {} s, p99 {} s, at most {} s", self.median, self.p99, self.at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
        values.sort_by(f64::total_cmp);
        values[(share * values.len() as f64) as usize]
    }

    #[test]
    fn a_seed_gives_the_same_and_each_purpose_its_own() {
        let drawn = |seed, purpose| Chance::of(seed, purpose).unit();
        assert_eq!(drawn(1, "calls"), drawn(1, "calls"));
        assert_ne!(drawn(1, "calls"), drawn(2, "calls"));
        assert_ne!(drawn(1, "calls"), drawn(1, "incidents"));
    }

    #[test]
    fn a_spread_has_the_percentiles_that_it_names() {
        let spread = Spread { median: 8.0, p99: 94.0, at_most: 1_000.0 };
        let mut chance = Chance::of(7, "test");
        let drawn: Vec<f64> = (0..200_000).map(|_| chance.spread(spread)).collect();
        let (median, p99) = (percentile(drawn.clone(), 0.5), percentile(drawn, 0.99));
        assert!((7.9..8.1).contains(&median), "{median}");
        assert!((91.0..97.0).contains(&p99), "{p99}");
    }

    #[test]
    fn times_between_have_the_mean_asked_for_whatever_their_shape() {
        for shape in [0.3, 1.0] {
            let mut chance = Chance::of(7, "test");
            let sum: f64 = (0..200_000).map(|_| chance.renewal(2.0, shape)).sum();
            assert!((1.95..2.05).contains(&(sum / 200_000.0)), "{shape}");
        }
        let mut chance = Chance::of(7, "test");
        let sum: f64 = (0..200_000).map(|_| chance.memoryless(20.0)).sum();
        assert!((19.5..20.5).contains(&(sum / 200_000.0)));
    }
}
