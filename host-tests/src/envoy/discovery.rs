//! Files from which Envoy reads resources at run time: filters (ECDS) and endpoints (EDS).

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::StartError;
use super::bootstrap::{LLM_EGRESS, Template};
use super::parts::Listener;

const FILTER: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

/// A file with one resource, and a directory of its own, since Envoy watches for moves into that.
#[derive(Debug)]
pub struct ResourceFile {
    directory: TempDir,
    version: u64,
}

impl ResourceFile {
    /// A file with nothing in it yet.
    ///
    /// # Errors
    /// When there can be no directory.
    pub fn new() -> io::Result<Self> {
        Ok(Self { directory: TempDir::with_prefix("llm-breaker-")?, version: 0 })
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("resource.json")
    }

    fn source(&self) -> Value {
        let directory = json!({"path": self.directory.path()});
        let path = json!({"path": self.path(), "watched_directory": directory});
        json!({"resource_api_version": "V3", "path_config_source": path})
    }

    fn replace(&mut self, resource: &Value) -> io::Result<()> {
        self.version += 1;
        let version = self.version.to_string();
        let response = json!({"version_info": version, "resources": [resource]});
        let fresh: &Path = &self.directory.path().join("fresh");
        std::fs::write(fresh, response.to_string())?;
        std::fs::rename(fresh, self.path())
    }

    /// Puts our filter there, as this listener would have it.
    ///
    /// # Errors
    /// When the module is missing, or the file cannot be written.
    pub fn put_filter(&mut self, listener: &Listener) -> Result<(), StartError> {
        let mut resource = Template::shipped(LLM_EGRESS)?.filter(listener)?;
        resource["@type"] = json!(FILTER);
        self.replace(&resource).map_err(|error| StartError::new(&"a filter's file", &error))
    }

    /// What stands in a listener in place of our filter, which is read from here.
    #[must_use]
    pub fn filter(&self) -> Value {
        json!({
            "name": "llm_breaker",
            "config_discovery": {"config_source": self.source(), "type_urls": [WASM]},
        })
    }

    /// Puts the endpoints of a cluster there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_endpoints(&mut self, cluster: &str, addresses: &[SocketAddr]) -> io::Result<()> {
        let endpoint = |address: &SocketAddr| {
            let address =
                json!({"address": address.ip().to_string(), "port_value": address.port()});
            json!({"endpoint": {"address": {"socket_address": address}}})
        };
        let endpoints: Vec<_> = addresses.iter().map(endpoint).collect();
        self.replace(&json!({
            "@type": ENDPOINTS,
            "cluster_name": cluster,
            "endpoints": [{"lb_endpoints": endpoints}],
        }))
    }

    /// The patch of a cluster that reads its endpoints from here.
    #[must_use]
    pub fn endpoints(&self) -> Value {
        let config = json!({"eds_config": self.source()});
        json!({"type": "EDS", "load_assignment": null, "eds_cluster_config": config})
    }
}
