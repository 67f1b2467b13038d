//! What each request leaves to its access log, as nested fields of the filter state `llm_breaker`.

use llm_breaker_host_tests::host::{Call, EarlierReply, Response, Status, Upstream};
use serde_json::{Value, json};

use crate::scene::{AZURE, OPENAI, Scene, TRIP, chat, completion, defaults, millis, secs};

const ROUTE: &str = "x-llm-route";
const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// What the process's clock shows when a scene begins, in nanoseconds.
const START: f64 = 864e12;
/// The fingerprint of the default policy, as the native build computes it, too.
const DEFAULT_POLICY: &str = "7ce68096d12e7f96";

fn logged(call: &Call) -> Value {
    assert!(call.is_done(), "{call:?}");
    call.access_log("llm_breaker").unwrap_or_else(|| panic!("no record of {call:?}"))
}

/// Some fields of a record, `null` where it has none.
fn some<const N: usize>(record: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| record[name].clone())
}

/// The same, but for those that only time decides.
fn timeless(mut record: Value) -> Value {
    let fields = record.as_object_mut().expect("an object");
    fields
        .retain(|name, _| !name.ends_with("_ns") && !["policy", "epoch"].contains(&name.as_str()));
    fields.values_mut().filter(|value| value.is_object()).for_each(|value| {
        *value = timeless(value.take());
    });
    record
}

fn answered(scene: &Scene, response: Response) -> Value {
    let call = scene.reach();
    call.upstream_answers(response);
    logged(&call)
}

fn refused(scene: &Scene) -> Value {
    let call = scene.send(chat());
    assert!(!call.is_forwarded());
    logged(&call)
}

#[test]
fn a_call_says_how_it_was_admitted_and_how_it_ended_and_when() {
    let scene = Scene::configured(1, json!({}));
    let call = scene.reach();
    scene.advance(millis(1_500));
    call.upstream_answers(completion());
    assert_eq!(
        logged(&call),
        json!({
            "key": OPENAI, "admission": "pass", "state": "closed", "mode": "enforce",
            "policy": DEFAULT_POLICY, "permit": "call", "epoch": "864000000000000",
            "admitted_ns": START, "decided_ns": START + 1.5e9,
            "category": "success", "verdict": "success", "slow": false, "ended_by": "upstream",
        })
    );
}

#[test]
fn slowness_and_an_announced_reset_are_told() {
    let scene = Scene::under(json!({"slow": {"total": "1s"}}));
    let call = scene.reach();
    scene.advance(secs(2));
    call.upstream_answers(completion());
    assert_eq!(some(&logged(&call), ["category", "slow"]), [json!("slow"), json!(true)]);
    let limited = answered(&scene, Response::status(429).header("retry-after-ms", "2500"));
    let said = some(&limited, ["category", "verdict", "announced_ms"]);
    assert_eq!(said, [json!("rate_limited"), json!("failure"), json!(2500.0)]);
}

#[test]
fn a_refused_call_says_what_was_done_instead() {
    let scene = Scene::opened();
    assert_eq!(
        timeless(refused(&scene)),
        json!({
            "key": OPENAI, "admission": "reject", "state": "open", "mode": "enforce",
            "fallback": "error",
        })
    );
}

#[test]
fn shadow_says_what_would_have_been_and_how_it_ended() {
    let scene = Scene::opened_under(json!({"mode": "shadow"}));
    assert_eq!(
        timeless(answered(&scene, Response::status(500))),
        json!({
            "key": OPENAI, "admission": "would_block", "state": "open", "mode": "shadow",
            "category": "server_error", "verdict": "failure", "slow": false,
            "ended_by": "upstream",
        })
    );
}

#[test]
fn a_streaming_probe_says_when_it_was_judged() {
    let scene = Scene::half_open();
    let call = scene.reach();
    scene.advance(secs(1));
    call.response_headers(&Response::event_stream());
    call.body_chunk(ROLE);
    scene.advance(millis(1_250));
    call.body_chunk(TEXT);
    scene.advance(secs(60));
    call.last_chunk(DONE);
    let record = logged(&call);
    let admitted = record["admitted_ns"].as_f64().expect("a number");
    let names = ["admission", "state", "permit", "first_token_ms", "category"];
    assert_eq!(
        some(&record, names),
        [json!("probe"), json!("half_open"), json!("probe"), json!(2250.0), json!("success")]
    );
    assert_eq!(record["judged_early_ns"].as_f64(), Some(admitted + 2.25e9));
    assert_eq!(record["decided_ns"].as_f64(), Some(admitted + 62.25e9));
    let opened = scene.transitions()[0]["epoch"].as_u64().expect("an epoch");
    assert_eq!(record["epoch"], (opened + 1).to_string(), "that of the half-open state");
}

