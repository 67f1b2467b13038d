//! Breakers do not touch each other, and what has no cluster has no breaker.

use llm_breaker_host_tests::host::{Request, Response};
use serde_json::json;

use crate::scene::{AZURE, OPENAI, Scene, TRIP, chat_with, completion, secs, stat};

#[test]
fn one_providers_outage_is_not_anothers() {
    let scene = Scene::by_default();
    for _ in 0..TRIP {
        scene.fail(1);
        scene.send(chat_with(AZURE)).upstream_answers(completion());
    }
    assert_eq!((scene.state_of(OPENAI), scene.state_of(AZURE)), ("open", "closed"));
    scene.held_back();
    let call = scene.send(chat_with(AZURE));
    assert!(call.is_forwarded());
    call.upstream_answers(completion());
    assert_eq!(scene.counter(&stat(AZURE, "successes_total", &[])), 6);
    assert_eq!(scene.counter(&stat(AZURE, "requests_blocked_total", &[])), 0);
}

#[test]
fn failures_of_two_do_not_add_up() {
    let scene = Scene::by_default();
    for _ in 0..TRIP - 1 {
        scene.fail(1);
        scene.send(chat_with(AZURE)).upstream_answers(Response::status(500));
    }
    assert_eq!((scene.state_of(OPENAI), scene.state_of(AZURE)), ("closed", "closed"));
}

#[test]
fn a_cluster_whose_name_begins_like_anothers_has_its_own() {
    let scene = Scene::opened();
    let call = scene.send(chat_with(&format!("{OPENAI}/v2")));
    assert!(call.is_forwarded());
}

#[test]
fn each_has_the_policy_of_the_first_entry_that_matches() {
    let scene = Scene::configured(
        2,
        json!({
            "defaults": {"open": {"jitter": 0}},
            "breakers": [
                {"cluster": "*openai*", "trip": {"consecutive_failures": 2}},
                {"cluster": "*", "open": {"base": "10s"}},
            ],
        }),
    );
    scene.fail(2);
    assert_eq!(scene.retry_after(), 30);
    for _ in 0..TRIP {
        scene.send(chat_with(AZURE)).upstream_answers(Response::status(500));
    }
    let held_back = scene.send(chat_with(AZURE)).answer();
    assert_eq!(held_back.header("retry-after"), Some("10"));
}

#[test]
fn without_a_cluster_there_is_no_breaker() {
    let scene = Scene::by_default();
    for _ in 0..20 {
        assert_eq!(scene.send(Request::get("/").no_route()).answer().status, 404);
        let direct = Request::get("/health").direct_response(500, "sorry");
        assert_eq!(scene.send(direct).answer().text(), "sorry");
        scene.send(Request::get("/").unknown_cluster("nobody")).answer();
    }
    scene.pass(secs(2));
    assert_eq!(scene.metrics(), []);
    assert_eq!(scene.shared_data().keys().count(), 0);
}
