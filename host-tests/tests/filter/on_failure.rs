//! With `on_failure` a call that itself fails gets a fallback, too, as long as nothing was sent.

use llm_breaker_host_tests::host::{Answer, Call, Request, Response, Upstream};
use serde_json::{Value, json};

use crate::scene::{OPENAI, Scene, chat, completion, defaults, secs, stat};

const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
const ERROR: &str = "data: {\"error\":{\"code\":\"server_is_overloaded\",\"message\":\"!\"}}\n\n";

fn scene() -> Scene {
    scene_under(json!({}))
}

fn scene_under(more: Value) -> Scene {
    let mut policy = json!({"on_failure": true});
    let fields = policy.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    let mut configuration = defaults(policy);
    configuration["stop_iteration"] = json!(true);
    Scene::built(2, |world| world.configuration(configuration).allow_on_headers_stop_iteration())
}

fn is_replaced(answer: &Answer) -> bool {
    answer.header("x-llm-breaker").is_some()
}

fn error(status: u16, code: &str) -> Response {
    let body = format!(r#"{{"error":{{"message":"!","code":"{code}"}}}}"#);
    Response::status(status).header("content-type", "application/json").body(body)
}

#[test]
fn an_answer_that_fails_by_its_head_is_replaced_and_counted_as_what_it_was() {
    let scene = scene();
    let answer = scene.answer(Response::status(500));
    assert_eq!((answer.status, answer.header("x-llm-breaker")), (503, Some("fallback")));
    assert!(answer.text().contains("upstream_failed"), "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    assert_eq!((scene.outcomes("server_error"), scene.outcomes("local")), (1, 0));
    assert_eq!(scene.counter(&stat(OPENAI, "fallbacks_total", &[("kind", "error")])), 1);
    assert_eq!(scene.count("requests_blocked_total"), 0);
}

#[test]
fn a_connection_that_fails_or_a_time_out_is_replaced() {
    let scene = scene();
    for upstream in [Upstream::RefusesConnection, Upstream::Closes, Upstream::TimesOut] {
        let answer = scene.reach().upstream(upstream).expect("an answer");
        assert!(is_replaced(&answer), "{upstream:?}");
    }
    assert_eq!(scene.count("failures_total"), 3);
}

#[test]
fn what_is_no_failure_passes_as_it_is() {
    let scene = scene();
    for (status, code) in [(400, "context_length_exceeded"), (401, "no"), (404, "no")] {
        let answer = scene.answer(error(status, code));
        assert_eq!((answer.status, is_replaced(&answer)), (status, false));
        assert!(answer.text().contains(code), "the whole of it");
    }
    let answer = scene.answer(completion());
    assert_eq!((answer.status, is_replaced(&answer)), (200, false));
}

#[test]
fn an_answer_that_only_its_body_tells_is_held_until_it_does() {
    let scene = scene();
    let answer = scene.answer(error(429, "insufficient_quota"));
    assert!(is_replaced(&answer));
    assert_eq!((scene.outcomes("quota_exhausted"), scene.state()), (1, "open"));
}

#[test]
fn a_stream_that_begins_with_an_error_is_replaced_and_any_other_event_commits_it() {
    let scene = scene();
    let begin = |events: &[&str]| {
        let call = scene.reach();
        call.response_headers(&Response::event_stream());
        events.iter().for_each(|event| call.body_chunk(event));
        call
    };
    let failed = begin(&[": warming up\n\n", ERROR]);
    assert_eq!((failed.answer().status, is_replaced(&failed.answer())), (503, true));
    assert_eq!(scene.outcomes("overloaded"), 1);

    let begun = begin(&[ROLE]);
    assert_eq!(begun.answer().text(), ROLE, "let go");
    begun.body_chunk(ERROR);
    begun.end();
    assert!(!is_replaced(&begun.answer()));
    assert_eq!(begun.answer().text(), [ROLE, ERROR].concat());
    assert_eq!(scene.outcomes("overloaded"), 2);
}

#[test]
fn nothing_is_held_for_longer_than_it_may_be() {
    let scene = scene_under(json!({"hold_max": "2s"}));
    let call = scene.reach();
    call.response_headers(&Response::event_stream());
    call.body_chunk(": warming up\n\n");
    scene.pass(secs(1));
    assert_eq!(call.answered().map(|answer| answer.body), None);
    scene.pass(secs(2));
    assert_eq!(call.answer().text(), ": warming up\n\n");
    call.body_chunk(ERROR);
    call.end();
    assert!(!is_replaced(&call.answer()));
    assert_eq!(call.answer().text(), [": warming up\n\n", ERROR].concat());
    assert_eq!(scene.outcomes("overloaded"), 1);
}

#[test]
fn a_call_that_hangs_is_answered_at_its_limit() {
    let scene = scene_under(json!({"limits": {"total": "5s"}}));
    let call = scene.reach();
    scene.pass(secs(5));
    assert!(is_replaced(&call.answer()));
    assert_eq!((scene.outcomes("timeout"), call.is_done()), (1, true));
}

#[test]
fn a_completion_suits_what_the_request_asked_for() {
    let answer = json!({"kind": "completion", "text": "Try later."});
    let scene = scene_under(json!({"fallback": [answer]}));
    let ask = |body: &str| -> Call {
        let length = body.len().to_string();
        let request = Request::post("/v1/chat/completions").cluster(OPENAI);
        scene.send(request.header("content-length", length).body(body))
    };
    let whole = ask(r#"{"model":"m","messages":[]}"#).upstream_answers(Response::status(500));
    assert_eq!((whole.status, whole.header("x-llm-breaker")), (200, Some("fallback")));
    assert!(whole.text().contains("Try later."));
    assert!(!whole.text().contains("data: "));
    let streamed = ask(r#"{"model":"m","messages":[],"stream":true}"#);
    let streamed = streamed.upstream_answers(Response::status(500));
    assert!(streamed.text().contains("data: [DONE]"));
}

#[test]
fn in_shadow_nothing_is_held_or_replaced() {
    let scene = scene_under(json!({"mode": "shadow"}));
    let call = scene.reach();
    call.response_headers(&Response::event_stream());
    call.body_chunk(ERROR);
    assert_eq!(call.answer().text(), ERROR);
    let answer = scene.answer(Response::status(500));
    assert_eq!((answer.status, is_replaced(&answer)), (500, false));
}

#[test]
fn a_reason_can_choose_what_replaces() {
    let fallback = json!([
        {"kind": "error", "when": ["rate_limited"], "status": 429, "message": "Slow down."},
        {"kind": "completion", "when": ["server_error"], "text": "Try later."},
    ]);
    let scene = scene_under(json!({"fallback": fallback}));
    assert_eq!(scene.answer(error(429, "rate_limit_exceeded")).status, 429);
    let unchanged = scene.answer(Response::status(529));
    assert_eq!((unchanged.status, is_replaced(&unchanged)), (529, false));
}

#[test]
fn a_stream_that_ends_without_its_end_gets_one_that_says_so() {
    let scene = Scene::under(json!({"append_stream_error": true}));
    let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
    let stream = |events: &[&str]| {
        let call = scene.send(chat());
        call.response_headers(&Response::event_stream());
        events.iter().for_each(|event| call.body_chunk(event));
        call.end();
        call.answer().text()
    };
    let broken = stream(&[text]);
    assert!(broken.starts_with(text) && broken.len() > text.len(), "{broken}");
    assert!(broken.contains("\"error\"") && !broken.contains("[DONE]"), "{broken}");
    let done = "data: [DONE]\n\n";
    assert_eq!(stream(&[text, done]), [text, done].concat());
    assert_eq!((scene.outcomes("stream_interrupted"), scene.outcomes("success")), (1, 1));
}

#[test]
fn a_call_that_hangs_is_left_alone_where_nothing_is_meant_for_it() {
    let fallback = json!([{"kind": "completion", "when": ["server_error"], "text": "Try later."}]);
    let scene = scene_under(json!({"limits": {"total": "5s"}, "fallback": fallback}));
    let call = scene.reach();
    scene.pass(secs(6));
    assert_eq!((scene.outcomes("timeout"), call.is_done()), (1, false));
    let answer = call.upstream_answers(completion());
    assert_eq!((answer.status, is_replaced(&answer)), (200, false));
}

#[test]
fn the_wait_is_that_of_the_breaker_that_waits_longest() {
    let scene = scene_under(json!({"key_by": "model", "models": ["m"]}));
    let call = || {
        let body = r#"{"model":"m"}"#;
        let length = body.len().to_string();
        let request = Request::post("/v1/chat/completions").cluster(OPENAI);
        scene.send(request.header("content-length", length).body(body))
    };
    for _ in 0..4 {
        call().upstream(Upstream::RefusesConnection);
    }
    let answer = call().upstream(Upstream::RefusesConnection).expect("an answer");
    assert_eq!(scene.state(), "open");
    assert_eq!(answer.header("retry-after"), Some("30"));
}

#[test]
fn in_shadow_nothing_is_appended_and_no_length_taken_away() {
    let scene = Scene::under(json!({"append_stream_error": true, "mode": "shadow"}));
    let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
    let call = scene.send(chat());
    let length = text.len().to_string();
    call.response_headers(&Response::event_stream().header("content-length", &length));
    call.body_chunk(text);
    call.end();
    let answer = call.answer();
    assert_eq!((answer.text().as_str(), answer.header("content-length")), (text, Some(&*length)));
    assert_eq!(scene.outcomes("stream_interrupted"), 1);
}

#[test]
fn an_answer_whose_client_leaves_while_it_is_held_counts_as_what_it_was() {
    let scene = scene();
    let call = scene.reach();
    call.response_headers(&error(429, "rate_limit_exceeded"));
    call.body_chunk("{\"error\":");
    call.client_leaves();
    scene.pass(secs(10));
    let fallbacks = scene.counter(&stat(OPENAI, "fallbacks_total", &[("kind", "error")]));
    assert_eq!((call.is_done(), fallbacks), (true, 0));
    assert_eq!(scene.outcomes("rate_limited"), 1);
}

#[test]
fn the_first_event_commits_a_stream_however_much_comes_with_it() {
    let scene = scene();
    let events = [ROLE, ERROR].concat();
    let call = scene.reach();
    call.response_headers(&Response::event_stream());
    call.last_chunk(&events);
    assert_eq!((call.answer().text(), is_replaced(&call.answer())), (events, false));
    assert_eq!(scene.outcomes("overloaded"), 1);
}

#[test]
fn where_pass_stands_the_answer_stays_as_it_is() {
    let fallback = json!([{"kind": "pass", "when": ["server_error"]}, {"kind": "error"}]);
    let scene = scene_under(json!({"fallback": fallback}));
    let answer = scene.answer(Response::status(500));
    assert_eq!((answer.status, is_replaced(&answer)), (500, false));
    assert!(is_replaced(&scene.answer(Response::status(529))));
}
