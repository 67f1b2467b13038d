//! Keyed by model or by a header: parts of a cluster's calls fail apart, and what concerns the
//! provider is learnt once for all of them.

use llm_breaker_host_tests::host::{Answer, Call, Request, Response, Upstream};
use serde_json::{Value, json};

use crate::scene::{OPENAI, Scene, TRIP, completion, secs, stat};

/// Two models with breakers of their own, named by a header.
fn by_model() -> Scene {
    by_model_and(json!({}))
}

fn by_model_and(more: Value) -> Scene {
    let mut policy = json!({
        "key_by": "model", "models": ["gpt-4.1", "o*"], "model_header": "x-model",
    });
    let fields = policy.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    Scene::under(policy)
}

fn chat_with(model: &str) -> Request {
    Request::post("/v1/chat/completions").cluster(OPENAI).header("x-model", model)
}

/// A call to this model reaches the upstream.
fn reach(scene: &Scene, model: &str) -> Call {
    let call = scene.send(chat_with(model));
    assert!(call.is_forwarded(), "{model} is held back");
    call
}

fn answer(scene: &Scene, model: &str, response: Response) -> Answer {
    reach(scene, model).upstream_answers(response)
}

fn fail(scene: &Scene, model: &str, times: usize) {
    (0..times).for_each(|_| drop(answer(scene, model, Response::status(500))));
}

/// The seconds after which a call to this model may come again; it is held back.
fn held_back(scene: &Scene, model: &str) -> u64 {
    let call = scene.send(chat_with(model));
    assert!(!call.is_forwarded(), "{model} is let through");
    let answer = call.answer();
    answer.header("retry-after").expect("a Retry-After").parse().expect("whole seconds")
}

/// The state of a part's breaker; of the cluster's without one.
fn state(scene: &Scene, part: Option<&str>) -> u64 {
    scene.gauge(&name("state", part, &[]))
}

fn name(metric: &str, part: Option<&str>, labels: &[(&str, &str)]) -> String {
    let part = part.map(|part| ("llm_model", part));
    stat(OPENAI, metric, &[part.as_slice(), labels].concat())
}

const CLOSED: u64 = 0;
const OPEN: u64 = 1;
const HALF_OPEN: u64 = 2;

#[test]
fn models_of_one_provider_fail_apart() {
    let scene = by_model();
    fail(&scene, "gpt-4.1", TRIP);
    assert_eq!(held_back(&scene, "gpt-4.1"), 30);
    assert_eq!(answer(&scene, "o3", completion()).status, 200);
    let states = [Some("gpt-4.1"), Some("o*"), None].map(|part| state(&scene, part));
    assert_eq!(states, [OPEN, CLOSED, CLOSED]);
    let opened = &scene.transitions()[0];
    assert_eq!((&opened["breaker"], &opened["model"]), (&json!(OPENAI), &json!("gpt-4.1")));
    assert_eq!(scene.transitions().len(), 1);
}

#[test]
fn a_pattern_is_one_breaker_and_what_is_not_listed_shares_another() {
    let scene = by_model();
    for model in ["o1", "o3", "o3-mini", "o4", "omni"] {
        fail(&scene, model, 1);
    }
    held_back(&scene, "o5");
    for number in 0..TRIP {
        fail(&scene, &format!("made-up-{number}"), 1);
    }
    held_back(&scene, "made-up-again");
    assert_eq!(state(&scene, Some("other")), OPEN);
    assert_eq!(answer(&scene, "gpt-4.1", completion()).status, 200);
    let made_up = scene.metrics().into_iter().any(|(name, _)| name.contains("made-up"));
    assert!(!made_up, "clients make no stats");
    let keys = scene.shared_data().keys().filter(|key| key.contains("made-up")).count();
    assert_eq!(keys, 0, "nor keys");
}

