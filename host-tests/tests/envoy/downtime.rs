//! A provider that is down is called five times; every other caller is told at once.

use std::io::Write;
use std::time::Duration;

use llm_breaker_host_tests::client::{Answer, Call};
use llm_breaker_host_tests::envoy::{OPENAI, Route};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;

use crate::scene::{Outcome, Scene, assert_blocked, assert_reached};

/// What a caller that is told "not now" may wait for that.
const AT_ONCE: Duration = Duration::from_millis(200);

/// Sends 100 calls one after the other, the first five of which fail with `status` and `category`.
async fn hundred_calls(scene: &Scene, status: u16, category: &str) {
    let answers = scene.calls(100).await;
    let (failed, blocked) = answers.split_at(5);
    failed.iter().for_each(|answer| assert_reached(answer, status));
    blocked.iter().for_each(assert_blocked);
    assert_answered_at_once(blocked, category);
    assert_stats(scene, category).await;

    let opened = scene.transition(1).await;
    assert_eq!(opened["reason"], "consecutive_failures");
    assert_eq!((&opened["measured"], &opened["category"]), (&json!(5.0), &json!(category)));
    assert_eq!(scene.transitions().len(), 1);
}

fn assert_answered_at_once(blocked: &[Answer], category: &str) {
    let mut times: Vec<Duration> = blocked.iter().map(|answer| answer.elapsed).collect();
    times.sort();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    let said =
        format!("{category}: 95 calls told at once, median {median:?}, longest {longest:?}\n");
    // Not println!, which the test harness keeps to itself.
    let _ = std::io::stderr().write_all(said.as_bytes());
    assert!(longest < AT_ONCE, "{longest:?}");
}

async fn assert_stats(scene: &Scene, category: &str) {
    scene.until_outcomes(category, 5).await;
    let stats = scene.envoy.stats().await;
    for line in [
        r#"llm_circuit_breaker_state{llm_cluster="outbound|443||api.openai.com"} 1"#,
        r#"llm_circuit_breaker_requests_blocked_total{llm_cluster="outbound|443||api.openai.com"} 95"#,
        r#"llm_circuit_breaker_failures_total{llm_cluster="outbound|443||api.openai.com"} 5"#,
        r#"llm_circuit_breaker_successes_total{llm_cluster="outbound|443||api.openai.com"} 0"#,
    ] {
        assert!(stats.has_line(line), "{line} is not in\n{}", scene.show().await);
    }
    assert_eq!(stats.sum("llm_circuit_breaker_outcomes_total"), 5.0, "{}", scene.show().await);
}

#[tokio::test]
async fn of_100_calls_5_meet_the_error_500() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    scene.provider.behave(Behaviour::status(500));
    hundred_calls(&scene, 500, "server_error").await;
    assert_eq!(scene.provider.calls(), 5);
    Ok(())
}

#[tokio::test]
async fn of_100_calls_5_meet_the_refused_connection() -> Outcome {
    let mut scene = Scene::start(&json!({})).await?;
    scene.provider.refuse().await;
    hundred_calls(&scene, 503, "connection_failed").await;
    // Nothing can arrive, so Envoy itself says how often it tried to connect.
    let name = "cluster.outbound|443||api.openai.com.upstream_cx_connect_fail";
    let stats = scene.envoy.admin(&Call::get("/stats?format=json")).await.json();
    let stats = stats["stats"].as_array().expect("a list").clone();
    let refused = stats.iter().find(|stat| stat["name"] == name).map(|stat| &stat["value"]);
    assert_eq!(refused, Some(&json!(5)));
    Ok(())
}

#[tokio::test]
async fn of_100_calls_5_meet_the_time_out() -> Outcome {
    let route = Route::to(OPENAI).timeout("0.1s");
    let scene = Scene::start_as(|envoy| envoy.route(route)).await?;
    scene.provider.behave(Behaviour::Hang);
    hundred_calls(&scene, 504, "timeout").await;
    assert_eq!(scene.provider.calls(), 5);
    Ok(())
}

#[tokio::test]
async fn of_100_calls_5_meet_the_closed_connection() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    scene.provider.behave(Behaviour::Close);
    hundred_calls(&scene, 503, "connection_reset").await;
    assert_eq!(scene.provider.calls(), 5);
    Ok(())
}
