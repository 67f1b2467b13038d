//! A call that an open breaker refuses goes another way, as a call of that way's own breaker.

use llm_breaker_host_tests::host::{Call, Request, Response, Upstream};
use serde_json::{Value, json};

use crate::scene::{AZURE, OPENAI, Scene, TRIP, chat, chat_with, completion, defaults, secs, stat};

const SPARE: &str = "spare";
const ROUTE: &str = "x-llm-route";

/// To Azure, and if that is open, too, to the spare.
fn chain() -> Value {
    json!([way("azure", AZURE), way("spare", SPARE)])
}

fn way(value: &str, cluster: &str) -> Value {
    json!({"kind": "reroute", "header": ROUTE, "value": value, "cluster": cluster})
}

fn scene(fallback: Value) -> Scene {
    scene_under(json!({"fallback": fallback}))
}

fn scene_under(policy: Value) -> Scene {
    built(defaults(policy))
}

fn built(mut configuration: Value) -> Scene {
    configuration["stop_iteration"] = json!(true);
    Scene::built(2, |world| {
        world
            .configuration(configuration)
            .header_route(ROUTE, "azure", AZURE)
            .header_route(ROUTE, "spare", SPARE)
            .allow_on_headers_stop_iteration()
    })
}

/// The first provider's breaker is open.
fn opened(fallback: Value) -> Scene {
    let scene = scene(fallback);
    scene.fail(TRIP);
    scene
}

fn blocked(scene: &Scene) -> u64 {
    scene.count("requests_blocked_total")
}

fn fallbacks(scene: &Scene, kind: &str) -> u64 {
    scene.counter(&stat(OPENAI, "fallbacks_total", &[("kind", kind)]))
}

fn outcomes(scene: &Scene, cluster: &str, category: &str) -> u64 {
    scene.counter(&stat(cluster, "outcomes_total", &[("category", category)]))
}

/// A call that went to this cluster.
fn sent_to(scene: &Scene, cluster: &str) -> Call {
    let call = scene.reach();
    assert_eq!(call.cluster().as_deref(), Some(cluster));
    call
}

#[test]
fn a_refused_call_goes_to_the_next_provider_and_counts_there() {
    let scene = opened(chain());
    let call = sent_to(&scene, AZURE);
    assert_eq!(call.forwarded_header(ROUTE).as_deref(), Some(&b"azure"[..]));
    let answer = call.upstream_answers(completion());
    assert_eq!((answer.status, answer.header("x-llm-breaker")), (200, None));
    assert_eq!(outcomes(&scene, AZURE, "success"), 1);
    assert_eq!((blocked(&scene), fallbacks(&scene, "reroute")), (1, 1));
    assert_eq!(scene.state(), "open");
}

#[test]
fn credentials_stay_with_their_provider() {
    let scene = opened(chain());
    let mut request = chat().header("x-other", "kept");
    for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
        request = request.header(name, "secret");
    }
    let call = scene.send(request);
    for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
        assert_eq!(call.forwarded_header(name), None, "{name}");
    }
    assert_eq!(call.forwarded_header("x-other").as_deref(), Some(&b"kept"[..]));
}

#[test]
fn a_way_may_set_and_remove_what_it_likes() {
    let mut way = way("azure", AZURE);
    way["set_headers"] = json!({"api-key": "of azure", "x-new": "1"});
    way["remove_headers"] = json!(["x-other"]);
    way["path"] = json!("/openai/deployments/gpt/chat/completions");
    let scene = opened(json!([way]));
    let call = scene.send(chat().header("authorization", "kept").header("x-other", "gone"));
    let header = |name| call.forwarded_header(name).map(|it| String::from_utf8(it).expect("text"));
    assert_eq!(header("api-key").as_deref(), Some("of azure"));
    assert_eq!(header("x-new").as_deref(), Some("1"));
    assert_eq!(header("authorization").as_deref(), Some("kept"));
    assert_eq!(header("x-other"), None);
    assert_eq!(header(":path").as_deref(), Some("/openai/deployments/gpt/chat/completions"));
}

#[test]
fn a_target_that_fails_opens_its_own_breaker_and_the_next_one_serves() {
    let scene = opened(chain());
    for _ in 0..TRIP {
        sent_to(&scene, AZURE).upstream_answers(Response::status(500));
    }
    assert_eq!(scene.state_of(AZURE), "open");
    assert_eq!(outcomes(&scene, OPENAI, "server_error"), TRIP as u64, "its own alone");
    sent_to(&scene, SPARE).upstream_answers(completion());
    assert_eq!(outcomes(&scene, SPARE, "success"), 1);
}

