//! For how long does a breaker open, when its upstream announced nothing?

use crate::policy::Open;
use core::time::Duration;

/// What makes the jitter of one breaker on one proxy: a hash of its key and of the node.
///
/// Jitter is a pure function of key, node and epoch, so that a replay computes the same open time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter(u64);

impl Jitter {
    /// The jitter of the breaker `key` on the proxy `node`.
    #[must_use]
    pub fn of(key: &str, node: &str) -> Self {
        use xxhash_rust::xxh64::xxh64;
        Self(xxh64(key.as_bytes(), xxh64(node.as_bytes(), 0)))
    }

    /// A number from 0 to below 1 for this epoch.
    #[must_use]
    pub fn unit(self, epoch: u64) -> f64 {
        unit(self.0 ^ epoch)
    }
}

/// A number from 0 to below 1 that looks random, also for inputs close to each other (splitmix64).
#[must_use]
pub fn unit(seed: u64) -> f64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    // 53 bits are what an f64 holds exactly.
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// base × multiplier^(trips − 1), capped, and then lengthened by jitter: at the cap, too, a fleet
/// must not probe in step.
#[must_use]
pub(super) fn open_time(open: &Open, trips: u32, jitter: f64) -> Duration {
    let exponent = i32::try_from(trips.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = open.base.as_secs_f64() * open.multiplier.powi(exponent);
    let capped = seconds.min(open.max.as_secs_f64());
    let lengthened = capped * (1.0 + open.jitter * jitter.clamp(0.0, 1.0));
    // Floating point may fall a nanosecond short of the base; shorter it must never be.
    Duration::try_from_secs_f64(lengthened).unwrap_or(open.max).max(open.base.min(open.max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn seconds(trips: u32, jitter: f64) -> f64 {
        open_time(&Policy::default().open, trips, jitter).as_secs_f64()
    }

    #[test]
    fn the_open_time_is_base_times_multiplier_to_the_trips_before_capped() {
        let times: Vec<f64> = (1..8).map(|trips| seconds(trips, 0.0)).collect();
        assert_eq!(times, [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0]);
        assert_eq!(seconds(u32::MAX, 0.0), 600.0);
    }

    #[test]
    fn jitter_only_lengthens() {
        for step in 0..=10 {
            let jitter = f64::from(step) / 10.0;
            assert!((30.0..=33.0).contains(&seconds(1, jitter)));
            assert!((600.0..=660.0).contains(&seconds(20, jitter)));
        }
    }

    #[test]
    fn jitter_is_a_pure_function_of_key_epoch_and_node() {
        let jitter = Jitter::of("openai", "node-1");
        assert_eq!(jitter.unit(3), Jitter::of("openai", "node-1").unit(3));
        assert_ne!(jitter.unit(3), jitter.unit(4));
        assert_ne!(jitter.unit(3), Jitter::of("openai", "node-2").unit(3));
        assert_ne!(jitter.unit(3), Jitter::of("azure", "node-1").unit(3));
    }

    #[test]
    fn random_numbers_spread_over_the_whole_unit() {
        let mean = (0..1_000).map(unit).sum::<f64>() / 1_000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert!((0..1_000).map(unit).all(|number| (0.0..1.0).contains(&number)));
    }
}
