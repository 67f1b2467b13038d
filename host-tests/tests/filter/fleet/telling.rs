//! What a proxy tells others.

use serde_json::{Value, json};

use super::{FleetScene, Health, fact_key, turn_key, with_fleet};
use crate::scene::{Scene, TRIP, chat, completion, millis, secs};
use llm_breaker_host_tests::host::Response;

fn said(scene: &FleetScene) -> Option<Value> {
    let value = scene.store.value(&fact_key("node-1", "node-1"))?;
    Some(serde_json::from_str(&value).expect("JSON"))
}

#[test]
fn a_trip_by_its_own_calls_is_told_with_its_time_and_ends_with_it() {
    let scene = FleetScene::under(json!({}));
    scene.trip();
    scene.pass(secs(1));
    let said = said(&scene).expect("it was told");
    assert_eq!(
        (&said["state"], &said["basis"], &said["reason"]),
        (&json!("open"), &json!("observed"), &json!("server_error"))
    );
    let remaining = said["remaining_ms"].as_u64().expect("milliseconds");
    assert!((28_000..=30_000).contains(&remaining), "{remaining}");
    scene.pass(secs(31));
    assert!(!scene.store.keys().contains(&fact_key("node-1", "node-1")));
}

#[test]
fn a_quota_is_told_at_once_as_what_the_upstream_announced() {
    let scene = FleetScene::under(json!({}));
    scene.exhaust_quota();
    let said = said(&scene).expect("told without a tick");
    assert_eq!((&said["basis"], &said["reason"]), (&json!("announced"), &json!("quota_exhausted")));
}

#[test]
fn only_the_worker_that_won_tells_it_whichever_keeps_the_connection() {
    let scene = FleetScene::under(json!({}));
    scene.trip();
    scene.pass(secs(2));
    assert_eq!(scene.store.calls("Put"), 1);
}

#[test]
fn nothing_is_told_in_shadow_mode_nor_what_was_ordered() {
    let shadow = FleetScene::under(json!({"mode": "shadow"}));
    shadow.fail(TRIP);
    shadow.pass(secs(3));
    assert_eq!(said(&shadow), None);
    assert_eq!(shadow.state(), "open");
}

#[test]
fn what_enough_others_say_is_not_said_again() {
    let scene = FleetScene::under(json!({"open": {"base": "60s"}}));
    for domain in ["b", "c", "d"] {
        scene.hears(domain, "observed", 30);
    }
    let before = scene.store.calls("Put");
    scene.pass(secs(2));
    assert_eq!(scene.store.calls("Put"), before);
}

#[test]
fn a_probe_asks_for_its_turn_and_its_success_is_told() {
    let scene = FleetScene::under(json!({}));
    scene.trip();
    scene.pass(secs(30));
    scene.held_back();
    scene.pass(secs(1));
    assert_eq!(scene.store.value(&turn_key()).as_deref(), Some("node-1/node-1"));
    scene.reach().upstream_answers(completion());
    scene.settle();
    assert_eq!(scene.state(), "closed");
    assert_eq!(said(&scene), Some(json!({"state": "closed"})));
    assert_eq!(scene.store.value(&turn_key()), None, "the turn is given back");
}

#[test]
fn a_proxy_without_traffic_asks_for_no_turn() {
    let scene = FleetScene::under(json!({}));
    scene.trip();
    scene.pass(secs(60));
    assert_eq!(scene.store.calls("Txn"), 0);
}

#[test]
fn refusals_of_a_ramp_ask_for_no_turn() {
    let scene = FleetScene::under(json!({"ramp": "60s"}));
    scene.trip();
    scene.pass(secs(30));
    scene.held_back();
    scene.pass(secs(1));
    scene.reach().upstream_answers(completion());
    scene.settle();
    assert_eq!((scene.state(), scene.store.calls("Txn")), ("closed", 1));
    let refused = scene.count("requests_blocked_total");
    for _ in 0..100 {
        let call = scene.send(chat());
        if call.is_forwarded() {
            call.upstream_answers(completion());
        }
        scene.pass(millis(100));
    }
    assert!(scene.count("requests_blocked_total") > refused + 20, "the ramp refuses");
    assert_eq!(scene.store.calls("Txn"), 1, "a turn that nobody would use");
}

#[test]
fn a_probe_that_says_nothing_gives_the_turn_back() {
    let scene = FleetScene::under(json!({}));
    scene.trip();
    scene.pass(secs(30));
    scene.held_back();
    scene.pass(secs(1));
    scene.reach().upstream_answers(Response::status(400));
    scene.settle();
    assert_eq!(scene.store.value(&turn_key()), None);
    assert_eq!(scene.transitions().len(), 2, "neither open again nor closed");
}

#[test]
fn what_opened_while_the_store_was_away_is_told_when_it_is_back() {
    let scene = FleetScene::under(json!({}));
    scene.store.health(Health::Down);
    scene.pass(secs(1));
    scene.exhaust_quota();
    scene.pass(secs(3));
    assert_eq!(said(&scene), None);
    scene.store.health(Health::Up);
    scene.pass(secs(4));
    assert!(said(&scene).is_some());
}

#[test]
fn a_request_never_waits_for_the_store() {
    let scene = FleetScene::under(json!({}));
    scene.store.health(Health::Frozen);
    scene.exhaust_quota();
    for _ in 0..20 {
        scene.held_back();
    }
    let other = Scene::by_default();
    assert!(other.send(chat()).is_forwarded());
}

#[test]
fn a_module_with_a_fleet_but_no_store_tells_nobody_and_works_alone() {
    let scene = FleetScene::starting(with_fleet(json!({}), json!({"cluster": "nowhere"})), |it| it);
    scene.pass(secs(3));
    scene.fail(TRIP);
    scene.pass(secs(30));
    scene.still_works();
}

#[test]
fn what_a_first_call_brings_about_is_told_though_the_owner_never_heard_of_the_breaker() {
    let scene = FleetScene::starting(with_fleet(json!({}), json!({})), |it| it);
    scene.pass(secs(1));
    scene.exhaust_quota();
    assert!(said(&scene).is_some());
}
