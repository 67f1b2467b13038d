//! Failures that have left the window are forgotten, also when nothing was called for long.

use std::time::Duration;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Route};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::json;

use crate::scene::{CLOSED, OPEN, Outcome, silence, value};

/// The span of every window here: many times what a handful of calls takes.
const SPAN: Duration = Duration::from_secs(2);

/// Each a cluster with a breaker that opens at the fourth failure, by its own rule.
const BREAKERS: [&str; 4] = ["rate-by-time", "rate-by-count", "run-by-time", "run-by-count"];

struct Breakers {
    provider: Simulator,
    envoy: Envoy,
}

impl Breakers {
    async fn start() -> Outcome<Self> {
        let provider = Simulator::start().await?;
        provider.behave(Behaviour::status(500));
        let span = format!("{}s", SPAN.as_secs());
        let by_time = json!({"type": "time", "duration": span, "buckets": 10});
        let by_count = json!({"type": "count", "calls": 10, "max_age": span});
        let rate = json!({"failure_rate": 0.5, "minimum_calls": 4, "consecutive_failures": null});
        let run = json!({"failure_rate": null, "consecutive_failures": 4, "minimum_calls": 4});
        let mut envoy = Envoy::builder().configuration(&json!({"breakers": [
            {"cluster": "rate-by-time", "window": by_time, "trip": rate},
            {"cluster": "rate-by-count", "window": by_count, "trip": rate},
            {"cluster": "run-by-time", "window": by_time, "trip": run},
            {"cluster": "run-by-count", "window": by_count, "trip": run},
        ]}));
        for name in BREAKERS {
            envoy = envoy
                .cluster(Cluster::at(name, provider.address()))
                .route(Route::to(name).header("x-breaker", name));
        }
        Ok(Self { provider, envoy: envoy.start().await? })
    }

    /// Sends `count` failing calls to each, and says what state each is in then.
    async fn fail(&self, count: usize) -> Outcome<[f64; 4]> {
        for _ in 0..count {
            for name in BREAKERS {
                let call = Call::chat().header("x-breaker", name);
                let answer = self.envoy.client().send(&call).await?;
                assert_eq!((answer.status.as_u16(), answer.breaker()), (500, None), "{name}");
            }
        }
        let stats = self.envoy.stats().await;
        Ok(BREAKERS.map(|name| value(&stats, name, "state", &[])))
    }
}

#[tokio::test]
async fn the_fourth_failure_opens_only_if_the_first_three_are_still_inside() -> Outcome {
    let breakers = Breakers::start().await?;
    assert_eq!(breakers.fail(3).await?, [CLOSED; 4]);
    silence(SPAN).await;
    assert_eq!(breakers.fail(3).await?, [CLOSED; 4]);
    // Everything expired long ago: what is left behind must not be counted either.
    silence(2 * SPAN + SPAN / 2).await;
    assert_eq!(breakers.fail(3).await?, [CLOSED; 4]);
    assert_eq!(breakers.fail(1).await?, [OPEN; 4]);
    assert_eq!(breakers.provider.calls(), 40);
    Ok(())
}
