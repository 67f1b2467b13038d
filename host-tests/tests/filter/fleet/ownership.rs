//! Which VM keeps the connection, and who follows when it is gone.

use llm_breaker_host_tests::host::{Module, Response, VmName, World};
use serde_json::json;

use super::{FleetScene, SCOPE, open, with_fleet};
use crate::scene::{AZURE, OPENAI, TRIP, chat, chat_with, secs};

fn crash(scene: &FleetScene, worker: usize) {
    scene.crash(worker);
    assert_eq!(scene.worker(worker).request(chat()).answer().status, 503);
}

/// A scene in which this worker keeps the connection.
fn owned_by(worker: usize) -> FleetScene {
    let scene = FleetScene::starting(with_fleet(json!({}), json!({})), |world| world);
    scene.advance(secs(1) / 10);
    scene.tick_on(VmName::Worker(worker));
    scene.settle();
    assert_eq!(scene.owner(), Some(VmName::Worker(worker)));
    scene.succeed(2);
    scene
}

#[test]
fn one_of_all_vms_keeps_it() {
    let scene = FleetScene::under(json!({}));
    scene.pass(secs(10));
    assert!(scene.owner().is_some());
    assert_eq!(scene.all_host_calls()["proxy_grpc_stream"], 1);
}

#[test]
fn a_configuration_that_is_only_tried_opens_nothing() {
    let module = Module::built("llm_breaker_fleet");
    let world = World::running(&module).grpc_cluster("etcd");
    let world = world.configuration(with_fleet(json!({}), json!({}))).start();
    let calls = world.all_host_calls();
    for call in ["proxy_grpc_stream", "proxy_grpc_call", "proxy_register_shared_queue"] {
        assert_eq!(calls.get(call), None, "before the first tick");
    }
}

#[test]
fn when_its_vm_crashes_another_takes_over_within_three_seconds() {
    let scene = owned_by(0);
    scene.hears("b", "observed", 600);
    crash(&scene, 0);
    scene.pass(secs(3));
    assert!(scene.is_connected());
    assert!(scene.owner().is_some());
    scene.hears("c", "observed", 600);
    scene.held_back();
}

#[test]
fn news_of_the_time_between_are_not_lost() {
    let scene = owned_by(0);
    crash(&scene, 0);
    scene.fail(TRIP);
    scene.pass(secs(4));
    assert!(scene.store.keys().iter().any(|key| key.ends_with("/node-1/node-1")));
}

#[test]
fn an_updated_listener_goes_on_with_its_own_connection() {
    let scene = FleetScene::under(json!({}));
    scene.reconfigure(with_fleet(json!({"trip": {"consecutive_failures": 3}}), json!({}))).unwrap();
    scene.pass(secs(3));
    assert!(scene.is_connected());
    scene.hears("b", "announced", 600);
    scene.held_back();
}

#[test]
fn while_the_old_configuration_drains_the_new_one_keeps_it() {
    let scene = owned_by(0);
    let long = scene.worker(0).request(chat());
    scene.reconfigure(with_fleet(json!({"trip": {"consecutive_failures": 3}}), json!({}))).unwrap();
    scene.pass(secs(3));
    assert!(scene.owner().is_some() && scene.is_connected());
    drop(long);
    scene.hears("b", "announced", 600);
    scene.held_back();
}

#[test]
fn without_a_fleet_any_more_the_connection_ends() {
    let scene = FleetScene::under(json!({}));
    scene.reconfigure(crate::scene::defaults(json!({}))).unwrap();
    scene.pass(secs(2));
    assert_eq!(scene.grpc_streams(), []);
    assert!(!scene.is_connected());
    scene.trip();
    scene.pass(secs(30));
    scene.reach();
}

