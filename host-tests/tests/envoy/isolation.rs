//! Two clusters do not touch each other.

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, Route};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::json;

use crate::scene::{CLOSED, OPEN, Outcome, assert_blocked, assert_reached, event, value};

const LEFT: &str = "outbound|443||left.example.com";
const RIGHT: &str = "outbound|443||right.example.com";

#[tokio::test]
async fn one_provider_is_down_and_the_other_is_called_as_ever() -> Outcome {
    let (left, right) = (Simulator::start().await?, Simulator::start().await?);
    let envoy = Envoy::builder()
        .cluster(Cluster::at(LEFT, left.address()))
        .cluster(Cluster::at(RIGHT, right.address()))
        .route(Route::to(RIGHT).header("x-side", "right"))
        .route(Route::to(LEFT));
    let envoy = envoy.start().await?;
    let (to_left, to_right) = (Call::chat(), Call::chat().header("x-side", "right"));
    left.behave(Behaviour::status(500));
    for _ in 0..5 {
        assert_reached(&envoy.client().send(&to_left).await?, 500);
        assert_reached(&envoy.client().send(&to_right).await?, 200);
    }
    for _ in 0..10 {
        assert_blocked(&envoy.client().send(&to_left).await?);
        assert_reached(&envoy.client().send(&to_right).await?, 200);
    }
    assert_eq!((left.calls(), right.calls()), (5, 15));

    let successes = [("llm_cluster", RIGHT)];
    let name = "llm_circuit_breaker_successes_total";
    envoy.wait_for_stat(name, &successes, |value| value == 15.0).await;
    let stats = envoy.stats().await;
    let of = |cluster| {
        ["state", "requests_blocked_total", "failures_total"]
            .map(|name| value(&stats, cluster, name, &[]))
    };
    assert_eq!(of(LEFT), [OPEN, 10.0, 5.0]);
    assert_eq!(of(RIGHT), [CLOSED, 0.0, 0.0]);
    let breakers: Vec<_> =
        envoy.log().lines().iter().filter_map(|l| event(l, "transition")).collect();
    assert_eq!(breakers.len(), 1);
    assert_eq!(breakers[0]["breaker"], LEFT);
    Ok(())
}

#[tokio::test]
async fn two_listeners_share_the_breaker_of_their_cluster_and_not_their_window() -> Outcome {
    let provider = Simulator::start().await?;
    let window = json!({"type": "count", "calls": 20});
    let eager = json!({"defaults": {"window": window, "trip": {"consecutive_failures": 3}}});
    let envoy = Envoy::builder()
        .cluster(Cluster::at(LEFT, provider.address()))
        .listener(Listener::default())
        .listener(Listener::new("eager").configuration(&eager))
        .start()
        .await?;
    let (patient, eager) = (envoy.client(), Client::http1(envoy.address_of("eager")));
    provider.behave(Behaviour::status(500));
    // Each window is kept while the other listener's policy records.
    for client in [patient, eager, patient] {
        assert_reached(&client.send(&Call::chat()).await?, 500);
    }
    assert_reached(&eager.send(&Call::chat()).await?, 500);
    assert_blocked(&eager.send(&Call::chat()).await?);
    assert_blocked(&patient.send(&Call::chat()).await?);
    assert_eq!(provider.calls(), 4);
    Ok(())
}

#[tokio::test]
async fn only_as_many_clusters_as_allowed_get_a_breaker() -> Outcome {
    let provider = Simulator::start().await?;
    provider.behave(Behaviour::status(500));
    let mut envoy = Envoy::builder().configuration(&json!({"max_breakers": 2}));
    for name in ["one", "two", "three"] {
        envoy = envoy
            .cluster(Cluster::at(name, provider.address()))
            .route(Route::to(name).header("x-cluster", name));
    }
    let envoy = envoy.start().await?;
    for (name, reached) in [("one", 5), ("two", 5), ("three", 10)] {
        let call = Call::chat().header("x-cluster", name);
        for number in 0..10 {
            let answer = envoy.client().send(&call).await?;
            assert_eq!(answer.breaker().is_none(), number < reached, "{name}, call {number}");
        }
    }
    let stats = envoy.stats().await;
    assert!(stats.sum("llm_circuit_breaker_breakers_overflow_total") >= 10.0, "{stats}");
    assert!(stats.lines("llm_circuit").iter().all(|line| !line.contains("three")), "{stats}");
    Ok(())
}
