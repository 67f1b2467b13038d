//! Envoy Gateway, and Envoy AI Gateway upon it: no cluster runs here, but an Envoy with what they
//! generate of the shipped manifests.
//!
//! The form of that is from their sources: of Envoy Gateway 1.8 `internal/xds/translator/wasm.go` and
//! `httpfilters.go`; of Envoy AI Gateway 1.1 `internal/extensionserver/post_translate_modify.go`. In the
//! place of the AI Gateway's external processor stands a Lua filter that does the same to a request:
//! it holds the body, sets `x-ai-eg-model`, and has the route chosen anew.

use json_patch::{AddOperation, PatchOperation, RemoveOperation};
use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, Route, filter_module};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};
use serde_json_path::JsonPath;

use crate::manifests::{manifest, manifests};
use crate::scene::{CLOSED, OPEN, Outcome, assert_blocked, assert_reached, value};

const RULE: &str = "httproute/default/llm/rule/0";
const FILTER: &str = "envoy.filters.http.wasm/envoyextensionpolicy/default/llm-breaker/wasm/0";
const LUA: &str = "envoy.filters.http.lua/envoyextensionpolicy/default/llm-breaker/lua/0";

/// The filter that Envoy Gateway makes of an `EnvoyExtensionPolicy`: off, until a route says otherwise.
fn generated(policy: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let wasm = &policy["spec"]["wasm"][0];
    let mut configuration = wasm["config"].clone();
    change(&mut configuration);
    let module = filter_module().canonicalize().expect("the module");
    json!({
        "name": FILTER,
        "disabled": true,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": wasm["name"],
                "root_id": wasm["rootID"],
                "fail_open": wasm["failOpen"],
                "vm_config": {
                    "vm_id": "envoyextensionpolicy/default/llm-breaker/wasm/0",
                    "runtime": "envoy.wasm.runtime.v8",
                    // It would fetch it from Envoy Gateway, which pulled it.
                    "code": {"local": {"filename": module}},
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": configuration.to_string(),
                },
            },
        },
    })
}

/// And the Lua filter of the same policy, which stands before it.
fn generated_lua(policy: &Value) -> Value {
    lua(LUA, policy["spec"]["lua"][0]["inline"].as_str().expect("a script"), true)
}

fn lua(name: &str, code: &str, is_disabled: bool) -> Value {
    json!({"name": name, "disabled": is_disabled, "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": code},
    }})
}

fn enforced(configuration: &mut Value) {
    configuration["breakers"][0]["mode"] = json!("enforce");
}

/// A route for which the policy holds.
fn with_filter(route: Route) -> Route {
    let on =
        json!({"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}});
    route.patch(json!({"typed_per_filter_config": {FILTER: on, LUA: on}}))
}

/// What a `BackendTrafficPolicy` makes of its `retry`.
fn retry_policy(policy: &Value) -> Value {
    let retry = &policy["spec"]["retry"];
    let triggers = retry["retryOn"]["triggers"].as_array().expect("triggers");
    let triggers: Vec<&str> = triggers.iter().filter_map(Value::as_str).collect();
    json!({
        "retry_on": triggers.join(","),
        "num_retries": retry["numRetries"],
        "retriable_status_codes": retry["retryOn"]["httpStatusCodes"],
        "host_selection_retry_max_attempts": 5,
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                "update_frequency": retry["numAttemptsPerPriority"],
            },
        },
    })
}

/// What the AI Gateway does to a request.
fn ai_gateway() -> Value {
    let code = r#"
        function envoy_on_request(handle)
          local body = handle:body()
          local text = tostring(body:getBytes(0, body:length()))
          handle:headers():replace("x-ai-eg-model", string.match(text, '"model"%s*:%s*"([^"]+)"'))
          handle:clearRouteCache()
        end
    "#;
    lua("ai_gateway", code, false)
}

/// The cluster of a rule with two backends, each with its priority.
fn two_backends(backends: [(&Simulator, u32); 2]) -> Cluster {
    let locality = |(backend, priority): (&Simulator, u32)| {
        let address = backend.address();
        let (host, port) = (address.ip().to_string(), address.port());
        let address = json!({"socket_address": {"address": host, "port_value": port}});
        json!({"priority": priority, "lb_endpoints": [{"endpoint": {"address": address}}]})
    };
    let endpoints: Vec<Value> = backends.into_iter().map(locality).collect();
    let assignment = json!({"cluster_name": RULE, "endpoints": endpoints});
    Cluster::empty(RULE).patch(json!({"load_assignment": assignment}))
}

/// The AI Gateway's own last rule answers what has no model; a policy for the whole route holds there.
fn not_found() -> Route {
    Route::direct_response(404, "no such model")
}

fn by_model() -> Route {
    Route::to(RULE).header("x-ai-eg-model", "gpt-4.1")
}