#[test]
fn whatever_ends_a_call_its_record_says_so() {
    let scene = Scene::by_default();
    for (end, category, ended_by) in [
        (Upstream::RefusesConnection, "connection_failed", "upstream"),
        (Upstream::TimesOut, "timeout", "envoy"),
        (Upstream::Closes, "connection_reset", "upstream"),
    ] {
        let call = scene.reach();
        call.upstream(end);
        let ending = some(&logged(&call), ["category", "ended_by"]);
        assert_eq!(ending, [json!(category), json!(ended_by)]);
    }
    let call = scene.reach();
    call.client_leaves();
    let ending = some(&logged(&call), ["category", "verdict", "ended_by"]);
    assert_eq!(ending, [json!("cancelled"), json!("ignore"), json!("client")]);
}

#[test]
fn a_call_that_hung_says_when_it_was_judged_and_not_when_it_ended() {
    let scene = Scene::under(json!({"limits": {"total": "5s"}}));
    let call = scene.reach();
    scene.pass(secs(6));
    scene.advance(secs(100));
    call.upstream_answers(completion());
    let record = logged(&call);
    let ending = some(&record, ["category", "ended_by"]);
    assert_eq!(ending, [json!("timeout"), json!("limit")]);
    let [admitted, decided] =
        ["admitted_ns", "decided_ns"].map(|name| record[name].as_f64().expect("a number"));
    assert!((5e9..20e9).contains(&(decided - admitted)), "{record}");
}

#[test]
fn out_of_service_says_its_mode() {
    for (mode, admission, state) in
        [("disabled", "untracked", "closed"), ("forced_open", "reject", "open")]
    {
        let scene = Scene::configured(1, json!({"breakers": [{"cluster": "*", "mode": mode}]}));
        let call = scene.send(chat());
        if call.is_forwarded() {
            call.upstream_answers(completion());
        }
        let record = logged(&call);
        let said = some(&record, ["key", "admission", "mode", "state", "category"]);
        assert_eq!(said, [json!(OPENAI), json!(admission), json!(mode), json!(state), Value::Null]);
    }
}

#[test]
fn what_has_no_breaker_says_so() {
    let scene = Scene::under(json!({"mode": "disabled"}));
    assert_eq!(
        answered(&scene, completion()),
        json!({"key": OPENAI, "admission": "untracked", "mode": "disabled"})
    );
    let full = Scene::configured(1, json!({"max_breakers": 1}));
    answered(&full, completion());
    let other = full.send(chat().cluster(AZURE));
    other.upstream_answers(completion());
    assert_eq!(logged(&other), json!({"key": AZURE, "admission": "untracked", "mode": "enforce"}));
    let nowhere = full.send(chat().no_route());
    assert_eq!(logged(&nowhere), json!({"admission": "untracked"}));
}

#[test]
fn a_request_that_the_filter_did_not_see_has_no_record() {
    let scene = Scene::by_default();
    let reply = EarlierReply { status: 401, flags: 0, details: "ext_authz_denied", body: "no" };
    let call = scene.worker(0).request_answered_earlier(chat(), reply);
    assert_eq!(call.filter_state("llm_breaker"), None);
}

#[test]
fn models_say_theirs_and_the_providers() {
    let scene = Scene::under(json!({
        "key_by": "model", "models": ["gpt-4.1*"], "model_header": "x-model",
    }));
    let send = |model: &str| scene.send(chat().header("x-model", model));
    let call = send("gpt-4.1-secret");
    call.upstream_answers(completion());
    let record = logged(&call);
    let key = some(&record, ["key", "model", "admission", "permit"]);
    assert_eq!(key, [json!(OPENAI), json!("gpt-4.1*"), json!("pass"), json!("call")]);
    let provider = some(&record["provider"], ["admission", "state", "mode", "permit"]);
    assert_eq!(provider, [json!("pass"), json!("closed"), json!("enforce"), json!("call")]);
    assert!(record["provider"]["epoch"].is_string(), "each has its own");
    assert!(!record.to_string().contains("secret"), "{record}");

    for _ in 0..TRIP {
        send("o3").upstream(Upstream::RefusesConnection);
    }
    let record = logged(&send("gpt-4.1"));
    let said = some(&record, ["admission", "state", "fallback"]);
    assert_eq!(said, [json!("reject"), json!("closed"), json!("error")]);
    let provider = some(&record["provider"], ["admission", "state"]);
    assert_eq!(provider, [json!("reject"), json!("open")], "it was the provider's that refused");
}