#[test]
fn with_all_open_the_error_carries_the_shortest_wait() {
    let scene = opened(chain());
    let announced = Response::status(500).header("retry-after", "100");
    for _ in 0..TRIP {
        sent_to(&scene, AZURE).upstream_answers(announced.clone());
    }
    scene.pass(secs(10));
    for _ in 0..TRIP {
        sent_to(&scene, SPARE).upstream(Upstream::RefusesConnection);
    }
    assert_eq!(scene.retry_after(), 20, "the first provider's");
    assert_eq!(fallbacks(&scene, "error"), 1);
}

#[test]
fn a_client_that_brings_the_header_is_refused() {
    let scene = scene(chain());
    for value in ["azure", "anything", ""] {
        let call = scene.send(chat().header(ROUTE, value));
        assert!(!call.is_forwarded(), "{value:?}");
        assert_eq!(call.answer().status, 400, "{value:?}");
    }
    let shadow = scene_under(json!({"mode": "shadow", "fallback": chain()}));
    assert!(shadow.send(chat().header(ROUTE, "azure")).is_forwarded());
}

#[test]
fn in_shadow_nothing_is_rerouted() {
    let scene = scene_under(json!({"mode": "shadow", "fallback": chain()}));
    scene.fail(TRIP);
    sent_to(&scene, OPENAI).upstream_answers(completion());
    assert_eq!((blocked(&scene), fallbacks(&scene, "reroute")), (0, 0));
}

#[test]
fn a_target_that_speaks_another_dialect_is_passed_over_unless_it_translates() {
    let mut way = way("azure", AZURE);
    way["provider"] = json!("anthropic");
    let scene = opened(json!([way]));
    scene.held_back();
    way["translates"] = json!(true);
    sent_to(&opened(json!([way])), AZURE);
    way["translates"] = json!(false);
    way["provider"] = json!("openai");
    sent_to(&opened(json!([way])), AZURE);
}

#[test]
fn a_target_takes_requests_up_to_a_size_that_it_declares() {
    let mut way = way("azure", AZURE);
    way["max_request_bytes"] = json!(1000);
    let scene = opened(json!([way]));
    let sized = |size: &str| scene.send(chat().header("content-length", size).body("{}"));
    assert!(sized("1000").is_forwarded());
    assert!(!sized("1001").is_forwarded());
    assert!(!scene.send(chat().body("{}")).is_forwarded(), "of a size that nobody knows");
    let without = Request::new("POST", "/v1/chat/completions").cluster(OPENAI);
    assert!(scene.send(without).is_forwarded());
}

#[test]
fn a_target_is_sent_no_more_than_it_may_be_in_a_minute() {
    let mut way = way("azure", AZURE);
    way["max_per_minute"] = json!(3);
    let scene = opened(json!([way]));
    let sent = (0..10).filter(|_| scene.send(chat()).is_forwarded()).count();
    assert_eq!(sent, 3);
    assert_eq!((fallbacks(&scene, "reroute"), fallbacks(&scene, "error")), (3, 7));
}

#[test]
fn a_probe_that_did_not_go_out_is_none() {
    let mut way = way("azure", AZURE);
    way["max_per_minute"] = json!(TRIP);
    let mut configuration = defaults(json!({"fallback": [way], "open": {"base": "600s"}}));
    configuration["breakers"] = json!([{"cluster": AZURE, "open": {"base": "1s", "jitter": 0}}]);
    let scene = built(configuration);
    scene.fail(TRIP);
    for _ in 0..TRIP {
        sent_to(&scene, AZURE).upstream(Upstream::RefusesConnection);
    }
    scene.pass(secs(1));
    assert_eq!(scene.state_of(AZURE), "half_open");
    let probes = || scene.counter(&stat(AZURE, "half_open_requests_total", &[]));
    scene.held_back();
    scene.held_back();
    assert_eq!(probes(), 0, "the allowance is used up");
    scene.pass(secs(120));
    sent_to(&scene, AZURE).upstream_answers(completion());
    assert_eq!((probes(), scene.state_of(AZURE)), (1, "closed"));
}

