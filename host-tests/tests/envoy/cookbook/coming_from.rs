//! `docs/cookbook/coming-from.md`: what Envoy's outlier detection does with an LLM provider, and what the
//! breaker does, on four workers, with one external host behind each cluster.
//!
//! `make compare` prints the table.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use llm_breaker_host_tests::client::{Answer, Call};
use llm_breaker_host_tests::envoy::{Builder, Cluster, Envoy, Listener, Route};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Chunk, Simulator, StreamEnd};
use serde_json::{Value, json};

use crate::scene::{Outcome, value};

/// A cluster for each scenario, named by it.
const SCENARIOS: [&str; 4] = ["500", "429", "stream", "flood"];
const CALLS: usize = 40;
const FLOOD: usize = 30;
/// Four calls at a time, for four workers.
const AT_ONCE: usize = 4;

/// Who protects the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// Outlier detection with Envoy's own defaults.
    Outlier,
    /// Outlier detection that may eject the last host, and then does not "panic".
    OutlierOfAll,
    Breaker,
}

/// What was seen of one of them.
#[derive(Debug)]
struct Seen {
    /// Of [`CALLS`], how many reached a provider that answers 500 to all.
    failing: usize,
    trips: usize,
    /// The same where it answers 429, and where its streams fail after their 200.
    limited: usize,
    streams: usize,
    /// Of [`FLOOD`] at once, how many reached it when it was tried again.
    flood: usize,
    /// What a caller gets meanwhile.
    answer: String,
}

struct Stage {
    guard: Guard,
    envoy: Envoy,
    providers: Vec<Simulator>,
}

fn cluster(guard: Guard, name: &str, provider: &Simulator) -> Cluster {
    let cluster = Cluster::at(name, provider.address());
    if guard == Guard::Breaker {
        return cluster;
    }
    let time = if name == "flood" { "1s" } else { "300s" };
    let detection =
        json!({"interval": "0.1s", "base_ejection_time": time, "max_ejection_time": time});
    let cluster = cluster.patch(json!({"outlier_detection": detection}));
    match guard {
        Guard::OutlierOfAll => cluster.patch(json!({
            "outlier_detection": {"max_ejection_percent": 100},
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        })),
        Guard::Outlier | Guard::Breaker => cluster,
    }
}

impl Stage {
    async fn set(guard: Guard) -> Outcome<Self> {
        let mut listener = Listener::default().configuration(&json!({
            "defaults": {"open": {"base": "300s"}},
            "breakers": [{"cluster": "flood", "open": {"base": "1s", "jitter": 0}}],
        }));
        if guard != Guard::Breaker {
            listener = listener.without_plugin();
        }
        let mut envoy: Builder = Envoy::builder().workers(4);
        let mut providers = Vec::new();
        for name in SCENARIOS {
            let provider = Simulator::start().await?;
            envoy = envoy.cluster(cluster(guard, name, &provider));
            listener = listener.route(Route::to(name).header("x-scenario", name));
            providers.push(provider);
        }
        Ok(Self { guard, envoy: envoy.listener(listener).start().await?, providers })
    }

    fn provider(&self, scenario: &str) -> &Simulator {
        let at = SCENARIOS.iter().position(|name| *name == scenario).expect(scenario);
        &self.providers[at]
    }

    /// Sends [`CALLS`] to a provider that always does this; how many reached it, and the last answer.
    async fn calls(&self, scenario: &str, behaviour: Behaviour, call: Call) -> (usize, Answer) {
        let provider = self.provider(scenario);
        provider.behave(behaviour);
        let call = call.header("x-scenario", scenario);
        let mut answers = Vec::new();
        for _ in 0..CALLS / AT_ONCE {
            answers = patiently("answers", self.envoy.client().burst(AT_ONCE, &call)).await;
        }
        (provider.calls(), answers.pop().expect("an answer"))
    }

    async fn trips(&self, scenario: &str) -> usize {
        let trips = match self.guard {
            Guard::Breaker => {
                let opened = [("from", "closed"), ("to", "open")];
                value(&self.envoy.stats().await, scenario, "state_changes_total", &opened)
            }
            Guard::Outlier | Guard::OutlierOfAll => {
                let name = format!("cluster.{scenario}.outlier_detection.ejections_enforced_total");
                self.envoy.counter(&name).await as f64
            }
        };
        trips as usize
    }

    /// Whether a provider that was kept away is tried again.
    async fn is_tried_again(&self) -> bool {
        match self.guard {
            Guard::Breaker => value(&self.envoy.stats().await, "flood", "state", &[]) == 2.0,
            Guard::Outlier | Guard::OutlierOfAll => {
                let name = "cluster.flood.outlier_detection.ejections_active";
                self.envoy.counter(name).await == 0
            }
        }
    }

