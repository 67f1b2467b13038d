//! The queue from the VMs with the calls to the one with the connection.

use serde_json::json;

use super::{FleetScene, fact_key, with_fleet};
use crate::scene::{TRIP, secs};
use llm_breaker_host_tests::host::Status;

#[test]
fn it_never_holds_more_than_its_bound_though_nobody_reads_it() {
    let scene = FleetScene::under(json!({"half_open": {"lease": "1s"}, "open": {"base": "1s"}}));
    // Nobody wakes the VM that reads it, and it does not tick.
    scene.fail(TRIP);
    for _ in 0..400 {
        scene.advance(secs(1));
        for worker in 0..2 {
            scene.worker(worker).request(crate::scene::chat());
        }
    }
    assert!(scene.queued() <= 256, "{}", scene.queued());
    assert!(scene.told("fleet_hints_ignored_total", &[("reason", "queue_full")]) > 0);
    scene.pass(secs(5));
    assert_eq!(scene.queued(), 0);
}

#[test]
fn what_others_put_into_it_is_read_and_left_aside() {
    let scene = FleetScene::under(json!({}));
    let calls = scene.all_host_calls();
    assert!(calls["proxy_register_shared_queue"] >= 1);
    for garbage in [&b""[..], b"\0", b"garbage", &[0xff; 5_000], &[1, 0, 0]] {
        scene.enqueue_everywhere(garbage);
    }
    scene.pass(secs(1));
    assert_eq!(scene.queued(), 0);
    scene.still_works();
}

#[test]
fn a_host_that_refuses_queues_costs_only_what_others_would_have_heard() {
    for call in [
        "proxy_register_shared_queue",
        "proxy_resolve_shared_queue",
        "proxy_enqueue_shared_queue",
        "proxy_dequeue_shared_queue",
    ] {
        let scene = FleetScene::starting(with_fleet(json!({}), json!({})), |world| world);
        scene.fail_always(call, Status::InternalFailure);
        scene.pass(secs(1));
        scene.fail(TRIP);
        scene.pass(secs(1));
        assert_eq!(scene.state(), "open", "{call}");
        scene.clear_faults();
        scene.pass(secs(2));
        scene.hears("b", "announced", 600);
        scene.held_back();
    }
}

#[test]
fn news_from_before_anybody_listened_are_told_when_somebody_does() {
    let scene = FleetScene::starting(with_fleet(json!({}), json!({})), |world| world);
    scene.exhaust_quota();
    assert_eq!(scene.store.keys(), [""; 0]);
    scene.pass(secs(3));
    assert_eq!(scene.store.keys(), [fact_key("node-1", "node-1")]);
    assert_eq!(lost(&scene), [0, 0]);
}

#[test]
fn news_that_nobody_listens_to_for_seconds_are_counted_as_such_and_never_told() {
    let scene = FleetScene::starting(with_fleet(json!({}), json!({})), |world| world);
    scene.fail_always("proxy_register_shared_queue", Status::InternalFailure);
    scene.exhaust_quota();
    scene.pass(secs(6));
    assert_eq!(lost(&scene), [0, 1]);
    scene.clear_faults();
    scene.pass(secs(3));
    assert!(scene.is_connected());
    assert_eq!(scene.store.keys(), [""; 0]);
}

#[test]
fn a_queue_that_took_nothing_for_long_is_not_full() {
    let scene = FleetScene::under(json!({"half_open": {"lease": "1s"}, "open": {"base": "1s"}}));
    scene.fail_always("proxy_enqueue_shared_queue", Status::InternalFailure);
    scene.fail(TRIP);
    for _ in 0..300 {
        scene.advance(secs(1));
        for worker in 0..2 {
            scene.worker(worker).request(crate::scene::chat());
        }
    }
    assert_eq!(lost(&scene)[0], 0);
    scene.clear_faults();
    scene.pass(secs(6));
    let before = scene.store.calls("Put");
    while scene.state() != "closed" {
        let call = scene.send(crate::scene::chat());
        if call.is_forwarded() {
            call.upstream_answers(crate::scene::completion());
        }
        scene.pass(secs(1));
    }
    scene.exhaust_quota();
    scene.pass(secs(1));
    assert!(scene.store.calls("Put") > before);
}

/// How many news were lost for want of room, and for want of a queue.
fn lost(scene: &FleetScene) -> [u64; 2] {
    ["queue_full", "no_queue"]
        .map(|reason| scene.told("fleet_hints_ignored_total", &[("reason", reason)]))
}