#[test]
fn of_two_fleets_each_has_its_own_connection() {
    let scene = FleetScene::under(json!({}));
    scene.listen(with_fleet(json!({}), json!({"scope": "another"}))).unwrap();
    scene.pass(secs(2));
    assert_eq!(scene.grpc_streams().len(), 2);
    scene.listen(with_fleet(json!({"ramp": "9s"}), json!({}))).unwrap();
    scene.pass(secs(2));
    assert_eq!(scene.grpc_streams().len(), 2, "the same fleet is one");
}

/// The configuration of a listener that has a breaker for this cluster and for no other.
fn only(cluster: &str) -> serde_json::Value {
    let mut document = with_fleet(json!({"mode": "disabled"}), json!({}));
    document["breakers"] = json!([{"cluster": cluster, "mode": "enforce"}]);
    document
}

#[test]
fn of_two_listeners_with_one_fleet_each_is_spoken_for_though_their_breakers_are_others() {
    let scene = FleetScene::starting(only(OPENAI), |world| world);
    let second = scene.listen(only(AZURE)).unwrap();
    scene.pass(secs(2));
    assert!(scene.owner().is_some() && scene.is_connected());
    for (listener, cluster) in [(0, OPENAI), (second, AZURE)] {
        for _ in 0..TRIP {
            let call = scene.worker(0).listener(listener).request(chat_with(cluster));
            call.upstream_answers(Response::status(500));
        }
    }
    scene.pass(secs(1));
    let told = scene.store.keys();
    assert_eq!(told.iter().filter(|key| key.ends_with("/node-1/node-1")).count(), 2, "{told:?}");
}

#[test]
fn what_others_say_reaches_the_breakers_of_either_listener() {
    let scene = FleetScene::starting(only(OPENAI), |world| world);
    let second = scene.listen(only(AZURE)).unwrap();
    scene.pass(secs(2));
    for (listener, cluster) in [(0, OPENAI), (second, AZURE)] {
        let key = format!("/llm-breaker/v1/{SCOPE}/{}/b/b", cluster.replace('|', "%7C"));
        scene.store.put(&scene, &key, &open("announced", 600), Some(600));
        scene.settle();
        let call = scene.worker(0).listener(listener).request(chat_with(cluster));
        assert!(!call.is_forwarded(), "{cluster}");
    }
}

#[test]
fn an_owner_that_was_late_gives_way() {
    let scene = owned_by(0);
    scene.advance(secs(5));
    scene.tick_on(VmName::MainThread);
    scene.tick_on(VmName::Worker(0));
    let streams: Vec<VmName> = scene.grpc_streams().iter().map(|stream| stream.vm).collect();
    assert!(!streams.contains(&VmName::Worker(0)), "{streams:?}");
    scene.pass(secs(2));
    assert_eq!(scene.owner(), Some(VmName::MainThread));
    assert!(scene.is_connected());
}

/// A VM that is made anew numbers its contexts from one again, and the queue still wakes the number that
/// the old one registered: it must not be a request's.
#[test]
fn a_vm_that_was_made_anew_is_not_woken_in_the_middle_of_a_request() {
    let scene = owned_by(0);
    for rate in [0.6, 0.7, 0.8] {
        let policy = json!({"trip": {"failure_rate": rate}});
        scene.reconfigure(with_fleet(policy, json!({}))).unwrap();
        scene.advance(secs(1));
        scene.tick_on(VmName::Worker(0));
        scene.settle();
    }
    assert_eq!(scene.owner(), Some(VmName::Worker(0)));
    crash(&scene, 0);
    let live: Vec<_> = (0..12).map(|_| scene.worker(0).request(chat())).collect();
    (0..TRIP).for_each(|_| {
        let failed = scene.worker(1).request(chat());
        failed.upstream_answers(Response::status(500));
    });
    scene.wake();
    scene.pass(secs(4));
    assert_eq!(scene.state(), "open");
    assert!(scene.store.keys().iter().any(|key| key.ends_with("/node-1/node-1")));
    drop(live);
}
