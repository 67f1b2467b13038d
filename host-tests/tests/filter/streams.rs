//! A stream is judged by its events: its first content, its errors, its end.

use llm_breaker_host_tests::host::{Answer, Call, Request, Response, Status, Upstream};

use crate::scene::{OPENAI, Scene, TRIP, millis, secs, stat};

const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const QUOTA: &str = "data: {\"error\":{\"code\":\"insufficient_quota\",\"message\":\"!\"}}\n\n";
const UNKNOWN: &str = "data: {\"error\":{\"code\":\"odd\",\"message\":\"?\"}}\n\n";

/// A stream that has begun with these events.
fn streaming(scene: &Scene, events: &[&str]) -> Call {
    let call = scene.reach();
    call.response_headers(&Response::event_stream());
    events.iter().for_each(|event| call.body_chunk(event));
    call
}

/// A stream of these events that ends cleanly.
fn streamed(scene: &Scene, events: &[&str]) -> Answer {
    let call = streaming(scene, events);
    call.end();
    call.answer()
}

#[test]
fn a_finish_reason_or_the_terminal_marker_makes_a_stream_whole() {
    let scene = Scene::by_default();
    streamed(&scene, &[ROLE, TEXT, STOP, DONE]);
    streamed(&scene, &[ROLE, TEXT, STOP]);
    streamed(&scene, &[ROLE, TEXT, DONE]);
    streamed(&scene, &[STOP, DONE]);
    assert_eq!((scene.outcomes("success"), scene.count("failures_total")), (4, 0));
}

#[test]
fn a_clean_end_with_neither_is_an_interruption() {
    for events in [&[][..], &[ROLE], &[ROLE, TEXT], &[ROLE, TEXT, &STOP[..STOP.len() - 9]]] {
        let scene = Scene::by_default();
        streamed(&scene, events);
        assert_eq!(scene.outcomes("stream_interrupted"), 1, "{events:?}");
    }
}

#[test]
fn a_last_event_without_its_empty_line_still_counts() {
    let scene = Scene::by_default();
    streamed(&scene, &[ROLE, TEXT, &STOP[..STOP.len() - 1]]);
    assert_eq!(scene.outcomes("success"), 1);
}

#[test]
fn the_terminal_marker_is_the_end_whatever_comes_then() {
    let endings: [fn(&Call); 3] =
        [Call::client_leaves, |call| drop(call.upstream(Upstream::Closes)), Call::end];
    for end in endings {
        let scene = Scene::by_default();
        let call = streaming(&scene, &[TEXT, DONE]);
        assert_eq!(scene.outcomes("success"), 1, "at the marker");
        end(&call);
        let ended = |name| scene.outcomes(name);
        assert_eq!((ended("success"), ended("cancelled"), ended("stream_interrupted")), (1, 0, 0));
    }
}

#[test]
fn who_breaks_off_after_the_finish_reason_broke_nothing() {
    let scene = Scene::by_default();
    streaming(&scene, &[TEXT, STOP]).upstream(Upstream::Closes);
    streaming(&scene, &[TEXT, STOP]).client_leaves();
    assert_eq!(scene.outcomes("success"), 2);
    streaming(&scene, &[TEXT]).upstream(Upstream::Closes);
    streaming(&scene, &[TEXT]).client_leaves();
    assert_eq!((scene.outcomes("stream_interrupted"), scene.outcomes("cancelled")), (1, 1));
}

#[test]
fn an_error_event_is_judged_at_once_like_an_error_body() {
    let scene = Scene::by_default();
    let call = streaming(&scene, &[TEXT, UNKNOWN]);
    assert_eq!(scene.outcomes("stream_interrupted"), 1);
    let other = streaming(&scene, &[TEXT, QUOTA]);
    assert_eq!((scene.outcomes("quota_exhausted"), scene.state()), (1, "open"));
    assert_eq!(scene.retry_after(), 300);
    call.end();
    other.end();
    assert_eq!(scene.count("failures_total"), 2);
}

#[test]
fn the_time_to_the_first_token_is_that_to_the_first_content() {
    let scene = Scene::by_default();
    let call = scene.reach();
    scene.pass(millis(300));
    call.response_headers(&Response::event_stream());
    for event in [": keep-alive\n\n", ROLE] {
        scene.pass(secs(1));
        call.body_chunk(event);
    }
    assert_eq!(times_to_first_token(&scene), Vec::<u64>::new());
    scene.pass(millis(200));
    call.body_chunk(TEXT);
    scene.pass(secs(1));
    call.body_chunk(TEXT);
    assert_eq!(times_to_first_token(&scene), [2_500]);
}

fn times_to_first_token(scene: &Scene) -> Vec<u64> {
    scene.samples(&stat(OPENAI, "time_to_first_token_milliseconds", &[]))
}

#[test]
fn every_byte_reaches_the_client_as_it_comes() {
    let scene = Scene::by_default();
    let whole = [ROLE, TEXT, STOP, DONE].concat();
    let call = streaming(&scene, &[]);
    for end in 1..=whole.len() {
        call.body_chunk(&whole[end - 1..end]);
        assert_eq!(call.answer().text(), &whole[..end]);
    }
    call.end();
    assert_eq!((scene.outcomes("success"), times_to_first_token(&scene).len()), (1, 1));
}

