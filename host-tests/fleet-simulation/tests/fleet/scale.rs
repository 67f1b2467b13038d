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
        // Until a second domain has said so, one failure is too little for whom it worked lately.
        let times = if corroborate == 1 { 4 } else { 2 };
        assert!(
            shared.failures * times < alone.failures,
            "corroborate {corroborate}: {} of {}",
            shared.failures,
            alone.failures
        );
        assert!(shared.probes * 4 < alone.probes, "{} of {}", shared.probes, alone.probes);
        assert_eq!(shared.probes_at_once, 1, "corroborate {corroborate}");
        let beyond = shared.reporters.saturating_sub(corroborate as usize);
        assert!(beyond <= 10, "corroborate {corroborate}: {} reporters", shared.reporters);
        assert!(shared.writes_in_a_second <= 30, "{}", shared.writes_in_a_second);
        assert!(shared.writes < shared.seconds, "{} in {} s", shared.writes, shared.seconds);
    }
}

/// In how many of so many worlds somebody else opens.
fn others_open(before: Duration, worlds: u64) -> usize {
    (0..worlds).filter(|seed| who_opens(2, before, *seed) != [0]).count()
}

#[test]
fn one_broken_network_opens_nobody_elses_breaker_in_hundreds_of_worlds() {
    for before in [60, 2] {
        assert_eq!(others_open(Duration::from_secs(before), 150), 0, "after {before} s");
    }
}

#[test]
fn of_proxies_that_start_with_it_hardly_one_that_saw_no_success_yet_opens() {
    let opened = others_open(Duration::ZERO, 150);
    assert!(opened <= 1, "{opened}");
}