#[test]
fn a_dead_provider_is_not_rediscovered_for_each_model() {
    let scene = by_model();
    for model in ["gpt-4.1", "o3", "x", "gpt-4.1", "o3"] {
        reach(&scene, model).upstream(Upstream::RefusesConnection);
    }
    let states = [None, Some("gpt-4.1"), Some("o*"), Some("other")].map(|it| state(&scene, it));
    assert_eq!(states, [OPEN, CLOSED, CLOSED, CLOSED]);
    for model in ["gpt-4.1", "o3", "y"] {
        assert_eq!(held_back(&scene, model), 30);
    }
    let failed = [("category", "connection_failed")];
    let counted = ["gpt-4.1", "o*", "other"]
        .map(|part| scene.counter(&name("outcomes_total", Some(part), &failed)));
    assert_eq!(counted, [2, 2, 1], "each call once, at its own part");
    assert_eq!(scene.counter(&name("requests_blocked_total", None, &[])), 3);
}

#[test]
fn a_quota_is_the_providers_and_closes_for_all() {
    let scene = by_model();
    let quota = r#"{"error":{"message":"!","code":"insufficient_quota"}}"#;
    let quota = Response::status(429).header("content-type", "application/json").body(quota);
    answer(&scene, "gpt-4.1", quota);
    assert_eq!([state(&scene, None), state(&scene, Some("gpt-4.1"))], [OPEN, CLOSED]);
    assert_eq!(held_back(&scene, "o3"), 300);
}

#[test]
fn further_categories_can_be_the_providers() {
    let scene = by_model_and(json!({"provider_wide": ["server_error"]}));
    fail(&scene, "gpt-4.1", 3);
    fail(&scene, "o3", 2);
    assert_eq!([state(&scene, None), state(&scene, Some("gpt-4.1"))], [OPEN, CLOSED]);
}

#[test]
fn any_other_answer_shows_that_the_provider_works() {
    let scene = by_model_and(json!({"trip": {"failure_rate": 0.4}}));
    for _ in 0..2 {
        for status in [500, 429, 400] {
            answer(&scene, "o3", Response::status(status));
        }
        assert_eq!(state(&scene, None), CLOSED);
        for _ in 0..2 {
            reach(&scene, "gpt-4.1").upstream(Upstream::RefusesConnection);
        }
    }
    // Ten calls, of which four could not reach it.
    assert_eq!(state(&scene, None), OPEN);
    assert_eq!(scene.transitions()[0]["reason"], "failure_rate");
}

#[test]
fn the_longer_wait_is_announced() {
    let scene = by_model();
    let announced = Response::status(500).header("retry-after", "200");
    (0..TRIP).for_each(|_| drop(answer(&scene, "gpt-4.1", announced.clone())));
    for _ in 0..TRIP {
        reach(&scene, "o3").upstream(Upstream::RefusesConnection);
    }
    assert_eq!(held_back(&scene, "o3"), 30);
    assert_eq!(held_back(&scene, "gpt-4.1"), 200);
}

#[test]
fn a_probes_slot_goes_back_if_its_partner_refuses() {
    let scene = by_model();
    fail(&scene, "gpt-4.1", TRIP);
    scene.pass(secs(20));
    for _ in 0..TRIP {
        reach(&scene, "o3").upstream(Upstream::RefusesConnection);
    }
    scene.pass(secs(10));
    assert_eq!(state(&scene, Some("gpt-4.1")), HALF_OPEN);
    assert_eq!(held_back(&scene, "gpt-4.1"), 20, "the provider's wait");
    let probes = name("half_open_requests_total", Some("gpt-4.1"), &[]);
    assert_eq!(scene.counter(&probes), 0, "none was sent");
    scene.pass(secs(20));
    answer(&scene, "gpt-4.1", completion());
    let states = [None, Some("gpt-4.1")].map(|part| state(&scene, part));
    assert_eq!(states, [CLOSED, CLOSED], "one probe closes both");
    assert_eq!(scene.counter(&probes), 1);
}

