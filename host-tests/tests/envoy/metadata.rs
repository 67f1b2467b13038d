//! A cluster's owner tightens its breaker by the cluster's metadata, and can do no harm with it.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{Cluster, Envoy, OPENAI};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use crate::scene::{Outcome, Scene, assert_blocked, assert_reached, event};

async fn behind(metadata: &Value) -> Outcome<Scene> {
    beside(&json!({}), metadata).await
}

async fn beside(configuration: &Value, metadata: &Value) -> Outcome<Scene> {
    let provider = Simulator::start().await?;
    let cluster = Cluster::at(OPENAI, provider.address()).metadata(metadata);
    let envoy = Envoy::builder().configuration(configuration).cluster(cluster).start().await?;
    Ok(Scene { provider, envoy })
}

#[tokio::test]
async fn metadata_tightens_a_threshold() -> Outcome {
    let scene = behind(&json!({"trip": {"consecutive_failures": 2}})).await?;
    scene.fail(2).await;
    assert_blocked(&scene.call().await);
    assert_eq!(scene.transition(1).await["measured"], 2.0);
    let warned = scene.envoy.log().matching(|line| event(line, "metadata_ignored").is_some());
    assert!(warned.is_empty(), "{warned:?}");
    Ok(())
}

#[tokio::test]
async fn metadata_tightens_a_rate_and_sets_a_slow_limit() -> Outcome {
    let policy = json!({
        "trip": {"slow_rate": 0.5, "minimum_calls": 2},
        "slow": {"total": "0.1s"},
    });
    let scene = behind(&policy).await?;
    scene.provider.behave(Behaviour::Healthy.after_milliseconds(200));
    scene.calls(2).await.iter().for_each(|answer| assert_reached(answer, 200));
    assert_eq!(scene.transition(1).await["reason"], "slow_rate");
    assert_blocked(&scene.call().await);
    Ok(())
}

#[tokio::test]
async fn metadata_may_ask_for_shadow_mode() -> Outcome {
    let scene = behind(&json!({"mode": "shadow"})).await?;
    scene.provider.behave(Behaviour::status(500));
    scene.calls(20).await.iter().for_each(|answer| assert_reached(answer, 500));
    assert_eq!(scene.now("requests_would_block_total", &[]).await, 15.0);
    // The VM without requests knows of it too.
    scene.until("mode", &[], 1.0).await;
    Ok(())
}

#[tokio::test]
async fn a_boolean_of_metadata_is_read_as_such() -> Outcome {
    let is_warning = |line: &str| event(line, "metadata_ignored").is_some();
    let abort = |flag: bool| json!({"limits": {"abort": flag}});
    let scene = beside(&json!({"defaults": abort(true)}), &abort(false)).await?;
    assert_reached(&scene.call().await, 200);
    let warning = scene.envoy.log().wait_for(is_warning).await;
    let warning = event(&warning, "metadata_ignored").expect("a warning");
    let refused = "limits.abort: false is not accepted over the configured true";
    assert_eq!(warning["ignored"], json!([refused]));

    // Bytes that are no boolean would be warned about, before the failures that open the breaker.
    let metadata = json!({"limits": {"abort": true}, "trip": {"consecutive_failures": 2}});
    let scene = behind(&metadata).await?;
    scene.fail(2).await;
    assert_blocked(&scene.call().await);
    assert_eq!(scene.envoy.log().matching(is_warning), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn bad_metadata_is_one_warning_and_changes_nothing() -> Outcome {
    let scene = behind(&json!({
        "mode": "forced_open",
        "open": {"base": "600s"},
        "trip": {"consecutive_failures": 50, "failure_rate": "much", "typo": 1},
        "slow": "very",
        "limits": {"abandoned": {"a": 1}},
    }))
    .await?;
    let answers = scene.burst(50, &Call::chat()).await;
    answers.iter().for_each(|answer| assert_reached(answer, 200));
    let is_warning = |line: &str| event(line, "metadata_ignored").is_some();
    let warning = scene.envoy.log().wait_for(is_warning).await;
    assert!(warning.contains("[warning][wasm]"), "{warning}");
    let warning = event(&warning, "metadata_ignored").expect("a warning");
    assert_eq!(warning["breaker"], OPENAI);
    let ignored: Vec<_> = warning["ignored"].as_array().expect("a list").iter().collect();
    for path in [
        "mode",
        "open",
        "trip.consecutive_failures",
        "trip.failure_rate",
        "trip.typo",
        "limits.abandoned",
    ] {
        let named = ignored.iter().any(|line| line.as_str().is_some_and(|l| l.starts_with(path)));
        assert!(named, "{path} is not in {warning}");
    }

    scene.fail(5).await;
    assert_blocked(&scene.call().await);
    assert_eq!(scene.envoy.log().matching(is_warning).len(), 1);
    Ok(())
}
