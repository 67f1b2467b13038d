//! Slow successes open a breaker that was told what is slow and how much of it is too much.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::simulator::{Behaviour, StreamEnd};
use serde_json::{Value, json};

use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome, Scene, assert_blocked, assert_reached};

fn policy(slow: &Value, slow_rate: &Value) -> Value {
    json!({"defaults": {
        "slow": slow,
        "trip": {"slow_rate": slow_rate, "minimum_calls": 5},
        "open": {"base": "1s", "jitter": 0},
    }})
}

async fn slow_successes(scene: &Scene, count: usize) {
    scene.provider.behave(Behaviour::Healthy.after_milliseconds(300));
    let answers = scene.burst(count, &Call::chat()).await;
    answers.iter().for_each(|answer| assert_reached(answer, 200));
}

#[tokio::test]
async fn with_a_limit_and_a_rate_slow_answers_open() -> Outcome {
    let scene = Scene::start(&policy(&json!({"total": "0.1s"}), &json!(0.5))).await?;
    slow_successes(&scene, 5).await;
    let opened = scene.transition(1).await;
    assert_eq!((&opened["reason"], &opened["category"]), (&json!("slow_rate"), &json!("slow")));
    assert_eq!(opened["measured"], 1.0);
    assert_blocked(&scene.call().await);
    scene.until("slow_calls_total", &[], 5.0).await;
    scene.until("successes_total", &[], 5.0).await;
    assert_eq!(scene.now("failures_total", &[]).await, 0.0);

    // A slow probe opens it again: a breaker that slowness opened shall not flap.
    scene.until("state", &[], HALF_OPEN).await;
    slow_successes(&scene, 1).await;
    assert_eq!(scene.transition(3).await["open_seconds"], 2.0);
    Ok(())
}

#[tokio::test]
async fn until_the_response_headers_has_a_limit_of_its_own() -> Outcome {
    let limits = json!({"response_headers": "0.2s", "total": null});
    let scene = Scene::start(&policy(&limits, &json!(1))).await?;
    // Long, but soon on its way: five events, 0.1 s apart.
    let (events, end) = (5, StreamEnd::Done);
    scene.provider.behave(Behaviour::Stream { events, interval_milliseconds: 100, end });
    let answers = scene.burst(5, &Call::streamed_chat()).await;
    answers.iter().for_each(|answer| assert_reached(answer, 200));
    scene.until("successes_total", &[], 5.0).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED, "{}", scene.show().await);

    slow_successes(&scene, 1).await;
    scene.until("slow_calls_total", &[], 1.0).await;
    Ok(())
}

#[tokio::test]
async fn without_a_rate_slow_answers_are_counted_and_open_nothing() -> Outcome {
    let scene = Scene::start(&policy(&json!({"total": "0.1s"}), &json!(null))).await?;
    slow_successes(&scene, 20).await;
    scene.until_outcomes("slow", 20).await;
    scene.until("slow_calls_total", &[], 20.0).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    Ok(())
}

#[tokio::test]
async fn without_a_limit_nothing_is_slow() -> Outcome {
    let scene = Scene::start(&policy(&json!({}), &json!(0.1))).await?;
    slow_successes(&scene, 20).await;
    scene.until_outcomes("success", 20).await;
    assert_eq!(scene.now("slow_calls_total", &[]).await, 0.0);
    assert_ne!(scene.now("state", &[]).await, OPEN);
    Ok(())
}
