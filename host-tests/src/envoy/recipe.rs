//! A recipe of `envoy/cookbook/` as a reader would start it, with other ports and addresses.
//!
//! Envoy gets `cookbook/base.yaml` as its file and the recipe as `--config-yaml`, in a directory where
//! the paths that they name lead to the same files as in the repository. Replaced are the ports of
//! listeners, the endpoints of clusters, and TLS to providers that are simulated without it; whatever a
//! test makes faster it says by [`Recipe::instead`].

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::admin::Admin;
use super::bootstrap::{LLM_EGRESS, Template};
use super::merge::apply;
use super::process::{self, Options, Process, Validation};
use super::{Builder, Envoy, Listener, StartError, place};

/// What all recipes have in common.
const BASE: &str = "envoy/cookbook/base.yaml";
/// Where a reader's Envoy finds the module.
const MODULE: &str = "target/wasm32-wasip1/release/llm_breaker.wasm";
/// What recipes read at run time.
const FOLDERS: [&str; 2] = ["envoy/cookbook/secrets", "envoy/cookbook/dynamic"];
const ENDPOINTS: &str = "/load_assignment/endpoints/0/lb_endpoints";
const ADDRESS: &str = "/endpoint/address/socket_address";
const AUTHORITY: &str =
    "/transport_socket/typed_config/common_tls_context/validation_context/trusted_ca/filename";

/// A recipe, and the providers that stand in for the real ones.
#[derive(Clone, Debug)]
pub struct Recipe {
    file: String,
    replaced: Vec<(String, String)>,
    defaults: Value,
    providers: Vec<(String, Vec<SocketAddr>)>,
    listeners: Vec<String>,
    authority: Option<String>,
    workers: u32,
}

impl Recipe {
    /// The recipe in this file of `envoy/cookbook/`, for two workers.
    #[must_use]
    pub fn new(file: &str) -> Self {
        Self {
            file: format!("envoy/cookbook/{file}"),
            replaced: Vec::new(),
            defaults: json!({}),
            providers: Vec::new(),
            listeners: Vec::new(),
            authority: None,
            workers: 2,
        }
    }

    /// Who answers for a cluster.
    #[must_use]
    pub fn provider(self, cluster: &str, address: SocketAddr) -> Self {
        self.pool(cluster, &[address])
    }

    /// Who answers for a cluster of several hosts.
    #[must_use]
    pub fn pool(mut self, cluster: &str, addresses: &[SocketAddr]) -> Self {
        self.providers.push((cluster.to_owned(), addresses.to_vec()));
        self
    }

    /// A text in the place of one that the recipe has once: for what would take too long.
    #[must_use]
    pub fn instead(mut self, written: &str, text: &str) -> Self {
        self.replaced.push((written.to_owned(), text.to_owned()));
        self
    }

    /// A policy for the filter's `defaults`, where the recipe leaves the built-in one: for what would
    /// take too long.
    #[must_use]
    pub fn defaults(mut self, policy: &Value) -> Self {
        self.defaults = policy.clone();
        self
    }

    /// A listener that does not stand in the recipe itself, but in a file that it reads.
    #[must_use]
    pub fn discovers(mut self, listener: &str) -> Self {
        self.listeners.push(listener.to_owned());
        self
    }

    /// Keeps TLS to providers, whose certificates this file vouches for.
    #[must_use]
    pub fn trusting(mut self, authority: &Path) -> Self {
        self.authority = Some(authority.display().to_string());
        self
    }

    /// Worker threads.
    #[must_use]
    pub const fn workers(mut self, workers: u32) -> Self {
        self.workers = workers;
        self
    }

    /// Starts it, and waits until it serves on all its listeners.
    ///
    /// # Errors
    /// When a file, the binary or the module is missing, a cluster has no provider, or Envoy refuses
    /// the recipe: with what it wrote last.
    pub async fn start(self) -> Result<Envoy, StartError> {
        let directory = process::directory()?;
        let (base, recipe) = (self.base()?, self.render()?);
        furnish(directory.path())?;
        let options = Options {
            workers: self.workers,
            log_level: "info",
            drain: Duration::from_secs(1),
            overlay: Some(recipe.clone()),
        };
        let mut process = Process::spawn(directory, &base, &options)?;
        let admin = Admin::new(process.admin_address().await?);
        let names = self.listener_names(&recipe);
        let addresses = process.unless_it_ends(admin.wait_until_serving(&names)).await?;
        let parts = names
            .iter()
            .fold(Builder::default(), |builder, name| builder.listener(Listener::new(name)));
        let template = Template::shipped(LLM_EGRESS)?;
        Ok(Envoy { process, admin, addresses, template, file: None, parts })
    }

    /// Asks Envoy, once for all of these recipes, whether it would take their clusters and secrets as
    /// they are shipped, TLS and host names included: what a test's providers stand in for.
    ///
    /// # Errors
    /// When a file or the binary is missing.
    pub async fn validate_clusters(recipes: &[Self]) -> Result<Validation, StartError> {
        let directory = process::directory()?;
        furnish(directory.path())?;
        let (mut clusters, mut secrets) = (Vec::new(), Vec::new());
        for recipe in recipes {
            let mut shipped = yaml(&recipe.file, &recipe.text()?)?;
            for cluster in list(&mut shipped, "/static_resources/clusters") {
                recipe.trust(cluster);
                // Several have one of the same name.
                cluster["name"] = json!(clusters.len().to_string());
                clusters.push(cluster.clone());
            }
            secrets.extend_from_slice(list(&mut shipped, "/static_resources/secrets"));
        }
        let all = json!({
            "node": {"id": "test", "cluster": "test"},
            "static_resources": {"clusters": clusters, "secrets": secrets},
        });
        process::validate_overlaid(directory, &yaml(BASE, &read(BASE)?)?, &all).await
    }

