//! What does the store's trouble change? Nothing but what is heard; and afterwards all agree again.

use core::time::Duration;

use llm_breaker::breaker::{Cause, StateName};
use llm_breaker::category::Category;
use llm_breaker_fleet_simulation::world::Store;

use crate::stage::{Fate, Stage, all_are, policy, proxy, stage};

fn reconnect(stage: &mut Stage) {
    assert!(
        stage.run_till(Duration::from_secs(90), |it| it.proxies.iter().all(|it| it.is_connected))
    );
}

fn quota(stage: &mut Stage) {
    stage.provider.of = vec![(0, Fate::fails(1.0, Category::QuotaExhausted))];
    assert!(stage.run_till(Duration::from_secs(5), |it| all_are(it, StateName::Open)));
}

#[test]
fn what_happened_while_it_was_down_is_told_afterwards() {
    let mut stage = stage(4, 2, 1);
    stage.set_store(Store::Down);
    stage.run_for(Duration::from_secs(2));
    stage.provider.of = vec![(0, Fate::fails(1.0, Category::QuotaExhausted))];
    stage.run_for(Duration::from_secs(10));
    assert_eq!(stage.proxies[1].breaker.state.name(), StateName::Closed);
    stage.set_store(Store::Up);
    reconnect(&mut stage);
    stage.run_for(Duration::from_secs(1));
    assert!(all_are(&stage, StateName::Open));
}

#[test]
fn a_frozen_store_is_given_up_and_found_again() {
    let mut stage = stage(4, 2, 2);
    stage.set_store(Store::Frozen);
    stage.run_for(Duration::from_secs(5));
    assert!(stage.proxies.iter().all(|it| !it.is_connected));
    stage.run_for(Duration::from_secs(60));
    stage.set_store(Store::Up);
    reconnect(&mut stage);
    quota(&mut stage);
}

#[test]
fn a_wiped_store_moves_no_state_and_is_told_again() {
    let mut stage = stage(4, 2, 3);
    quota(&mut stage);
    stage.set_store(Store::Down);
    stage.etcd.wipe();
    stage.run_for(Duration::from_secs(5));
    assert!(all_are(&stage, StateName::Open));
    assert_eq!(stage.etcd.records().count(), 0);
    stage.set_store(Store::Up);
    reconnect(&mut stage);
    stage.run_for(Duration::from_secs(2));
    assert!(all_are(&stage, StateName::Open));
    assert_eq!(stage.etcd.records().count(), 1, "the one that knows says so again");
    let fresh = proxy(2, policy(2));
    stage.restart(2, fresh);
    stage.run_for(Duration::from_secs(2));
    assert!(all_are(&stage, StateName::Open));
}

#[test]
fn a_compacted_store_is_read_anew() {
    let mut stage = stage(4, 2, 4);
    quota(&mut stage);
    stage.etcd.close_all();
    stage.etcd.compact();
    stage.break_streams(Duration::ZERO);
    stage.run_for(Duration::from_secs(1));
    reconnect(&mut stage);
    stage.run_for(Duration::from_secs(5));
    assert!(all_are(&stage, StateName::Open));
}

#[test]
fn a_full_store_is_told_when_it_has_room_again() {
    let mut stage = stage(4, 2, 5);
    stage.etcd.is_full = true;
    stage.provider.of = vec![(0, Fate::fails(1.0, Category::QuotaExhausted))];
    stage.run_for(Duration::from_secs(20));
    assert_eq!(stage.proxies[1].breaker.state.name(), StateName::Closed);
    assert!(stage.proxies.iter().all(|it| it.is_connected));
    stage.etcd.is_full = false;
    stage.run_for(Duration::from_secs(31));
    assert!(all_are(&stage, StateName::Open));
}

#[test]
fn garbage_and_foreign_keys_in_masses_change_nothing() {
    let mut stage = stage(3, 2, 6);
    let prefix = "/llm-breaker/v1/account/";
    for number in 0..20_000 {
        stage.etcd.put_by_hand(format!("{prefix}a{number:05}/zone/node").as_bytes(), b"{}");
    }
    for garbage in [
        "",
        "null",
        "{\"state\":\"open\"}",
        "{\"state\":\"open\",\"basis\":\"announced\",\"remaining_ms\":1e99}",
    ] {
        for key in
            ["openai/zone/node", "openai", "openai/a/b/c", "openai//", "%ff/a/b", "openai/%zz/b"]
        {
            stage.etcd.put_by_hand(format!("{prefix}{key}").as_bytes(), garbage.as_bytes());
            stage.etcd.put_by_hand(
                format!("/llm-breaker/turn/v1/account/{key}").as_bytes(),
                garbage.as_bytes(),
            );
            stage.etcd.put_by_hand(
                format!("/llm-breaker/override/v1/account/{key}").as_bytes(),
                garbage.as_bytes(),
            );
        }
    }
    stage.run_for(Duration::from_secs(5));
    let fresh = proxy(2, policy(2));
    stage.restart(2, fresh);
    stage.run_for(Duration::from_secs(10));
    assert!(all_are(&stage, StateName::Closed));
    assert!(stage.proxies.iter().all(|it| it.is_connected));
    quota(&mut stage);
}