#[test]
fn a_stream_of_no_known_dialect_may_end_as_it_likes_but_not_fail() {
    let scene = Scene::by_default();
    let play = |chunk: &str| {
        let call = scene.send(Request::post("/stream").cluster(OPENAI));
        call.response_headers(&Response::event_stream());
        call.body_chunk(chunk);
        call.end();
    };
    play(TEXT);
    assert_eq!(scene.outcomes("success"), 1);
    play(QUOTA);
    assert_eq!(scene.outcomes("quota_exhausted"), 1);
}

#[test]
fn where_nothing_is_generated_nothing_is_read() {
    let scene = Scene::by_default();
    let before = scene.host_calls("proxy_get_buffer_bytes");
    for request in [Request::get("/stream"), Request::post("/openai/v1/audio/speech")] {
        let call = scene.send(request.cluster(OPENAI));
        call.response_headers(&Response::event_stream());
        call.body_chunk(QUOTA);
        call.end();
    }
    assert_eq!(scene.host_calls("proxy_get_buffer_bytes"), before);
    assert_eq!(scene.outcomes("success"), 2);
}

#[test]
fn a_compressed_stream_is_not_read_and_counted() {
    let scene = Scene::by_default();
    let call = scene.reach();
    call.response_headers(&Response::event_stream().header("content-encoding", "br"));
    call.body_chunk(QUOTA);
    call.end();
    let unread = stat(OPENAI, "unread_bodies_total", &[("reason", "compressed")]);
    assert_eq!((scene.counter(&unread), scene.outcomes("success")), (1, 1));
}

#[test]
fn a_probe_is_judged_at_its_first_content_and_no_earlier() {
    let scene = Scene::half_open();
    let probe = streaming(&scene, &[": keep-alive\n\n", ROLE]);
    assert_eq!(scene.state(), "half_open");
    scene.held_back();
    probe.body_chunk(TEXT);
    assert_eq!(scene.state(), "closed");
    scene.reach();
    assert_eq!(scene.outcomes("success"), 0, "it is counted at its end");
    probe.body_chunk(DONE);
    probe.end();
    assert_eq!(scene.outcomes("success"), 1);
}

#[test]
fn its_later_failure_is_one_of_the_closed_breaker() {
    let scene = Scene::half_open();
    let probe = streaming(&scene, &[TEXT]);
    assert_eq!(scene.state(), "closed");
    probe.upstream(Upstream::Closes);
    assert_eq!((scene.state(), scene.outcomes("stream_interrupted")), ("closed", 1));
    scene.fail(TRIP - 2);
    assert_eq!(scene.state(), "closed");
    scene.fail(1);
    assert_eq!(scene.state(), "open");
}

#[test]
fn a_probe_whose_content_and_failure_come_at_once_has_failed() {
    let scene = Scene::half_open();
    streaming(&scene, &[&[TEXT, UNKNOWN].concat()]);
    assert_eq!((scene.state(), scene.changes("half_open", "open")), ("open", 1));
}

#[test]
fn a_stream_that_the_host_does_not_show_is_not_blamed() {
    let scene = Scene::by_default();
    let call = streaming(&scene, &[ROLE]);
    scene.fail_next("proxy_get_buffer_bytes", Status::InternalFailure, 1);
    call.body_chunk(TEXT);
    call.body_chunk(&STOP[1..]);
    call.end();
    assert_eq!((scene.outcomes("success"), scene.count("failures_total")), (1, 0));
}

const ELEMENT: &str = r#"{"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}"#;
const LAST: &str = r#"{"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}]}"#;
const OVERLOADED: &str = r#"{"error": {"code": 503, "status": "UNAVAILABLE"}}"#;

/// Gemini's stream without `alt=sse` after these pieces.
fn array(scene: &Scene, pieces: &[&str]) -> Call {
    let path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent";
    let call = scene.send(Request::post(path).cluster(OPENAI));
    let json = Response::status(200).header("content-type", "application/json");
    call.response_headers(&json.chunked([""; 0]));
    pieces.iter().for_each(|piece| call.body_chunk(piece));
    call
}

#[test]
fn geminis_array_is_a_stream() {
    let scene = Scene::by_default();
    let call = array(&scene, &["[", ELEMENT]);
    assert_eq!(times_to_first_token(&scene).len(), 1);
    call.body_chunk([",\r\n", LAST, "]"].concat());
    call.end();
    assert_eq!(scene.outcomes("success"), 1);
    let endings: [fn(&Call); 2] = [Call::end, |call| drop(call.upstream(Upstream::Closes))];
    for end in endings {
        end(&array(&scene, &["[", ELEMENT, ",\r\n", &LAST[..60]]));
    }
    array(&scene, &["[", ELEMENT, "]"]).end();
    assert_eq!(scene.outcomes("stream_interrupted"), 3);
    array(&scene, &["[", ELEMENT, ",", OVERLOADED]);
    assert_eq!(scene.outcomes("overloaded"), 1, "before its end");
    array(&scene, &["[", LAST]).client_leaves();
    assert_eq!(scene.outcomes("success"), 2);
}

#[test]
fn a_probe_that_is_geminis_array_is_judged_at_its_first_content() {
    let scene = Scene::half_open();
    let probe = array(&scene, &["[", &ELEMENT[..20]]);
    assert_eq!(scene.state(), "half_open");
    probe.body_chunk(&ELEMENT[20..]);
    assert_eq!(scene.state(), "closed");
}