#[test]
fn one_probe_of_the_provider_is_out_whatever_the_model() {
    let scene = by_model();
    for _ in 0..TRIP {
        reach(&scene, "o3").upstream(Upstream::RefusesConnection);
    }
    scene.pass(secs(30));
    let probe = reach(&scene, "gpt-4.1");
    assert_eq!(held_back(&scene, "o3"), 1);
    // Not a success of the model, but an answer of the provider.
    probe.upstream_answers(Response::status(500));
    assert_eq!(state(&scene, None), CLOSED);
    assert_eq!(answer(&scene, "o3", completion()).status, 200);
}

#[test]
fn the_path_names_the_model_before_the_header_does() {
    let scene = by_model();
    let path = "/openai/deployments/gpt-4.1/chat/completions";
    for _ in 0..TRIP {
        let call = scene.send(Request::post(path).cluster(OPENAI).header("x-model", "o3"));
        call.upstream_answers(Response::status(500));
    }
    assert_eq!(state(&scene, Some("gpt-4.1")), OPEN);
    assert_eq!(answer(&scene, "o3", completion()).status, 200);
}

#[test]
fn a_header_that_is_longer_than_any_models_name_names_none() {
    let scene = by_model();
    let named = |length: usize| format!("o{}", "3".repeat(length - 1));
    assert_eq!(answer(&scene, &named(256), completion()).status, 200);
    fail(&scene, &named(257), TRIP);
    assert_eq!((state(&scene, Some("other")), state(&scene, Some("o*"))), (OPEN, CLOSED));
}

#[test]
fn values_of_a_header_fail_apart() {
    let key = json!({"header": "x-team", "values": ["search", "ads"]});
    let scene = Scene::under(json!({"key_by": key}));
    let call = |team: Option<&str>| {
        let chat = Request::post("/v1/chat/completions").cluster(OPENAI);
        scene.send(team.into_iter().fold(chat, |chat, team| chat.header("x-team", team)))
    };
    for _ in 0..TRIP {
        call(Some("search")).upstream_answers(Response::status(500));
    }
    assert!(!call(Some("search")).is_forwarded());
    for team in [Some("ads"), Some("Search"), Some("made up"), None] {
        assert!(call(team).is_forwarded(), "{team:?}");
    }
    assert_eq!(state(&scene, Some("search")), OPEN);
}

#[test]
fn what_falls_over_the_cap_is_known_by_its_provider_alone() {
    let policy = json!({"key_by": "model", "models": ["a", "b"], "model_header": "x-model"});
    let scene = Scene::configured(2, json!({"max_breakers": 2, "defaults": policy}));
    fail(&scene, "a", 1);
    fail(&scene, "b", 2 * TRIP);
    assert_eq!(answer(&scene, "b", completion()).status, 200);
    assert!(scene.counter("llm_circuit_breaker_breakers_overflow_total") > 0);
    assert_eq!(state(&scene, None), CLOSED, "a model's failures are not the provider's");
}

#[test]
fn in_shadow_a_model_counts_what_it_would_block() {
    let scene = by_model_and(json!({"mode": "shadow"}));
    fail(&scene, "gpt-4.1", TRIP + 2);
    let would_block = name("requests_would_block_total", Some("gpt-4.1"), &[]);
    assert_eq!((state(&scene, Some("gpt-4.1")), scene.counter(&would_block)), (OPEN, 2));
}

#[test]
fn another_key_leaves_the_parts_of_the_former_alone() {
    let scene = by_model();
    fail(&scene, "gpt-4.1", TRIP);
    scene.reconfigure(crate::scene::defaults(json!({}))).expect("taken");
    scene.tick();
    assert_eq!(answer(&scene, "gpt-4.1", completion()).status, 200);
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_fallback_can_be_for_some_models_alone() {
    let scene = by_model_and(json!({"fallback": [
        {"kind": "error", "models": ["o*"], "status": 429},
        {"kind": "error", "models": ["other"], "status": 500},
    ]}));
    for model in ["gpt-4.1", "o3", "made-up"] {
        fail(&scene, model, TRIP);
    }
    let status = |model| scene.send(chat_with(model)).answer().status;
    assert_eq!([status("o3"), status("made-up"), status("gpt-4.1")], [429, 500, 503]);
}
