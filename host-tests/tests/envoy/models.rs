//! Keyed by model: the real Envoy shows the filter a request's body before it goes on.

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{Listener, OPENAI};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;

use crate::scene::{CLOSED, OPEN, Outcome, Scene, assert_blocked, assert_reached, value};

/// A chat whose body names the model last, after so many bytes.
fn chat(model: &str, padding: usize) -> Call {
    let messages = json!([{"role": "user", "content": "x".repeat(padding)}]);
    let body = format!(r#"{{"messages":{messages},"model":"{model}"}}"#);
    Call::post_json("/v1/chat/completions", &json!({})).body(body)
}

async fn scene() -> Outcome<Scene> {
    let policy = json!({"key_by": "model", "models": ["gpt-4.1", "o3*"], "body_limit": 262_144});
    let configuration = json!({"stop_iteration": true, "defaults": policy});
    let listener =
        Listener::default().configuration(&configuration).allow_on_headers_stop_iteration();
    Scene::start_as(|envoy| envoy.listener(listener)).await
}

async fn state(scene: &Scene, model: &str) -> f64 {
    value(&scene.envoy.stats().await, OPENAI, "state", &[("llm_model", model)])
}

#[tokio::test]
async fn models_that_the_body_names_fail_apart() -> Outcome {
    let scene = scene().await?;
    let address = scene.envoy.address();
    for (client, model) in
        [(Client::http1(address), "gpt-4.1"), (Client::http2(address), "o3-mini")]
    {
        scene.provider.behave(Behaviour::status(500));
        for padding in [0, 10, 1_000, 50_000, 200_000] {
            assert_reached(&client.send(&chat(model, padding)).await?, 500);
        }
        assert_blocked(&client.send(&chat(model, 100_000)).await?);
        assert_blocked(&client.send(&chat(model, 0)).await?);
        scene.provider.behave(Behaviour::Healthy);
        assert_reached(&client.send(&chat("another", 1_000)).await?, 200);
    }
    let states = [state(&scene, "gpt-4.1").await, state(&scene, "o3*").await];
    assert_eq!((states, state(&scene, "other").await), ([OPEN, OPEN], CLOSED));
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    Ok(())
}

#[tokio::test]
async fn a_body_longer_than_the_limit_passes_whole() -> Outcome {
    let scene = scene().await?;
    let address = scene.envoy.address();
    for client in [Client::http1(address), Client::http2(address)] {
        for padding in [262_144, 1_000_000, 5_000_000] {
            let call = chat("gpt-4.1", padding);
            assert_reached(&client.send(&call).await?, 200);
            let received = scene.provider.received();
            let body = &received.last().expect("a call").body;
            assert!(body.len() > padding && body.ends_with(br#""model":"gpt-4.1"}"#));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_dead_provider_is_learnt_once_for_all_models() -> Outcome {
    let mut scene = scene().await?;
    scene.provider.refuse().await;
    for model in ["gpt-4.1", "o3", "another", "o3", "gpt-4.1"] {
        assert_reached(&scene.send(&chat(model, 10)).await, 503);
    }
    for model in ["gpt-4.1", "o3", "another"] {
        assert_blocked(&scene.send(&chat(model, 10)).await);
    }
    assert_eq!(scene.now("state", &[]).await, OPEN);
    assert_eq!(scene.transition(1).await["category"], "connection_failed");
    Ok(())
}
