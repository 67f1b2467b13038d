//! What the operator recognises decides before any table.

use llm_breaker_host_tests::host::{Call, Request, Response, Status, Upstream};
use serde_json::{Value, json};

use crate::scene::{OPENAI, Scene, TRIP, chat};

const QUOTA: &str = r#"{"error": {"code": "insufficient_quota"}}"#;

fn matching(matchers: Value) -> Scene {
    Scene::under(json!({"matchers": matchers}))
}

fn json_of(status: u16) -> Response {
    Response::status(status).header("content-type", "application/json")
}

/// The category of this answer, for the only call of a scene with these matchers.
#[track_caller]
fn category(matchers: &Value, response: Response, category: &str) {
    let scene = matching(matchers.clone());
    let seen = scene.answer(response.clone());
    assert_eq!(scene.outcomes(category), 1, "{category} for {seen:?} under {matchers}");
}

#[test]
fn each_condition_decides_alone() {
    let status = json!([{"status": 404, "category": "overloaded"}]);
    category(&status, Response::status(404), "overloaded");
    category(&status, Response::status(405), "client_error");
    category(&status, json_of(404).body(QUOTA), "overloaded");

    let header =
        json!([{"header": {"name": "x-error", "prefix": "quota"}, "category": "overloaded"}]);
    category(&header, Response::status(503).header("x-error", "quota.day"), "overloaded");
    let second = Response::status(503).header("x-error", "none").header("x-error", "quota");
    category(&header, second, "overloaded");
    category(&header, Response::status(503).header("x-error", "no quota"), "server_error");
    category(&header, Response::status(503), "server_error");

    let body =
        json!([{"json": {"path": "error.code", "contains": "quota"}, "category": "overloaded"}]);
    category(&body, json_of(429).body(QUOTA), "overloaded");
    category(&body, json_of(429).body(QUOTA.replace("quota", "funds")), "rate_limited");
    category(&body, Response::status(429).body(QUOTA), "rate_limited");
}

#[test]
fn all_conditions_of_a_matcher_must_hold() {
    let matchers = json!([{
        "status": 403,
        "header": {"name": "x-error", "equals": "quota"},
        "json": {"path": "error.code", "equals": "insufficient_quota"},
        "category": "overloaded",
    }]);
    let quota = |status: u16| json_of(status).header("x-error", "quota");
    category(&matchers, quota(403).body(QUOTA), "overloaded");
    category(&matchers, quota(401).body(QUOTA), "quota_exhausted");
    category(&matchers, json_of(403).body(QUOTA), "quota_exhausted");
    category(&matchers, quota(403).body("{}"), "authentication");
}

#[test]
fn the_first_matcher_that_holds_decides() {
    let matchers = json!([
        {"json": {"path": "error.code", "equals": "other"}, "category": "timeout"},
        {"json": {"path": "error.code", "equals": "insufficient_quota"}, "category": "overloaded"},
        {"status": 429, "category": "content_filtered"},
        {"json": {"path": "error.code", "prefix": "insufficient"}, "category": "context_length"},
    ]);
    category(&matchers, json_of(429).body(QUOTA), "overloaded");
    category(&matchers, json_of(403).body(QUOTA), "overloaded");
    category(&matchers, json_of(429).body("{}"), "content_filtered");
    category(&matchers, Response::status(429).body(QUOTA), "content_filtered");
    category(&matchers, json_of(403).body("{}"), "authentication");
}

#[test]
fn a_404_can_be_a_success_and_a_whole_200_a_failure() {
    let scene = matching(json!([
        {"status": 404, "category": "success"},
        {"json": {"path": "choices.*.finish_reason", "equals": "error"}, "category": "overloaded"},
    ]));
    scene.fail(TRIP - 1);
    scene.answer(Response::status(404));
    scene.fail(1);
    assert_eq!((scene.state(), scene.outcomes("success")), ("closed", 1), "the run was broken");

    let choice = |reason: &str| json!({"index": 0, "finish_reason": reason});
    let body = |last| json!({"choices": [choice("stop"), choice(last)]}).to_string();
    (1..TRIP).for_each(|_| drop(scene.answer(json_of(200).body(body("error")))));
    assert_eq!((scene.state(), scene.outcomes("overloaded")), ("open", TRIP as u64 - 1));

    let scene = matching(json!([
        {"json": {"path": "choices.*.finish_reason", "equals": "error"}, "category": "overloaded"},
    ]));
    scene.answer(json_of(200).body(body("stop")));
    assert_eq!(scene.outcomes("success"), 1);
}

