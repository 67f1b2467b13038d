//! Jitter looks random and is none: the same numbers on every machine, others for each epoch.

use crate::breaker::{Jitter, unit};
use std::collections::BTreeSet;

/// What others publish of splitmix64, as the 53 bits of it that count.
#[test]
fn it_is_splitmix64() {
    for (seed, published) in
        [(0, 0xe220_a839_7b1d_cdaf_u64), (1_234_567, 6_457_827_717_110_365_317)]
    {
        assert_eq!(unit(seed), (published >> 11) as f64 / (1_u64 << 53) as f64, "{seed}");
    }
}

#[test]
fn no_two_epochs_share_it() {
    let jitter = Jitter::of("openai", "node-1");
    let units: BTreeSet<u64> = (0..1_000).map(|epoch| jitter.unit(epoch).to_bits()).collect();
    assert_eq!(units.len(), 1_000);
}
