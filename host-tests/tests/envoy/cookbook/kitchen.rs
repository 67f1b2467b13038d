//! A recipe that was started, and what can be asked of it.

use std::path::Path;

use llm_breaker_host_tests::client::{Answer, Call};
use llm_breaker_host_tests::envoy::{Envoy, Recipe};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Received, Simulator};
use serde_json::Value;

use super::page::{Page, workspace};
use crate::scene::{Outcome, assert_reached, value};

/// A recipe's Envoy and its page.
pub(super) struct Kitchen {
    pub(super) envoy: Envoy,
    pub(super) page: Page,
}

impl Kitchen {
    /// Starts the recipe that the page of this name shows, in front of these providers.
    pub(super) async fn start(page: &str, recipe: Recipe) -> Outcome<Self> {
        Ok(Self { envoy: recipe.start().await?, page: Page::read(page) })
    }

    pub(super) async fn send(&self, call: &Call) -> Answer {
        patiently("an answer", self.envoy.client().send(call)).await.expect("an answer")
    }

    /// Sends the same call so many times, one after the other: each reaches its provider, or the one
    /// that stands in for it, and is answered so.
    pub(super) async fn reach(&self, count: usize, call: &Call, status: u16) {
        for _ in 0..count {
            assert_reached(&self.send(call).await, status);
        }
    }

    pub(super) async fn now(&self, cluster: &str, name: &str, extra: &[(&str, &str)]) -> f64 {
        value(&self.envoy.stats().await, cluster, name, extra)
    }

    pub(super) async fn state(&self, cluster: &str) -> f64 {
        self.now(cluster, "state", &[]).await
    }

    /// Waits until one of a cluster's stats has exactly this value.
    pub(super) async fn until(
        &self,
        cluster: &str,
        name: &str,
        extra: &[(&str, &str)],
        wanted: f64,
    ) {
        let what = format!("{name} of {cluster} with {extra:?} to be {wanted}");
        patiently(&what, async {
            while self.now(cluster, name, extra).await != wanted {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        })
        .await;
    }

    /// What the page says that one will see is to be seen.
    pub(super) async fn assert_seen(&self, answers: &[&Answer]) {
        self.page.assert_seen(&self.envoy, answers).await;
    }
}

/// Lets a provider fail for as many calls as it takes to open a breaker by default.
pub(super) fn fail(provider: &Simulator) {
    provider.queue(vec![Behaviour::status(500); 5]);
}

/// The answer of a provider that stands in this file of `filter/corpus/`.
pub(super) fn recorded(file: &str) -> Behaviour {
    let path = workspace().join("filter/corpus").join(file);
    let case: Value = read_json(&path);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let chunks = case["chunks"].as_array().expect("chunks").iter().map(text);
    let status = case["status"].as_u64().and_then(|it| u16::try_from(it).ok()).expect("a status");
    let headers = case["headers"].as_object().expect("headers");
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Behaviour::answer(status, &headers, chunks.collect::<String>())
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// A header of what reached a provider last.
pub(super) fn last_header(provider: &Simulator, name: &str) -> Option<String> {
    let call: Received = provider.received().pop().expect("a call");
    Some(call.headers.get(name)?.to_str().expect("visible ASCII").to_owned())
}
