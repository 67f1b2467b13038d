//! A call that hangs is judged while it hangs, at the first tick after its limit.

use llm_breaker_host_tests::host::{Call, Request, Response};
use serde_json::json;

use crate::scene::{OPENAI, Scene, TRIP, secs};

const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const WARM: [&str; 3] = [": still here\n\n", "event: ping\ndata: {}\n\n", ROLE];

/// A stream whose head has come.
fn stream(scene: &Scene) -> Call {
    let call = scene.reach();
    call.response_headers(&Response::event_stream());
    call
}

fn keep_warm(scene: &Scene, calls: &[Call], seconds: u64) {
    for second in 0..seconds {
        scene.pass(secs(1));
        let warm = WARM[second as usize % WARM.len()];
        calls.iter().for_each(|call| call.body_chunk(warm));
    }
}

#[test]
fn streams_that_hang_before_their_first_token_open_the_breaker_at_the_limit() {
    let scene = Scene::by_default();
    let calls: Vec<_> = (0..TRIP).map(|_| stream(&scene)).collect();
    keep_warm(&scene, &calls, 119);
    assert_eq!((scene.outcomes("timeout"), scene.state()), (0, "closed"));
    keep_warm(&scene, &calls, 1);
    assert_eq!((scene.outcomes("timeout"), scene.state()), (5, "open"));
    let opened = &scene.transitions()[0];
    assert_eq!((&opened["category"], &opened["ended_by"]), (&json!("timeout"), &json!("limit")));
    assert!(calls.iter().all(|call| call.answered().is_none_or(|answer| !answer.complete)));

    // They go on as if nothing had happened, and count no second time.
    for call in calls {
        call.body_chunk(TEXT);
        call.last_chunk(DONE);
        assert!(call.answer().complete && call.is_done());
    }
    assert_eq!((scene.outcomes("timeout"), scene.outcomes("success")), (5, 0));
    assert_eq!(scene.changes("open", "half_open"), 0);
}

#[test]
fn a_silent_thinker_is_healthy() {
    let scene = Scene::by_default();
    let call = stream(&scene);
    keep_warm(&scene, std::slice::from_ref(&call), 100);
    call.body_chunk(TEXT);
    scene.pass(secs(3600));
    call.last_chunk(DONE);
    assert_eq!((scene.outcomes("success"), scene.count("failures_total")), (1, 0));
}

#[test]
fn a_whole_answer_may_take_as_long_as_it_likes() {
    let scene = Scene::by_default();
    let call = scene.reach();
    scene.pass(secs(900));
    call.upstream_answers(crate::scene::completion());
    assert_eq!((scene.outcomes("success"), scene.outcomes("timeout")), (1, 0));
}

#[test]
fn a_request_that_names_a_stream_hangs_before_its_head_too() {
    let scene = Scene::by_default();
    let path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
    let _call = scene.send(Request::post(path).cluster(OPENAI));
    scene.pass(secs(119));
    assert_eq!(scene.outcomes("timeout"), 0);
    scene.pass(secs(1));
    assert_eq!(scene.outcomes("timeout"), 1);
}

#[test]
fn gaps_and_the_whole_have_limits_of_their_own() {
    let limits = json!({"gap": "10s", "total": "60s"});
    let scene = Scene::under(json!({"limits": limits}));
    let pausing = stream(&scene);
    pausing.body_chunk(TEXT);
    keep_warm(&scene, std::slice::from_ref(&pausing), 9);
    assert_eq!(scene.outcomes("timeout"), 0);
    keep_warm(&scene, std::slice::from_ref(&pausing), 1);
    assert_eq!(scene.outcomes("timeout"), 1);

    let endless = stream(&scene);
    for _ in 0..59 {
        endless.body_chunk(TEXT);
        scene.pass(secs(1));
    }
    assert_eq!(scene.outcomes("timeout"), 1);
    scene.pass(secs(1));
    assert_eq!(scene.outcomes("timeout"), 2);
}

#[test]
fn a_limit_that_passed_between_two_ticks_counts_all_the_same() {
    let scene = Scene::by_default();
    let call = stream(&scene);
    scene.advance(secs(121));
    call.body_chunk(TEXT);
    assert_eq!(scene.outcomes("timeout"), 1);
    let left = stream(&scene);
    scene.advance(secs(121));
    left.client_leaves();
    assert_eq!((scene.outcomes("timeout"), scene.outcomes("cancelled")), (2, 0));
}

#[test]
fn so_does_one_that_passed_before_the_head_of_a_stream_that_is_not_read() {
    let scene = Scene::by_default();
    let request = Request::post("/v1/chat/completions").header("accept", "text/event-stream");
    let call = scene.send(request.cluster(OPENAI));
    scene.advance(secs(121));
    call.response_headers(&Response::event_stream().header("content-encoding", "gzip"));
    call.end();
    assert_eq!((scene.outcomes("timeout"), scene.outcomes("success")), (1, 0));
}

#[test]
fn a_slow_first_token_or_gap_is_a_slow_success() {
    for (slow, counted) in [
        (json!({"first_token": "4s"}), 1),
        (json!({"first_token": "5s"}), 0),
        (json!({"gap": "2s"}), 1),
        (json!({"gap": "3s"}), 0),
    ] {
        let scene = Scene::under(json!({"slow": slow}));
        let call = stream(&scene);
        scene.pass(secs(5));
        call.body_chunk(TEXT);
        scene.pass(secs(3));
        call.body_chunk(TEXT);
        call.last_chunk(DONE);
        assert_eq!(scene.count("slow_calls_total"), counted, "{slow}");
        assert_eq!(scene.count("successes_total"), 1, "{slow}");
    }
}

#[test]
fn a_probe_that_hangs_opens_again_while_it_hangs() {
    let scene = Scene::half_open();
    let probe = stream(&scene);
    scene.pass(secs(120));
    assert_eq!(scene.changes("half_open", "open"), 1);
    drop(probe);
}

#[test]
fn abort_answers_a_call_whose_upstream_is_silent() {
    let limits = json!({"total": "5s", "abort": true});
    let scene = Scene::under(json!({"limits": limits}));
    let call = scene.reach();
    scene.pass(secs(4));
    assert!(call.answered().is_none());
    scene.pass(secs(1));
    let answer = call.answer();
    assert_eq!((answer.status, answer.header("x-llm-breaker")), (504, Some("fallback")));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert!(answer.complete && call.is_done());
    assert_eq!((scene.outcomes("timeout"), scene.outcomes("local")), (1, 0));
}

#[test]
fn abort_cuts_an_answer_that_has_begun() {
    let limits = json!({"first_token": "5s", "abort": true});
    let scene = Scene::under(json!({"limits": limits}));
    let call = stream(&scene);
    call.body_chunk(ROLE);
    scene.pass(secs(5));
    assert!(call.is_done());
    assert!(!call.answer().complete);
    assert_eq!((scene.outcomes("timeout"), scene.outcomes("cancelled")), (1, 0));
}

#[test]
fn in_shadow_nothing_is_aborted() {
    let limits = json!({"total": "5s", "abort": true});
    let scene = Scene::under(json!({"mode": "shadow", "limits": limits}));
    let call = scene.reach();
    scene.pass(secs(6));
    assert_eq!(scene.outcomes("timeout"), 1);
    assert!(!call.is_done());
    let answer = call.upstream_answers(crate::scene::completion());
    assert_eq!((answer.status, answer.header("x-llm-breaker")), (200, None));
}
