//! An error's body decides where its status does not, while it passes.

use std::io::Write;

use flate2::{Compression, write};
use llm_breaker_host_tests::host::{Call, Request, Response, Status, Upstream};
use serde_json::json;

use crate::scene::{OPENAI, Scene, TRIP, stat};

const QUOTA: &str = r#"{"error": {"code": "insufficient_quota", "message": "no more"}}"#;
const RATE: &str = r#"{"error": {"code": "rate_limit_exceeded", "message": "slowly"}}"#;

fn json(status: u16) -> Response {
    Response::status(status).header("content-type", "application/json")
}

/// The head of an answer whose body is played by hand.
fn begun(status: u16) -> Response {
    json(status).chunked([""])
}

#[test]
fn an_exhausted_quota_opens_at_once_and_a_rate_limit_does_not() {
    let scene = Scene::by_default();
    scene.answer(json(429).body(RATE));
    assert_eq!((scene.state(), scene.outcomes("rate_limited")), ("closed", 1));
    scene.answer(json(429).body(QUOTA));
    assert_eq!((scene.state(), scene.outcomes("quota_exhausted")), ("open", 1));
    assert_eq!(scene.retry_after(), 300);
}

#[test]
fn wherever_the_body_is_split_and_however_it_ends() {
    let calls: [fn(&Call); 3] = [
        |call| QUOTA.bytes().for_each(|byte| call.body_chunk([byte])),
        |call| {
            call.body_chunk(&QUOTA[..QUOTA.len() - 1]);
            call.end();
        },
        |call| {
            call.body_chunk(&QUOTA[..QUOTA.len() - 1]);
            call.client_leaves();
        },
    ];
    for play in calls {
        let scene = Scene::by_default();
        let call = scene.reach();
        call.response_headers(&begun(429));
        assert_eq!(scene.outcomes("quota_exhausted"), 0);
        play(&call);
        assert_eq!((scene.state(), scene.outcomes("quota_exhausted")), ("open", 1));
    }
}

#[test]
fn every_byte_reaches_the_client_as_it_comes() {
    let scene = Scene::by_default();
    let call = scene.reach();
    call.response_headers(&begun(503));
    for end in 1..=QUOTA.len() {
        call.body_chunk(&QUOTA[end - 1..end]);
        assert_eq!(call.answer().text(), &QUOTA[..end]);
    }
}

#[test]
fn a_body_that_hides_what_it_says_is_judged_by_its_status() {
    let scene = Scene::by_default();
    let call = scene.reach();
    call.response_headers(&begun(429));
    call.body_chunk(format!("{{\"padding\": \"{}", "x".repeat(20_000)));
    assert_eq!(scene.outcomes("rate_limited"), 1, "before its end");
    call.body_chunk(format!("\", {}", &QUOTA[1..]));
    call.end();
    assert_eq!((scene.state(), scene.outcomes("quota_exhausted")), ("closed", 0));
}

#[test]
fn a_quota_that_is_told_compressed_opens_at_once() {
    for (coding, body) in [
        ("gzip", gzip(QUOTA)),
        ("x-gzip", gzip(QUOTA)),
        ("deflate", zlib(QUOTA)),
        ("deflate", deflate(QUOTA)),
    ] {
        let scene = Scene::by_default();
        scene.answer(json(429).header("content-encoding", coding).body(&body));
        assert_eq!((scene.state(), scene.outcomes("quota_exhausted")), ("open", 1), "{coding}");
        assert_eq!((scene.retry_after(), unread(&scene)), (300, 0));
    }
}

#[test]
fn a_compressed_body_is_judged_at_its_end_whoever_makes_it() {
    let body = gzip(QUOTA);
    // What is cut off is gzip's own checksum.
    let shown = &body[..body.len() - 8];
    let endings: [fn(&Call); 3] =
        [Call::end, Call::client_leaves, |call| drop(call.upstream(Upstream::Closes))];
    for end in endings {
        let scene = Scene::by_default();
        let call = scene.reach();
        call.response_headers(&begun(429).header("content-encoding", "gzip"));
        shown.iter().for_each(|byte| call.body_chunk([*byte]));
        assert_eq!((scene.state(), scene.outcomes("quota_exhausted")), ("closed", 0));
        end(&call);
        assert_eq!((scene.state(), scene.outcomes("quota_exhausted")), ("open", 1));
    }
}

