//! Faults under load: every call gets exactly one complete answer, and what a breaker knows stays.

mod configuration;
mod crash;
mod drain;
mod endpoints;
mod names;
mod upstream;

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{Builder, Cluster, Envoy, Listener, OPENAI, Route};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use crate::Outcome;
use crate::load::Results;

/// A provider that is down from the start: its breaker opens once, and must stay so.
const DEAD: &str = "dead";
const SIDE: &str = "x-side";

/// A call to the cluster of that name, in place of the first.
fn to(cluster: &str, call: Call) -> Call {
    call.header(SIDE, cluster)
}

/// A call that crashes not even a module that is made to crash.
fn without_body() -> Call {
    Call::get("/v1/models")
}

/// A listener whose header `x-side` chooses among these clusters, and else the first.
fn sided(listener: Listener, clusters: &[&str]) -> Listener {
    let side = |listener: Listener, name: &&str| listener.route(Route::to(name).header(SIDE, name));
    clusters.iter().fold(listener, side).route(Route::to(OPENAI))
}

/// Short times for the provider under test, and a breaker that stays open for the dead one.
fn configuration(consecutive_failures: u32) -> Value {
    json!({
        "breakers": [{
            "cluster": DEAD,
            "trip": {"consecutive_failures": 3},
            "open": {"base": "3600s", "max": "3600s"},
        }],
        "defaults": {
            "trip": {"consecutive_failures": consecutive_failures},
            "open": {"base": "0.2s", "max": "0.4s"},
            "half_open": {"lease": "1s"},
        },
    })
}

/// A provider that is well and one that is dead, whose breaker has opened.
struct Scene {
    envoy: Envoy,
    provider: Simulator,
    _dead: Simulator,
}

impl Scene {
    async fn start(shape: impl FnOnce(Builder) -> Builder) -> Outcome<Self> {
        let (provider, dead) = (Simulator::start().await?, Simulator::start().await?);
        provider.forget_calls();
        dead.behave(Behaviour::status(500));
        let envoy = Envoy::builder()
            .cluster(Cluster::at(OPENAI, provider.address()))
            .cluster(Cluster::at(DEAD, dead.address()));
        let envoy = shape(envoy).start().await?;
        let scene = Self { envoy, provider, _dead: dead };
        for _ in 0..3 {
            let answer = scene.envoy.client().send(&to(DEAD, without_body())).await?;
            assert_eq!(answer.status, 500);
        }
        scene.assert_remembers().await;
        Ok(scene)
    }

    /// The dead provider's breaker is open still.
    async fn assert_remembers(&self) {
        let client = Client::http1(self.envoy.address());
        let answer = patiently("an answer", client.send(&to(DEAD, without_body()))).await;
        let answer = answer.expect("an answer");
        let seen = (answer.status.as_u16(), answer.breaker());
        assert_eq!(seen, (503, Some("open")), "{}", answer.text());
    }

    /// That breaker has changed once and for all, and nothing was found damaged.
    async fn assert_lost_nothing(&self) {
        self.assert_remembers().await;
        let stats = self.envoy.stats().await;
        let changes = |from, to| {
            let labels = [("llm_cluster", DEAD), ("from", from), ("to", to)];
            stats.value("llm_circuit_breaker_state_changes_total", &labels).unwrap_or(0.0)
        };
        assert_eq!((changes("closed", "open"), changes("open", "half_open")), (1.0, 0.0));
        assert_eq!(stats.sum("llm_circuit_breaker_shared_state_resets_total"), 0.0);
    }

    /// The provider under test is served as if nothing had been.
    async fn until_healed(&self) {
        let healed = async {
            loop {
                let answers = self.envoy.client().burst(10, &Call::streamed_chat()).await;
                if answers.iter().all(|answer| answer.status == 200) {
                    return;
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently("a healed provider", healed).await;
    }
}

/// Every call was either blocked or counted, once.
async fn assert_each_counted_once(envoy: &Envoy, results: &Results, others: usize) {
    let wanted = (results.sent + others) as f64;
    let counted = async {
        loop {
            let stats = envoy.stats().await;
            let outcomes = stats.sum("llm_circuit_breaker_outcomes_total");
            let blocked = stats.sum("llm_circuit_breaker_requests_blocked_total");
            if outcomes + blocked >= wanted {
                return (outcomes, blocked);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    let (outcomes, blocked) = patiently("every call to be counted", counted).await;
    assert_eq!(outcomes + blocked, wanted, "{outcomes} outcomes and {blocked} blocked");
}
