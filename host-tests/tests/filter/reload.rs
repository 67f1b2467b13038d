//! A worker's VM crashes and is made anew, or the whole process is.

use llm_breaker_host_tests::host::Response;

use crate::scene::{Scene, TRIP, chat, completion, secs, ways};

/// The request that hits the crash is answered 503 by Envoy itself.
fn crash(scene: &Scene, worker: usize) {
    scene.crash(worker);
    let victim = scene.worker(worker).request(chat()).answer();
    assert_eq!((victim.status, victim.header("x-llm-breaker")), (503, None));
}

#[test]
fn an_open_breaker_stays_open() {
    let scene = Scene::opened();
    crash(&scene, 0);
    crash(&scene, 1);
    (0..4).for_each(|_| drop(scene.held_back()));
    assert_eq!(scene.transitions().len(), 1);
}

#[test]
fn failures_before_it_count_with_those_after_it() {
    let scene = Scene::by_default();
    scene.fail(TRIP - 1);
    crash(&scene, 0);
    crash(&scene, 1);
    scene.fail(1);
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.count("failures_total"), TRIP as u64, "stats go on where they were");
}

#[test]
fn recovery_goes_on_as_if_nothing_had_happened() {
    let scene = Scene::opened();
    crash(&scene, 0);
    scene.pass(secs(30));
    scene.succeed(1);
    let expected = [["closed", "open"], ["open", "half_open"], ["half_open", "closed"]];
    assert_eq!(ways(&scene.transitions()), expected);
    scene.succeed(4);
}

#[test]
fn a_probe_that_went_down_with_its_vm_frees_its_slot_at_the_leases_end() {
    let scene = Scene::half_open();
    scene.worker(0).request(chat());
    crash(&scene, 0);
    scene.held_back();
    scene.pass(secs(60));
    scene.succeed(1);
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_crash_while_storing_leaves_a_record_that_others_can_use() {
    let scene = Scene::by_default();
    scene.fail(TRIP - 1);
    scene.crash_in(0, "proxy_set_shared_data");
    let call = scene.worker(0).request(chat());
    call.response_headers(&Response::status(500));
    scene.worker(1).request(chat()).upstream_answers(Response::status(500));
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.count("shared_state_resets_total"), 0);
}

#[test]
fn a_new_process_knows_nothing() {
    let scene = Scene::opened();
    scene.restart();
    scene.answer(completion());
    assert_eq!(scene.state(), "closed");
    scene.fail(TRIP);
    scene.held_back();
}