/// In the order that Envoy Gateway gives to its filters, the AI Gateway's being put before them.
async fn gateway(cluster: Cluster, filters: &[Value], routes: [Route; 2]) -> Outcome<Envoy> {
    let listener = Listener::default().without_plugin().filter_before(ai_gateway());
    let listener = filters.iter().cloned().fold(listener, Listener::filter_before);
    let envoy = Envoy::builder().cluster(cluster).listener(listener);
    let [first, second] = routes;
    Ok(envoy.route(first).route(second).start().await?)
}

fn shipped_filters(change: impl FnOnce(&mut Value)) -> [Value; 2] {
    let policy = manifest("envoy-gateway/ai-gateway.yaml", "EnvoyExtensionPolicy");
    [generated_lua(&policy), generated(&policy, change)]
}

async fn state(envoy: &Envoy) -> f64 {
    value(&envoy.stats().await, RULE, "state", &[])
}

#[tokio::test]
async fn with_retries_one_cluster_of_two_backends_fails_only_where_both_do() -> Outcome {
    let (first, second) = (Simulator::start().await?, Simulator::start().await?);
    let retries = retry_policy(&manifest("envoy-gateway/ai-gateway.yaml", "BackendTrafficPolicy"));
    let by_model = by_model().patch(json!({"route": {"retry_policy": retries}}));
    let routes = [with_filter(by_model), with_filter(not_found())];
    let envoy =
        gateway(two_backends([(&first, 0), (&second, 1)]), &shipped_filters(enforced), routes)
            .await?;
    let client = envoy.client();

    first.behave(Behaviour::status(500));
    for _ in 0..12 {
        assert_reached(&client.send(&Call::chat()).await?, 200);
    }
    assert_eq!((first.calls(), second.calls()), (12, 12), "each call went to both");
    assert_eq!(state(&envoy).await, CLOSED);

    second.behave(Behaviour::status(500));
    for _ in 0..5 {
        assert_reached(&client.send(&Call::chat()).await?, 500);
    }
    assert_eq!(state(&envoy).await, OPEN, "the model is to be had from nobody");
    assert_blocked(&client.send(&Call::chat()).await?);
    assert_eq!((first.calls(), second.calls()), (17, 17));
    Ok(())
}

#[tokio::test]
async fn without_retries_the_backend_that_is_down_takes_the_other_with_it() -> Outcome {
    let (first, second) = (Simulator::start().await?, Simulator::start().await?);
    let routes = [with_filter(by_model()), with_filter(not_found())];
    let envoy =
        gateway(two_backends([(&first, 0), (&second, 0)]), &shipped_filters(enforced), routes)
            .await?;
    first.behave(Behaviour::status(500));
    let mut failures = 0;
    // Both are chosen at random in the long run; half of ten calls have to fail.
    while state(&envoy).await != OPEN {
        let answer = envoy.client().send(&Call::chat()).await?;
        failures += usize::from(answer.status == 500);
        assert!(first.calls() + second.calls() < 200, "after {failures} failures it is closed");
    }
    let reached = second.calls();
    assert_blocked(&envoy.client().send(&Call::chat()).await?);
    assert_eq!(second.calls(), reached, "it is well, and gets nothing");
    Ok(())
}

#[tokio::test]
async fn a_policy_for_the_rule_alone_is_none_since_the_first_route_decides() -> Outcome {
    for (routes, is_watched) in [
        ([with_filter(by_model()), not_found()], false),
        ([by_model(), with_filter(not_found())], true),
    ] {
        let provider = Simulator::start().await?;
        let cluster = Cluster::at(RULE, provider.address());
        let envoy = gateway(cluster, &shipped_filters(enforced), routes).await?;
        provider.behave(Behaviour::status(500));
        for _ in 0..5 {
            assert_reached(&envoy.client().send(&Call::chat()).await?, 500);
        }
        let wanted = if is_watched { OPEN } else { CLOSED };
        assert_eq!(state(&envoy).await, wanted, "{is_watched}");
    }
    Ok(())
}

/// Whoever changes a request's route leaves it to others to look it up; a Wasm filter cannot, and would go
/// by the first one.
#[tokio::test]
async fn without_the_lua_filter_the_breaker_does_not_know_the_cluster() -> Outcome {
    let provider = Simulator::start().await?;
    let routes = [with_filter(by_model()), with_filter(not_found())];
    let [_, filter] = shipped_filters(enforced);
    let envoy = gateway(Cluster::at(RULE, provider.address()), &[filter], routes).await?;
    provider.behave(Behaviour::status(500));
    for _ in 0..6 {
        assert_reached(&envoy.client().send(&Call::chat()).await?, 500);
    }
    assert_eq!(state(&envoy).await, CLOSED);
    Ok(())
}

