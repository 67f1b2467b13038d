//! One Envoy with the filter in front of one simulated provider, and what the filter says of it.

use std::time::Duration;

use llm_breaker_host_tests::client::{Answer, Call, Client, NoAnswer};
use llm_breaker_host_tests::envoy::{Builder, Cluster, Envoy, OPENAI, Stats};
use llm_breaker_host_tests::patience::{PATIENCE, POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::Value;
use tokio::task::JoinHandle;

/// What a test returns, so that it can use `?`.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The values of the gauge `llm_circuit_breaker_state`.
pub(crate) const CLOSED: f64 = 0.0;
pub(crate) const OPEN: f64 = 1.0;
pub(crate) const HALF_OPEN: f64 = 2.0;

/// An Envoy and the provider behind it.
pub(crate) struct Scene {
    pub(crate) provider: Simulator,
    pub(crate) envoy: Envoy,
}

impl Scene {
    /// Starts both, the filter with this configuration.
    pub(crate) async fn start(configuration: &Value) -> Outcome<Self> {
        Self::start_as(|envoy| envoy.configuration(configuration)).await
    }

    /// Starts both, the Envoy as `shape` wants it.
    pub(crate) async fn start_as(shape: impl FnOnce(Builder) -> Builder) -> Outcome<Self> {
        let provider = Simulator::start().await?;
        let envoy = Envoy::builder().cluster(Cluster::at(OPENAI, provider.address()));
        let envoy = shape(envoy).start().await?;
        Ok(Self { provider, envoy })
    }

    /// Sends one chat.
    pub(crate) async fn call(&self) -> Answer {
        self.send(&Call::chat()).await
    }

    /// Sends one call.
    pub(crate) async fn send(&self, call: &Call) -> Answer {
        patiently("an answer", self.envoy.client().send(call)).await.expect("an answer")
    }

    /// Sends the same call so many times at once.
    pub(crate) async fn burst(&self, count: usize, call: &Call) -> Vec<Answer> {
        patiently("all answers", self.envoy.client().burst(count, call)).await
    }

    /// Sends chats one after the other.
    pub(crate) async fn calls(&self, count: usize) -> Vec<Answer> {
        let mut answers = Vec::new();
        for _ in 0..count {
            answers.push(self.call().await);
        }
        answers
    }

    /// Sends a chat that is waited for in the background; aborting it hangs up.
    pub(crate) fn call_in_background(
        &self,
        client: Client,
    ) -> JoinHandle<Result<Answer, NoAnswer>> {
        tokio::spawn(async move { client.send(&Call::chat()).await })
    }

    /// Sends a chat that hangs at the provider until it is released, and then gets `behaviour`.
    pub(crate) async fn held_call(
        &self,
        behaviour: Behaviour,
    ) -> JoinHandle<Result<Answer, NoAnswer>> {
        let arrived = self.provider.calls();
        self.provider.queue([behaviour.held()]);
        let call = self.call_in_background(self.envoy.client());
        self.provider.wait_for_calls(arrived + 1).await;
        call
    }

    /// Lets the provider fail this many calls, one after the other.
    pub(crate) async fn fail(&self, count: usize) {
        for _ in 0..count {
            self.provider.queue([Behaviour::status(500)]);
            assert_reached(&self.call().await, 500);
        }
    }

    /// Opens the breaker by the default threshold.
    pub(crate) async fn open(&self) {
        self.fail(5).await;
        assert_eq!(self.now("state", &[]).await, OPEN, "{}", self.show().await);
    }

    /// Opens the breaker and waits until a tick says that the open time has ended.
    pub(crate) async fn half_open(&self) {
        self.open().await;
        self.until("state", &[], HALF_OPEN).await;
    }

    /// The value of one of the provider's stats, named without their common prefix, `extra` labels
    /// beside its cluster's.
    pub(crate) async fn now(&self, name: &str, extra: &[(&str, &str)]) -> f64 {
        value(&self.envoy.stats().await, OPENAI, name, extra)
    }

    /// Waits until one of the provider's stats has exactly this value.
    pub(crate) async fn until(&self, name: &str, extra: &[(&str, &str)], wanted: f64) {
        let reached = async {
            while self.now(name, extra).await != wanted {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            panic!("{name} with {extra:?} is not {wanted}:\n{}", self.show().await);
        }
    }

    /// Waits until exactly so many calls have ended in this category.
    pub(crate) async fn until_outcomes(&self, category: &str, wanted: usize) {
        self.until("outcomes_total", &[("category", category)], wanted as f64).await;
    }

    /// All of the filter's stats, for a failing test to show.
    pub(crate) async fn show(&self) -> String {
        self.envoy.stats().await.lines("llm_circuit_breaker").join("\n")
    }

    /// The transitions that the filter has logged so far.
    pub(crate) fn transitions(&self) -> Vec<Value> {
        self.envoy.log().lines().iter().filter_map(|line| event(line, "transition")).collect()
    }

    /// Waits for at least so many logged transitions, and returns the last of those that came.
    pub(crate) async fn transition(&self, number: usize) -> Value {
        let is_one = |line: &str| event(line, "transition").is_some();
        let lines = self.envoy.log().wait_for_count(number, is_one).await;
        event(&lines[number - 1], "transition").expect("a transition")
    }
}

/// The filter's log line in one of Envoy's, if it reports this event.
pub(crate) fn event(line: &str, name: &str) -> Option<Value> {
    let json = &line[line.find(r#"{"#)?..];
    serde_json::from_str(json).ok().filter(|event: &Value| event["event"] == name)
}

/// The value of a cluster's stat, 0 if it has not moved yet.
pub(crate) fn value(stats: &Stats, cluster: &str, name: &str, extra: &[(&str, &str)]) -> f64 {
    let labels = [&[("llm_cluster", cluster)], extra].concat();
    stats.value(&format!("llm_circuit_breaker_{name}"), &labels).unwrap_or(0.0)
}

/// The answer came through from the provider, or from Envoy in its place, with this status.
#[track_caller]
pub(crate) fn assert_reached(answer: &Answer, status: u16) {
    let seen = (answer.status.as_u16(), answer.breaker());
    assert_eq!(seen, (status, None), "{}", answer.text());
}

/// The filter gave the answer.
#[track_caller]
pub(crate) fn assert_blocked(answer: &Answer) {
    let seen = (answer.status.as_u16(), answer.breaker());
    assert_eq!(seen, (503, Some("open")), "{}", answer.text());
}

/// Lets time pass in which nothing is sent: what is tested here is the passing of time itself.
pub(crate) async fn silence(duration: Duration) {
    tokio::time::sleep(duration).await;
}
