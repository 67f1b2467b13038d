//! An outage from the first failure to the last page: the alert fires, says what it is about, and
//! resolves.

use std::time::Duration;

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, OPENAI};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::prometheus::{Alert, AlertState, Pace, Prometheus};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::Outcome;

/// Callers that go on calling; dropping it ends them.
struct Callers(JoinHandle<()>);

impl Callers {
    fn start(client: Client) -> Self {
        Self(tokio::spawn(async move {
            loop {
                // What becomes of a call is for the stats to tell.
                drop(client.send(&Call::chat()).await);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }))
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[tokio::test]
async fn the_alert_fires_while_the_provider_is_down_and_resolves_when_it_is_back() -> Outcome {
    let provider = Simulator::start().await?;
    let configuration = json!({"defaults": {"open": {"base": "0.5s", "multiplier": 1}}});
    let envoy = Envoy::builder()
        .cluster(Cluster::at(OPENAI, provider.address()))
        .configuration(&configuration)
        .start()
        .await?;
    let prometheus = Prometheus::start(&[envoy.admin_address()], 0, Pace::FOR_TESTS).await?;
    let _callers = Callers::start(envoy.client());
    scraped(&prometheus, "llm_circuit_breaker_successes_total > 5").await?;
    assert!(prometheus.alerts().await.is_empty(), "{:?}", prometheus.alerts().await);

    provider.behave(Behaviour::status(500));
    // Through all the probes that fail meanwhile.
    let open = prometheus.wait_for_alert("LLMBreakerOpen", AlertState::Firing).await;
    assert_says(&open, "critical", "has been failing");
    let blocked = prometheus.wait_for_alert("LLMBreakerMostCallsBlocked", AlertState::Firing).await;
    assert_says(&blocked, "critical", "do not reach it");
    prometheus.wait_for_alert("LLMBreakerProbesFailing", AlertState::Firing).await;
    let since = "cluster_model:llm_circuit_breaker_open:start_timestamp_seconds <= time()";
    assert_eq!(prometheus.query(since).await?.len(), 1);

    provider.behave(Behaviour::Healthy);
    prometheus.wait_for_end_of_alert("LLMBreakerOpen").await;
    prometheus.wait_for_end_of_alert("LLMBreakerProbesFailing").await;
    assert_eq!(prometheus.query("llm_circuit_breaker_state == 0").await?.len(), 1);
    Ok(())
}

/// Waits until the expression has a value.
async fn scraped(prometheus: &Prometheus, expression: &str) -> Outcome {
    let scraped = async {
        while prometheus.query(expression).await?.is_empty() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    };
    patiently(expression, scraped).await
}

#[track_caller]
fn assert_says(alert: &Alert, severity: &str, summary: &str) {
    assert_eq!(alert.labels["llm_cluster"], OPENAI);
    assert_eq!(alert.labels["severity"], severity);
    let said = &alert.annotations["summary"];
    assert!(said.contains(OPENAI) && said.contains(summary), "{said}");
}
