//! What only an answer's body tells: errors that share a status, streams that fail after their 200.

use std::collections::BTreeMap;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::simulator::{Behaviour, StreamEnd};
use serde_json::json;

use crate::scene::{CLOSED, Outcome, Scene, assert_blocked, assert_reached};

fn error(status: u16, code: &str) -> Behaviour {
    let body = json!({"error": {"code": code, "message": "as told"}}).to_string();
    Behaviour::Status { status, headers: BTreeMap::new(), body: Some(body) }
}

const fn stream(end: StreamEnd) -> Behaviour {
    Behaviour::Stream { events: 3, interval_milliseconds: 0, end }
}

#[tokio::test]
async fn errors_and_streams_are_told_by_their_bodies() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"mode": "shadow"}})).await?;
    for (behaviour, status, category) in [
        (error(429, "rate_limit_exceeded"), 429, "rate_limited"),
        (error(429, "insufficient_quota"), 429, "quota_exhausted"),
        (error(503, "server_is_overloaded"), 503, "overloaded"),
        (error(400, "context_length_exceeded"), 400, "context_length"),
        (stream(StreamEnd::Done), 200, "success"),
        (stream(StreamEnd::Silent), 200, "stream_interrupted"),
    ] {
        let label = [("category", category)];
        let before = scene.now("outcomes_total", &label).await;
        scene.provider.queue([behaviour]);
        assert_reached(&scene.call().await, status);
        scene.until("outcomes_total", &label, before + 1.0).await;
    }
    Ok(())
}

#[tokio::test]
async fn one_exhausted_quota_opens_for_five_minutes_and_one_rate_limit_does_not() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "1s"}}})).await?;
    scene.provider.queue([error(429, "rate_limit_exceeded"), error(429, "insufficient_quota")]);
    assert_reached(&scene.call().await, 429);
    assert_reached(&scene.call().await, 429);
    assert_blocked(&scene.call().await);
    assert_eq!(scene.transition(1).await["open_seconds"], json!(300.0));
    Ok(())
}

#[tokio::test]
async fn a_streaming_probe_closes_while_its_stream_goes_on() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "0.5s"}}})).await?;
    scene.half_open().await;
    scene.provider.behave(Behaviour::hang_after(1));
    let mut probe = scene.envoy.client().open(&Call::streamed_chat()).await?;
    assert!(probe.next().await.is_some());
    scene.until("state", &[], CLOSED).await;
    assert_eq!(scene.now("successes_total", &[]).await, 0.0, "it is counted at its end");
    scene.provider.release();
    assert_eq!(probe.read_to_end().await.status, 200);
    scene.until_outcomes("success", 1).await;
    Ok(())
}
