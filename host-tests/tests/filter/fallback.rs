//! What a client gets in the upstream's stead, and what it is not told.

use llm_breaker_host_tests::host::{Request, Response};
use serde_json::{Value, json};

use crate::scene::{OPENAI, Scene, chat, completion, stat};

#[test]
fn the_answer_is_a_typed_error_of_openai() {
    let answer = Scene::opened().held_back();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(answer.header("x-llm-breaker"), Some("open"));

    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let error = &body["error"];
    assert_eq!(error["code"], "circuit_open");
    assert!(error["message"].is_string() && error["type"].is_string(), "{body}");
    assert_eq!(error["param"], Value::Null);
}

#[test]
fn nothing_about_hosts_thresholds_or_other_tenants_leaks() {
    let answer = Scene::opened().held_back();
    let told = format!("{answer:?}").to_lowercase();
    for secret in ["openai", "outbound", "443", "127.0.0.1", "500", "server_error", "failures"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    let mut names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.retain(|name| *name != "content-length");
    names.sort_unstable();
    assert_eq!(
        names,
        ["content-type", "retry-after", "retry-after-ms", "x-llm-breaker", "x-should-retry"]
    );
}

#[test]
fn an_answer_that_passes_is_left_as_it_is() {
    let scene = Scene::by_default();
    let answer = scene.answer(completion().header("retry-after", "7"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), r#"{"choices": []}"#);
    let names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-length", "retry-after"].map(|name| name.to_owned()).as_slice());
}

#[test]
fn a_head_request_is_held_back_without_a_body() {
    let scene = Scene::opened();
    let call = scene.send(Request::new("HEAD", "/v1/models").cluster(OPENAI));
    assert_eq!(call.answer().status, 503);
    assert_eq!(call.answer().text(), "");
}

#[test]
fn an_upload_is_not_waited_for() {
    let scene = Scene::opened();
    let call = scene.send(chat().unfinished());
    assert_eq!(call.answer().status, 503);
    assert!(call.is_done());
}

#[test]
fn pass_lets_the_call_through_and_blocks_nothing() {
    let scene = Scene::opened_under(json!({"fallback": [{"kind": "pass"}]}));
    scene.succeed(3);
    assert_eq!(scene.state(), "open", "its success says nothing to an open breaker");
    assert_eq!(scene.count("requests_blocked_total"), 0);
    let passed = stat(OPENAI, "fallbacks_total", &[("kind", "pass")]);
    assert_eq!(scene.counter(&passed), 3);
    assert_eq!(scene.outcomes("success"), 3);
}

#[test]
fn what_passed_may_lengthen_the_wait_but_not_shorten_it() {
    let scene = Scene::opened_under(json!({"fallback": [{"kind": "pass"}]}));
    let left = || scene.gauge(&stat(OPENAI, "open_remaining_seconds", &[]));
    for (announced, expected) in [("100", 100), ("50", 100)] {
        scene.answer(Response::status(429).header("retry-after", announced));
        scene.tick();
        assert_eq!(left(), expected);
    }
    assert_eq!(scene.transitions().len(), 1);
}

#[test]
fn the_fallbacks_that_answered_are_counted() {
    let scene = Scene::opened();
    (0..3).for_each(|_| drop(scene.held_back()));
    let errors = stat(OPENAI, "fallbacks_total", &[("kind", "error")]);
    assert_eq!(scene.counter(&errors), 3);
    assert_eq!(scene.count("requests_blocked_total"), 3);
}

#[test]
fn the_filters_own_answer_is_no_call() {
    let scene = Scene::opened();
    let durations =
        |result| scene.samples(&stat(OPENAI, "call_duration_milliseconds", &[("result", result)]));
    scene.held_back();
    assert_eq!(scene.outcomes("local"), 0);
    assert_eq!(scene.count("failures_total"), 5);
    assert_eq!(durations("ignored").len() + durations("failure").len(), 5);
}

#[test]
fn nothing_that_a_client_sends_changes_the_decision() {
    let headers = [
        ("x-llm-breaker", "open"),
        ("x-llm-breaker", "closed"),
        ("x-should-retry", "true"),
        ("retry-after", "0"),
        ("x-llm-route", "azure"),
        ("x-envoy-force-trace", "1"),
        ("cache-control", "no-cache"),
    ];
    let scene = Scene::opened();
    for (name, value) in headers {
        let call = scene.send(chat().header(name, value));
        assert!(!call.is_forwarded(), "{name}: {value}");
    }
    let scene = Scene::by_default();
    for (name, value) in headers {
        let call = scene.send(chat().header(name, value));
        assert!(call.is_forwarded(), "{name}: {value}");
        call.upstream_answers(completion());
    }
    assert_eq!(scene.count("successes_total"), headers.len() as u64);
}

#[test]
fn a_breaker_that_is_forced_open_can_have_a_fallback_of_its_own() {
    let fallback = json!([
        {"kind": "error", "when": ["forced_open"], "status": 410, "message": "Moved."},
        {"kind": "error", "status": 429},
    ]);
    let scene = Scene::under(json!({"mode": "forced_open", "fallback": fallback}));
    let answer = scene.send(chat()).answer();
    assert_eq!(answer.status, 410);
    assert!(answer.text().contains("Moved."));
    let tripped = Scene::opened_under(json!({"fallback": fallback}));
    assert_eq!(tripped.send(chat()).answer().status, 429);
}