/// The caller speaks OpenAI's dialect, the AI Gateway would translate: what the filter sees is the answer
/// of a provider that speaks Anthropic's.
#[tokio::test]
async fn a_rule_whose_backends_speak_another_dialect_than_its_callers_has_to_say_so() -> Outcome {
    let stream = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,",
        "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello.\"}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    for (provider, ending) in
        [("auto", "stream_interrupted"), ("anthropic", "success"), ("generic", "success")]
    {
        let backend = Simulator::start().await?;
        let filters = shipped_filters(|configuration| {
            configuration["breakers"][0]["provider"] = json!(provider);
        });
        let routes = [with_filter(by_model()), with_filter(not_found())];
        let envoy = gateway(Cluster::at(RULE, backend.address()), &filters, routes).await?;
        let events = [("content-type", "text/event-stream")];
        backend.behave(Behaviour::answer(200, &events, stream));
        assert_reached(&envoy.client().send(&Call::streamed_chat()).await?, 200);
        let labels = [("llm_cluster", RULE), ("category", ending)];
        let outcomes = "llm_circuit_breaker_outcomes_total";
        envoy.wait_for_stat(outcomes, &labels, |count| count == 1.0).await;
    }
    Ok(())
}

/// Carries out what an `EnvoyPatchPolicy` says, as its documentation does: the JSON path chooses, the
/// path is appended to each place that was found.
fn patched(mut listener: Value, policy: &Value) -> Value {
    for patch in policy["spec"]["jsonPatches"].as_array().expect("patches") {
        let operation = &patch["operation"];
        let chosen = operation["jsonPath"].as_str().expect("a JSON path");
        let chosen = JsonPath::parse(&format!("${chosen}")).expect("a JSON path");
        let places: Vec<String> =
            chosen.query_located(&listener).locations().map(|it| it.to_json_pointer()).collect();
        assert!(!places.is_empty(), "Envoy Gateway would refuse it: {operation}");
        for place in places {
            let path = format!("{place}{}", operation["path"].as_str().expect("a path"));
            let path = path.parse().expect("a JSON pointer");
            let operation = match operation["op"].as_str() {
                Some("remove") => PatchOperation::Remove(RemoveOperation { path }),
                Some("add") => {
                    PatchOperation::Add(AddOperation { path, value: operation["value"].clone() })
                }
                other => panic!("{other:?}"),
            };
            json_patch::patch(&mut listener, &[operation]).expect("a patch that applies");
        }
    }
    listener
}

#[tokio::test]
async fn patched_a_request_can_wait_for_its_body_and_a_crash_is_survived() -> Outcome {
    let policy = manifest("envoy-gateway/extension-policy.yaml", "EnvoyExtensionPolicy");
    let filter = generated(&policy, |configuration| {
        *configuration = json!({
            "stop_iteration": true,
            "defaults": {"mode": "forced_open", "fallback": [{"kind": "completion", "text": "Later."}]},
        });
    });
    let manager = json!({"typed_config": {"http_filters": [filter, {"name": "another"}]}});
    let listener = json!({"default_filter_chain": {"filters": [manager]}});
    let patches = manifest("envoy-gateway/patch-policy.yaml", "EnvoyPatchPolicy");
    let mut listener = patched(listener, &patches);
    let filter = listener
        .pointer_mut("/default_filter_chain/filters/0/typed_config/http_filters/0")
        .expect("the filter")
        .take();
    let plugin = &filter["typed_config"]["config"];
    assert_eq!(plugin["failure_policy"], "FAIL_RELOAD");
    assert_eq!(plugin["fail_open"], Value::Null, "Envoy takes one of them");

    let provider = Simulator::start().await?;
    let listener = Listener::default().without_plugin().filter_before(filter);
    let envoy = Envoy::builder()
        .cluster(Cluster::at(RULE, provider.address()))
        .listener(listener)
        .route(with_filter(Route::to(RULE)))
        .start()
        .await?;
    let answer = envoy.client().send(&Call::streamed_chat()).await?;
    assert_eq!((answer.status.as_u16(), answer.breaker()), (200, Some("fallback")));
    assert!(answer.text().contains("Later."), "{}", answer.text());
    Ok(())
}

/// They name each other: the gateway, the route, the policy, the generated filter.
#[test]
fn the_manifests_fit_together() {
    let patches = manifest("envoy-gateway/patch-policy.yaml", "EnvoyPatchPolicy");
    let target = &patches["spec"]["targetRef"];
    assert_eq!((&target["kind"], &target["name"]), (&json!("Gateway"), &json!("gateway")));
    for patch in patches["spec"]["jsonPatches"].as_array().expect("patches") {
        assert_eq!(patch["name"], "default/gateway/http");
        let path = patch["operation"]["jsonPath"].as_str().expect("a JSON path");
        assert!(path.contains(FILTER), "{path}");
    }
    for file in ["extension-policy.yaml", "ai-gateway.yaml"] {
        for policy in manifests(&format!("envoy-gateway/{file}")) {
            let kind = policy["kind"].as_str().expect("a kind");
            if !["EnvoyExtensionPolicy", "BackendTrafficPolicy"].contains(&kind) {
                continue;
            }
            assert_eq!(policy["metadata"]["namespace"], "default", "{file}: {kind}");
            assert_eq!(policy["spec"]["targetRefs"][0]["name"], "llm", "{file}: {kind}");
        }
    }
}