    fn base(&self) -> Result<Value, StartError> {
        let mut base = yaml(BASE, &read(BASE)?)?;
        base["admin"]["address"]["socket_address"]["port_value"] = json!(0);
        Ok(base)
    }

    fn text(&self) -> Result<String, StartError> {
        let mut text = read(&self.file)?;
        for (written, said) in &self.replaced {
            let times = text.matches(written.as_str()).count();
            if times != 1 {
                let why = format!("it has {written:?} {times} times");
                return Err(StartError::new(&self.file, &why));
            }
            text = text.replace(written.as_str(), said);
        }
        Ok(text)
    }

    fn render(&self) -> Result<Value, StartError> {
        let mut recipe = yaml(&self.file, &self.text()?)?;
        for listener in list(&mut recipe, "/static_resources/listeners") {
            listener["address"]["socket_address"]["port_value"] = json!(0);
        }
        add_defaults(&mut recipe, &self.defaults);
        for cluster in list(&mut recipe, "/static_resources/clusters") {
            self.lead_to_provider(cluster)?;
        }
        Ok(recipe)
    }

    fn lead_to_provider(&self, cluster: &mut Value) -> Result<(), StartError> {
        let name = cluster["name"].as_str().unwrap_or_default().to_owned();
        let known = self.providers.iter().find(|(known, _)| *known == name);
        let Some((_, addresses)) = known else {
            return Err(StartError::new(&self.file, &format!("nobody answers for {name}")));
        };
        let endpoints = list(cluster, ENDPOINTS);
        if endpoints.len() != addresses.len() {
            return Err(StartError::new(&name, &format!("it has {} hosts", endpoints.len())));
        }
        for (endpoint, address) in endpoints.iter_mut().zip(addresses) {
            let place = endpoint.pointer_mut(ADDRESS).expect("an address");
            *place = json!({"address": address.ip().to_string(), "port_value": address.port()});
        }
        if self.authority.is_none() {
            drop(cluster.as_object_mut().and_then(|it| it.remove("transport_socket")));
        }
        self.trust(cluster);
        Ok(())
    }

    fn trust(&self, cluster: &mut Value) {
        if let (Some(authority), Some(file)) = (&self.authority, cluster.pointer_mut(AUTHORITY)) {
            *file = json!(authority);
        }
    }

    fn listener_names(&self, recipe: &Value) -> Vec<String> {
        let listeners = recipe.pointer("/static_resources/listeners").and_then(Value::as_array);
        let names = listeners.into_iter().flatten().filter_map(|it| it["name"].as_str());
        names.map(str::to_owned).chain(self.listeners.iter().cloned()).collect()
    }
}

/// Adds a policy to the defaults of every configuration of the filter.
fn add_defaults(value: &mut Value, policy: &Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|it| add_defaults(it, policy)),
        Value::Object(fields) => {
            let document = fields.get_mut("configuration").and_then(|it| it.get_mut("value"));
            match document {
                Some(document) if document["role"] != "admin" => {
                    apply(document, &json!({"defaults": policy}));
                }
                _ => fields.values_mut().for_each(|it| add_defaults(it, policy)),
            }
        }
        _ => {}
    }
}

/// Puts there what the recipes' paths name, relative as a reader has them.
fn furnish(directory: &Path) -> Result<(), StartError> {
    let because = |error: &dyn std::fmt::Display| StartError::new(&"a recipe's files", error);
    let module = directory.join(MODULE);
    std::fs::create_dir_all(module.parent().expect("a folder")).map_err(|e| because(&e))?;
    std::os::unix::fs::symlink(place::existing_module(None, MODULE)?, module)
        .map_err(|e| because(&e))?;
    for folder in FOLDERS {
        std::fs::create_dir_all(directory.join(folder)).map_err(|e| because(&e))?;
        for entry in std::fs::read_dir(place::workspace().join(folder)).map_err(|e| because(&e))? {
            let file =
                format!("{folder}/{}", entry.map_err(|e| because(&e))?.file_name().display());
            let text = read(&file)?.replace("port_value: 10000", "port_value: 0");
            std::fs::write(directory.join(file), text).map_err(|e| because(&e))?;
        }
    }
    Ok(())
}

fn read(file: &str) -> Result<String, StartError> {
    let path = place::workspace().join(file);
    std::fs::read_to_string(&path).map_err(|error| StartError::new(&path.display(), &error))
}

fn yaml(file: &str, text: &str) -> Result<Value, StartError> {
    serde_saphyr::from_str(text).map_err(|error| StartError::new(&file, &error))
}

/// The elements of a list; none if it is not there.
fn list<'a>(value: &'a mut Value, pointer: &str) -> &'a mut [Value] {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}
