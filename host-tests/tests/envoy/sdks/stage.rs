//! One Envoy between the SDKs and one upstream, with a breaker for each API.

use std::net::SocketAddr;

use llm_breaker_host_tests::envoy::{Cluster, Envoy, Route};
use llm_breaker_host_tests::patience::{PATIENCE, POLL_INTERVAL};
use serde_json::{Value, json};

use super::driver::{Language, Sdks};
use crate::scene::{Outcome, event, value};

/// The APIs by the driver's names, which are their clusters', too: what happens to one of them
/// leaves the breakers of the others as they are.
pub(super) const APIS: [&str; 4] = ["chat", "responses", "messages", "gemini"];

/// What the SDKs raise when a stream is cut; only OpenAI's has an exception of its own for it.
pub(super) const CUT: [&str; 2] = ["APIConnectionError", "RemoteProtocolError"];

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
        let sdks = Sdks::start(Language::Python, envoy.address()).await?;
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
            let stats = self.envoy.stats().await.lines("llm_circuit_breaker_outcomes").join("\n");
            panic!("{name} of {api} with {extra:?} is not {wanted}:\n{stats}");
        }
    }

    /// Waits until exactly so many of an API's calls have ended in this category.
    pub(super) async fn until_outcomes(&self, api: &str, category: &str, wanted: usize) {
        self.until(api, "outcomes_total", &[("category", category)], wanted as f64).await;
    }

    /// Waits for the log line of the first transition of an API's breaker.
    pub(super) async fn first_transition(&self, api: &str) -> Value {
        let of_api = |line: &str| event(line, "transition").filter(|it| it["breaker"] == api);
        let line = self.envoy.log().wait_for(|line| of_api(line).is_some()).await;
        of_api(&line).expect("a transition")
    }

    /// The API's breaker is open: its SDK raises its own exception for it after a single request
    /// that gets no further than Envoy, with a stream and without. Returns the least `Retry-After`.
    pub(super) async fn assert_blocked(&mut self, api: &str) -> Outcome<u64> {
        let mut least = u64::MAX;
        for stream in [false, true] {
            let before = self.requests(api).await;
            let call = json!({"api": api, "prompt": "a text", "stream": stream});
            let told = self.sdks.ask(&call).await?;
            let (expected, status) = match api {
                "messages" => ("OverloadedError", 529),
                "gemini" => ("ServerError", 503),
                _ => ("InternalServerError", 503),
            };
            assert_eq!(told.exception(), Some(expected), "{call}: {told:?}");
            let raised = told.raised.expect("an exception");
            assert_eq!(raised.status, Some(status), "{call}: {raised:?}");
            assert!(raised.message.contains("currently unavailable"), "{call}: {raised:?}");
            let since = self.requests(api).await.since(before);
            assert_eq!(since, Requests { received: 1.0, blocked: 1.0, sent: 0.0 }, "{call}");
            least = least.min(raised.retry_after.expect("a Retry-After").parse()?);
        }
        Ok(least)
    }

    async fn requests(&self, api: &str) -> Requests {
        Requests::so_far(&self.envoy, api).await
    }
}

/// How many requests Envoy received, blocked of a cluster, and sent to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Requests {
    pub(crate) received: f64,
    pub(crate) blocked: f64,
    pub(crate) sent: f64,
}

impl Requests {
    /// Since Envoy started.
    pub(crate) async fn so_far(envoy: &Envoy, cluster: &str) -> Self {
        let stats = envoy.stats().await;
        let of_listener = [("envoy_http_conn_manager_prefix", "llm_egress")];
        let of_cluster = [("envoy_cluster_name", cluster)];
        let envoys = |name, labels: &[_]| stats.value(name, labels).unwrap_or(0.0);
        Self {
            received: envoys("envoy_http_downstream_rq_total", &of_listener),
            blocked: value(&stats, cluster, "requests_blocked_total", &[]),
            sent: envoys("envoy_cluster_upstream_rq_total", &of_cluster),
        }
    }

    /// Since those were counted.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            received: self.received - before.received,
            blocked: self.blocked - before.blocked,
            sent: self.sent - before.sent,
        }
    }
}
