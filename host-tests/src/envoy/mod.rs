//! The real Envoy with our filter, as a test starts it: the shipped `envoy/llm-egress.yaml` with
//! other ports, clusters and filter configurations, on free ports, many at the same time.
//!
//! ```ignore
//! let simulator = Simulator::start().await?;
//! let envoy = Envoy::builder()
//!     .cluster(Cluster::at(OPENAI, simulator.address()))
//!     .configuration(&json!({"defaults": {"open": {"base": "1s"}}}))
//!     .start().await?;
//! let answer = envoy.client().send(&Call::chat()).await?;
//! let labels = [("llm_cluster", OPENAI)];
//! envoy.wait_for_stat("llm_circuit_breaker_state", &labels, |value| value == 1.0).await;
//! envoy.log().wait_for(|line| line.contains("closed")).await;
//! ```
//!
//! - Routes, several listeners, other modules: [`Listener`], [`Route`], [`Cluster`]; anything they
//!   have no method for is a JSON merge patch over the shipped YAML.
//! - A configuration update at run time: [`Builder::updatable`], [`Envoy::update`].
//! - `envoy --mode validate`: [`Builder::validate`].
//! - A recipe of `envoy/cookbook/`, as it stands there: [`Recipe`].
//!
//! Dropping an [`Envoy`] kills its process, in a panicking test too.

mod admin;
mod bootstrap;
mod builder;
mod crashing;
mod discovery;
mod log;
mod memory;
mod merge;
mod parts;
mod place;
mod process;
mod recipe;
mod stats;
mod update;

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use self::admin::Admin;
use self::bootstrap::Template;
pub use self::builder::Builder;
pub use self::crashing::CrashingModule;
pub use self::discovery::ResourceFile;
pub use self::log::Log;
pub use self::parts::{Cluster, Listener, OPENAI, Route, STATUS};
pub use self::place::{built_module, filter_module, fleet_module};
use self::process::Process;
pub use self::process::Validation;
pub use self::recipe::Recipe;
pub use self::stats::Stats;
use self::update::ListenerFile;
pub use self::update::Update;
use crate::client::{Answer, Call, Client};
use crate::patience::{POLL_INTERVAL, patiently};

/// Why Envoy did not start, in words for whoever runs the tests.
pub struct StartError(String);

impl StartError {
    fn new(what: &dyn fmt::Display, why: &dyn fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As readable as the message itself, since tests unwrap it.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    admin: Admin,
    /// In the order in which the listeners were added; none for a listener that Envoy refused.
    addresses: Vec<Option<SocketAddr>>,
    template: Template,
    file: Option<ListenerFile>,
    parts: Builder,
}

impl Envoy {
    /// Begins an Envoy with two workers, the shipped listener and no cluster.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where the first listener listens.
    ///
    /// # Panics
    /// When Envoy refused that listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0].expect("a listener that Envoy took")
    }

    /// Where the listener of that name listens.
    ///
    /// # Panics
    /// When there is none of that name, or Envoy refused it.
    #[must_use]
    pub fn address_of(&self, listener: &str) -> SocketAddr {
        let names = self.parts.shown_listeners();
        let position = names.iter().position(|shown| shown.name == listener);
        position.and_then(|at| self.addresses[at]).unwrap_or_else(|| panic!("no {listener}"))
    }

    /// A client that speaks HTTP/1.1 to the first listener.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::http1(self.address())
    }

    /// Where the admin interface listens.
    #[must_use]
    pub const fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Where Envoy runs: relative paths of its configuration begin here.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.process.directory()
    }

    /// What it was built from: another start of it is another Envoy with the same node id.
    #[must_use]
    pub const fn parts(&self) -> &Builder {
        &self.parts
    }

    /// Envoy's process id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// What Envoy logged, the filter's lines included.
    #[must_use]
    pub const fn log(&self) -> &Log {
        self.process.log()
    }

    /// The access log, one JSON object a line as the shipped YAML formats it; a line comes up to
    /// 50 ms after its request ended.
    #[must_use]
    pub const fn access_log(&self) -> &Log {
        self.process.access_log()
    }

    /// All stats as Prometheus would scrape them now.
    ///
    /// # Panics
    /// When the admin interface does not answer.
    pub async fn stats(&self) -> Stats {
        self.admin.stats().await
    }

    /// Polls until the sample with this name and exactly these labels has a value that `is_wanted`
    /// accepts, and returns it; an absent sample counts as 0, as Envoy hides unused ones.
    ///
    /// # Panics
    /// When that does not happen within [`crate::patience::PATIENCE`].
    pub async fn wait_for_stat(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        is_wanted: impl Fn(f64) -> bool,
    ) -> f64 {
        let what = format!("the stat {name} with {labels:?}");
        let wait = async {
            loop {
                let value = self.stats().await.value(name, labels).unwrap_or(0.0);
                if is_wanted(value) {
                    return value;
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently(&what, wait).await
    }

    /// A counter or gauge by the name that Envoy itself gives it; 0 as long as it was not used.
    ///
    /// # Panics
    /// When the admin interface does not answer.
    pub async fn counter(&self, name: &str) -> u64 {
        self.admin.counter(name).await
    }

    /// Sends a call to the admin interface, such as `Call::get("/config_dump")`.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn admin(&self, call: &Call) -> Answer {
        self.admin.send(call).await
    }

    /// Replaces the listener of the same name and waits until all workers accept with the new one.
    /// Its port stays the same.
    ///
    /// # Errors
    /// When the module is missing or the update cannot be written.
    ///
    /// # Panics
    /// When the Envoy was not built as [`Builder::updatable`], has no such listener, or neither
    /// takes nor rejects the update.
    pub async fn update(&mut self, listener: Listener) -> Result<Update, StartError> {
        let known = self.parts.shown_listeners();
        let changed =
            |old: Listener| if old.name == listener.name { listener.clone() } else { old };
        assert!(known.iter().any(|old| old.name == listener.name), "no such listener");
        self.parts.listeners = known.into_iter().map(changed).collect();
        let rendered = self.parts.render_listeners(&self.template)?;
        let file = self.file.as_mut().expect("an Envoy built as updatable()");
        file.update(&rendered, &self.admin, self.parts.workers).await
    }

    /// Gives the first listener's filter another configuration, as native YAML.
    ///
    /// # Errors
    /// As [`Self::update`].
    ///
    /// # Panics
    /// As [`Self::update`].
    pub async fn update_configuration(&mut self, document: &Value) -> Result<Update, StartError> {
        let first = self.parts.shown_listeners().swap_remove(0);
        self.update(first.configuration(document)).await
    }
}
