//! How every way in which a call can end counts.

use llm_breaker_host_tests::host::{Call, EarlierReply, Request, Response, Upstream, flags};
use serde_json::json;

use crate::scene::{OPENAI, Scene, TRIP, chat, completion, secs, stat};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Counts {
    AsSuccess,
    AsFailure,
    AsNothing,
    OpensAtOnce,
}
use Counts::*;

/// A call that ends so has this category, and counts so.
#[track_caller]
fn ends(request: &Request, end: impl Fn(&Call), category: &str, counts: Counts) {
    let policy = json!({"trip": {"failure_rate": null}});
    let scene = Scene::under(policy);
    let run = |times| {
        for _ in 0..times {
            end(&scene.send(request.clone()));
        }
    };
    scene.fail(TRIP - 1);
    run(1);
    assert_eq!(scene.outcomes(category) - u64::from(category == "server_error") * 4, 1);
    let state = scene.state();
    match counts {
        AsFailure | OpensAtOnce => assert_eq!(state, "open", "{category}: the fifth in a row"),
        AsSuccess => {
            assert_eq!(state, "closed", "{category}");
            scene.fail(1);
            assert_eq!(scene.state(), "closed", "{category} broke the run");
        }
        AsNothing => {
            assert_eq!(state, "closed", "{category}");
            scene.fail(1);
            assert_eq!(scene.state(), "open", "{category} did not break the run");
        }
    }
    let successes = u64::from(counts == AsSuccess);
    assert_eq!(scene.count("successes_total"), successes, "{category}");
    if counts == OpensAtOnce {
        let fresh = Scene::by_default();
        end(&fresh.send(request.clone()));
        assert_eq!(fresh.state(), "open", "{category}");
    }
}

#[track_caller]
fn answers(response: Response, category: &str, counts: Counts) {
    ends(&chat(), |call| drop(call.upstream_answers(response.clone())), category, counts);
}

#[test]
fn answers_of_the_upstream() {
    answers(completion(), "success", AsSuccess);
    answers(Response::status(204), "success", AsSuccess);
    answers(Response::event_stream(), "stream_interrupted", AsFailure);
    let done = Response::event_stream().chunked(["data: [DONE]\n\n"]);
    answers(done, "success", AsSuccess);
    answers(completion().trailer("grpc-status", "0"), "success", AsSuccess);
    answers(Response::status(301), "success", AsSuccess);
    answers(Response::status(400), "client_error", AsNothing);
    answers(Response::status(401), "authentication", AsNothing);
    answers(Response::status(402), "quota_exhausted", OpensAtOnce);
    answers(Response::status(403), "authentication", AsNothing);
    answers(Response::status(404), "client_error", AsNothing);
    answers(Response::status(408), "timeout", AsFailure);
    answers(Response::status(422), "client_error", AsNothing);
    answers(Response::status(429), "rate_limited", AsFailure);
    answers(Response::status(500), "server_error", AsFailure);
    answers(Response::status(501), "server_error", AsFailure);
    answers(Response::status(502), "server_error", AsFailure);
    answers(Response::status(503), "server_error", AsFailure);
    answers(Response::status(504), "timeout", AsFailure);
    answers(Response::status(529), "overloaded", AsFailure);
}

#[test]
fn an_open_web_socket_is_a_success_from_its_101_on() {
    let scene = Scene::by_default();
    let call = scene.send(chat().upgrade());
    call.response_headers(&Response::status(101).chunked([""; 0]));
    assert_eq!(scene.outcomes("success"), 1);
    call.client_leaves();
    assert_eq!((scene.outcomes("success"), scene.outcomes("cancelled")), (1, 0));
}

#[test]
fn an_upstream_that_does_not_answer() {
    let upstream = |behaviour| move |call: &Call| drop(call.upstream(behaviour));
    ends(&chat(), upstream(Upstream::RefusesConnection), "connection_failed", AsFailure);
    ends(&chat(), upstream(Upstream::Closes), "connection_reset", AsFailure);
    ends(&chat(), upstream(Upstream::TimesOut), "timeout", AsFailure);
    ends(&chat(), upstream(Upstream::AttemptTimesOut), "timeout", AsFailure);
    ends(&chat(), upstream(Upstream::FallsSilent), "timeout", AsFailure);
    ends(&chat(), upstream(Upstream::OutlastsRoute), "timeout", AsFailure);
    ends(&chat(), upstream(Upstream::OutlastsCluster), "timeout", AsFailure);
    let retried = chat().retried(2);
    ends(&retried, upstream(Upstream::RefusesConnection), "connection_failed", AsFailure);
    ends(&retried, upstream(Upstream::Closes), "connection_reset", AsFailure);
    ends(&chat().no_healthy_host_in(OPENAI), |_| (), "connection_failed", AsFailure);
}

#[test]
fn an_answer_that_breaks_off() {
    let cut = |behaviour| {
        move |call: &Call| {
            call.response_headers(&Response::event_stream());
            call.body_chunk("data: {}\n\n");
            call.upstream(behaviour);
        }
    };
    ends(&chat(), cut(Upstream::Closes), "stream_interrupted", AsFailure);
    ends(&chat(), cut(Upstream::TimesOut), "timeout", AsFailure);
    ends(&chat(), cut(Upstream::FallsSilent), "timeout", AsFailure);
    ends(&chat(), cut(Upstream::OutlastsRoute), "timeout", AsFailure);
    ends(&chat(), cut(Upstream::OutlastsCluster), "timeout", AsFailure);
}

