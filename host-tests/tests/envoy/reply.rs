//! What a caller is told whose call was not made.

use llm_breaker_host_tests::client::{Answer, Call, Client, Ending};
use llm_breaker_host_tests::envoy::OPENAI;
use serde_json::json;

use crate::scene::{Outcome, Scene, assert_blocked, assert_reached};

/// What Envoy adds to every answer by itself.
const BY_ENVOY: [&str; 4] = ["date", "server", "content-length", "connection"];

fn assert_is_the_error(answer: &Answer) {
    assert_blocked(answer);
    assert_eq!(answer.ending, Ending::Whole);
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("not text")))
        .filter(|(name, _)| !BY_ENVOY.contains(name))
        .collect();
    headers.sort_unstable();
    let wait = answer.header("retry-after").unwrap_or_default();
    let seconds = wait.parse().unwrap_or(0);
    assert!((2..=30).contains(&seconds), "Retry-After: {wait}");
    let milliseconds = answer.header("retry-after-ms").unwrap_or_default();
    assert_eq!(milliseconds.parse().map(|it: u64| it.div_ceil(1000)), Ok(seconds));
    let expected = [
        ("content-type", "application/json"),
        ("retry-after", wait),
        ("retry-after-ms", milliseconds),
        ("x-llm-breaker", "open"),
        ("x-should-retry", "false"),
    ];
    assert_eq!(headers, expected);
    let message =
        format!("The model provider is currently unavailable. Please try again in {wait} s.");
    let error = json!({
        "message": message, "type": "service_unavailable_error", "param": null,
        "code": "circuit_open",
    });
    assert_eq!(answer.json(), json!({"error": error}));
    assert!(!format!("{answer:?}").contains(OPENAI));
}

#[tokio::test]
async fn it_is_an_error_that_an_sdk_understands() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"jitter": 0}}})).await?;
    scene.open().await;
    let address = scene.envoy.address();
    for client in [Client::http1(address), Client::http2(address)] {
        for call in [Call::chat(), Call::streamed_chat(), Call::get("/v1/models")] {
            assert_is_the_error(&client.send(&call).await?);
        }
    }
    let large = Call::chat().body(vec![b' '; 5_000_000]);
    assert_is_the_error(&scene.send(&large).await);
    assert_eq!(scene.provider.calls(), 5);
    assert_eq!(scene.now("fallbacks_total", &[("kind", "error")]).await, 7.0);
    let mark = |line: &str| {
        line.contains(r#""answered_by_breaker":"open""#)
            && line.contains(r#""details":"llm_breaker_open""#)
    };
    scene.envoy.access_log().wait_for_count(7, mark).await;
    Ok(())
}

#[tokio::test]
async fn the_wait_shrinks_as_time_passes() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "8s", "jitter": 0}}})).await?;
    scene.open().await;
    let mut waits = Vec::new();
    for remaining in [6.0, 4.0, 2.0] {
        let name = "llm_circuit_breaker_open_remaining_seconds";
        let labels = [("llm_cluster", OPENAI)];
        let seen = scene.envoy.wait_for_stat(name, &labels, |left| left <= remaining).await;
        let answer = scene.call().await;
        assert_blocked(&answer);
        let wait: f64 = answer.header("retry-after").unwrap_or_default().parse()?;
        // The gauge rounds down and may be a tick old, the answer rounds up.
        assert!(wait <= seen + 1.0, "{wait} s, but the gauge says {seen} s");
        waits.push(wait);
    }
    assert!(waits.is_sorted_by(|earlier, later| earlier > later), "{waits:?}");
    Ok(())
}

#[tokio::test]
async fn with_the_fallback_pass_the_call_is_made_all_the_same() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"fallback": [{"kind": "pass"}]}})).await?;
    scene.open().await;
    scene.calls(10).await.iter().for_each(|answer| assert_reached(answer, 200));
    assert_eq!(scene.provider.calls(), 15);
    assert_eq!(scene.now("fallbacks_total", &[("kind", "pass")]).await, 10.0);
    assert_eq!(scene.now("requests_blocked_total", &[]).await, 0.0);
    Ok(())
}
