//! The filter among a cluster's own HTTP filters: it says that it cannot work there, and leaves the
//! requests alone. What it would see there is in docs/envoy.md.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{Builder, Cluster, Envoy, Listener, OPENAI, filter_module};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use crate::scene::{Outcome, assert_blocked, assert_reached, event};

const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const CODEC: &str = "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec";

fn typed(name: &str, mut value: Value) -> Value {
    value["@type"] = json!(format!("type.googleapis.com/{name}"));
    value
}

/// The patch of a cluster that has the filter among its own.
fn with_filter() -> Outcome<Value> {
    let module = filter_module().canonicalize()?;
    let filter = json!({"config": {
        // By the listener's name it would be the listener's plugin, for Envoy as for the filter.
        "name": "llm_breaker_of_cluster",
        "failure_policy": "FAIL_RELOAD",
        "vm_config": {
            "vm_id": "llm-breaker",
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": module}},
        },
        "configuration": typed("google.protobuf.Struct", json!({"value": {}})),
    }});
    let filters = json!([
        {"name": "llm_breaker", "typed_config": typed(WASM, filter)},
        {"name": "codec", "typed_config": typed(CODEC, json!({}))},
    ]);
    let http1 = json!({"http_protocol_options": {}});
    let options = json!({"explicit_http_config": http1, "http_filters": filters});
    Ok(json!({"typed_extension_protocol_options": {OPTIONS: typed(OPTIONS, options)}}))
}

fn beneath(provider: &Simulator) -> Outcome<Builder> {
    let cluster = Cluster::at(OPENAI, provider.address()).patch(with_filter()?);
    Ok(Envoy::builder().workers(1).cluster(cluster))
}

#[tokio::test]
async fn beneath_the_router_it_refuses_to_work_with_one_error() -> Outcome {
    let provider = Simulator::start().await?;
    let envoy = beneath(&provider)?.listener(Listener::default().without_plugin()).start().await?;
    provider.behave(Behaviour::status(500));
    for answer in envoy.client().burst(20, &Call::chat()).await {
        assert_reached(&answer, 500);
    }
    let says = |line: &str| event(line, "misplaced").is_some();
    let line = envoy.log().wait_for(says).await;
    assert!(line.contains("[error]") && line.contains("front of the listener's router"), "{line}");
    assert_eq!(envoy.log().matching(says).len(), 1);
    assert_eq!(envoy.stats().await.lines("llm_circuit_breaker"), [] as [&str; 0]);
    Ok(())
}

/// In the listener of the same Envoy it works as ever.
#[tokio::test]
async fn in_the_listener_it_works_beside_one_that_is_misplaced() -> Outcome {
    let provider = Simulator::start().await?;
    let envoy = beneath(&provider)?.start().await?;
    provider.behave(Behaviour::status(500));
    for _ in 0..5 {
        assert_reached(&envoy.client().send(&Call::chat()).await?, 500);
    }
    assert_blocked(&envoy.client().send(&Call::chat()).await?);
    assert_eq!(provider.calls(), 5);
    Ok(())
}
