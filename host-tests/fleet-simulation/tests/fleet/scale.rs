//! What is sharing worth, and what does it cost the store? The bounds of what `docs/scaling.md` tells of
//! more proxies.

use core::time::Duration;

use llm_breaker_fleet_simulation::broken_network::who_opens;
use llm_breaker_fleet_simulation::outage::{Course, Outage};

/// A provider is down for five minutes.
fn course(corroborate: Option<u32>) -> Course {
    let (lasts, after) = (Duration::from_secs(300), Duration::from_secs(60));
    Outage { proxies: 100, corroborate, lasts, after, seed: 1 }.run()
}

#[test]
fn a_fleet_pays_a_fraction_of_what_each_pays_alone_and_few_write() {
    let alone = course(None);
    assert!(alone.failures >= 500, "{}: five of each", alone.failures);
    for corroborate in 1..=3 {
        let shared = course(Some(corroborate));
        assert!(
            shared.failures * 4 < alone.failures,
            "corroborate {corroborate}: {} of {}",
            shared.failures,
            alone.failures
        );
        assert!(shared.probes * 4 < alone.probes, "{} of {}", shared.probes, alone.probes);
        assert_eq!(shared.probes_at_once, 1, "corroborate {corroborate}");
        assert!(shared.reporters <= corroborate as usize + 1 + 10, "{}", shared.reporters);
        assert!(shared.writes_in_a_second <= 50, "{}", shared.writes_in_a_second);
    }
}

#[test]
fn one_broken_network_opens_nobody_elses_breaker_in_a_hundred_worlds() {
    for seed in 0..100 {
        assert_eq!(who_opens(2, seed), [0], "seed {seed}");
    }
}
