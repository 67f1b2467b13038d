//! All workers of a process know the same breaker.

use llm_breaker_host_tests::host::{Call, Response};
use serde_json::json;

use crate::scene::{Scene, TRIP, chat, completion, defaults, secs};

fn with_workers(workers: usize) -> Scene {
    Scene::configured(workers, defaults(json!({})))
}

#[test]
fn failures_on_different_workers_add_up() {
    for workers in [1, 2, 4] {
        let scene = with_workers(workers);
        scene.fail(TRIP - 1);
        assert_eq!(scene.state(), "closed", "{workers} workers");
        scene.fail(1);
        (0..workers).for_each(|_| drop(scene.held_back()));
    }
}

#[test]
fn a_worker_that_never_saw_a_request_knows_at_once() {
    let scene = with_workers(4);
    for _ in 0..TRIP {
        scene.worker(0).request(chat()).upstream_answers(Response::status(500));
    }
    for worker in 0..4 {
        assert!(!scene.worker(worker).request(chat()).is_forwarded(), "worker {worker}");
    }
}

#[test]
fn they_share_one_probe() {
    let scene = with_workers(4);
    scene.fail(TRIP);
    scene.advance(secs(30));
    let calls: Vec<Call> =
        scene.workers().flat_map(|worker| (0..10).map(move |_| worker.request(chat()))).collect();
    let probes: Vec<_> = calls.iter().filter(|call| call.is_forwarded()).collect();
    assert_eq!(probes.len(), 1);
    probes[0].upstream_answers(completion());
    assert!(scene.workers().all(|worker| worker.request(chat()).is_forwarded()));
    assert_eq!(scene.count("half_open_requests_total"), 1);
}

#[test]
fn a_success_on_one_breaks_the_run_of_all() {
    let scene = Scene::under(json!({"trip": {"failure_rate": null}}));
    scene.fail(TRIP - 1);
    scene.succeed(1);
    scene.fail(TRIP - 1);
    assert_eq!(scene.state(), "closed");
}
