//! One Envoy between the SDKs and one upstream, with a breaker for each API.

use std::net::SocketAddr;

use llm_breaker_host_tests::envoy::{Cluster, Envoy, Route};
use llm_breaker_host_tests::patience::{PATIENCE, POLL_INTERVAL};
use serde_json::Value;

use super::driver::Sdks;
use crate::scene::{Outcome, event, value};

/// The APIs by the driver's names, which are their clusters', too: what happens to one of them
/// leaves the breakers of the others as they are.
pub(super) const APIS: [&str; 4] = ["chat", "responses", "messages", "gemini"];

/// The paths by which a call finds its cluster; all others are like OpenAI's chats.
const PREFIXES: [(&str, &str); 4] = [
    ("/v1/responses", "responses"),
    ("/v1/messages", "messages"),
    ("/v1beta", "gemini"),
    ("/", "chat"),
];

/// The cluster that a call of the driver goes to.
pub(super) fn cluster_of(call: &Value) -> &'static str {
    APIS.into_iter().find(|api| call["api"] == *api).unwrap_or("chat")
}

/// The Envoy and the SDKs that call it.
pub(super) struct Stage {
    pub(super) envoy: Envoy,
    pub(super) sdks: Sdks,
}

impl Stage {
    /// Starts both, the filter with this configuration, in front of an upstream.
    pub(super) async fn start(upstream: SocketAddr, configuration: &Value) -> Outcome<Self> {
        let mut envoy = Envoy::builder().configuration(configuration);
        for api in APIS {
            envoy = envoy.cluster(Cluster::at(api, upstream));
        }
        for (prefix, cluster) in PREFIXES {
            envoy = envoy.route(Route::to(cluster).prefix(prefix));
        }
        let envoy = envoy.start().await?;
        let sdks = Sdks::start(envoy.address()).await?;
        Ok(Self { envoy, sdks })
    }

    /// The value of one of an API's stats, named without their common prefix.
    pub(super) async fn now(&self, api: &str, name: &str, extra: &[(&str, &str)]) -> f64 {
        value(&self.envoy.stats().await, api, name, extra)
    }

    /// Waits until one of an API's stats has exactly this value.
    pub(super) async fn until(&self, api: &str, name: &str, extra: &[(&str, &str)], wanted: f64) {
        let reached = async {
            while self.now(api, name, extra).await != wanted {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            let stats = self.envoy.stats().await.lines("llm_circuit_breaker").join("\n");
            panic!("{name} of {api} with {extra:?} is not {wanted}:\n{stats}");
        }
    }

    /// Waits until exactly so many of an API's calls have ended in this category.
    pub(super) async fn until_outcomes(&self, api: &str, category: &str, wanted: usize) {
        self.until(api, "outcomes_total", &[("category", category)], wanted as f64).await;
    }

    /// Waits for the log line of an API's first transition.
    pub(super) async fn first_transition(&self, api: &str) -> Value {
        let of_api = |line: &str| event(line, "transition").filter(|it| it["breaker"] == api);
        let line = self.envoy.log().wait_for(|line| of_api(line).is_some()).await;
        of_api(&line).expect("a transition")
    }
}