#[test]
fn a_failure_is_known_at_its_headers() {
    let scene = Scene::by_default();
    for _ in 0..TRIP {
        scene.reach().response_headers(&Response::status(500).chunked([""; 0]));
    }
    assert_eq!(scene.state(), "open", "though the bodies are still running");
}

#[test]
fn a_success_is_known_at_its_end() {
    let scene = Scene::half_open();
    let probe = scene.reach();
    probe.response_headers(&Response::event_stream());
    probe.body_chunk("data: {}\n\n");
    assert_eq!(scene.state(), "half_open");
    probe.last_chunk("data: [DONE]\n\n");
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_client_that_leaves_after_a_failed_head_does_not_make_it_a_cancel() {
    let scene = Scene::by_default();
    let call = scene.reach();
    call.response_headers(&Response::status(500).chunked([""; 0]));
    call.client_leaves();
    assert_eq!((scene.outcomes("server_error"), scene.outcomes("cancelled")), (1, 0));
}

#[test]
fn answers_that_no_upstream_gave() {
    ends(&chat().overflowing_cluster(OPENAI), |_| (), "local", AsNothing);
    for (status, flags) in
        [(503, flags::FAULT_INJECTED), (429, 0x800), (403, 0x1000), (500, 0), (402, 0)]
    {
        let reply = EarlierReply { status, flags, details: "another_filter", body: "no" };
        ends(&chat().another_filter_replies(reply), |_| (), "local", AsNothing);
    }
}

#[test]
fn answers_of_another_breaker() {
    for status in [200, 402, 429, 500, 503] {
        let marked = Response::status(status)
            .header("x-llm-breaker", "open")
            .header("retry-after", "3600")
            .body("{}");
        answers(marked, "local", AsNothing);
    }
}

#[test]
fn clients_that_leave() {
    ends(&chat(), Call::client_leaves, "cancelled", AsNothing);
    let mid_stream = |call: &Call| {
        call.response_headers(&Response::event_stream());
        call.client_leaves();
    };
    ends(&chat(), mid_stream, "cancelled", AsNothing);
}

#[test]
fn clients_that_gave_up_without_a_byte_are_the_providers_time_out() {
    let scene = Scene::by_default();
    let calls: Vec<_> = (0..TRIP).map(|_| scene.reach()).collect();
    scene.pass(secs(30));
    calls.iter().for_each(Call::client_leaves);
    assert_eq!(scene.outcomes("timeout"), 5);
    assert_eq!(scene.state(), "open");
}

#[test]
fn unless_somebody_else_got_an_answer_meanwhile() {
    let scene = Scene::by_default();
    let calls: Vec<_> = (0..TRIP).map(|_| scene.reach()).collect();
    scene.pass(secs(20));
    scene.succeed(1);
    scene.pass(secs(20));
    calls.iter().for_each(Call::client_leaves);
    assert_eq!((scene.outcomes("timeout"), scene.outcomes("cancelled")), (0, 5));
    assert_eq!(scene.state(), "closed");
}

#[test]
fn or_they_got_bytes_themselves() {
    let scene = Scene::by_default();
    let calls: Vec<_> = (0..TRIP).map(|_| scene.reach()).collect();
    scene.pass(secs(40));
    let (first, others) = calls.split_first().expect("five calls");
    first.response_headers(&Response::event_stream());
    first.client_leaves();
    others.iter().for_each(Call::client_leaves);
    assert_eq!(scene.outcomes("cancelled"), 5, "the others saw that it answers");
}

#[test]
fn a_limit_of_null_lets_every_client_leave() {
    let scene = Scene::under(json!({"limits": {"abandoned": null}}));
    let calls: Vec<_> = (0..TRIP).map(|_| scene.reach()).collect();
    scene.pass(secs(3_000));
    calls.iter().for_each(Call::client_leaves);
    assert_eq!(scene.outcomes("cancelled"), 5);
}

#[test]
fn every_call_is_counted_once() {
    let scene = Scene::by_default();
    scene.succeed(3);
    scene.answer(Response::status(404));
    scene.reach().client_leaves();
    scene.reach().upstream(Upstream::Closes);
    let outcomes: u64 = scene
        .metrics()
        .iter()
        .filter(|(name, _)| name.starts_with("llm_circuit_breaker_outcomes_total."))
        .map(|(name, _)| scene.counter(name))
        .sum();
    assert_eq!(outcomes, 6);
}

#[test]
fn an_operators_verdict_counts_in_the_stats_too() {
    let scene = Scene::under(json!({"verdicts": {"server_error": "ignore", "timeout": "open"}}));
    scene.fail(20);
    assert_eq!((scene.state(), scene.count("failures_total")), ("closed", 0));
    assert_eq!(scene.outcomes("server_error"), 20);
    let ignored = stat(OPENAI, "call_duration_milliseconds", &[("result", "ignored")]);
    assert_eq!(scene.samples(&ignored).len(), 20);
    scene.answer(Response::status(504));
    assert_eq!((scene.state(), scene.count("failures_total")), ("open", 1));
}