/// Two providers, the first of them open; what is refused is tried so.
fn chain(fallback: Value) -> Scene {
    let mut configuration = defaults(json!({ "fallback": fallback }));
    configuration["stop_iteration"] = json!(true);
    let scene = Scene::built(2, |world| {
        world
            .configuration(configuration)
            .header_route(ROUTE, "azure", AZURE)
            .allow_on_headers_stop_iteration()
    });
    scene.fail(TRIP);
    scene
}

fn to_azure(value: &str) -> Value {
    json!({"kind": "reroute", "header": ROUTE, "value": value, "cluster": AZURE})
}

#[test]
fn a_reroute_says_what_both_ways_said() {
    let scene = chain(json!([to_azure("azure")]));
    assert_eq!(
        timeless(answered(&scene, completion())),
        json!({
            "key": OPENAI, "admission": "reject", "state": "open", "mode": "enforce",
            "fallback": "reroute",
            "rerouted": {
                "key": AZURE, "admission": "pass", "state": "closed", "mode": "enforce",
                "permit": "call",
            },
            "category": "success", "verdict": "success", "slow": false, "ended_by": "upstream",
        })
    );
    (0..TRIP).for_each(|_| drop(answered(&scene, Response::status(500))));
    let said = timeless(refused(&scene));
    assert_eq!(some(&said, ["fallback", "rerouted"]), [json!("error"), Value::Null]);
}

#[test]
fn a_reroute_that_no_route_takes_says_so() {
    let scene = chain(json!([to_azure("nowhere")]));
    let record = timeless(answered(&scene, completion()));
    assert_eq!(some(&record, ["misrouted", "category"]), [json!(true), Value::Null]);
    assert_eq!(record["rerouted"]["key"], AZURE);
}

#[test]
fn a_client_that_chooses_its_route_is_refused() {
    let scene = chain(json!([to_azure("azure")]));
    let record = logged(&scene.send(chat().header(ROUTE, "azure")));
    assert_eq!(record["admission"], "refused");
    assert!(record.get("category").is_none());
}

#[test]
fn pass_and_a_last_resort_say_how_the_call_ended() {
    let scene = chain(json!([{"kind": "pass"}]));
    let record = timeless(answered(&scene, completion()));
    let said = some(&record, ["admission", "permit", "fallback", "category"]);
    assert_eq!(said, [json!("reject"), Value::Null, json!("pass"), json!("success")]);

    let scene = chain(json!([{"kind": "last_resort"}]));
    let record = timeless(answered(&scene, completion()));
    let said = some(&record, ["admission", "permit", "fallback", "category"]);
    assert_eq!(
        said,
        [json!("last_resort"), json!("last_resort"), json!("last_resort"), json!("success")]
    );
}

#[test]
fn an_answer_that_was_replaced_says_by_what() {
    let mut configuration = defaults(json!({"on_failure": true}));
    configuration["stop_iteration"] = json!(true);
    let scene = Scene::built(1, |world| {
        world.configuration(configuration).allow_on_headers_stop_iteration()
    });
    let record = answered(&scene, Response::status(500));
    let said = some(&record, ["admission", "fallback", "category"]);
    assert_eq!(said, [json!("pass"), json!("error"), json!("server_error")]);
}

#[test]
fn who_leaves_while_the_body_is_awaited_was_not_decided_on() {
    let mut configuration = defaults(json!({"key_by": "model", "models": ["gpt-4.1*"]}));
    configuration["stop_iteration"] = json!(true);
    let scene = Scene::built(1, |world| {
        world.configuration(configuration).allow_on_headers_stop_iteration()
    });
    let call = scene.send(chat().header("content-length", "1000").without_upload());
    call.upload(r#"{"mod"#);
    assert!(call.is_paused());
    call.client_leaves();
    assert_eq!(logged(&call), json!({"key": OPENAI, "admission": "undecided", "mode": "enforce"}));
}

#[test]
fn it_can_be_switched_off_and_is_off_where_the_host_cannot_show_it() {
    let scene = Scene::configured(1, json!({"access_log": false}));
    let call = scene.reach();
    call.upstream_answers(completion());
    assert_eq!(call.filter_state("llm_breaker"), None);
    assert_eq!(scene.host_calls("proxy_set_property"), 0);

    let scene = Scene::by_default();
    scene.fail_always("proxy_call_foreign_function", Status::NotFound);
    scene.reconfigure(json!({"max_breakers": 7})).expect("a configuration");
    let call = scene.reach();
    call.upstream_answers(completion());
    assert_eq!(call.filter_state("llm_breaker"), None);
}

#[test]
fn a_record_is_one_host_call() {
    let scene = Scene::by_default();
    scene.succeed(3);
    assert_eq!(scene.host_calls("proxy_set_property"), 3);
}
