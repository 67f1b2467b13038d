//! A gRPC upstream is judged by the status that it ends with.

use llm_breaker_host_tests::host::{Call, Request, Response, Upstream};
use serde_json::json;

use crate::scene::{OPENAI, Scene, millis};

/// What each of gRPC's statuses counts as.
const CATEGORIES: [&str; 17] = [
    "success",
    "cancelled",
    "server_error",
    "client_error",
    "timeout",
    "client_error",
    "client_error",
    "authentication",
    "rate_limited",
    "client_error",
    "client_error",
    "client_error",
    "client_error",
    "server_error",
    "overloaded",
    "server_error",
    "authentication",
];

fn request() -> Request {
    Request::post("/inference.Model/Infer")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .cluster(OPENAI)
}

fn head() -> Response {
    Response::status(200).header("content-type", "application/grpc+proto")
}

fn message() -> Response {
    head().chunked([b"\0\0\0\0\x02hi"])
}

/// A scene in which nothing opens the breaker.
fn watching() -> Scene {
    Scene::under(json!({"trip": {"consecutive_failures": null, "failure_rate": null}}))
}

/// The only call of a scene ends so.
#[track_caller]
fn ends(request: Request, end: impl FnOnce(&Scene, &Call), category: &str) {
    let scene = watching();
    let call = scene.send(request);
    end(&scene, &call);
    assert_eq!(scene.outcomes(category), 1, "{category}: {call:?}");
}

#[track_caller]
fn answers(response: Response, category: &str) {
    ends(request(), |_, call| drop(call.upstream_answers(response)), category);
}

#[test]
fn every_status_counts_from_the_trailers_and_without_them() {
    for (code, category) in CATEGORIES.into_iter().enumerate() {
        let code = code.to_string();
        answers(message().trailer("grpc-status", &code), category);
        answers(head().header("grpc-status", &code), category);
    }
}

#[test]
fn a_status_that_grpc_does_not_know_is_the_servers_mistake() {
    for code in ["17", "4711", "", "ok", "-1"] {
        answers(message().trailer("grpc-status", code), "server_error");
        answers(head().header("grpc-status", code), "server_error");
    }
}

#[test]
fn an_end_without_a_status_is_none() {
    answers(message(), "stream_interrupted");
    answers(head(), "stream_interrupted");
    answers(message().trailer("x-other", "0"), "stream_interrupted");
    let last = |_: &Scene, call: &Call| {
        call.response_headers(&head().chunked([""; 0]));
        call.last_chunk(b"\0\0\0\0\0");
    };
    ends(request(), last, "stream_interrupted");
}

#[test]
fn a_status_elsewhere_means_nothing() {
    answers(Response::status(503).header("grpc-status", "0"), "server_error");
    let not_found = Response::status(404).header("content-type", "application/grpc");
    answers(not_found.header("grpc-status", "14"), "client_error");
    answers(Response::status(200).chunked(["x"]).trailer("grpc-status", "14"), "success");
    let web = Response::status(200).header("content-type", "application/grpc-web+proto");
    answers(web.chunked([b"\x80\0\0\0\x10grpc-status: 0\r\n"]), "success");
}

#[test]
fn what_breaks_off_counts_as_ever() {
    let broken = |upstream| {
        move |_: &Scene, call: &Call| {
            call.response_headers(&head().chunked([""; 0]));
            call.body_chunk(b"\0\0\0\0\0");
            call.upstream(upstream);
        }
    };
    ends(request(), broken(Upstream::Closes), "stream_interrupted");
    ends(request(), broken(Upstream::TimesOut), "timeout");
    ends(request(), |_, call| drop(call.upstream(Upstream::Closes)), "connection_reset");
    ends(
        request(),
        |_, call| drop(call.upstream(Upstream::RefusesConnection)),
        "connection_failed",
    );
    let left = |_: &Scene, call: &Call| {
        call.response_headers(&head().chunked([""; 0]));
        call.client_leaves();
    };
    ends(request(), left, "cancelled");
}

#[test]
fn a_deadline_that_the_client_set_is_its_own() {
    let exceeded = |after| {
        move |scene: &Scene, call: &Call| {
            scene.advance(millis(after));
            call.upstream_answers(message().trailer("grpc-status", "4"));
        }
    };
    let impatient = || request().header("grpc-timeout", "500m");
    ends(impatient(), exceeded(500), "cancelled");
    ends(impatient(), exceeded(400), "timeout");
    ends(request(), exceeded(500), "timeout");
    let struck = |scene: &Scene, call: &Call| {
        scene.advance(millis(500));
        call.upstream(Upstream::OutlastsRoute);
    };
    ends(impatient(), struck, "cancelled");
}

#[test]
fn a_late_success_is_slow() {
    let scene = Scene::under(json!({"slow": {"total": "1s"}}));
    let call = scene.send(request());
    call.response_headers(&head().chunked([""; 0]));
    scene.advance(millis(1500));
    call.trailers(&[("grpc-status", "0")]);
    assert_eq!((scene.outcomes("slow"), scene.count("slow_calls_total")), (1, 1));
}

#[test]
fn failures_of_grpc_open_the_breaker_and_no_message_is_fetched() {
    let scene = Scene::by_default();
    let before = scene.host_calls("proxy_get_buffer_bytes");
    for _ in 0..5 {
        scene.send(request()).upstream_answers(message().trailer("grpc-status", "14"));
    }
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.host_calls("proxy_get_buffer_bytes"), before);
}

#[test]
fn a_matcher_is_asked_before_the_status() {
    let header = json!({"name": "grpc-status", "equals": "5"});
    let scene = Scene::under(json!({"matchers": [{"header": header, "category": "success"}]}));
    scene.send(request()).upstream_answers(head().header("grpc-status", "5"));
    assert_eq!(scene.outcomes("success"), 1);
}