#[test]
fn wherever_the_body_is_split_and_whoever_ends_it() {
    let scene = Scene::under(json!({
        "trip": {"consecutive_failures": null, "failure_rate": null},
        "matchers": [{
            "status": 200,
            "json": {"path": "status.*.text", "contains": "über\tload"},
            "category": "overloaded",
        }],
    }));
    let body = r#"{"status": [{"text": "no"}, {"text": "the \u00fcber\tload it is"}], "at": 1}"#;
    let begun = || {
        let call = scene.reach();
        call.response_headers(&json_of(200).chunked([""; 0]));
        call
    };
    let mut calls = 0;
    let mut judged = || {
        calls += 1;
        assert_eq!(scene.outcomes("overloaded"), calls);
    };
    for place in 0..body.len() {
        let call = begun();
        call.body_chunk(&body[..place]);
        assert_eq!(call.answer().text(), &body[..place], "nothing is held");
        call.body_chunk(&body[place..]);
        judged();
        call.end();
    }
    let call = begun();
    body.bytes().for_each(|byte| call.body_chunk([byte]));
    judged();
    let ends: [fn(&Call); 3] = [Call::end, Call::client_leaves, |call| {
        call.upstream(Upstream::Closes);
    }];
    for end in ends {
        let call = begun();
        call.body_chunk(&body[..body.len() - 10]);
        end(&call);
        judged();
    }
}

#[test]
fn a_body_whose_first_16_kib_say_nothing_is_judged_by_the_tables() {
    let scene = matching(json!([
        {"json": {"path": "error.code", "equals": "insufficient_quota"}, "category": "overloaded"},
    ]));
    let padded = format!("{{\"padding\": \"{}\", {}", "x".repeat(20_000), &QUOTA[1..]);
    scene.answer(json_of(503).body(&padded));
    scene.answer(json_of(200).body(&padded));
    assert_eq!((scene.outcomes("server_error"), scene.outcomes("success")), (1, 1));
}

