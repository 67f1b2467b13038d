//! A listener update keeps what a breaker knows and brings its new thresholds; a rejected one
//! changes nothing.

use llm_breaker_host_tests::client::{Answer, Call};
use llm_breaker_host_tests::envoy::Update;
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::{Value, json};

use crate::scene::{CLOSED, OPEN, Outcome, Scene, assert_blocked, assert_reached};

fn opens_at(consecutive_failures: u32) -> Value {
    json!({"defaults": {
        "trip": {"consecutive_failures": consecutive_failures, "failure_rate": null},
        "open": {"base": "60s"},
    }})
}

async fn updatable(configuration: &Value) -> Outcome<Scene> {
    Scene::start_as(|envoy| envoy.updatable().configuration(configuration)).await
}

async fn burst(scene: &Scene) -> Vec<Answer> {
    scene.burst(20, &Call::chat()).await
}

#[tokio::test]
async fn an_open_breaker_stays_open() -> Outcome {
    let mut scene = updatable(&opens_at(5)).await?;
    scene.open().await;
    assert_eq!(scene.envoy.update_configuration(&opens_at(20)).await?, Update::Applied);
    burst(&scene).await.iter().for_each(assert_blocked);
    assert_eq!(scene.now("state", &[]).await, OPEN);
    assert_eq!((scene.provider.calls(), scene.transitions().len()), (5, 1));
    Ok(())
}

#[tokio::test]
async fn failures_of_before_count_by_the_new_threshold() -> Outcome {
    let mut scene = updatable(&opens_at(5)).await?;
    scene.fail(4).await;
    assert_eq!(scene.envoy.update_configuration(&opens_at(7)).await?, Update::Applied);
    scene.fail(2).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED, "the new threshold is 7");
    scene.fail(1).await;
    assert_eq!(scene.transition(1).await["measured"], 7.0);
    assert_eq!(scene.now("state", &[]).await, OPEN);
    Ok(())
}

#[tokio::test]
async fn a_lower_threshold_applies_from_the_next_failure_on() -> Outcome {
    let mut scene = updatable(&opens_at(50)).await?;
    scene.fail(10).await;
    assert_eq!(scene.envoy.update_configuration(&opens_at(3)).await?, Update::Applied);
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    scene.fail(1).await;
    burst(&scene).await.iter().for_each(assert_blocked);
    Ok(())
}

#[tokio::test]
async fn a_rejected_update_leaves_the_old_configuration_serving() -> Outcome {
    let mut scene = updatable(&opens_at(3)).await?;
    scene.fail(2).await;
    let wrong = json!({"defaults": {"trip": {"consecutive_failures": "many"}}});
    assert_eq!(scene.envoy.update_configuration(&wrong).await?, Update::Rejected);
    let says_why = |line: &str| {
        line.contains(r#"defaults.trip.consecutive_failures: "many" is wrong; allowed: a whole"#)
    };
    scene.envoy.log().wait_for(says_why).await;
    assert_eq!(burst_statuses(&scene).await, [200; 20]);

    scene.fail(3).await;
    burst(&scene).await.iter().for_each(assert_blocked);
    assert_eq!(scene.transition(1).await["measured"], 3.0);
    Ok(())
}

async fn burst_statuses(scene: &Scene) -> Vec<u16> {
    burst(scene).await.iter().map(|answer| answer.status.as_u16()).collect()
}

#[tokio::test]
async fn from_shadow_to_enforce_the_state_stays() -> Outcome {
    let with_mode = |mode| json!({"defaults": {"mode": mode, "open": {"base": "60s"}}});
    let mut scene = updatable(&with_mode("shadow")).await?;
    scene.open().await;
    burst(&scene).await.iter().for_each(|answer| assert_reached(answer, 200));
    let enforce = with_mode("enforce");
    assert_eq!(scene.envoy.update_configuration(&enforce).await?, Update::Applied);
    burst(&scene).await.iter().for_each(assert_blocked);
    assert_eq!(scene.transitions().len(), 1);
    Ok(())
}

#[tokio::test]
async fn from_forced_open_a_breaker_starts_afresh() -> Outcome {
    let with_mode = |mode| json!({"defaults": {"mode": mode, "open": {"base": "60s"}}});
    let mut scene = updatable(&with_mode("enforce")).await?;
    scene.fail(4).await;
    let forced = with_mode("forced_open");
    assert_eq!(scene.envoy.update_configuration(&forced).await?, Update::Applied);
    burst(&scene).await.iter().for_each(assert_blocked);
    let enforce = with_mode("enforce");
    assert_eq!(scene.envoy.update_configuration(&enforce).await?, Update::Applied);
    scene.provider.queue(vec![Behaviour::status(500); 4]);
    scene.calls(4).await.iter().for_each(|answer| assert_reached(answer, 500));
    assert_eq!(burst_statuses(&scene).await, [200; 20]);
    scene.until("state", &[], CLOSED).await;
    Ok(())
}
