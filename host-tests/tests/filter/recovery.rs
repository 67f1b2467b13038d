//! The open time is over: probes go out under leases, and their outcome decides.

use llm_breaker_host_tests::host::{Call, Response, Upstream};
use serde_json::json;

use crate::scene::{Scene, TRIP, chat, completion, millis, secs, ways};

/// A burst of concurrent calls; those that reached the upstream.
fn burst(scene: &Scene, size: usize) -> Vec<Call> {
    let calls: Vec<Call> = (0..size).map(|_| scene.send(chat())).collect();
    calls.into_iter().filter(Call::is_forwarded).collect()
}

#[test]
fn a_burst_of_fifty_sends_exactly_one_probe() {
    let scene = Scene::opened();
    scene.advance(secs(30));
    let probes = burst(&scene, 50);
    assert_eq!(probes.len(), 1);
    assert_eq!(scene.count("half_open_requests_total"), 1);
    assert_eq!(scene.count("requests_blocked_total"), 49);
    assert_eq!(scene.retry_after(), 1, "while a probe is out");
}

#[test]
fn its_success_closes() {
    let scene = Scene::half_open();
    scene.succeed(1);
    assert_eq!(scene.state(), "closed");
    scene.fail(TRIP - 1);
    assert_eq!(scene.state(), "closed", "what failed before is forgotten");
}

#[test]
fn its_failure_opens_for_twice_as_long() {
    let scene = Scene::half_open();
    scene.fail(1);
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.retry_after(), 60);
    scene.pass(secs(59));
    scene.held_back();
    scene.pass(secs(1));
    assert_eq!(burst(&scene, 50).len(), 1);
}

#[test]
fn no_probe_goes_out_before_the_open_time_ends() {
    let scene = Scene::opened();
    scene.advance(secs(30) - millis(1));
    scene.tick();
    assert_eq!(burst(&scene, 10).len(), 0);
    assert_eq!(scene.state(), "open");
}

#[test]
fn the_open_time_ends_without_traffic_too() {
    let scene = Scene::opened();
    scene.pass(secs(31));
    assert_eq!(scene.state(), "half_open");
    assert_eq!(scene.count("half_open_requests_total"), 0);
}

/// A probe that ends so says nothing: the next call may probe at once, and nothing else changed.
fn frees_its_slot_and_changes_nothing_else(end: impl Fn(&Call)) {
    let scene = Scene::half_open();
    for _ in 0..3 {
        let probe = scene.reach();
        scene.held_back();
        end(&probe);
        assert_eq!(scene.state(), "half_open");
    }
    assert_eq!(scene.count("half_open_requests_total"), 3);
    assert_eq!(ways(&scene.transitions()), [["closed", "open"], ["open", "half_open"]]);

    scene.fail(1);
    assert_eq!(scene.retry_after(), 60, "the back-off went on where it was");
}

#[test]
fn a_probe_answered_400_frees_its_slot_at_once() {
    frees_its_slot_and_changes_nothing_else(|probe| {
        probe.upstream_answers(Response::status(400));
    });
}

#[test]
fn a_probe_whose_client_hangs_up_frees_its_slot_at_once() {
    frees_its_slot_and_changes_nothing_else(Call::client_leaves);
}

#[test]
fn a_probe_that_no_upstream_saw_frees_its_slot_at_once() {
    let scene = Scene::half_open();
    let overflowing = chat().overflowing_cluster(crate::scene::OPENAI);
    assert_eq!(scene.send(overflowing).answer().status, 503);
    scene.succeed(1);
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_probe_whose_answer_never_comes_frees_its_slot_at_the_leases_end() {
    let scene = Scene::half_open();
    let silent = scene.reach();
    scene.pass(secs(60) - millis(1));
    scene.held_back();
    scene.advance(millis(1)); // Without a tick.
    assert_eq!(scene.state(), "half_open", "an expired lease is no failure");
    let second = scene.reach();
    assert!(!silent.is_done());
    scene.held_back();
    second.upstream_answers(completion());
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_success_after_the_lease_still_closes() {
    let scene = Scene::half_open();
    let slow = scene.reach();
    scene.pass(secs(300));
    slow.upstream_answers(completion());
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_failure_after_the_lease_still_opens() {
    let scene = Scene::half_open();
    let slow = scene.reach();
    scene.pass(secs(61));
    let second = scene.reach();
    slow.upstream(Upstream::TimesOut);
    assert_eq!(scene.state(), "open");
    second.upstream_answers(completion());
    assert_eq!(scene.state(), "open", "the second probe is of an old epoch now");
}

#[test]
fn as_many_probes_as_configured_and_as_many_successes() {
    let half_open = json!({"probes": 3, "successes": 2, "lease": "10s"});
    let scene = Scene::opened_under(json!({"half_open": half_open}));
    scene.advance(secs(30));
    let probes = burst(&scene, 50);
    assert_eq!(probes.len(), 3);
    probes[0].upstream_answers(completion());
    assert_eq!(scene.state(), "half_open");
    probes[1].upstream_answers(completion());
    assert_eq!(scene.state(), "closed");
    probes[2].upstream_answers(Response::status(500));
    assert_eq!(scene.state(), "closed");
}

#[test]
fn one_failed_probe_among_several_opens() {
    let scene = Scene::opened_under(json!({"half_open": {"probes": 3, "successes": 2}}));
    scene.advance(secs(30));
    let probes = burst(&scene, 50);
    probes[0].upstream_answers(completion());
    probes[1].upstream_answers(Response::status(500));
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.retry_after(), 60);
}

#[test]
fn a_second_trip_soon_after_recovery_opens_for_longer() {
    let scene = Scene::half_open();
    scene.succeed(1);
    scene.pass(secs(599));
    scene.fail(TRIP);
    assert_eq!(scene.retry_after(), 60);
}

#[test]
fn closed_for_long_enough_the_count_of_trips_starts_again() {
    let scene = Scene::half_open();
    scene.succeed(1);
    scene.pass(secs(600));
    scene.fail(TRIP);
    assert_eq!(scene.retry_after(), 30);
}
