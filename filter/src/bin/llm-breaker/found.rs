//! Where in a file do configurations of the filter stand, and what clusters does it have?

use serde_json::{Map, Value};

/// A configuration, and where it was found.
pub(crate) struct Found {
    /// A path in the file; empty if the whole file is the configuration.
    pub(crate) place: String,
    /// As Envoy hands it over: JSON text.
    pub(crate) document: String,
}

/// A cluster of Envoy's, and what its owner says in its metadata.
pub(crate) struct Cluster {
    /// Its name.
    pub(crate) name: String,
    /// `filter_metadata.llm_breaker`.
    pub(crate) metadata: Value,
}

/// What a file holds.
#[derive(Default)]
pub(crate) struct Contents {
    /// In the order of the file.
    pub(crate) configurations: Vec<Found>,
    /// In the order of the file.
    pub(crate) clusters: Vec<Cluster>,
    /// Places of Wasm plugins that are not this filter.
    pub(crate) others: Vec<String>,
}

/// Reads a file's text: JSON, or YAML of one or several documents.
///
/// # Errors
/// What is neither, in words.
pub(crate) fn read(text: &str) -> Result<Contents, String> {
    let mut contents = Contents::default();
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        return Ok(contents_of(vec![document], Some(text)));
    }
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|e| e.to_string())?;
    if documents.is_empty() {
        contents.configurations.push(Found { place: String::new(), document: String::new() });
        return Ok(contents);
    }
    Ok(contents_of(documents, None))
}

/// With the file's own `text` where it is JSON, since a value cannot show that a name stood twice.
fn contents_of(documents: Vec<Value>, text: Option<&str>) -> Contents {
    let mut contents = Contents::default();
    let several = documents.len() > 1;
    for (index, document) in documents.iter().enumerate() {
        let place = if several { format!("document {}", index + 1) } else { String::new() };
        if holds_others(document) {
            contents.walk(&place, document);
        } else {
            let document = text.map_or_else(|| document.to_string(), str::to_owned);
            contents.configurations.push(Found { place, document });
        }
    }
    contents
}

/// Whether this is something of Envoy's or Kubernetes', not the configuration itself.
fn holds_others(document: &Value) -> bool {
    let marks =
        ["static_resources", "dynamic_resources", "resources", "apiVersion", "@type", "admin"];
    // The configuration has an `admin`, too, but never beside an `address`.
    marks.iter().any(|mark| match document.get(mark) {
        Some(admin) if *mark == "admin" => admin.get("address").is_some(),
        Some(_) => true,
        None => false,
    })
}

impl Contents {
    fn walk(&mut self, place: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                self.look_at(place, fields);
                for (name, inner) in fields {
                    self.walk(&join(place, name), inner);
                }
            }
            Value::Array(list) => {
                for (index, inner) in list.iter().enumerate() {
                    self.walk(&format!("{place}[{index}]"), inner);
                }
            }
            _ => {}
        }
    }

    fn look_at(&mut self, place: &str, fields: &Map<String, Value>) {
        let kind = fields.get("kind").and_then(Value::as_str);
        let spec = fields.get("spec");
        if fields.contains_key("vm_config") || fields.contains_key("vmConfig") {
            self.add(
                &join(place, "configuration"),
                fields,
                fields.get("configuration").map(of_any),
            );
        } else if let (Some("WasmPlugin"), Some(Value::Object(spec))) = (kind, spec) {
            self.add(&join(place, "spec.pluginConfig"), fields, spec.get("pluginConfig").cloned());
        } else if let (Some("EnvoyExtensionPolicy"), Some(spec)) = (kind, spec) {
            for (index, wasm) in
                spec.get("wasm").and_then(Value::as_array).into_iter().flatten().enumerate()
            {
                if let Value::Object(plugin) = wasm {
                    let place = join(place, &format!("spec.wasm[{index}].config"));
                    self.add(&place, plugin, plugin.get("config").cloned());
                }
            }
        }
        if let (Some(Value::String(name)), true) = (fields.get("name"), is_cluster(fields)) {
            let metadata =
                fields.get("metadata").and_then(|m| m.get("filter_metadata")?.get("llm_breaker"));
            let (name, metadata) = (name.clone(), metadata.cloned().unwrap_or_default());
            self.clusters.push(Cluster { name, metadata });
        }
    }

    fn add(&mut self, place: &str, plugin: &Map<String, Value>, configuration: Option<Value>) {
        if !is_ours(plugin) {
            self.others.push(place.into());
            return;
        }
        let document = match configuration {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(document) => document.to_string(),
        };
        self.configurations.push(Found { place: place.into(), document });
    }
}

/// What a `google.protobuf.Any` holds of a Struct or a StringValue.
fn of_any(any: &Value) -> Value {
    any.get("value").cloned().unwrap_or_default()
}

fn is_cluster(fields: &Map<String, Value>) -> bool {
    ["load_assignment", "connect_timeout", "eds_cluster_config", "cluster_type"]
        .iter()
        .any(|field| fields.contains_key(*field))
}

/// Whether a name or a place of the plugin, but not its configuration, names this filter.
fn is_ours(plugin: &Map<String, Value>) -> bool {
    let but = ["configuration", "pluginConfig", "config"];
    plugin
        .iter()
        .filter(|(name, _)| !but.contains(&name.as_str()))
        .any(|(_, value)| names_us(value))
}

fn names_us(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("llm-breaker") || text.contains("llm_breaker"),
        Value::Array(list) => list.iter().any(names_us),
        Value::Object(fields) => is_ours(fields),
        _ => false,
    }
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.into() } else { format!("{place}.{name}") }
}
