//! Who opens because of others, who does not, and what do callers pay?

use core::time::Duration;

use llm_breaker::breaker::{Cause, StateName};
use llm_breaker::category::Category;
use llm_breaker::outcome::Outcome;
use llm_breaker_fleet_simulation::proxy::Proxy;
use llm_breaker_fleet_simulation::world::World;

use crate::stage::{Fate, Fates, START, all_are, policy, proxy, stage, states};

#[test]
fn an_exhausted_quota_is_known_to_all_at_once() {
    for seed in 0..20 {
        let mut stage = stage(4, 2, seed);
        stage.provider.of = vec![(0, Fate::fails(1.0, Category::QuotaExhausted))];
        assert!(stage.run_till(Duration::from_secs(5), |it| {
            it.proxies[0].breaker.state.name() == StateName::Open
        }));
        let opened = stage.now;
        assert!(stage.run_till(Duration::from_secs(5), |it| all_are(it, StateName::Open)));
        assert!(stage.now.since(opened) < Duration::from_millis(100), "seed {seed}");
        for other in &stage.proxies[1..] {
            assert_eq!(other.lived.failures, 0);
            assert!(other.opened().all(|(_, cause)| cause == Cause::FleetAnnounced));
        }
    }
}

#[test]
fn another_account_hears_nothing() {
    let mut proxies: Vec<Proxy> = (0..3).map(|number| proxy(number, policy(1))).collect();
    proxies.push(Proxy::new("stranger", "zone-x", Some("another"), policy(1), START));
    let mut stage = World::new(proxies, Fates::all(Fate::works()), 7, START);
    stage.run_for(Duration::from_secs(5));
    stage.provider.of = vec![(0, Fate::fails(1.0, Category::QuotaExhausted))];
    stage.run_for(Duration::from_secs(60));
    let open = StateName::Open;
    assert_eq!(states(&stage), [open, open, open, StateName::Closed]);
}

#[test]
fn a_dead_provider_that_two_saw_for_themselves_costs_each_other_one_failure_at_most() {
    for seed in 0..40 {
        let mut stage = stage(4, 2, seed);
        stage.proxies[2..].iter_mut().for_each(|it| it.between = Duration::from_secs(5));
        stage.run_for(Duration::from_secs(20));
        stage.proxies[..2].iter_mut().for_each(|it| it.between = Duration::from_micros(500));
        stage.run_for(Duration::from_secs(2));
        stage.provider.all = Fate::fails(1.0, Category::ServerError);
        assert!(stage.run_till(Duration::from_secs(5), |it| {
            it.proxies.iter().any(|it| it.lived.written > 0)
        }));
        // What they failed before any word was on its way could not be spared them.
        let before: Vec<u64> = stage.proxies.iter().map(|it| it.lived.failures).collect();
        stage.run_for(Duration::from_secs(5));
        assert!(all_are(&stage, StateName::Open), "seed {seed}: {:?}", states(&stage));
        let at_first = |it: &Proxy| it.opened().next().map(|(_, cause)| cause);
        let causes: Vec<_> = stage.proxies.iter().filter_map(at_first).collect();
        let is_own = |cause: &Cause| matches!(cause, Cause::ConsecutiveFailures { .. });
        let own: Vec<bool> = causes.iter().map(is_own).collect();
        assert_eq!(own, [true, true, false, false], "seed {seed}: {causes:?}");
        for (late, before) in stage.proxies.iter().zip(before).skip(2) {
            let paid = late.lived.failures - before;
            assert!(paid <= 1, "seed {seed}: {paid}");
        }
    }
}

#[test]
fn one_broken_network_opens_nobody_elses_breaker() {
    for seed in 0..50 {
        let mut stage = stage(4, 2, seed);
        stage.provider.all = Fate::fails(0.0, Category::ServerError);
        stage.provider.of = vec![
            (0, Fate::fails(1.0, Category::ConnectionFailed)),
            (2, Fate::fails(0.02, Category::ServerError)),
            (3, Fate::fails(0.02, Category::ServerError)),
        ];
        stage.run_for(Duration::from_secs(600));
        let opened = stage.proxies.iter().map(|it| it.opened().count() > 0);
        let opened: Vec<bool> = opened.collect();
        assert_eq!(opened, [true, false, false, false], "seed {seed}");
    }
}

#[test]
fn a_crowd_does_not_say_the_same_thing_all_at_once() {
    for corroborate in [1, 2, 3] {
        let mut stage = stage(200, corroborate, u64::from(corroborate));
        stage.provider.all = Fate::fails(1.0, Category::ServerError);
        stage.run_for(Duration::from_secs(20));
        assert!(all_are(&stage, StateName::Open));
        let wrote = stage.proxies.iter().filter(|it| it.lived.written > 0).count();
        let wanted = corroborate as usize + 1;
        assert!((corroborate as usize..=wanted + 10).contains(&wrote), "{wrote} of {wanted} wrote");
        let failures: u64 = stage.proxies.iter().map(|it| it.lived.failures).sum();
        // Alone it were a thousand.
        assert!(failures < 3 * 200, "{failures} failures");
    }
}

#[test]
fn what_an_upstream_announced_is_believed_as_long_as_it_said() {
    let mut stage = stage(3, 2, 1);
    let announced = Some(Duration::from_secs(120));
    let outcome = Outcome { announced, ..Outcome::of(Category::QuotaExhausted) };
    let fate = Fate { outcome, ..Fate::fails(1.0, Category::QuotaExhausted) };
    stage.provider.of = vec![(0, fate)];
    assert!(stage.run_till(Duration::from_secs(5), |it| all_are(it, StateName::Open)));
    // The least that an exhausted quota is believed.
    let quota = stage.proxies[0].policy.open.quota;
    for proxy in &stage.proxies {
        let left = proxy.breaker.open_remaining(stage.now);
        assert!(left <= quota && quota - left < Duration::from_secs(1), "{left:?}");
    }
}