#[test]
fn what_a_last_resort_finds_over_at_its_target_is_counted_and_logged() {
    let last = json!({"kind": "last_resort"});
    let mut configuration =
        defaults(json!({"fallback": [last, way("azure", AZURE)], "open": {"base": "600s"}}));
    let old = json!([{"cluster": AZURE, "open": {"base": "30s", "jitter": 0}}]);
    configuration["breakers"] = old;
    let scene = built(configuration.clone());
    for _ in 0..TRIP {
        scene.send(chat_with(AZURE)).upstream_answers(Response::status(500));
    }
    scene.fail(TRIP);
    scene.advance(secs(1));
    configuration["breakers"][0]["reset_generation"] = json!(1);
    scene.reconfigure(configuration).expect("a good configuration");
    sent_to(&scene, AZURE);
    let changes = stat(AZURE, "state_changes_total", &[("from", "open"), ("to", "closed")]);
    assert_eq!((scene.counter(&changes), scene.state_of(AZURE)), (1, "closed"));
}

#[test]
fn a_way_that_leads_back_is_none() {
    let scene = opened(json!([way("azure", OPENAI)]));
    scene.held_back();
}

#[test]
fn a_route_that_is_not_there_says_nothing_about_the_target() {
    let scene = opened(json!([way("nowhere", AZURE)]));
    let call = sent_to(&scene, OPENAI);
    call.upstream_answers(Response::status(500));
    assert_eq!(scene.events("reroute_not_taken").len(), 1);
    assert_eq!(outcomes(&scene, AZURE, "server_error"), 0);
}

#[test]
fn a_reason_can_choose_the_way() {
    let mut quota = way("azure", AZURE);
    quota["when"] = json!(["quota_exhausted"]);
    let scene = scene(json!([quota]));
    scene.fail(TRIP);
    scene.held_back();
    let scene = self::scene(json!([quota]));
    scene.answer(Response::status(402));
    sent_to(&scene, AZURE);
}

#[test]
fn a_model_can_be_asked_for_by_another_name() {
    let mut way = way("azure", AZURE);
    way["model"] = json!("gpt-4.1-mini");
    let scene = opened(json!([way]));
    let body = r#"{"messages":[{"content":"model"}],"model":"gpt-4.1","n":1}"#;
    let length = body.len().to_string();
    let request = Request::post("/v1/chat/completions").cluster(OPENAI).without_upload();
    let call = scene.send(request.header("content-length", length));
    assert!(call.is_paused());
    call.upload(&body[..20]);
    call.finish_upload(&body[20..]);
    assert_eq!(call.cluster().as_deref(), Some(AZURE));
    let sent = body.replace("gpt-4.1", "gpt-4.1-mini");
    assert_eq!(String::from_utf8(call.forwarded_body()).expect("text"), sent);
    assert_eq!(call.forwarded_header("content-length"), Some(sent.len().to_string().into()));
    call.upstream_answers(completion());
    assert_eq!(outcomes(&scene, AZURE, "success"), 1);
}

#[test]
fn a_target_has_parts_of_its_own() {
    let mut way = way("azure", AZURE);
    way["set_headers"] = json!({"x-served": "azure"});
    let azure = json!({
        "cluster": AZURE, "key_by": {"header": "x-team", "values": ["search"]},
        "fallback": [{"kind": "error"}],
    });
    let mut configuration = defaults(json!({"fallback": [way]}));
    configuration["breakers"] = json!([azure]);
    let scene = built(configuration);
    scene.fail(TRIP);
    for _ in 0..TRIP {
        let call = scene.send(chat().header("x-team", "search"));
        call.upstream_answers(Response::status(500));
    }
    assert!(!scene.send(chat().header("x-team", "search")).is_forwarded());
    assert!(scene.send(chat().header("x-team", "ads")).is_forwarded());
}

#[test]
fn a_last_resort_lets_one_call_at_a_time_through_to_whose_wait_ends_first() {
    let last = json!({"kind": "last_resort"});
    let scene = opened(json!([way("azure", AZURE), last]));
    scene.pass(secs(10));
    for _ in 0..TRIP {
        sent_to(&scene, AZURE).upstream(Upstream::RefusesConnection);
    }
    // The first provider's wait is 20 s, Azure's 30 s.
    let first = sent_to(&scene, OPENAI);
    let second = sent_to(&scene, AZURE);
    scene.held_back();
    first.upstream_answers(Response::status(500));
    assert_eq!(scene.state(), "open");
    let third = sent_to(&scene, OPENAI);
    third.upstream_answers(completion());
    assert_eq!(scene.state(), "open", "it is no probe");
    second.client_leaves();
    assert_eq!(fallbacks(&scene, "last_resort"), 3);
}