    /// How many of [`FLOOD`] calls at once reach a provider that just comes back, and hangs.
    async fn flood(&self) -> usize {
        let _ = self.calls("flood", Behaviour::status(500), Call::chat()).await;
        let provider = self.provider("flood");
        patiently("another try", async {
            while !self.is_tried_again().await {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        })
        .await;
        let before = provider.calls();
        provider.behave(Behaviour::Hang);
        let answered = Arc::<AtomicUsize>::default();
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..FLOOD {
            let (client, answered) = (self.envoy.client(), Arc::clone(&answered));
            calls.spawn(async move {
                drop(client.send(&Call::chat().header("x-scenario", "flood")).await);
                answered.fetch_add(1, Ordering::Relaxed);
            });
        }
        patiently("all calls to be somewhere", async {
            while provider.in_flight() + answered.load(Ordering::Relaxed) < FLOOD {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        })
        .await;
        provider.calls() - before
    }

    async fn play(&self) -> Seen {
        let (failing, answer) = self.calls("500", Behaviour::status(500), Call::chat()).await;
        let trips = self.trips("500").await;
        let (limited, _) = self.calls("429", Behaviour::status(429), Call::chat()).await;
        let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
        let broken = Behaviour::script([Chunk::now(overloaded)], StreamEnd::Silent);
        let (streams, _) = self.calls("stream", broken, Call::streamed_chat()).await;
        let flood = self.flood().await;
        Seen { failing, trips, limited, streams, flood, answer: told(&answer) }
    }
}

/// The table, a column for each guard in the order of [`Guard`].
fn print(all: &[Seen]) {
    let row = |what: &str, cell: &dyn Fn(&Seen) -> String| {
        let cells: Vec<_> = all.iter().map(|seen| format!("{:>12}", cell(seen))).collect();
        println!("{what:<58}{}", cells.join(""));
    };
    println!("{:<58}{:>12}{:>12}{:>12}", "", "outlier", "…of all", "llm-breaker");
    row(&format!("500: calls of {CALLS} that reach it"), &|seen| seen.failing.to_string());
    row("trips that four workers count", &|seen| seen.trips.to_string());
    row(&format!("429: calls of {CALLS} that reach it"), &|seen| seen.limited.to_string());
    row(&format!("200, and the stream fails: calls of {CALLS} that reach it"), &|seen| {
        seen.streams.to_string()
    });
    row(&format!("it comes back, and hangs: of {FLOOD} calls at once reach it"), &|seen| {
        seen.flood.to_string()
    });
    for (seen, guard) in all.iter().zip(["outlier", "…of all", "llm-breaker"]) {
        println!("meanwhile callers get, with {guard}: {}", seen.answer);
    }
}

/// What an SDK can make of an answer.
fn told(answer: &Answer) -> String {
    let body = serde_json::from_slice::<Value>(&answer.body);
    let code = body.map_or(Value::Null, |body| body["error"]["code"].clone());
    let kind = answer.header("content-type").unwrap_or("no type");
    let when =
        if answer.header("retry-after").is_some() { "Retry-After" } else { "no Retry-After" };
    format!("{} {kind}, code {code}, {when}", answer.status.as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outlier_detection_and_the_breaker_side_by_side() -> Outcome {
    let mut all = Vec::new();
    for guard in [Guard::Outlier, Guard::OutlierOfAll, Guard::Breaker] {
        let stage = Stage::set(guard).await?;
        let seen = stage.play().await;
        all.push(seen);
    }
    print(&all);
    let [outlier, of_all, breaker] = all.as_slice() else { panic!("three") };
    // One host is more than the 10 % that may be ejected.
    assert_eq!((outlier.failing, outlier.trips, outlier.flood), (CALLS, 0, FLOOD));
    for native in [outlier, of_all] {
        assert_eq!((native.limited, native.streams), (CALLS, CALLS));
    }
    // The workers learn of an ejection a moment later than of an open breaker.
    assert!((5..CALLS / 2).contains(&of_all.failing), "{of_all:?}");
    assert_eq!((of_all.trips, of_all.flood), (1, FLOOD));
    assert!(of_all.answer.contains("text/plain") && of_all.answer.ends_with("no Retry-After"));

    // Five in a row, and what was out with the fifth.
    let stopped = 5..5 + AT_ONCE;
    for reached in [breaker.failing, breaker.limited, breaker.streams] {
        assert!(stopped.contains(&reached), "{breaker:?}");
    }
    assert_eq!((breaker.trips, breaker.flood), (1, 1));
    assert!(breaker.answer.contains("circuit_open"), "{}", breaker.answer);
    Ok(())
}
