//! The provider answers, but slowly: with a limit and a rate set that opens the breaker.

use llm_breaker_host_tests::host::{Answer, Response};
use serde_json::{Value, json};

use crate::scene::{Scene, chat, completion, millis, secs};

fn policy(slow: &Value, slow_rate: Option<f64>) -> Value {
    json!({"slow": slow, "trip": {"slow_rate": slow_rate, "failure_rate": null, "minimum_calls": 4}})
}

/// A call whose whole answer comes after this many seconds.
fn answer_after(scene: &Scene, seconds: u64) -> Answer {
    let call = scene.reach();
    scene.advance(secs(seconds));
    call.upstream_answers(completion())
}

/// Four concurrent calls whose headers come at once and whose end after this many seconds.
fn streams_for(scene: &Scene, seconds: u64) {
    let streams: Vec<_> = (0..4).map(|_| scene.reach()).collect();
    streams.iter().for_each(|call| call.response_headers(&Response::event_stream()));
    scene.advance(secs(seconds));
    streams.iter().for_each(|call| call.last_chunk("data: [DONE]\n\n"));
}

#[test]
fn slow_successes_open_it() {
    let scene = Scene::under(policy(&json!({"total": "10s"}), Some(0.5)));
    scene.succeed(2);
    answer_after(&scene, 11);
    assert_eq!(scene.state(), "closed");
    answer_after(&scene, 11);
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.count("slow_calls_total"), 2);
    assert_eq!(scene.outcomes("slow"), 2);
    assert_eq!(scene.count("successes_total"), 4);
    assert_eq!(scene.transitions()[0]["reason"], "slow_rate");
}

#[test]
fn without_a_slow_rate_they_are_counted_and_no_more() {
    let scene = Scene::under(policy(&json!({"total": "10s"}), None));
    (0..20).for_each(|_| drop(answer_after(&scene, 11)));
    assert_eq!(scene.state(), "closed");
    assert_eq!(scene.count("slow_calls_total"), 20);
}

#[test]
fn without_a_limit_nothing_is_slow() {
    let scene = Scene::under(json!({"trip": {"slow_rate": 0.1, "minimum_calls": 1}}));
    (0..20).for_each(|_| drop(answer_after(&scene, 600)));
    assert_eq!(scene.state(), "closed");
    assert_eq!(scene.count("slow_calls_total"), 0);
}

#[test]
fn a_call_just_at_its_limit_is_not_slow() {
    let scene = Scene::under(policy(&json!({"total": "10s"}), Some(0.1)));
    (0..10).for_each(|_| drop(answer_after(&scene, 10)));
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_long_stream_that_began_at_once_is_slow_by_its_total_only() {
    let scene = Scene::under(policy(&json!({"response_headers": "5s"}), Some(0.5)));
    streams_for(&scene, 60);
    assert_eq!((scene.state(), scene.count("slow_calls_total")), ("closed", 0));

    let scene = Scene::under(policy(&json!({"total": "30s"}), Some(0.5)));
    streams_for(&scene, 60);
    assert_eq!(scene.state(), "open");
}

#[test]
fn headers_that_come_late_are_slow() {
    let scene = Scene::under(policy(&json!({"response_headers": "5s"}), Some(0.5)));
    (0..4).for_each(|_| drop(answer_after(&scene, 6)));
    assert_eq!(scene.state(), "open");
}

#[test]
fn the_time_of_the_upload_is_the_clients() {
    let scene = Scene::under(policy(&json!({"total": "10s"}), Some(0.5)));
    for _ in 0..10 {
        let call = scene.send(chat().unfinished());
        scene.advance(secs(60));
        call.finish_upload("}");
        scene.advance(secs(9));
        call.upstream_answers(completion());
    }
    assert_eq!((scene.state(), scene.count("slow_calls_total")), ("closed", 0));
}

#[test]
fn clients_that_left_past_the_limit_speak_for_slowness() {
    let scene = Scene::under(policy(&json!({"total": "10s"}), Some(0.5)));
    scene.succeed(2);
    for left in 1..=2 {
        assert_eq!(scene.state(), "closed");
        let call = scene.reach();
        scene.advance(secs(11));
        call.client_leaves();
        assert_eq!(scene.outcomes("cancelled"), left);
    }
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.transitions()[0]["reason"], "slow_rate");
    assert_eq!(scene.count("failures_total"), 0);
}

#[test]
fn clients_that_left_before_it_do_not() {
    let scene = Scene::under(policy(&json!({"total": "10s"}), Some(0.1)));
    scene.succeed(4);
    for _ in 0..20 {
        let call = scene.reach();
        scene.advance(secs(9));
        call.client_leaves();
    }
    assert_eq!((scene.state(), scene.count("slow_calls_total")), ("closed", 0));
}

#[test]
fn a_slow_probe_fails_where_slowness_opens() {
    let scene = Scene::under(policy(&json!({"total": "10s"}), Some(0.5)));
    (0..4).for_each(|_| drop(answer_after(&scene, 11)));
    scene.pass(secs(30));
    answer_after(&scene, 11);
    assert_eq!(scene.state(), "open", "else it would flap");
    assert_eq!(scene.retry_after(), 60);
}

#[test]
fn a_slow_probe_succeeds_where_it_does_not() {
    let scene = Scene::opened_under(policy(&json!({"total": "10s"}), None));
    scene.pass(secs(30));
    answer_after(&scene, 11);
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_failure_is_never_slow_and_a_slow_answer_breaks_a_run_of_failures() {
    let scene = Scene::under(json!({"slow": {"total": "10s"}, "trip": {"failure_rate": null}}));
    for _ in 0..4 {
        let call = scene.reach();
        scene.advance(millis(11_000));
        call.upstream_answers(Response::status(500));
    }
    assert_eq!(scene.count("slow_calls_total"), 0);
    answer_after(&scene, 11);
    scene.fail(4);
    assert_eq!(scene.state(), "closed");
    scene.fail(1);
    assert_eq!(scene.state(), "open");
}
