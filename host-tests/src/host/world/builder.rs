//! What a world starts with, and what becomes of a configuration that is refused.

use std::{cell::RefCell, fmt, rc::Rc};

use serde_json::Value;

use super::{
    super::{
        module::Module,
        process::{HeaderRoute, HeadersStop, LogLine, Process},
    },
    World,
};

/// The bytes of a plugin configuration: of a JSON document, of text, or as they are.
#[derive(Clone, Debug, Default)]
pub struct Configuration(pub(super) Vec<u8>);

impl From<Value> for Configuration {
    fn from(document: Value) -> Self {
        Self(document.to_string().into_bytes())
    }
}

impl From<&str> for Configuration {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<Vec<u8>> for Configuration {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// A configuration that `on_configure` refused.
#[derive(Clone, PartialEq, Eq)]
pub struct Rejected {
    /// What the module logged while it looked at it.
    pub log: Vec<LogLine>,
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration was rejected")?;
        self.log.iter().try_for_each(|line| write!(f, "\n{:?} {}", line.level, line.message))
    }
}

/// What a [`World`] starts with.
pub struct WorldBuilder {
    pub(super) module: Module,
    pub(super) workers: usize,
    pub(super) configuration: Configuration,
    pub(super) process: Process,
}

impl WorldBuilder {
    /// The number of workers; 1 if not said.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// The plugin's configuration; empty if not said.
    pub fn configuration(mut self, configuration: impl Into<Configuration>) -> Self {
        self.configuration = configuration.into();
        self
    }

    /// A cluster's metadata, as `{"filter_metadata": {"namespace": {…}}}`.
    pub fn cluster_metadata(mut self, cluster: &str, metadata: Value) -> Self {
        self.process.cluster_metadata.insert(cluster.into(), metadata);
        self
    }

    /// A route to `cluster` that is chosen by a request header, when the filter sets it.
    pub fn header_route(mut self, header: &str, value: &str, cluster: &str) -> Self {
        let (header, value, cluster) = (header.into(), value.into(), cluster.into());
        self.process.header_routes.push(HeaderRoute { header, value, cluster });
        self
    }

    /// A cluster that gRPC can be sent to.
    pub fn grpc_cluster(mut self, name: &str) -> Self {
        self.process.grpc_clusters.insert(name.into());
        self
    }

    /// The plugin configuration's `allow_on_headers_stop_iteration: true`: a request that the filter
    /// pauses at its headers shows it its body. Without, such a request hangs.
    pub fn allow_on_headers_stop_iteration(mut self) -> Self {
        self.process.headers_stop = HeadersStop::Headers;
        self
    }

    /// The most that Envoy keeps of a body that the filter holds, in bytes; 1 MiB if not said. Over
    /// HTTP/2 it is 16 MiB, whatever the listener says.
    pub fn buffer_limit_bytes(mut self, limit: usize) -> Self {
        self.process.buffer_limit_bytes = limit;
        self
    }

    /// Starts the process.
    ///
    /// # Panics
    /// If the configuration is rejected.
    pub fn start(self) -> World {
        self.try_start().unwrap_or_else(|rejected| panic!("{rejected:?}"))
    }

    /// Starts the process, or not, if the configuration is rejected.
    pub fn try_start(self) -> Result<World, Rejected> {
        let world = World {
            module: self.module,
            process: Rc::new(RefCell::new(self.process)),
            main_thread: RefCell::default(),
            workers: (0..self.workers).map(|_| RefCell::default()).collect(),
            listeners: RefCell::default(),
            calls: RefCell::default(),
        };
        world.listen(self.configuration)?;
        Ok(world)
    }
}
