//! The provider is down: five calls find out, the others are answered at once, and probes go out
//! ever more rarely.

use llm_breaker_host_tests::host::{Call, Response, Upstream};
use serde_json::json;

use crate::scene::{OPENAI, Scene, TRIP, chat, millis, secs, stat};

/// Of 100 calls to an upstream that dies so, 5 reach it and 95 are answered in its stead.
fn a_hundred_calls_to_an_upstream_that(dies: impl Fn(&Call), category: &str) {
    let scene = Scene::configured(2, "");
    let (mut reached, mut held_back) = (0, 0);
    for _ in 0..100 {
        let call = scene.send(chat());
        if call.is_forwarded() {
            dies(&call);
            reached += 1;
            assert_eq!(call.answer().header("x-llm-breaker"), None);
        } else {
            let answer = call.answer();
            assert_eq!(answer.status, 503);
            assert_eq!(answer.header("x-llm-breaker"), Some("open"));
            held_back += 1;
        }
    }
    assert_eq!((reached, held_back), (5, 95));

    let label = "llm_cluster=.=outbound|443||api.openai.com;.;";
    assert_eq!(scene.gauge(&format!("llm_circuit_breaker_state.{label}")), 1);
    let blocked = format!("llm_circuit_breaker_requests_blocked_total.{label}");
    assert_eq!(scene.counter(&blocked), 95);
    assert_eq!(scene.outcomes(category), 5);
    assert_eq!(scene.count("failures_total"), 5);
    assert_eq!(scene.count("successes_total"), 0);
}

#[test]
fn answers_500() {
    a_hundred_calls_to_an_upstream_that(
        |call| drop(call.upstream_answers(Response::status(500))),
        "server_error",
    );
}

#[test]
fn refuses_connections() {
    a_hundred_calls_to_an_upstream_that(
        |call| drop(call.upstream(Upstream::RefusesConnection)),
        "connection_failed",
    );
}

#[test]
fn does_not_answer_in_time() {
    a_hundred_calls_to_an_upstream_that(|call| drop(call.upstream(Upstream::TimesOut)), "timeout");
}

#[test]
fn closes_before_it_answers() {
    a_hundred_calls_to_an_upstream_that(
        |call| drop(call.upstream(Upstream::Closes)),
        "connection_reset",
    );
}

#[test]
fn with_steady_traffic_a_probe_goes_out_after_30_60_120_seconds() {
    let scene = Scene::by_default();
    let mut reached_at = Vec::new();
    for second in 0..1_600 {
        let call = scene.send(chat());
        if call.is_forwarded() {
            reached_at.push(second);
            call.upstream_answers(Response::status(503));
        }
        scene.pass(secs(1));
    }
    // The breaker opens with the fifth call; from there on 30, 60, 120 … s, at most 600.
    let probes = [30, 60, 120, 240, 480, 600].iter().scan(4, |at, wait| {
        *at += wait;
        Some(*at)
    });
    assert_eq!(reached_at, [0, 1, 2, 3, 4].into_iter().chain(probes).collect::<Vec<_>>());
}

#[test]
fn a_client_is_told_the_seconds_really_left() {
    let scene = Scene::opened();
    assert_eq!(scene.retry_after(), 30);
    scene.advance(secs(12));
    assert_eq!(scene.retry_after(), 18);
    scene.advance(millis(17_500));
    assert_eq!(scene.retry_after(), 1, "half a second is left");
}

#[test]
fn jitter_only_lengthens() {
    let scene = Scene::configured(2, "");
    scene.fail(TRIP);
    let open_seconds = scene.transitions()[0]["open_seconds"].as_f64().expect("a number");
    assert!((30.0..=33.0).contains(&open_seconds), "{open_seconds}");

    scene.advance(secs(30) - millis(1));
    scene.held_back();
    scene.advance(secs(4));
    scene.reach();
}

#[test]
fn the_open_time_grows_by_the_multiplier_up_to_its_maximum() {
    let scene = Scene::under(json!({"open": {"base": "10s", "multiplier": 3, "max": "40s"}}));
    scene.fail(TRIP);
    for wait in [10, 30, 40, 40] {
        assert_eq!(scene.retry_after(), wait);
        scene.pass(secs(wait));
        scene.fail(1);
    }
}

#[test]
fn the_open_time_left_is_shown() {
    let scene = Scene::opened();
    let left = || scene.gauge(&stat(OPENAI, "open_remaining_seconds", &[]));
    assert_eq!(left(), 30);
    scene.pass(secs(10));
    assert_eq!(left(), 20);
    scene.pass(secs(20));
    assert_eq!(left(), 0);
}
