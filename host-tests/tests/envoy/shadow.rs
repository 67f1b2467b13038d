//! Shadow mode decides, counts and logs everything and blocks nothing; other modes that do not act
//! on their own state.

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, STATUS};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::json;

use crate::scene::{
    CLOSED, HALF_OPEN, OPEN, Outcome, Scene, assert_blocked, assert_reached, value,
};

#[tokio::test]
async fn shadow_blocks_nothing_and_counts_what_it_would_have_blocked() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"mode": "shadow"}})).await?;
    scene.provider.behave(Behaviour::status(500));
    scene.calls(100).await.iter().for_each(|answer| assert_reached(answer, 500));
    assert_eq!(scene.provider.calls(), 100);

    assert_eq!(scene.now("state", &[]).await, OPEN);
    assert_eq!(scene.now("requests_would_block_total", &[]).await, 95.0);
    assert_eq!(scene.now("requests_blocked_total", &[]).await, 0.0);
    assert_eq!(scene.now("fallbacks_total", &[("kind", "error")]).await, 0.0);
    scene.until("mode", &[], 1.0).await;
    scene.until_outcomes("server_error", 100).await;
    assert_eq!(scene.transition(1).await["to"], "open");
    assert_eq!(scene.transitions().len(), 1);
    Ok(())
}

#[tokio::test]
async fn shadow_probes_and_closes_as_enforce_would() -> Outcome {
    let configuration = json!({"defaults": {"mode": "shadow", "open": {"base": "1s"}}});
    let scene = Scene::start(&configuration).await?;
    scene.half_open().await;
    let probe = scene.held_call(Behaviour::Healthy).await;
    let answers = scene.burst(20, &Call::chat()).await;
    answers.iter().for_each(|answer| assert_reached(answer, 200));
    scene.until_outcomes("success", 20).await;
    // They were not probes, so they cannot close it.
    assert_eq!(scene.now("state", &[]).await, HALF_OPEN);
    assert_eq!(scene.now("requests_would_block_total", &[]).await, 20.0);
    scene.provider.release();
    assert_reached(&probe.await??, 200);
    scene.until("state", &[], CLOSED).await;
    Ok(())
}

#[tokio::test]
async fn a_disabled_breaker_leaves_no_trace() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"mode": "disabled"}})).await?;
    scene.provider.behave(Behaviour::status(500));
    scene.calls(20).await.iter().for_each(|answer| assert_reached(answer, 500));
    assert_eq!(scene.show().await, "");
    Ok(())
}

#[tokio::test]
async fn a_breaker_that_is_forced_open_calls_nobody() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"mode": "forced_open"}})).await?;
    let answers = scene.burst(20, &Call::chat()).await;
    answers.iter().for_each(assert_blocked);
    assert!(answers.iter().all(|answer| answer.header("retry-after") == Some("30")));
    assert_eq!(scene.provider.calls(), 0);
    scene.until("state", &[], OPEN).await;
    scene.until("mode", &[], 3.0).await;
    Ok(())
}

/// The file that the README begins with, in front of a server on this machine.
#[tokio::test]
async fn the_first_try_shows_what_would_be_blocked_and_blocks_nothing() -> Outcome {
    const LOCAL: &str = "local_llm";
    let server = Simulator::start().await?;
    let envoy = Envoy::builder()
        .shipped("llm-local-shadow.yaml")
        .cluster(Cluster::at(LOCAL, server.address()))
        .listener(Listener::default().shipped_routes())
        .listener(Listener::new(STATUS).shipped_routes())
        .start()
        .await?;
    server.behave(Behaviour::status(500));
    for _ in 0..7 {
        assert_reached(&envoy.client().send(&Call::chat()).await?, 500);
    }
    let stats = envoy.stats().await;
    assert_eq!(value(&stats, LOCAL, "state", &[]), OPEN);
    assert_eq!(value(&stats, LOCAL, "requests_would_block_total", &[]), 2.0);
    assert_eq!(value(&stats, LOCAL, "requests_blocked_total", &[]), 0.0);
    let page = Client::http1(envoy.address_of(STATUS));
    let breakers = page.send(&Call::get("/api/v1/breakers")).await?.json();
    assert_eq!(breakers["breakers"][0]["cluster"], LOCAL, "{breakers:#}");
    Ok(())
}
