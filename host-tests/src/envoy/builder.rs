//! Which Envoy a test wants, and how it is started or only judged.

use std::time::Duration;

use serde_json::Value;

use super::admin::Admin;
use super::bootstrap::{LLM_EGRESS, Template};
use super::parts::{Cluster, Listener, Route};
use super::process::{self, Options, Process, Validation};
use super::update::ListenerFile;
use super::{Envoy, StartError};

/// What an Envoy is to be.
#[derive(Clone, Debug)]
pub struct Builder {
    file: &'static str,
    node: String,
    clusters: Vec<Cluster>,
    pub(super) listeners: Vec<Listener>,
    pub(super) workers: u32,
    admin_port: u16,
    is_updatable: bool,
    log_level: &'static str,
    drain: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            file: LLM_EGRESS,
            node: "test".to_owned(),
            clusters: Vec::new(),
            listeners: Vec::new(),
            workers: 2,
            admin_port: 0,
            is_updatable: false,
            log_level: "info",
            drain: Duration::from_secs(1),
        }
    }
}

impl Builder {
    /// Another shipped file of `envoy/` than `llm-egress.yaml`, of the same shape.
    #[must_use]
    pub const fn shipped(mut self, file: &'static str) -> Self {
        self.file = file;
        self
    }

    /// The id by which this Envoy is told from others; `test` unless said.
    #[must_use]
    pub fn node(mut self, id: &str) -> Self {
        id.clone_into(&mut self.node);
        self
    }

    /// Adds an upstream cluster; requests go to the first unless routes say otherwise.
    #[must_use]
    pub fn cluster(mut self, cluster: Cluster) -> Self {
        self.clusters.push(cluster);
        self
    }

    /// Puts a cluster in the place of the one of the same name.
    #[must_use]
    pub fn replace_cluster(mut self, cluster: Cluster) -> Self {
        let place = self.clusters.iter_mut().find(|former| former.name == cluster.name);
        if let Some(former) = place {
            *former = cluster;
        }
        self
    }

    /// Adds a listener; without any there is one that is as shipped.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// The filter's configuration in the first listener, as native YAML.
    #[must_use]
    pub fn configuration(self, document: &Value) -> Self {
        self.change_first(|listener| listener.configuration(document))
    }

    /// Adds a route to the first listener.
    #[must_use]
    pub fn route(self, route: Route) -> Self {
        self.change_first(|listener| listener.route(route))
    }

    fn change_first(mut self, change: impl FnOnce(Listener) -> Listener) -> Self {
        if self.listeners.is_empty() {
            self.listeners.push(Listener::default());
        }
        let first = self.listeners.remove(0);
        self.listeners.insert(0, change(first));
        self
    }

    /// Worker threads; 2 unless said.
    #[must_use]
    pub const fn workers(mut self, workers: u32) -> Self {
        self.workers = workers;
        self
    }

    /// A port for the admin interface instead of a free one.
    #[must_use]
    pub const fn admin_port(mut self, port: u16) -> Self {
        self.admin_port = port;
        self
    }

    /// Lets [`Envoy::update`] change listeners at run time. A configuration that the filter refuses
    /// at the start then leaves an Envoy without that listener instead of none.
    #[must_use]
    pub const fn updatable(mut self) -> Self {
        self.is_updatable = true;
        self
    }

    /// Envoy's log level, `"info"` unless said; the filter's log lines obey it too.
    #[must_use]
    pub const fn log_level(mut self, level: &'static str) -> Self {
        self.log_level = level;
        self
    }

    /// How long what an update replaces may go on serving the calls in flight; 1 s unless said.
    #[must_use]
    pub const fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Starts it, and waits until it serves on all its listeners.
    ///
    /// # Errors
    /// When the binary or the module is missing, or Envoy refuses the configuration or a port: with
    /// what it wrote last.
    pub async fn start(self) -> Result<Envoy, StartError> {
        let template = Template::shipped(self.file)?;
        let listeners = self.render_listeners(&template)?;
        let directory = process::directory()?;
        let file = self.is_updatable.then(|| ListenerFile::write(directory.path(), &listeners));
        let file = file.transpose()?;
        let path = file.as_ref().map(ListenerFile::path);
        let bootstrap =
            template.bootstrap(&self.node, self.admin_port, &self.clusters, listeners, path);
        let Self { workers, log_level, drain, .. } = self;
        let options = Options { workers, log_level, drain, overlay: None };
        let mut process = Process::spawn(directory, &bootstrap, &options)?;
        let admin = Admin::new(process.admin_address().await?);
        let expected: Vec<_> = self.shown_listeners().into_iter().map(|l| l.name).collect();
        let addresses = process.unless_it_ends(admin.wait_until_serving(&expected)).await?;
        Ok(Envoy { process, admin, addresses, template, file, parts: self })
    }

    /// Asks Envoy whether it would take this configuration, without starting it; the filter reads
    /// its own as well.
    ///
    /// # Errors
    /// When the binary or the module is missing.
    pub async fn validate(self) -> Result<Validation, StartError> {
        let template = Template::shipped(self.file)?;
        let listeners = self.render_listeners(&template)?;
        let bootstrap =
            template.bootstrap(&self.node, self.admin_port, &self.clusters, listeners, None);
        process::validate(&bootstrap).await
    }

    pub(super) fn shown_listeners(&self) -> Vec<Listener> {
        if self.listeners.is_empty() { vec![Listener::default()] } else { self.listeners.clone() }
    }

    pub(super) fn render_listeners(&self, template: &Template) -> Result<Vec<Value>, StartError> {
        let default_cluster = self.clusters.first().map_or("", |cluster| &cluster.name);
        let listeners = self.shown_listeners();
        listeners.iter().map(|listener| template.listener(listener, default_cluster)).collect()
    }
}