#[test]
fn a_proxy_that_starts_in_the_middle_of_a_quota_hour_knows_and_for_no_longer_than_it_lasts() {
    let mut stage = stage(4, 2, 7);
    quota(&mut stage);
    let ends = stage.now + stage.proxies[0].policy.open.quota;
    stage.run_for(Duration::from_secs(100));
    // Also the one that found out itself.
    for number in [0, 2] {
        let fresh = proxy(number, policy(2));
        stage.restart(number, fresh);
        stage.silence(number);
        assert!(stage.run_till(Duration::from_secs(2), |it| {
            it.proxies[number].breaker.state.name() == StateName::Open
        }));
        let left = stage.proxies[number].breaker.open_remaining(stage.now);
        assert!(stage.now + left <= ends, "{left:?}");
        assert!(ends.since(stage.now + left) < Duration::from_secs(2), "{left:?}");
    }
}

#[test]
fn deletion_moves_no_state_and_only_a_closed_does() {
    let mut stage = stage(4, 2, 8);
    quota(&mut stage);
    let keys: Vec<Vec<u8>> = stage.etcd.records().map(|it| it.key.clone()).collect();
    keys.iter().for_each(|key| stage.etcd.delete_by_hand(key));
    stage.run_for(Duration::from_secs(5));
    assert!(all_are(&stage, StateName::Open));
    let closed = br#"{"state":"closed"}"#;
    stage.etcd.put_by_hand(b"/llm-breaker/v1/account/openai/zone-9/node-9", closed);
    stage.provider.of.clear();
    stage.run_for(Duration::from_secs(5));
    assert!(all_are(&stage, StateName::Closed));
    let by_word = stage.proxies[1].lived.transitions.last().map(|(_, it)| it.cause);
    assert_eq!(by_word, Some(Cause::FleetClosed));
}

#[test]
fn an_order_for_all_holds_until_it_is_withdrawn() {
    use llm_breaker::policy::Mode;
    let mut stage = stage(3, 2, 9);
    let key = b"/llm-breaker/override/v1/account/openai";
    stage.etcd.put_by_hand(key, br#"{"mode":"forced_open"}"#);
    stage.run_for(Duration::from_secs(1));
    let modes = |stage: &Stage| -> Vec<Mode> {
        stage.proxies.iter().map(|it| it.breaker.mode(&it.policy, stage.now)).collect()
    };
    assert_eq!(modes(&stage), [Mode::ForcedOpen; 3]);
    stage.set_store(Store::Down);
    stage.run_for(Duration::from_secs(5));
    assert_eq!(modes(&stage), [Mode::ForcedOpen; 3], "it holds without the store");
    stage.etcd.delete_by_hand(key);
    stage.set_store(Store::Up);
    reconnect(&mut stage);
    stage.run_for(Duration::from_secs(1));
    assert_eq!(modes(&stage), [Mode::Enforce; 3]);
}

#[test]
fn an_order_that_a_store_lost_with_all_else_ends_also_for_whom_another_spoke_before() {
    use llm_breaker::policy::Mode;
    for is_restarted in [false, true] {
        let mut stage = stage(2, 2, 10);
        let key = b"/llm-breaker/override/v1/account/openai";
        stage.etcd.put_by_hand(key, br#"{"mode":"forced_open"}"#);
        stage.run_for(Duration::from_secs(1));
        let breaker = stage.proxies[1].breaker.clone();
        assert_eq!(breaker.mode(&stage.proxies[1].policy, stage.now), Mode::ForcedOpen);
        stage.set_store(Store::Down);
        stage.etcd.wipe();
        stage.run_for(Duration::from_secs(5));
        if is_restarted {
            // Its shared data outlives the VM that spoke for it.
            let fresh = proxy(1, policy(2));
            stage.restart(1, fresh);
            stage.proxies[1].breaker = breaker;
        }
        let mode = |stage: &Stage| {
            let proxy = &stage.proxies[1];
            proxy.breaker.mode(&proxy.policy, stage.now)
        };
        assert_eq!(mode(&stage), Mode::ForcedOpen, "it holds without the store");
        stage.set_store(Store::Up);
        reconnect(&mut stage);
        stage.run_for(Duration::from_secs(2));
        assert_eq!(mode(&stage), Mode::Enforce);
    }
}
