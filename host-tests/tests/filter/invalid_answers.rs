//! A success that is not what its dialect promises is none, where a model was to generate.

use llm_breaker_host_tests::host::{Call, Request, Response, Status, Upstream};

use crate::scene::{OPENAI, Scene, TRIP, completion};

const PAGE: &str = "<!DOCTYPE html><html><body>Sign in</body></html>";
const QUOTA: &str = r#"{"error": {"code": "insufficient_quota", "message": "no more"}}"#;

fn typed(content_type: &str) -> Response {
    Response::status(200).header("content-type", content_type)
}

fn json() -> Response {
    typed("application/json")
}

#[test]
fn a_captive_proxys_page_opens_the_breaker() {
    let scene = Scene::by_default();
    (0..TRIP).for_each(|_| drop(scene.answer(typed("text/html; charset=utf-8").body(PAGE))));
    assert_eq!((scene.state(), scene.outcomes("invalid_response")), ("open", TRIP as u64));
}

#[test]
fn what_is_wrong_is_known_before_the_end_where_it_can_be() {
    for body in ["<", "{\"a\": oops", "Sign"] {
        let scene = Scene::by_default();
        let call = scene.reach();
        call.response_headers(&json().chunked([""; 0]));
        assert_eq!(scene.outcomes("invalid_response"), 0);
        call.body_chunk(body);
        assert_eq!(scene.outcomes("invalid_response"), 1, "{body}");
    }
}

#[test]
fn a_document_that_ends_too_early_is_invalid() {
    let scene = Scene::by_default();
    for body in ["", "\n\n", "{", "{\"choices\": [{\"message\""] {
        let call = scene.reach();
        call.response_headers(&json().chunked([""; 0]));
        call.body_chunk(body);
        call.end();
    }
    scene.answer(Response::status(200));
    assert_eq!(scene.outcomes("invalid_response"), 5);
}

#[test]
fn one_that_is_cut_off_is_whoevers_fault_the_cut_is() {
    let begun = |scene: &Scene| -> Call {
        let call = scene.reach();
        call.response_headers(&json().chunked([""; 0]));
        call.body_chunk("{\"choices\": [");
        call
    };
    let scene = Scene::by_default();
    begun(&scene).client_leaves();
    begun(&scene).upstream(Upstream::Closes);
    assert_eq!((scene.outcomes("cancelled"), scene.outcomes("stream_interrupted")), (1, 1));
    assert_eq!(scene.outcomes("invalid_response"), 0);
}

#[test]
fn an_error_under_a_success_is_judged_by_its_words() {
    for split in 0..QUOTA.len() {
        let scene = Scene::by_default();
        let call = scene.reach();
        call.response_headers(&json().chunked([""; 0]));
        call.body_chunk(&QUOTA[..split]);
        assert_eq!(scene.outcomes("quota_exhausted"), 0);
        call.body_chunk(&QUOTA[split..]);
        assert_eq!((scene.state(), scene.outcomes("quota_exhausted")), ("open", 1), "{split}");
    }
    let scene = Scene::by_default();
    scene.answer(json().body(r#"{"error": {"message": "odd", "code": 502}}"#));
    scene.answer(json().body(r#"{"error": "odd"}"#));
    assert_eq!((scene.outcomes("server_error"), scene.outcomes("invalid_response")), (1, 1));
}

#[test]
fn of_a_long_answer_only_the_first_16_kibibytes_are_fetched() {
    let scene = Scene::by_default();
    let before = scene.host_calls("proxy_get_buffer_bytes");
    let call = scene.reach();
    call.response_headers(&json().chunked([""; 0]));
    call.body_chunk(format!("{{\"data\": [{}", "0.25,".repeat(13_000)));
    let numbers = "0.25,".repeat(13_000);
    (0..160).for_each(|_| call.body_chunk(&numbers));
    call.body_chunk("1]}");
    call.end();
    assert_eq!(scene.host_calls("proxy_get_buffer_bytes") - before, 1, "16 KiB at once");
    assert_eq!((scene.outcomes("success"), call.answer().body.len()), (1, 161 * 65_000 + 13));
}

#[test]
fn of_an_answer_that_is_whole_nothing_more_is_fetched() {
    let scene = Scene::by_default();
    let before = scene.host_calls("proxy_get_buffer_bytes");
    let call = scene.reach();
    call.response_headers(&json().chunked([""; 0]));
    for _ in 0..10 {
        call.body_chunk("{}\n");
    }
    call.end();
    assert_eq!(scene.host_calls("proxy_get_buffer_bytes") - before, 1);
    assert_eq!(scene.outcomes("success"), 1);
}

#[test]
fn where_no_model_generates_every_success_is_one() {
    let scene = Scene::by_default();
    for request in [
        Request::get("/v1/chat/completions"),
        Request::post("/v1/files"),
        Request::post("/openai/v1/audio/speech"),
        Request::post("/v1/messages/count_tokens"),
        Request::post("/v1/chat/completions").header("content-type", "multipart/form-data"),
        Request::post("/webhook"),
    ] {
        let call = scene.send(request.cluster(OPENAI));
        call.upstream_answers(typed("text/html").body(PAGE));
    }
    assert_eq!((scene.outcomes("success"), scene.count("failures_total")), (6, 0));
}

#[test]
fn what_could_be_an_answer_is_one() {
    let scene = Scene::by_default();
    let answers = [
        json().body(r#"{"status": "queued", "background": true, "error": null, "output": []}"#),
        typed("text/html").body("{\"choices\": []}"),
        typed("text/plain").body("\u{feff} \r\n{\"choices\": []}"),
        completion(),
        json().body("data: {\"choices\": []}\n\ndata: [DONE]\n\n"),
        typed("audio/mpeg").body("ID3"),
        typed("application/octet-stream").body("<"),
        json().header("content-encoding", "gzip").body("not to be looked into"),
        Response::status(204),
        Response::status(202),
    ];
    let count = answers.len() as u64;
    answers.into_iter().for_each(|answer| drop(scene.answer(answer)));
    assert_eq!((scene.outcomes("success"), scene.count("failures_total")), (count, 0));
}

#[test]
fn an_answer_that_the_host_does_not_show_is_not_blamed() {
    let scene = Scene::by_default();
    let call = scene.reach();
    call.response_headers(&json().chunked([""; 0]));
    scene.fail_next("proxy_get_buffer_bytes", Status::InternalFailure, 1);
    call.body_chunk("{\"choices\": ");
    call.body_chunk("[]}");
    call.end();
    assert_eq!((scene.outcomes("success"), scene.count("failures_total")), (1, 0));
}

#[test]
fn a_probe_that_meets_a_page_has_failed() {
    let scene = Scene::half_open();
    scene.answer(typed("text/html").body(PAGE));
    assert_eq!(scene.state(), "open");
}