#[test]
fn a_model_that_the_path_names_is_changed_there() {
    let mut way = way("azure", AZURE);
    way["model"] = json!("gemini-2.5-flash");
    let scene = opened(json!([way]));
    let path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
    let call = scene.send(Request::post(path).cluster(OPENAI));
    assert_eq!(call.cluster().as_deref(), Some(AZURE));
    let expected = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    assert_eq!(call.forwarded_header(":path"), Some(expected.into()));
}

#[test]
fn a_last_resort_leads_only_where_the_list_would() {
    let mut quota = way("azure", AZURE);
    quota["when"] = json!(["quota_exhausted"]);
    let scene = opened(json!([quota, {"kind": "last_resort"}]));
    sent_to(&scene, OPENAI);
    scene.held_back();
}

#[test]
fn a_last_resort_is_not_blocked_wherever_it_leads() {
    let scene = opened(json!([way("azure", AZURE), {"kind": "last_resort"}]));
    for _ in 0..TRIP {
        sent_to(&scene, AZURE).upstream(Upstream::RefusesConnection);
    }
    let before = blocked(&scene);
    let (_first, _second) = (scene.reach(), scene.reach());
    assert_eq!((blocked(&scene), fallbacks(&scene, "last_resort")), (before, 2));
}

#[test]
fn a_target_in_shadow_counts_what_it_would_have_refused() {
    let mut configuration = defaults(json!({"fallback": [way("azure", AZURE)]}));
    configuration["breakers"] =
        json!([{"cluster": AZURE, "mode": "shadow", "fallback": [{"kind": "error"}]}]);
    let scene = built(configuration);
    scene.fail(TRIP);
    for _ in 0..=TRIP {
        sent_to(&scene, AZURE).upstream_answers(Response::status(500));
    }
    assert_eq!(scene.counter(&stat(AZURE, "requests_would_block_total", &[])), 1);
}

#[test]
fn no_client_gets_past_a_breaker_by_way_of_one_that_only_watches() {
    let mut configuration = defaults(json!({"fallback": chain()}));
    configuration["breakers"] = json!([{"cluster": AZURE, "mode": "shadow"}]);
    let scene = built(configuration);
    let call = scene.send(chat_with(AZURE).header(ROUTE, "azure"));
    assert!(!call.is_forwarded());
    assert_eq!(call.answer().status, 400);
}

#[test]
fn a_key_in_the_query_stays_with_its_provider() {
    let path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent";
    let asked = |scene: &Scene, query: &str| {
        let call = scene.send(Request::post(&format!("{path}?{query}")).cluster(OPENAI));
        let sent = call.forwarded_header(":path").expect("a path");
        String::from_utf8(sent).expect("text").replacen(path, "", 1)
    };
    let scene = opened(json!([way("azure", AZURE)]));
    for (query, expected) in [
        ("alt=sse&key=secret", "?alt=sse"),
        ("key=secret&alt=sse&key=another", "?alt=sse"),
        ("key=secret", ""),
        ("k%65y=secret&alt=sse", "?alt=sse"),
        ("access_token=secret&alt=sse", "?alt=sse"),
        ("alt=sse&monkey=1", "?alt=sse&monkey=1"),
    ] {
        assert_eq!(asked(&scene, query), expected, "{query}");
    }
    let mut kept = way("azure", AZURE);
    kept["remove_headers"] = json!(["x-other"]);
    assert_eq!(asked(&opened(json!([kept])), "key=kept&alt=sse"), "?key=kept&alt=sse");
}

#[test]
fn a_target_that_tells_models_apart_learns_the_model_from_the_body() {
    let azure = json!({
        "cluster": AZURE, "key_by": "model", "models": ["o3"], "fallback": [{"kind": "error"}],
    });
    let mut configuration = defaults(json!({"fallback": [way("azure", AZURE)]}));
    configuration["breakers"] = json!([azure]);
    let scene = built(configuration);
    scene.fail(TRIP);
    let body = r#"{"messages":[],"model":"o3"}"#;
    let request = Request::post("/v1/chat/completions").cluster(OPENAI).without_upload();
    let call = scene.send(request.header("content-length", body.len().to_string()));
    assert!(call.is_paused());
    call.finish_upload(body);
    assert_eq!(call.cluster().as_deref(), Some(AZURE));
    assert_eq!(call.forwarded_body(), body.as_bytes());
    call.upstream_answers(completion());
    let labels = [("llm_model", "o3"), ("category", "success")];
    assert_eq!(scene.counter(&stat(AZURE, "outcomes_total", &labels)), 1);
}
