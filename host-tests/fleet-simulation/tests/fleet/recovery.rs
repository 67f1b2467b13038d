//! How does a fleet come back? One probes at a time, and all hear how it went.

use core::time::Duration;

use llm_breaker::breaker::{Before, Cause, State, StateName};
use llm_breaker::category::Category;

use crate::stage::{Fate, Stage, all_are, stage};

/// A dead provider that two proxies saw for themselves: the breaker is open for the whole fleet.
fn dead(proxies: usize, seed: u64) -> Stage {
    let mut stage = stage(proxies, 2, seed);
    stage.proxies[..2].iter_mut().for_each(|it| it.between = Duration::from_millis(10));
    stage.run_for(Duration::from_secs(1));
    stage.provider.all = Fate::fails(1.0, Category::ServerError);
    assert!(stage.run_till(Duration::from_secs(20), |it| all_are(it, StateName::Open)));
    stage
}

#[test]
fn one_probes_at_a_time_and_its_success_is_everybodys() {
    for seed in 0..20 {
        let mut stage = dead(8, seed);
        stage.provider.all = Fate::works();
        assert!(stage.run_till(Duration::from_secs(120), |it| all_are(it, StateName::Closed)));
        assert_eq!(stage.seen.probes_at_once, 1, "seed {seed}");
        let by_others = stage
            .proxies
            .iter()
            .filter(|it| matches!(it.breaker.state, State::Closed { after: Before::Fleet, .. }));
        assert!(by_others.count() >= 6, "seed {seed}");
    }
}

#[test]
fn a_failed_probe_makes_all_wait_longer() {
    for seed in 0..20 {
        let mut stage = dead(8, seed);
        stage.run_for(Duration::from_secs(200));
        // 30, 60 and 120 s, as if they were one; each proxy alone would have probed three times.
        assert!((2..=8).contains(&stage.seen.probes), "seed {seed}: {}", stage.seen.probes);
        assert_eq!(stage.seen.probes_at_once, 1, "seed {seed}");
    }
}

#[test]
fn a_probe_that_hangs_holds_the_others_up_for_its_lease_and_no_longer() {
    let mut stage = dead(4, 3);
    let hang = Fate { lasts: Duration::from_secs(3_600), ..Fate::works() };
    stage.provider.all = hang;
    assert!(stage.run_till(Duration::from_secs(60), |it| it.seen.probes == 1));
    stage.provider.all = Fate::works();
    let lease = stage.proxies[0].policy.half_open.lease;
    let longest = lease + lease / 4 + Duration::from_secs(5);
    assert!(stage.run_till(longest, |it| {
        it.proxies.iter().filter(|it| it.breaker.state.name() == StateName::Closed).count() >= 3
    }));
}

#[test]
fn without_the_store_each_probes_for_itself() {
    use llm_breaker_fleet_simulation::world::Store;
    let mut stage = dead(4, 5);
    stage.set_store(Store::Down);
    stage.run_for(Duration::from_secs(1));
    assert!(stage.proxies.iter().all(|it| !it.is_connected));
    stage.provider.all = Fate::works();
    assert!(stage.run_till(Duration::from_secs(40), |it| all_are(it, StateName::Closed)));
    let by_itself = |cause| cause == Cause::ProbesSucceeded;
    for proxy in &stage.proxies {
        assert!(proxy.lived.transitions.iter().any(|(_, it)| by_itself(it.cause)));
    }
}
