//! What a call says that went out before the last change of state moves nothing, but for a longer
//! wait that it announces.

use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;

use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome, Scene, assert_blocked, assert_reached};

/// The seconds that a caller is told to wait.
async fn announced_wait(scene: &Scene) -> u64 {
    let answer = scene.call().await;
    assert_blocked(&answer);
    answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("whole seconds")
}

#[tokio::test]
async fn an_open_breaker_hears_of_no_late_success_and_no_late_failure() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "60s", "jitter": 0}}})).await?;
    let limited = |seconds| Behaviour::status_with_header(429, "retry-after", seconds);
    let mut late = Vec::new();
    for behaviour in [Behaviour::Healthy, Behaviour::status(500), limited("5")] {
        late.push(scene.held_call(behaviour).await);
    }
    scene.open().await;
    let longest = announced_wait(&scene).await;

    scene.provider.release();
    for call in late {
        call.await??;
    }
    scene.until_outcomes("rate_limited", 1).await;
    scene.until_outcomes("success", 1).await;
    assert_eq!(scene.now("state", &[]).await, OPEN);
    let wait = announced_wait(&scene).await;
    assert!(wait <= longest, "{wait} s, before {longest} s");
    assert!(longest <= 60, "{longest} s");
    assert_eq!(scene.transitions().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_longer_retry_after_lengthens_the_wait() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "60s", "jitter": 0}}})).await?;
    let limited = Behaviour::status_with_header(429, "retry-after", "1000");
    let late = scene.held_call(limited).await;
    scene.open().await;
    assert!(announced_wait(&scene).await <= 60);

    scene.provider.release();
    assert_reached(&late.await??, 429);
    let wait = announced_wait(&scene).await;
    assert!((900..=1000).contains(&wait), "{wait} s");
    assert_eq!(scene.now("state", &[]).await, OPEN);
    assert_eq!(scene.transitions().len(), 1, "lengthening is no transition");
    Ok(())
}

#[tokio::test]
async fn a_half_open_breaker_waits_for_its_own_probe() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "1s", "jitter": 0}}})).await?;
    let late_success = scene.held_call(Behaviour::Healthy).await;
    let limited = Behaviour::status_with_header(429, "retry-after", "1000");
    let late_limit = scene.held_call(limited).await;
    scene.half_open().await;
    scene.provider.release();
    assert_reached(&late_success.await??, 200);
    assert_reached(&late_limit.await??, 429);
    scene.until_outcomes("success", 1).await;
    scene.until_outcomes("rate_limited", 1).await;
    assert_eq!(scene.now("state", &[]).await, HALF_OPEN);

    assert_reached(&scene.call().await, 200);
    scene.until("state", &[], CLOSED).await;
    assert_eq!(scene.transitions().len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_closed_breaker_does_not_count_failures_of_before() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "1s", "jitter": 0}}})).await?;
    let mut late = Vec::new();
    for _ in 0..5 {
        late.push(scene.held_call(Behaviour::status(500)).await);
    }
    scene.half_open().await;
    assert_reached(&scene.call().await, 200);
    scene.until("state", &[], CLOSED).await;

    scene.provider.release();
    for call in late {
        assert_reached(&call.await??, 500);
    }
    scene.until_outcomes("server_error", 10).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    scene.fail(4).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    scene.fail(1).await;
    assert_eq!(scene.now("state", &[]).await, OPEN);
    Ok(())
}

#[tokio::test]
async fn the_failure_that_opens_may_announce_how_long() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "5s", "jitter": 0}}})).await?;
    scene.fail(4).await;
    scene.provider.queue([Behaviour::status_with_header(429, "retry-after-ms", "90000")]);
    assert_reached(&scene.call().await, 429);
    let opened = scene.transition(1).await;
    assert_eq!((&opened["announced"], &opened["open_seconds"]), (&json!(true), &json!(90.0)));
    let wait = announced_wait(&scene).await;
    assert!((30..=90).contains(&wait), "{wait} s");
    Ok(())
}