#[test]
fn what_the_tables_know_sooner_waits_for_the_matchers() {
    let matchers =
        json!([{"json": {"path": "*.error.code", "equals": "odd"}, "category": "overloaded"}]);
    let array = |second: &str| {
        let second = format!(r#", {{"error": {{"code": "{second}"}}}}]"#);
        json_of(429).chunked([&format!("[{QUOTA}"), " ", &second])
    };
    category(&matchers, array("odd"), "overloaded");
    category(&matchers, array("even"), "quota_exhausted");
}

#[test]
fn a_body_is_fetched_only_while_a_matcher_asks_for_it() {
    let scene = matching(json!([
        {"status": 201, "json": {"path": "a", "equals": "b"}, "category": "overloaded"},
        {"status": 202, "category": "overloaded"},
    ]));
    let fetched = |response| {
        let before = scene.host_calls("proxy_get_buffer_bytes");
        scene.send(Request::get("/v1/files/one").cluster(OPENAI)).upstream_answers(response);
        scene.host_calls("proxy_get_buffer_bytes") - before
    };
    let plain = Response::status(201).header("content-type", "text/plain");
    assert_eq!(fetched(plain.body(r#"{"a": "b"}"#)), 0, "no JSON");
    assert_eq!(fetched(json_of(202).body("{}")), 0, "the head was enough");
    assert_eq!(fetched(json_of(203).body("{}")), 0, "another status");
    let pieces = ["x"; 40].map(|x| x.repeat(1024));
    let long = [vec!["{\"x\": \"".to_owned()], pieces.to_vec()].concat();
    assert_eq!(fetched(json_of(201).chunked(long)), 17, "16 KiB of it");
}

#[test]
fn only_answers_of_the_upstream_are_matched() {
    let scene = matching(json!([{"status": 503, "category": "content_filtered"}]));
    scene.reach().upstream(Upstream::Closes);
    scene.answer(Response::status(503).header("x-llm-breaker", "open"));
    assert_eq!(scene.outcomes("content_filtered"), 0);
    assert_eq!((scene.outcomes("connection_reset"), scene.outcomes("local")), (1, 1));
}

#[test]
fn a_stream_is_decided_by_its_head() {
    let header =
        json!([{"header": {"name": "x-model", "equals": "fake"}, "category": "overloaded"}]);
    let scene = matching(header);
    let call = scene.reach();
    call.response_headers(&Response::event_stream().header("x-model", "fake"));
    assert_eq!(scene.outcomes("overloaded"), 1, "at its head");
    call.body_chunk("data: [DONE]\n\n");
    call.end();
    assert_eq!(scene.outcomes("success"), 0);
}

#[test]
fn what_a_recognised_answer_announces_is_honoured() {
    let rate = json!([{"json": {"path": "ok", "equals": "false"}, "category": "rate_limited"}]);
    let head = || json_of(200).header("x-ratelimit-remaining-requests", "0");
    let limits = || head().header("x-ratelimit-reset-requests", "1m10s");
    for (response, wait) in [(limits(), 70), (limits().header("retry-after", "90"), 90)] {
        let scene = matching(rate.clone());
        scene.fail(TRIP - 1);
        scene.answer(response.body(r#"{"ok": false}"#));
        assert_eq!(scene.retry_after(), wait);
    }
    let scene = matching(json!([{"status": 404, "category": "quota_exhausted"}]));
    scene.answer(Response::status(404).header("retry-after", "400"));
    assert_eq!(scene.retry_after(), 400);
}

/// This, as gzip stores what it cannot make shorter; nobody checks the sum at its end.
fn gzip(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("one block is enough");
    let head = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    let block = [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), text.as_bytes()];
    [&head[..], &block.concat(), &[0; 8]].concat()
}

#[test]
fn a_compressed_body_matches_where_it_can_be_inflated() {
    let matchers = json!([{"json": {"path": "a", "equals": "b"}, "category": "overloaded"}]);
    let coded = |coding| json_of(200).header("content-encoding", coding);
    category(&matchers, coded("gzip").body(gzip(r#"{"a": "b"}"#)), "overloaded");
    category(&matchers, coded("gzip").body(gzip(r#"{"a": "c"}"#)), "success");
    category(&matchers, coded("gzip").body(r#"{"a": "b"}"#), "success");
    category(&matchers, coded("zstd").body(r#"{"a": "b"}"#), "success");
    let quota = || json_of(429).header("content-encoding", "gzip").body(gzip(QUOTA));
    category(&matchers, quota(), "quota_exhausted");
    let funds = json!([{
        "json": {"path": "error.code", "prefix": "insufficient"},
        "category": "content_filtered",
    }]);
    category(&funds, quota(), "content_filtered");
}

#[test]
fn a_host_that_does_not_give_the_body_leaves_the_rest() {
    let scene = matching(json!([
        {"json": {"path": "error.code", "prefix": "in"}, "category": "overloaded"},
        {"status": 429, "category": "content_filtered"},
    ]));
    scene.fail_always("proxy_get_buffer_bytes", Status::InternalFailure);
    scene.answer(json_of(429).body(QUOTA));
    scene.answer(json_of(503).body(QUOTA));
    assert_eq!((scene.outcomes("content_filtered"), scene.outcomes("server_error")), (1, 1));
    scene.clear_faults();
    scene.still_works();
}

#[test]
fn matchers_are_those_of_the_policy_that_applies() {
    let scene = Scene::configured(
        1,
        json!({
            "breakers": [
                {"cluster": OPENAI, "matchers": [{"status": 400, "category": "overloaded"}]},
            ],
        }),
    );
    scene.answer(Response::status(400));
    assert_eq!(scene.outcomes("overloaded"), 1);
    let other: Request = chat().cluster("other");
    scene.send(other).upstream_answers(Response::status(400));
    assert_eq!(scene.outcomes("overloaded"), 1);
}
