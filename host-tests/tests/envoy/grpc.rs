//! A gRPC upstream, whose answers say how they went in their trailers.

use llm_breaker_host_tests::client::{Answer, Call, Client};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, OPENAI};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use crate::scene::{CLOSED, OPEN, Outcome, Scene};

async fn scene(configuration: &Value) -> Outcome<Scene> {
    let provider = Simulator::start().await?;
    let cluster = Cluster::at(OPENAI, provider.address()).http2();
    let envoy = Envoy::builder().cluster(cluster).configuration(configuration).start().await?;
    Ok(Scene { provider, envoy })
}

async fn call(scene: &Scene) -> Answer {
    let method = "POST".parse().expect("a method");
    let call = Call::new(method, "/inference.GRPCInferenceService/ModelInfer")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(&b"\0\0\0\0\0"[..]);
    let client = Client::http2(scene.envoy.address());
    patiently("an answer", client.send(&call)).await.expect("an answer")
}

/// The status in an answer's trailers, or in its head where it has none.
fn status(answer: &Answer) -> Option<&str> {
    let trailer = answer.trailers.get("grpc-status").and_then(|it| it.to_str().ok());
    trailer.or_else(|| answer.header("grpc-status"))
}

#[tokio::test]
async fn trailers_and_trailers_only_answers_have_their_categories() -> Outcome {
    let mut scene = scene(&json!({"defaults": {"mode": "shadow"}})).await?;
    let head = json!({"content-type": "application/grpc", "grpc-status": "16"});
    let headers = serde_json::from_value(head)?;
    let at_once = Behaviour::Status { status: 200, headers, body: Some("".into()) };
    for (behaviour, code, category) in [
        (Behaviour::grpc(0), "0", "success"),
        (Behaviour::grpc(3), "3", "client_error"),
        (Behaviour::grpc(8), "8", "rate_limited"),
        (Behaviour::grpc(13), "13", "server_error"),
        (Behaviour::grpc(14), "14", "overloaded"),
        (at_once, "16", "authentication"),
    ] {
        scene.provider.queue([behaviour]);
        assert_eq!(status(&call(&scene).await), Some(code));
        scene.until_outcomes(category, 1).await;
    }
    // Envoy's own answer to a gRPC client is a 200 with a status, too.
    scene.provider.refuse().await;
    // On a connection that Envoy has not seen closing yet, the call would be reset, not refused.
    let (name, cluster) = ("envoy_cluster_upstream_cx_active", [("envoy_cluster_name", OPENAI)]);
    scene.envoy.wait_for_stat(name, &cluster, |open| open == 0.0).await;
    assert_eq!(status(&call(&scene).await), Some("14"));
    scene.until_outcomes("connection_failed", 1).await;
    Ok(())
}

#[tokio::test]
async fn five_that_are_unavailable_open_and_the_client_is_told_in_grpc() -> Outcome {
    let scene = scene(&json!({})).await?;
    scene.provider.behave(Behaviour::grpc(14));
    for _ in 0..4 {
        assert_eq!(status(&call(&scene).await), Some("14"));
    }
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    assert_eq!(status(&call(&scene).await), Some("14"));
    scene.until("state", &[], OPEN).await;
    let reached = scene.provider.calls();
    let blocked = call(&scene).await;
    assert_eq!((status(&blocked), blocked.breaker()), (Some("14"), Some("open")));
    assert_eq!(scene.provider.calls(), reached);
    Ok(())
}
