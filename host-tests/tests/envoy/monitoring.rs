//! Each change of state is one counter increment and one log line, however many workers there are.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{OPENAI, Stats};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::{Value, json};

use crate::scene::{
    CLOSED, HALF_OPEN, Outcome, Scene, assert_blocked, assert_reached, event, value,
};

/// One round through all states; the second failure in a row of probes included.
const ROUND: [(&str, &str); 5] = [
    ("closed", "open"),
    ("open", "half_open"),
    ("half_open", "open"),
    ("open", "half_open"),
    ("half_open", "closed"),
];

async fn two_rounds_with(workers: u32) -> Outcome {
    let configuration = json!({"defaults": {"open": {"base": "0.5s", "multiplier": 1}}});
    let scene =
        Scene::start_as(|envoy| envoy.workers(workers).configuration(&configuration)).await?;
    for _ in 0..2 {
        scene.half_open().await;
        scene.fail(1).await;
        // All workers learn at the same time that the open time is over: by their ticks and by calls.
        scene.until("state", &[], HALF_OPEN).await;
        assert!(scene.call().await.status.is_success());
        scene.until("state", &[], CLOSED).await;
        let answers = scene.burst(20, &Call::chat()).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
    }
    assert_changes(&scene.envoy.stats().await, &scene.transitions());
    Ok(())
}

fn assert_changes(stats: &Stats, logged: &[Value]) {
    let seen: Vec<_> = logged
        .iter()
        .map(|line| (line["from"].as_str().unwrap_or(""), line["to"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(seen, [ROUND, ROUND].concat());
    assert!(logged.iter().all(|line| line["breaker"] == OPENAI), "{logged:?}");
    for (from, to) in ROUND {
        let counted = value(stats, OPENAI, "state_changes_total", &[("from", from), ("to", to)]);
        let happened = seen.iter().filter(|change| **change == (from, to)).count();
        assert_eq!(counted, happened as f64, "{from} to {to}");
    }
    assert_eq!(stats.sum("llm_circuit_breaker_state_changes_total"), seen.len() as f64);
}

#[tokio::test]
async fn with_one_worker() -> Outcome {
    two_rounds_with(1).await
}

#[tokio::test]
async fn with_two_workers() -> Outcome {
    two_rounds_with(2).await
}

#[tokio::test]
async fn with_four_workers() -> Outcome {
    two_rounds_with(4).await
}

#[tokio::test]
async fn concurrent_failures_open_once() -> Outcome {
    let configuration = json!({"defaults": {"open": {"base": "60s"}}});
    let scene = Scene::start_as(|envoy| envoy.workers(4).configuration(&configuration)).await?;
    scene.provider.behave(Behaviour::status(500).held());
    let client = scene.envoy.client();
    let burst = tokio::spawn(async move { client.burst(20, &Call::chat()).await });
    scene.provider.wait_for_in_flight(20).await;
    scene.provider.release();
    burst.await?.iter().for_each(|answer| assert_reached(answer, 500));
    assert_blocked(&scene.call().await);
    let labels = [("from", "closed"), ("to", "open")];
    assert_eq!(scene.now("state_changes_total", &labels).await, 1.0);
    assert_eq!(scene.transitions().len(), 1);
    Ok(())
}

#[tokio::test]
async fn every_line_says_why_and_for_how_long() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "1s", "jitter": 0}}})).await?;
    scene.half_open().await;
    scene.call().await;
    scene.until("state", &[], CLOSED).await;
    let epoch = scene.transitions()[0]["epoch"].as_u64().expect("an epoch");
    let expected = [
        json!({
            "event": "transition", "breaker": OPENAI, "from": "closed", "to": "open",
            "epoch": epoch, "reason": "consecutive_failures", "measured": 5.0, "threshold": 5.0,
            "category": "server_error", "ended_by": "upstream",
            "open_seconds": 1.0, "announced": false,
        }),
        json!({
            "event": "transition", "breaker": OPENAI, "from": "open", "to": "half_open",
            "epoch": epoch + 1, "reason": "open_time_ended",
        }),
        json!({
            "event": "transition", "breaker": OPENAI, "from": "half_open", "to": "closed",
            "epoch": epoch + 2, "reason": "probes_succeeded",
            "category": "success", "ended_by": "upstream",
        }),
    ];
    assert_eq!(scene.transitions(), expected);
    let lines = scene.envoy.log().matching(|line| event(line, "transition").is_some());
    let at_level = |level: &str| lines.iter().filter(|line| line.contains(level)).count();
    assert_eq!((at_level("[warning][wasm]"), at_level("[info][wasm]")), (1, 2), "{lines:?}");
    Ok(())
}

#[tokio::test]
async fn a_line_can_be_logfmt() -> Outcome {
    let scene = Scene::start(&json!({"log_format": "logfmt"})).await?;
    scene.fail(5).await;
    let start = "event=transition breaker=outbound|443||api.openai.com from=closed to=open epoch=";
    let line = scene.envoy.log().wait_for(|line| line.contains(start)).await;
    let why = " reason=consecutive_failures measured=5.0 threshold=5.0 category=server_error \
               ended_by=upstream open_seconds=";
    assert!(line.contains(why) && line.ends_with(" announced=false"), "{line}");
    Ok(())
}

#[tokio::test]
async fn dashboards_see_every_stat_of_a_breaker_from_its_first_call_on() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    scene.call().await;
    scene.until("successes_total", &[], 1.0).await;
    let stats = scene.envoy.stats().await;
    for name in [
        "state",
        "mode",
        "open_remaining_seconds",
        "failures_total",
        "requests_blocked_total",
        "requests_would_block_total",
        "half_open_requests_total",
    ] {
        let line = format!("llm_circuit_breaker_{name}{{llm_cluster=\"{OPENAI}\"}} 0");
        assert!(stats.has_line(&line), "{line} is not in\n{}", scene.show().await);
    }
    scene.until("call_duration_milliseconds_count", &[("result", "success")], 1.0).await;
    Ok(())
}
