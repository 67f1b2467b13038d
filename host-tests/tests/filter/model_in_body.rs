//! A request is held at its headers only as long as its body may still name its model, and only as
//! much of it as Envoy surely keeps.

use llm_breaker_host_tests::host::{Call, Request, Response, Status};
use serde_json::{Value, json};

use crate::scene::{OPENAI, Scene, TRIP, completion, defaults, secs, stat};

const LIMIT_BYTES: usize = 2048;

fn scene() -> Scene {
    scene_and(json!({}))
}

fn scene_and(more: Value) -> Scene {
    let mut policy =
        json!({"key_by": "model", "models": ["gpt-4.1", "o3"], "body_limit": LIMIT_BYTES});
    let fields = policy.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    let mut configuration = defaults(policy);
    configuration["stop_iteration"] = json!(true);
    Scene::built(2, |world| {
        world
            .configuration(configuration)
            .allow_on_headers_stop_iteration()
            .buffer_limit_bytes(LIMIT_BYTES)
    })
}

/// A chat whose body names the model last, as Python's SDKs write it.
fn body(model: &str, padding: usize) -> String {
    let padding = "x".repeat(padding);
    format!(r#"{{"messages":[{{"role":"user","content":"{padding}"}}],"model":"{model}"}}"#)
}

/// A chat that says how long its body is; none of it has come.
fn announced(body: &str) -> Request {
    unannounced().header("content-length", body.len().to_string())
}

fn unannounced() -> Request {
    Request::post("/v1/chat/completions").cluster(OPENAI).without_upload()
}

fn send(scene: &Scene, body: &str) -> Call {
    let call = scene.send(announced(body));
    assert!(call.is_paused(), "not held");
    call.finish_upload(body);
    call
}

fn fail(scene: &Scene, model: &str) {
    for _ in 0..TRIP {
        send(scene, &body(model, 10)).upstream_answers(Response::status(500));
    }
}

fn state(scene: &Scene, model: &str) -> u64 {
    scene.gauge(&stat(OPENAI, "state", &[("llm_model", model)]))
}

#[test]
fn models_that_only_the_body_names_fail_apart() {
    let scene = scene();
    fail(&scene, "gpt-4.1");
    let held_back = send(&scene, &body("gpt-4.1", 10));
    assert!(!held_back.is_forwarded());
    assert_eq!(held_back.answer().header("x-llm-breaker"), Some("open"));
    let other = send(&scene, &body("o3", 10));
    assert_eq!(other.forwarded_body(), body("o3", 10).into_bytes());
    assert_eq!(other.upstream_answers(completion()).status, 200);
    assert_eq!((state(&scene, "gpt-4.1"), state(&scene, "o3")), (1, 0));
}

#[test]
fn a_request_goes_on_as_soon_as_its_model_is_known() {
    let body = format!(r#"{{"model":"o3","padding":"{}"}}"#, "x".repeat(1000));
    for at in 1..40 {
        let scene = scene();
        let call = scene.send(announced(&body));
        let (first, rest) = body.split_at(at);
        call.upload(first);
        assert_eq!(call.is_forwarded(), at >= r#"{"model":"o3""#.len(), "{at}");
        call.finish_upload(rest);
        assert_eq!(call.forwarded_body(), body.as_bytes(), "{at}");
        call.upstream_answers(Response::status(500));
        assert_eq!(scene.outcomes("server_error"), 0, "not the cluster's");
        let failed = [("llm_model", "o3"), ("category", "server_error")];
        assert_eq!(scene.counter(&stat(OPENAI, "outcomes_total", &failed)), 1);
    }
}

#[test]
fn what_envoy_might_not_keep_is_not_waited_for() {
    let scene = scene();
    let long = body("o3", LIMIT_BYTES);
    let call = scene.send(announced(&long));
    call.upload(&long[..100]);
    assert!(call.is_forwarded(), "longer than the limit");
    call.finish_upload(&long[100..]);
    assert_eq!(call.forwarded_body(), long.as_bytes());
    call.upstream_answers(Response::status(500));

    let short = body("o3", 10);
    let call = scene.send(unannounced());
    call.upload(&short[..10]);
    assert!(call.is_forwarded(), "of a length that nobody knows");
    call.finish_upload(&short[10..]);
    call.upstream_answers(Response::status(500));

    let call = scene.send(unannounced());
    call.finish_upload(&short);
    call.upstream_answers(Response::status(500));

    let failed = |model| {
        let labels = [("llm_model", model), ("category", "server_error")];
        scene.counter(&stat(OPENAI, "outcomes_total", &labels))
    };
    assert_eq!((failed("other"), failed("o3")), (2, 1), "the last came in one piece");
}

#[test]
fn what_names_no_model_is_another() {
    for text in ["{}", "", "garbage", r#"{"model":7}"#, r#"{"messages":["#, "\u{1f}\u{8b}"] {
        let scene = scene();
        let call = scene.send(announced(text));
        call.finish_upload(text);
        assert_eq!(call.upstream_answers(completion()).status, 200, "{text:?}");
        let ended = [("llm_model", "other"), ("category", "success")];
        assert_eq!(scene.counter(&stat(OPENAI, "outcomes_total", &ended)), 1, "{text:?}");
    }
}

#[test]
fn a_body_that_ends_in_trailers_is_over() {
    let scene = scene();
    let text = body("o3", 10);
    let request = announced(&text).body(&text).trailer("x-checksum", "7");
    let call = scene.send(request);
    assert!(call.is_forwarded());
    assert_eq!(call.upstream_answers(completion()).status, 200);
    assert!(call.is_done());
}

#[test]
fn a_client_that_leaves_while_it_is_held_leaves_nothing_behind() {
    let scene = scene();
    let text = body("o3", 100);
    for _ in 0..2 * TRIP {
        let call = scene.send(announced(&text));
        call.upload(&text[..50]);
        call.client_leaves();
        assert!(call.is_done());
    }
    assert_eq!(send(&scene, &text).upstream_answers(completion()).status, 200);
    assert_eq!(scene.transitions().len(), 0);
}

#[test]
fn only_what_must_be_known_is_waited_for() {
    let scene = scene();
    let text = body("o3", 10);
    for path in ["/v1/files", "/openai/deployments/o3/chat/completions", "/model/o3/converse"] {
        let request = Request::post(path).cluster(OPENAI).without_upload();
        assert!(
            scene.send(request.header("content-length", text.len().to_string())).is_forwarded()
        );
    }
    assert!(scene.send(Request::get("/v1/chat/completions").cluster(OPENAI)).is_forwarded());

    for mode in ["disabled", "forced_open"] {
        let scene = scene_and(json!({"mode": mode}));
        let call = scene.send(announced(&text));
        assert_eq!(call.is_forwarded(), mode == "disabled", "{mode}");
        assert_eq!(call.is_done(), mode == "forced_open", "{mode}");
    }
}

#[test]
fn without_envoys_option_nothing_is_held() {
    let policy = json!({"key_by": "model", "models": ["o3"]});
    let scene = Scene::under(policy);
    assert!(scene.send(announced(&body("o3", 10))).is_forwarded());
}

#[test]
fn limits_begin_when_a_held_request_was_sent_on() {
    let scene = scene_and(json!({"limits": {"total": "5s"}}));
    let text = body("o3", 10);
    let call = scene.send(announced(&text));
    scene.pass(crate::scene::secs(60));
    call.finish_upload(&text);
    scene.pass(crate::scene::secs(4));
    let timed_out = stat(OPENAI, "outcomes_total", &[("llm_model", "o3"), ("category", "timeout")]);
    assert_eq!(scene.counter(&timed_out), 0);
    scene.pass(crate::scene::secs(1));
    assert_eq!(scene.counter(&timed_out), 1);
}

const HOST_CALLS: [&str; 9] = [
    "proxy_get_property",
    "proxy_get_header_map_pairs",
    "proxy_get_buffer_bytes",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_define_metric",
    "proxy_set_effective_context",
    "proxy_send_local_response",
    "proxy_close_stream",
];

/// A stream of each model that hangs, and is held back or ended if the host lets the filter.
fn hang(scene: &Scene) {
    for model in ["o3", "gpt-4.1", "unknown"] {
        let call = scene.send(announced(&body(model, 10)));
        if call.is_paused() {
            call.finish_upload(body(model, 10));
        }
        assert!(!call.is_paused() || call.is_done(), "{model} is held for ever");
        if call.is_forwarded() {
            call.response_headers(&Response::event_stream());
            scene.pass(secs(1));
            scene.pass(secs(1));
        }
        if !call.is_done() {
            call.client_leaves();
        }
    }
}

#[test]
fn a_host_that_does_not_play_along_leaves_no_request_held() {
    for host_call in HOST_CALLS {
        for status in [Status::NotFound, Status::BadArgument, Status::InternalFailure] {
            let scene = scene_and(json!({"limits": {"first_token": "1s", "abort": true}}));
            fail(&scene, "o3");
            scene.fail_always(host_call, status);
            hang(&scene);
            scene.clear_faults();
            scene.advance(secs(7200));
            for model in ["o3", "gpt-4.1"] {
                let answer = send(&scene, &body(model, 10)).upstream_answers(completion());
                assert_eq!(answer.status, 200, "{host_call} {status:?} {model}");
            }
        }
    }
}
