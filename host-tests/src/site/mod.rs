//! A site as operators watch one: callers that go on calling, an Envoy with llm-breaker, a provider
//! whose faults come and go, another that takes over, and a third that is only watched.
//!
//! The dashboard is judged by what a Prometheus sees of it, and `make observe` shows it.

mod callers;
mod faults;

use std::time::Duration;

use serde_json::{Value, json};

pub use self::callers::Callers;
pub use self::faults::Fault;
use crate::envoy::{Cluster, Envoy, Listener, OPENAI, Route, StartError};
use crate::simulator::Simulator;

/// The provider that takes over when the quota of the first is used up.
pub const SPARE: &str = "spare";
/// A provider whose breaker is in shadow mode.
pub const WATCHED: &str = "watched";
/// The models of the first provider that have breakers of their own.
pub const MODELS: [&str; 2] = ["gpt-4.1", "o3*"];
/// What the status page asks for before it changes something.
pub const TOKEN: &str = "only-for-this-site";
const ROUTE_HEADER: &str = "x-llm-route";

/// What it is started with; a port of 0 is a free one.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Where callers call.
    pub listener_port: u16,
    /// Envoy's admin port.
    pub admin_port: u16,
    /// Where the status page is.
    pub status_port: u16,
    /// How long a breaker stays open at first.
    pub open: Duration,
    /// An answer that takes longer is slow.
    pub slow: Duration,
}

impl Plan {
    /// Free ports, and everything as fast as a test wants it.
    pub const FOR_TESTS: Self = Self {
        listener_port: 0,
        admin_port: 0,
        status_port: 0,
        open: Duration::from_millis(500),
        slow: Duration::from_millis(50),
    };
}

/// All of it, running; dropping it ends it.
#[derive(Debug)]
pub struct Site {
    /// The Envoy.
    pub envoy: Envoy,
    /// The provider that has the faults.
    pub provider: Simulator,
    _spare: Simulator,
    watched: Simulator,
    slow: Duration,
}

impl Site {
    /// Starts all but the callers.
    ///
    /// # Errors
    /// When Envoy does not start, or no port can be had.
    pub async fn start(plan: Plan) -> Result<Self, Box<dyn std::error::Error>> {
        let provider = Simulator::start().await?;
        let spare = Simulator::start().await?;
        let watched = Simulator::start().await?;
        let clusters =
            [(OPENAI, provider.address()), (SPARE, spare.address()), (WATCHED, watched.address())];
        let envoy = start_envoy(plan, &clusters).await?;
        Ok(Self { envoy, provider, _spare: spare, watched, slow: plan.slow })
    }

    /// Lets the provider have this fault from now on, and the watched one, too.
    pub fn suffer(&self, fault: Fault) {
        let behaviour = fault.behaviour(self.slow);
        self.watched.behave(behaviour.clone());
        self.provider.behave(behaviour);
    }

    /// Starts callers of all providers, each with a call every so often.
    #[must_use]
    pub fn callers(&self, every: Duration) -> Callers {
        Callers::start(self.envoy.client(), every)
    }
}

async fn start_envoy(
    plan: Plan,
    clusters: &[(&str, std::net::SocketAddr)],
) -> Result<Envoy, StartError> {
    let listener = Listener::default()
        .port(plan.listener_port)
        .allow_on_headers_stop_iteration()
        .route(Route::to(SPARE).header(ROUTE_HEADER, SPARE))
        .route(Route::to(WATCHED).header("x-provider", WATCHED))
        .route(Route::to(OPENAI))
        .configuration(&configuration(plan));
    let status = Listener::status_page(Some(TOKEN)).port(plan.status_port);
    let envoy = Envoy::builder().listener(listener).listener(status).admin_port(plan.admin_port);
    let with_cluster = |envoy: crate::envoy::Builder, &(name, at): &(&str, _)| {
        envoy.cluster(Cluster::at(name, at))
    };
    clusters.iter().fold(envoy, with_cluster).start().await
}

/// A used-up quota is answered for by another provider, an overload by a made completion, all else
/// by a typed error.
fn configuration(plan: Plan) -> Value {
    let open = format!("{}s", plan.open.as_secs_f64());
    let slow = format!("{}s", plan.slow.as_secs_f64());
    let fallback = json!([
        {"kind": "reroute", "when": ["quota_exhausted"], "header": ROUTE_HEADER, "value": SPARE, "cluster": SPARE},
        {"kind": "completion", "when": ["overloaded"], "text": "Please try again in a minute."},
        {"kind": "error"},
    ]);
    json!({
        "stop_iteration": true,
        "breakers": [
            {"cluster": OPENAI, "key_by": "model", "models": MODELS, "fallback": fallback},
            {"cluster": WATCHED, "mode": "shadow"},
        ],
        "defaults": {"open": {"base": open, "quota": open}, "slow": {"total": slow}},
    })
}
