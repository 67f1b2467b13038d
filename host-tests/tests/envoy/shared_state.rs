//! Bytes in the shared data that are not ours harm nobody: traffic flows, the breaker starts fresh.

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{Builder, Listener, OPENAI, built_module};
use serde_json::json;

use crate::scene::{CLOSED, OPEN, Outcome, Scene, assert_blocked, assert_reached, event};

const INDEX: &str = "llm-breaker/v1/index";
const BREAKER: &str = "llm-breaker/v1/breaker/outbound|443||api.openai.com";
const METADATA: &str = "llm-breaker/v1/metadata/outbound|443||api.openai.com";

/// What the vandal leaves.
const KINDS: [&str; 5] = ["empty", "text", "shorter", "flipped", "huge"];

/// A second listener, whose module writes into the filter's shared data as it is told.
fn with_vandal(envoy: Builder) -> Builder {
    let same_shared_data = json!({"vm_config": {"vm_id": "llm-breaker"}});
    let vandal =
        Listener::new("vandal").module(&built_module("vandal")).plugin_patch(same_shared_data);
    let long = json!({"defaults": {"open": {"base": "60s"}}});
    envoy.listener(Listener::default().configuration(&long)).listener(vandal)
}

async fn vandalise(scene: &Scene, key: &str, kind: &str) -> Outcome {
    let vandal = Client::http1(scene.envoy.address_of("vandal"));
    let call = Call::get("/").header("x-key", key).header("x-kind", kind);
    assert_eq!(vandal.send(&call).await?.text(), "done");
    Ok(())
}

fn resets(scene: &Scene, breaker: &str) -> usize {
    let is_reset =
        |line: &str| event(line, "shared_state_reset").is_some_and(|e| e["breaker"] == breaker);
    scene.envoy.log().matching(is_reset).len()
}

#[tokio::test]
async fn with_garbage_from_the_start_traffic_flows_and_the_breaker_works() -> Outcome {
    let scene = Scene::start_as(with_vandal).await?;
    for key in [INDEX, BREAKER, METADATA] {
        vandalise(&scene, key, "text").await?;
    }
    let answers = scene.burst(50, &Call::chat()).await;
    answers.iter().for_each(|answer| assert_reached(answer, 200));
    assert_eq!((resets(&scene, OPENAI), resets(&scene, "*")), (1, 1));
    assert_eq!(scene.now("shared_state_resets_total", &[]).await, 1.0);

    scene.fail(5).await;
    assert_blocked(&scene.call().await);
    assert_eq!(scene.now("state", &[]).await, OPEN);
    Ok(())
}

#[tokio::test]
async fn an_open_breaker_whose_record_is_damaged_starts_fresh() -> Outcome {
    let scene = Scene::start_as(with_vandal).await?;
    for (number, kind) in (1..).zip(KINDS) {
        scene.fail(5).await;
        assert_blocked(&scene.call().await);
        vandalise(&scene, BREAKER, kind).await?;
        let answers = scene.burst(20, &Call::chat()).await;
        answers.iter().for_each(|answer| assert_reached(answer, 200));
        assert_eq!(resets(&scene, OPENAI), number, "{kind}");
        assert_eq!(scene.now("shared_state_resets_total", &[]).await, number as f64);
        scene.until("state", &[], CLOSED).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_list_or_metadata_leaves_the_breaker_as_it_is() -> Outcome {
    let scene = Scene::start_as(with_vandal).await?;
    scene.open().await;
    for key in [INDEX, METADATA] {
        for kind in KINDS {
            vandalise(&scene, key, kind).await?;
            assert_blocked(&scene.call().await);
        }
    }
    // Whoever knows the breaker puts it back on the list.
    let is_mended =
        |line: &str| event(line, "shared_state_reset").is_some_and(|e| e["breaker"] == "*");
    scene.envoy.log().wait_for(is_mended).await;
    assert_eq!(scene.now("state", &[]).await, OPEN);
    assert_eq!((resets(&scene, OPENAI), scene.provider.calls()), (0, 5));
    Ok(())
}
