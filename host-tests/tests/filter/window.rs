//! Which past calls count, and that those which left the window are gone, also after a silence.

use llm_breaker_host_tests::host::Response;
use serde_json::json;

use crate::scene::{Scene, secs};

#[test]
fn failures_that_left_the_window_are_gone() {
    let scene = Scene::by_default();
    scene.fail(4);
    scene.pass(secs(61));
    scene.fail(4);
    assert_eq!(scene.state(), "closed");
    scene.fail(1);
    assert_eq!(scene.state(), "open");
}

#[test]
fn failures_still_in_it_are_not() {
    let scene = Scene::by_default();
    scene.fail(4);
    scene.pass(secs(59));
    scene.fail(1);
    assert_eq!(scene.state(), "open");
}

#[test]
fn after_a_long_silence_without_a_tick_the_rate_starts_from_nothing() {
    let scene = Scene::under(json!({"trip": {"consecutive_failures": null}}));
    scene.fail(9);
    scene.advance(secs(3 * 3600));
    scene.fail(9);
    assert_eq!(scene.state(), "closed", "18 failures, but never 10 calls in a window");
    scene.fail(1);
    assert_eq!(scene.state(), "open");
}

#[test]
fn a_run_loses_its_oldest_failures_one_by_one() {
    let scene = Scene::under(json!({"trip": {"failure_rate": null}}));
    for _ in 0..4 {
        scene.fail(1);
        scene.pass(secs(10));
    }
    scene.pass(secs(25));
    scene.fail(1); // At 65 s: the one at 0 s left, those at 10, 20 and 30 s count.
    assert_eq!(scene.state(), "closed");
    scene.fail(1);
    assert_eq!(scene.state(), "open");
}

#[test]
fn half_of_ten_calls_open_it() {
    let scene = Scene::under(json!({"trip": {"consecutive_failures": null}}));
    for _ in 0..4 {
        scene.succeed(1);
        scene.fail(1);
    }
    scene.succeed(1);
    assert_eq!(scene.state(), "closed", "nine calls are too few");
    scene.fail(1);
    assert_eq!(scene.state(), "open");
    let line = &scene.transitions()[0];
    assert_eq!((&line["reason"], &line["measured"]), (&json!("failure_rate"), &json!(0.5)));
}

#[test]
fn fewer_do_not() {
    let scene = Scene::under(json!({"trip": {"consecutive_failures": null}}));
    scene.succeed(11);
    scene.fail(10);
    assert_eq!(scene.state(), "closed", "10 of 21");
    scene.fail(1);
    assert_eq!(scene.state(), "open", "11 of 22");
}

#[test]
fn a_success_breaks_a_run() {
    let scene = Scene::under(json!({"trip": {"failure_rate": null}}));
    for _ in 0..20 {
        scene.fail(4);
        scene.succeed(1);
    }
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_window_by_count_looks_at_the_last_calls_however_old() {
    let window = json!({"type": "count", "calls": 10, "max_age": "600s"});
    let trip = json!({"consecutive_failures": null, "minimum_calls": 10});
    let scene = Scene::under(json!({"window": window, "trip": trip}));
    scene.fail(4);
    for _ in 0..10 {
        scene.pass(secs(100));
        scene.succeed(1);
    }
    scene.fail(4);
    assert_eq!(scene.state(), "closed", "6 successes and 4 failures");
    scene.fail(1);
    assert_eq!(scene.state(), "open", "5 and 5");
}

#[test]
fn a_window_by_count_is_forgotten_after_its_age_without_a_call() {
    let window = json!({"type": "count", "calls": 10, "max_age": "600s"});
    for trip in [
        json!({"consecutive_failures": 5, "failure_rate": null}),
        json!({"consecutive_failures": null, "minimum_calls": 5}),
    ] {
        let scene = Scene::under(json!({"window": window, "trip": trip}));
        scene.fail(4);
        scene.advance(secs(599));
        scene.answer(Response::status(404)); // Which is no record.
        scene.advance(secs(1));
        scene.fail(4);
        assert_eq!(scene.state(), "closed", "{trip}");
        scene.fail(1);
        assert_eq!(scene.state(), "open", "{trip}");
    }
}

#[test]
fn calls_that_are_still_running_count_when_they_end() {
    let scene = Scene::by_default();
    let calls: Vec<_> = (0..5).map(|_| scene.reach()).collect();
    scene.pass(secs(120));
    for call in calls {
        assert_eq!(scene.state(), "closed");
        call.upstream_answers(Response::status(500));
    }
    assert_eq!(scene.state(), "open");
}

#[test]
fn one_threshold_alone_can_be_in_force() {
    let scene = Scene::under(json!({"trip": {"consecutive_failures": 2, "failure_rate": null}}));
    scene.fail(1);
    scene.succeed(1);
    scene.fail(2);
    assert_eq!(scene.state(), "open");
}