#[test]
fn compressed_nonsense_and_bombs_are_judged_by_their_status() {
    let bomb = gzip(&format!("{{\"padding\": \"{}\", {}", "x".repeat(1 << 20), &QUOTA[1..]));
    let damaged: Vec<u8> = gzip(QUOTA).into_iter().map(|byte| byte ^ 0x55).collect();
    let scene = Scene::by_default();
    for body in [&bomb[..], &damaged, QUOTA.as_bytes(), b""] {
        scene.answer(json(400).header("content-encoding", "gzip").body(body));
    }
    assert_eq!((scene.outcomes("client_error"), scene.state()), (4, "closed"));
}

#[test]
fn a_body_compressed_in_a_way_that_is_not_understood_is_not_read_and_counted() {
    let scene = Scene::by_default();
    for coding in ["br", "zstd", "gzip, br"] {
        let call = scene.reach();
        call.response_headers(&begun(429).header("content-encoding", coding));
        call.body_chunk(QUOTA);
        call.end();
    }
    assert_eq!((scene.outcomes("rate_limited"), unread(&scene)), (3, 3));
    scene.answer(Response::status(200).header("content-encoding", "br").body("x"));
    assert_eq!((unread(&scene), scene.state()), (3, "closed"), "a whole answer is not missed");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = write::GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("a vector takes it");
    encoder.finish().expect("a vector takes it")
}

fn zlib(text: &str) -> Vec<u8> {
    let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("a vector takes it");
    encoder.finish().expect("a vector takes it")
}

fn deflate(text: &str) -> Vec<u8> {
    let mut encoder = write::DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("a vector takes it");
    encoder.finish().expect("a vector takes it")
}

fn unread(scene: &Scene) -> u64 {
    scene.counter(&stat(OPENAI, "unread_bodies_total", &[("reason", "compressed")]))
}

#[test]
fn mistakes_of_the_caller_that_its_body_names_count_nothing() {
    let scene = Scene::by_default();
    for code in ["context_length_exceeded", "content_filter"] {
        let body = json!({"error": {"code": code}}).to_string();
        (0..TRIP).for_each(|_| drop(scene.answer(json(400).body(&body))));
    }
    assert_eq!(scene.outcomes("context_length"), TRIP as u64);
    assert_eq!(scene.outcomes("content_filtered"), TRIP as u64);
    assert_eq!(scene.state(), "closed");
}

#[test]
fn the_reset_that_a_body_or_a_providers_header_announces_is_honoured() {
    let google = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "90s"}]}});
    let scene = Scene::by_default();
    scene.fail(TRIP - 1);
    scene.answer(json(429).body(google.to_string()));
    assert_eq!(scene.retry_after(), 90);

    let scene = Scene::by_default();
    scene.fail(TRIP - 1);
    let limits = json(429)
        .header("x-ratelimit-remaining-requests", "0")
        .header("x-ratelimit-reset-requests", "1m10s")
        .header("x-ratelimit-reset-tokens", "6m0s");
    scene.answer(limits.body(RATE));
    assert_eq!(scene.retry_after(), 70);
}

#[test]
fn no_body_is_fetched_that_cannot_matter() {
    let scene = Scene::by_default();
    let before = scene.host_calls("proxy_get_buffer_bytes");
    let upload = scene.send(Request::post("/v1/files").cluster(OPENAI));
    upload.upstream_answers(json(200).body(QUOTA));
    scene.answer(Response::status(500).header("content-type", "text/html").body("<html>"));
    assert_eq!(scene.host_calls("proxy_get_buffer_bytes"), before);
}

#[test]
fn a_host_that_does_not_give_the_body_leaves_the_status() {
    let scene = Scene::by_default();
    scene.fail_always("proxy_get_buffer_bytes", Status::InternalFailure);
    scene.answer(json(429).body(QUOTA));
    assert_eq!(scene.outcomes("rate_limited"), 1);
    scene.clear_faults();
    scene.still_works();
}
