//! The bytes that Envoy hands over, as a validated [`Config`] or as everything wrong with them.
//!
//! A document has layers: built-in ← `defaults` ← the first entry of `breakers` that matches. They
//! are merged here, field by field, so that a request only has to pick a finished [`Policy`]. What
//! a cluster's own metadata may change on top of it is in [`metadata`].

mod consistency;
mod document;
mod duration;
mod errors;
mod fallbacks;
mod fields;
pub mod fleet;
#[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "only tools describe documents"))]
pub mod form;
pub(crate) mod json;
mod keys;
mod matchers;
pub mod metadata;
pub mod order;
#[cfg(not(target_arch = "wasm32"))]
pub mod outline;
mod ranges;
#[cfg(not(target_arch = "wasm32"))]
pub mod reference;
mod role;
mod rules;
#[cfg(not(target_arch = "wasm32"))]
pub mod schema;
mod source;
mod structs;
#[cfg(test)]
mod tests;
mod texts;
mod walk;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::glob::Glob;
use crate::policy::{Fallback, Mode, Policy};
use document::Object;
pub use errors::{ConfigError, Errors};
pub use fleet::Fleet;
pub use role::{Role, Token};
use rules::{Flag, Rule, Whole};
use walk::Fields;

/// The only version of the document there is.
const VERSION: Whole = Whole { min: 1, max: 1 };

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// `name=value` pairs a line, a value in quotes where it would not be one otherwise.
    Logfmt,
}

/// Everything that the plugin configuration says, with all layers merged.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What the plugin is for.
    pub role: Role,
    /// How many breakers may exist in shared data, 1 to 16384.
    pub max_breakers: u32,
    /// Whether Envoy's `allow_on_headers_stop_iteration` is set for this plugin, so that a request
    /// can be held at its headers until its body says what must be known.
    pub stop_iteration: bool,
    /// How lines of the log are written.
    pub log_format: LogFormat,
    /// Whether each request leaves a record to its access log.
    pub access_log: bool,
    /// Where proxies tell each other what they learnt; `None` if this one listens to none.
    pub fleet: Option<Fleet>,
    /// Policies of clusters by name; the first that matches counts.
    pub breakers: Vec<(Glob, Policy)>,
    /// The policy of a cluster that no entry matches.
    pub defaults: Policy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            role: Role::default(),
            max_breakers: 256,
            stop_iteration: false,
            log_format: LogFormat::default(),
            access_log: true,
            fleet: None,
            breakers: Vec::new(),
            defaults: Policy::default(),
        }
    }
}

impl Config {
    /// Reads JSON text or the wire bytes of a `google.protobuf.Struct`; no bytes are all defaults.
    ///
    /// # Errors
    /// Everything wrong with the document at once; an unknown `config_version` only itself, since
    /// another version's fields cannot be judged.
    pub fn parse(bytes: &[u8]) -> Result<Self, Errors> {
        let mut errors = Errors::default();
        let mut config = Self::default();
        if let Some(document) = source::read(bytes, &mut errors) {
            require_known_version(&document)?;
            Object::root(&document, &mut errors, |object| config.read(object));
        }
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    /// The policy of the cluster of this name: that of the first entry that matches, or `defaults`.
    #[must_use]
    pub fn policy_for(&self, cluster: &str) -> &Policy {
        self.breakers
            .iter()
            .find(|(glob, _)| glob.matches(cluster))
            .map_or(&self.defaults, |(_, policy)| policy)
    }

    /// The request headers by which any policy reroutes calls; one that only watches reroutes none.
    #[must_use]
    pub fn route_headers(&self) -> Vec<String> {
        let policies = self.breakers.iter().map(|(_, policy)| policy).chain([&self.defaults]);
        let acting = policies.filter(|policy| policy.mode != Mode::Shadow);
        let choices = acting.flat_map(|policy| &policy.fallback);
        let mut names: Vec<String> = Vec::new();
        for choice in choices {
            match &choice.fallback {
                Fallback::Reroute(route) if !names.contains(&route.header) => {
                    names.push(route.header.clone());
                }
                _ => {}
            }
        }
        names
    }

    /// Whether an entry of `breakers` matches the cluster of this name.
    #[must_use]
    pub fn names(&self, cluster: &str) -> bool {
        self.breakers.iter().any(|(glob, _)| glob.matches(cluster))
    }

    fn read(&mut self, object: &mut impl Fields) {
        // Read before all others.
        object.value("config_version", &mut 1, &VERSION);
        role::read(object, &mut self.role);
        object.value("max_breakers", &mut self.max_breakers, &ranges::MAX_BREAKERS);
        object.value("stop_iteration", &mut self.stop_iteration, &Flag);
        object.value("log_format", &mut self.log_format, &ranges::LOG_FORMAT);
        object.value("access_log", &mut self.access_log, &Flag);
        fleet::read(object, &mut self.fleet);
        self.defaults.fleet = self.fleet.as_ref().map(|fleet| fleet.merge);
        // Who gave it a wrong value is not also told what is impossible without it.
        let stop_iteration = self.stop_iteration || object.is_refused("stop_iteration");
        object.object("defaults", |defaults| {
            fields::read(defaults, &mut self.defaults, stop_iteration);
        });
        let mut seen = BTreeMap::new();
        object.objects("breakers", &ranges::BREAKERS, |index, entry| {
            let glob = entry.mandatory("cluster", &ranges::CLUSTER);
            if let Some(glob) = &glob
                && let Some(first) = seen.insert(glob.as_str().to_owned(), index)
            {
                let allowed =
                    format!("a glob that breakers[{first}].cluster does not have already");
                entry.refuse("cluster", &allowed);
                seen.insert(glob.as_str().to_owned(), first);
            }
            let mut policy = self.defaults.clone();
            fields::read(entry, &mut policy, stop_iteration);
            self.breakers.extend(glob.map(|glob| (glob, policy)));
        });
    }
}

fn require_known_version(document: &Map<String, Value>) -> Result<(), Errors> {
    match document.get("config_version") {
        None | Some(Value::Null) => Ok(()),
        Some(version) if VERSION.read(version).is_some() => Ok(()),
        Some(version) => {
            let mut errors = Errors::default();
            errors.wrong("config_version".into(), version, "1, the only version there is so far");
            Err(errors)
        }
    }
}
