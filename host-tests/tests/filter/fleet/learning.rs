//! What a proxy makes of what others say.

use serde_json::json;

use super::{
    FleetScene, Health, OPENAI, SCOPE, fact_key, open, override_key, turn_key, with_fleet,
};
use crate::scene::{AZURE, chat, secs, stat};

#[test]
fn what_an_upstream_announced_to_one_opens_the_others_at_once_for_as_long_as_it_holds() {
    let scene = FleetScene::under(json!({}));
    scene.hears("b", "announced", 60);
    assert_eq!(scene.state(), "open");
    let retry_after = scene.retry_after();
    assert!((59..=60).contains(&retry_after), "{retry_after}");
    let transitions = scene.transitions();
    assert_eq!(transitions[0]["reason"], "fleet_announced");
    assert_eq!(transitions.len(), 1, "counted and logged once: {transitions:?}");
    assert_eq!(scene.changes("closed", "open"), 1);
    assert!(scene.store.keys().iter().all(|key| !key.contains("node-1")), "it is no news");
}

#[test]
fn nothing_is_heard_of_another_account() {
    let scene = FleetScene::under(json!({}));
    let key = fact_key("b", "b").replace(&format!("/{SCOPE}/"), "/other/");
    scene.store.put(&scene, &key, &open("announced", 60), Some(60));
    scene.pass(secs(2));
    assert_eq!(scene.state(), "closed");
}

#[test]
fn what_others_observe_opens_only_from_as_many_domains_on() {
    let scene = FleetScene::under(json!({}));
    scene.hears("b", "observed", 60);
    scene.succeed(0);
    assert_eq!(scene.state(), "closed");
    scene.hears("c", "observed", 60);
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.transitions()[0]["reason"], "fleet_corroborated");
}

#[test]
fn one_domain_is_one_witness_however_many_nodes_it_has() {
    let scene = FleetScene::under(json!({}));
    for node in ["n1", "n2", "n3"] {
        let key = fact_key("b", node);
        scene.store.put(&scene, &key, &open("observed", 60), Some(60));
    }
    scene.pass(secs(1));
    assert_eq!(scene.state(), "closed");
    scene.fail(2);
    assert_eq!(scene.state(), "closed", "it worked here lately");
    scene.fail(1);
    assert_eq!(scene.state(), "open", "others see failures: three in a row are enough");
    assert_eq!(scene.transitions()[0]["reason"], "suspected");
    scene.pass(secs(1));
    assert!(!scene.store.keys().contains(&fact_key("node-1", "node-1")), "and tells nobody");
}

#[test]
fn the_word_of_others_ends_what_a_hint_opened_and_not_what_this_proxy_found_by_itself() {
    let scene = FleetScene::under(json!({}));
    scene.hears("b", "announced", 600);
    scene.hears_closed("b");
    assert_eq!(scene.state(), "closed");
    let alone = FleetScene::under(json!({}));
    alone.trip();
    alone.hears_closed("b");
    assert_eq!(alone.state(), "open");
}

#[test]
fn deletion_and_the_end_of_a_lease_move_no_state() {
    let scene = FleetScene::under(json!({}));
    scene.hears("b", "announced", 600);
    scene.store.delete(&fact_key("b", "b"));
    scene.pass(secs(5));
    assert_eq!(scene.state(), "open");
}

#[test]
fn a_breaker_that_nobody_called_here_is_there_if_the_configuration_lists_it() {
    let mut document = with_fleet(json!({}), json!({}));
    document["breakers"] = json!([{"cluster": OPENAI}]);
    let scene = FleetScene::starting(document, |world| world);
    let put = |cluster: &str| {
        let key = fact_key("b", "b").replace("outbound%7C443%7C%7Capi.openai.com", cluster);
        scene.store.put(&scene, &key, &open("announced", 600), Some(600));
    };
    put("outbound%7C443%7C%7Capi.openai.com");
    put(AZURE);
    scene.pass(secs(1));
    scene.held_back();
    assert!(scene.metric(&stat(AZURE, "state", &[])).is_none(), "another it never heard of");
    assert!(scene.told("fleet_hints_ignored_total", &[("reason", "unknown_breaker")]) > 0);
}

#[test]
fn names_alone_take_no_more_than_a_quarter_of_the_room() {
    let mut document = with_fleet(json!({}), json!({}));
    document["breakers"] = json!([{"cluster": "*"}]);
    document["max_breakers"] = json!(16);
    let scene = FleetScene::starting(document, |world| world);
    for number in 0..40 {
        let key = format!("/llm-breaker/v1/{SCOPE}/made-up-{number}/b/b");
        scene.store.put(&scene, &key, &open("announced", 600), Some(600));
    }
    scene.pass(secs(3));
    let known = scene.metrics().iter().filter(|(name, _)| name.contains("_state.")).count();
    assert_eq!(known, 4);
    scene.reach();
}

#[test]
fn a_first_call_makes_known_what_was_read_before_it() {
    let scene = FleetScene::starting(with_fleet(json!({}), json!({})), |world| world);
    let key = fact_key("b", "b");
    scene.store.put(&scene, &key, &open("announced", 600), Some(600));
    scene.pass(secs(2));
    scene.reach();
    scene.pass(secs(2));
    scene.held_back();
}

#[test]
fn an_order_for_all_is_in_force_until_it_is_withdrawn_and_one_given_here_comes_before_it() {
    let scene = FleetScene::under(json!({}));
    let order = json!({"mode": "forced_open", "remaining_ms": 600_000}).to_string();
    scene.store.put(&scene, &override_key(), &order, Some(600));
    scene.settle();
    scene.held_back();
    assert_eq!(scene.gauge(&stat(OPENAI, "mode", &[])), 3);
    let orders = scene.events("override");
    assert_eq!(
        (&orders[0]["action"], &orders[0]["mode"]),
        (&json!("fleet"), &json!("forced_open"))
    );
    scene.store.delete(&override_key());
    scene.settle();
    assert!(scene.send(chat()).is_forwarded());
    assert_eq!(scene.events("override").len(), 2);
}

#[test]
fn while_another_probes_this_one_waits_and_then_goes_alone() {
    let scene = FleetScene::under(json!({"half_open": {"lease": "5s"}}));
    scene.trip();
    scene.pass(secs(29));
    scene.store.put(&scene, &turn_key(), "b/b", Some(60));
    scene.pass(secs(1));
    for _ in 0..20 {
        scene.held_back();
        scene.pass(secs(1) / 5);
    }
    scene.pass(secs(10));
    scene.reach();
}

#[test]
fn without_the_store_a_probe_waits_for_nobody() {
    let scene = FleetScene::under(json!({}));
    scene.trip();
    scene.store.health(Health::Down);
    scene.pass(secs(31));
    scene.reach();
}
