//! What callers do wrong, or break off, never opens a breaker for others.

use std::time::Duration;

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::scene::{CLOSED, OPEN, Outcome, Scene, assert_blocked, assert_reached, silence};

#[tokio::test]
async fn callers_mistakes_by_the_hundred_open_nothing_and_429_does() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    for status in [400, 401, 403, 404, 405, 409, 413, 422, 451, 499] {
        scene.provider.behave(Behaviour::status(status));
        let answers = scene.burst(50, &Call::chat()).await;
        answers.iter().for_each(|answer| assert_reached(answer, status));
    }
    scene.until_outcomes("client_error", 400).await;
    scene.until_outcomes("authentication", 100).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    assert_eq!(scene.now("failures_total", &[]).await, 0.0);
    assert_eq!(scene.provider.calls(), 500);

    scene.provider.behave(Behaviour::status(429));
    scene.calls(5).await.iter().for_each(|answer| assert_reached(answer, 429));
    assert_eq!(scene.now("state", &[]).await, OPEN);
    assert_eq!(scene.transition(1).await["category"], "rate_limited");
    Ok(())
}

#[tokio::test]
async fn mistakes_between_failures_do_not_hide_them() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    for _ in 0..4 {
        scene.fail(1).await;
        scene.provider.queue([Behaviour::status(400)]);
        assert_reached(&scene.call().await, 400);
    }
    scene.fail(1).await;
    assert_blocked(&scene.call().await);
    Ok(())
}

#[tokio::test]
async fn callers_who_hang_up_open_nothing() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    let address = scene.envoy.address();
    for client in [Client::http1(address), Client::http2(address)] {
        scene.provider.behave(Behaviour::Hang);
        let waiting: Vec<_> = (0..20).map(|_| scene.call_in_background(client)).collect();
        scene.provider.wait_for_in_flight(20).await;
        waiting.iter().for_each(JoinHandle::abort);
        scene.provider.wait_for_in_flight(0).await;

        scene.provider.behave(Behaviour::hang_after(2));
        for _ in 0..20 {
            let mut stream = client.open(&Call::streamed_chat()).await?;
            assert!(stream.next().await.is_some());
            drop(stream);
        }
        scene.provider.wait_for_in_flight(0).await;
    }
    scene.until_outcomes("cancelled", 80).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    assert_eq!(scene.now("failures_total", &[]).await, 0.0);
    scene.provider.behave(Behaviour::Healthy);
    assert_reached(&scene.call().await, 200);
    Ok(())
}

#[tokio::test]
async fn callers_who_wait_long_for_a_silent_provider_and_give_up_do_open() -> Outcome {
    let limits = json!({"defaults": {"limits": {"abandoned": "1s"}}});
    let scene = Scene::start(&limits).await?;
    scene.provider.behave(Behaviour::Hang);
    let waiting: Vec<_> = (0..5).map(|_| scene.call_in_background(scene.envoy.client())).collect();
    scene.provider.wait_for_in_flight(5).await;
    silence(Duration::from_millis(1_500)).await;
    waiting.iter().for_each(JoinHandle::abort);
    scene.until_outcomes("timeout", 5).await;
    assert_blocked(&scene.call().await);
    Ok(())
}
