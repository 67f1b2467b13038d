//! The shipped YAML, changed into the bootstrap of one test's Envoy.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::merge::apply;
use super::parts::{Cluster, Listener, Route};
use super::{StartError, place};

/// A file of `envoy/`. A test's listener or cluster is a copy of the one of that name, or else of its
/// first; a route is a copy of its first.
#[derive(Clone, Debug)]
pub(super) struct Template(Value);

/// What a test gets unless it asks for another file.
pub(super) const LLM_EGRESS: &str = "llm-egress.yaml";

const LISTENERS: &str = "/static_resources/listeners";
const LISTENER: &str = "/static_resources/listeners/0";
const CLUSTERS: &str = "/static_resources/clusters";
const CLUSTER: &str = "/static_resources/clusters/0";
const CONNECTION_MANAGER: &str = "/filter_chains/0/filters/0/typed_config";
const ROUTES: &str = "/route_config/virtual_hosts/0/routes";
const PLUGIN: &str = "/typed_config/config";

impl Template {
    pub(super) fn shipped(file: &str) -> Result<Self, StartError> {
        let path = place::workspace().join("envoy").join(file);
        let because = |error: &dyn std::fmt::Display| StartError::new(&path.display(), error);
        let text = std::fs::read_to_string(&path).map_err(|error| because(&error))?;
        serde_saphyr::from_str(&text).map(Self).map_err(|error| because(&error))
    }

    /// The whole bootstrap; with `listener_file`, Envoy reads its listeners from there.
    pub(super) fn bootstrap(
        &self,
        node: &str,
        admin_port: u16,
        clusters: &[Cluster],
        listeners: Vec<Value>,
        listener_file: Option<&Path>,
    ) -> Value {
        let mut bootstrap = self.0.clone();
        let clusters: Vec<Value> = clusters.iter().map(|cluster| self.cluster(cluster)).collect();
        *part(&mut bootstrap, "/admin/address/socket_address/port_value") = json!(admin_port);
        *part(&mut bootstrap, CLUSTERS) = json!(clusters);
        // Whoever reads resources at run time has to have a name.
        bootstrap["node"] = json!({"id": node, "cluster": "test"});
        match listener_file {
            None => *part(&mut bootstrap, LISTENERS) = json!(listeners),
            Some(file) => apply(&mut bootstrap, &discovery(file)),
        }
        bootstrap
    }

    fn cluster(&self, cluster: &Cluster) -> Value {
        let mut value =
            self.namesake(CLUSTERS, &cluster.name).unwrap_or_else(|| self.copy(CLUSTER));
        apply(&mut value, &cluster.patch);
        value
    }

    fn namesake(&self, all: &str, name: &str) -> Option<Value> {
        let all = self.0.pointer(all).and_then(Value::as_array);
        all.and_then(|all| all.iter().find(|one| one["name"] == name)).cloned()
    }

    /// One `envoy.config.listener.v3.Listener`, its requests routed to `default_cluster` unless it
    /// has routes of its own or the shipped ones.
    pub(super) fn listener(
        &self,
        listener: &Listener,
        default_cluster: &str,
    ) -> Result<Value, StartError> {
        let mut value =
            self.namesake(LISTENERS, &listener.name).unwrap_or_else(|| self.copy(LISTENER));
        value["name"] = json!(listener.name);
        *part(&mut value, "/address/socket_address/port_value") = json!(listener.port);
        let manager = part(&mut value, CONNECTION_MANAGER);
        if !listener.has_shipped_routes {
            *part(manager, ROUTES) = self.routes(listener, default_cluster);
        }
        let filters = part(manager, "/http_filters");
        *filters = json!(http_filters(filters.take(), listener)?);
        apply(manager, &listener.connection_manager_patch);
        if let Some(folder) = &listener.certificate {
            part(&mut value, "/filter_chains/0")["transport_socket"] = downstream_tls(folder);
        }
        apply(&mut value, &listener.patch);
        Ok(value)
    }

    /// Our filter as this listener has it.
    pub(super) fn filter(&self, listener: &Listener) -> Result<Value, StartError> {
        let shipped = self.copy(&format!("{LISTENER}{CONNECTION_MANAGER}/http_filters"));
        let filters = http_filters(shipped, listener)?;
        let ours = filters.into_iter().find(|filter| filter["name"] == "llm_breaker");
        ours.ok_or_else(|| StartError::new(&listener.name, &"it has no filter"))
    }

    fn routes(&self, listener: &Listener, default_cluster: &str) -> Value {
        let shipped = self.copy(&format!("{LISTENER}{CONNECTION_MANAGER}{ROUTES}/0"));
        let render = |route: &Route| {
            let mut value = shipped.clone();
            apply(&mut value, &route.patch);
            value
        };
        if listener.routes.is_empty() {
            json!([render(&Route::to(default_cluster))])
        } else {
            listener.routes.iter().map(render).collect()
        }
    }

    fn copy(&self, pointer: &str) -> Value {
        part(&mut self.0.clone(), pointer).take()
    }
}

/// The shipped filters, ours changed or left out, with the listener's own around it.
fn http_filters(shipped: Value, listener: &Listener) -> Result<Vec<Value>, StartError> {
    let mut filters = Vec::new();
    for mut filter in serde_json::from_value::<Vec<Value>>(shipped).unwrap_or_default() {
        if filter["name"] != "llm_breaker" {
            filters.push(filter);
            continue;
        }
        filters.extend(listener.filters_before.iter().cloned());
        if listener.has_plugin {
            change_plugin(part(&mut filter, PLUGIN), listener)?;
            filters.push(filter);
        }
        filters.extend(listener.filters_after.iter().cloned());
    }
    Ok(filters)
}

fn change_plugin(plugin: &mut Value, listener: &Listener) -> Result<(), StartError> {
    let file = part(plugin, "/vm_config/code/local/filename");
    let shipped = file.as_str().unwrap_or_default();
    let module: PathBuf = place::existing_module(listener.module.as_deref(), shipped)?;
    *file = json!(module);
    if let Some(configuration) = &listener.configuration {
        plugin["configuration"].clone_from(configuration);
    }
    apply(plugin, &listener.plugin_patch);
    Ok(())
}

fn downstream_tls(folder: &Path) -> Value {
    let file = |name: &str| json!({"filename": folder.join(name)});
    let certificate =
        json!({"certificate_chain": file("certificate.pem"), "private_key": file("key.pem")});
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"tls_certificates": [certificate]},
        },
    })
}

fn discovery(file: &Path) -> Value {
    json!({
        "static_resources": {"listeners": null},
        "dynamic_resources": {
            "lds_config": {"resource_api_version": "V3", "path_config_source": {"path": file}},
        },
    })
}

/// The part of the template at a JSON pointer; its absence is a mistake in this file.
fn part<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("the shipped YAML has no {pointer}: mend envoy/bootstrap.rs"))
}

/// A listener update as Envoy's file-based discovery reads it.
pub(super) fn discovery_response(version: u64, listeners: &[Value]) -> Value {
    let with_type = |listener: &Value| {
        let mut resource = listener.clone();
        resource["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        resource
    };
    let resources: Vec<Value> = listeners.iter().map(with_type).collect();
    json!({"version_info": version.to_string(), "resources": resources})
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: [&str; 4] = [
        LLM_EGRESS,
        "llm-egress-decompressor.yaml",
        "llm-gateway-reroute.yaml",
        "llm-retry-next-provider.yaml",
    ];
    const PROTOCOL_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

    fn shipped(file: &str) -> Template {
        Template::shipped(file).expect("a shipped YAML")
    }

    #[test]
    fn all_shipped_files_log_and_count_alike() {
        let log_format =
            format!("{LISTENER}{CONNECTION_MANAGER}/access_log/0/typed_config/log_format");
        let first = shipped(LLM_EGRESS);
        for file in SHIPPED {
            let template = shipped(file);
            for part in [log_format.as_str(), "/stats_config"] {
                assert!(template.0.pointer(part).is_some(), "{file} has no {part}");
                assert_eq!(template.0.pointer(part), first.0.pointer(part), "{part} of {file}");
            }
        }
    }

    /// A label regex takes what follows `name=.=` wherever it stands, so a name that ends like
    /// another one would lose its value to it.
    #[test]
    fn no_label_regex_can_hit_inside_another_label() {
        let template = shipped(LLM_EGRESS);
        let tags = template.0["stats_config"]["stats_tags"].as_array().expect("tags").clone();
        let names: Vec<_> =
            tags.iter().map(|tag| tag["tag_name"].as_str().expect("a name")).collect();
        assert_eq!(names.len(), 9);
        for (tag, name) in tags.iter().zip(&names) {
            assert_eq!(tag["regex"], format!(r"({name}=\.=(.*?);\.;)"));
            let hits = names.iter().filter(|other| other.ends_with(name)).count();
            assert_eq!(hits, 1, "{name} is the end of another label's name");
        }
    }

    #[test]
    fn durations_and_addresses_of_the_yaml_stay_text() {
        let template = shipped(LLM_EGRESS);
        let manager = template.copy(&format!("{LISTENER}{CONNECTION_MANAGER}"));
        assert_eq!(manager["delayed_close_timeout"], "0.1s");
        assert_eq!(template.0["admin"]["address"]["socket_address"]["address"], "127.0.0.1");
        assert_eq!(template.0["admin"]["address"]["socket_address"]["port_value"], 9901);
    }

    #[test]
    fn nothing_in_a_yaml_ends_a_healthy_silence_or_a_long_stream() {
        for file in SHIPPED {
            let template = shipped(file);
            let manager = template.copy(&format!("{LISTENER}{CONNECTION_MANAGER}"));
            let routes = manager.pointer(ROUTES).and_then(Value::as_array).expect("routes");
            for route in routes.iter().filter_map(|route| route.get("route")) {
                let limits = (&route["timeout"], &route["idle_timeout"]);
                assert_eq!(limits, (&json!("0s"), &json!("600s")), "{file}: {route}");
                for absent in ["max_stream_duration", "hedge_policy"] {
                    assert_eq!(route[absent], Value::Null, "{file}: {absent}");
                }
                for absent in ["per_try_timeout", "per_try_idle_timeout"] {
                    assert_eq!(route["retry_policy"][absent], Value::Null, "{file}: {absent}");
                }
            }
            assert_eq!(manager["common_http_protocol_options"], Value::Null, "{file}");
            let virtual_host = manager.pointer("/route_config/virtual_hosts/0").expect("a host");
            assert_eq!(virtual_host["retry_policy"], Value::Null, "{file}");
            for cluster in template.0.pointer(CLUSTERS).and_then(Value::as_array).expect("clusters")
            {
                let options = &cluster["typed_extension_protocol_options"][PROTOCOL_OPTIONS];
                assert_eq!(options["common_http_protocol_options"], Value::Null, "{file}");
            }
        }
    }

    #[test]
    fn all_files_have_the_labels_and_the_listener_of_the_first() {
        let first = shipped(LLM_EGRESS);
        for file in SHIPPED {
            let template = shipped(file);
            assert_eq!(template.0["stats_config"], first.0["stats_config"], "{file}");
            for same in ["request_timeout", "delayed_close_timeout", "access_log"] {
                let pointer = format!("{LISTENER}{CONNECTION_MANAGER}/{same}");
                assert_eq!(template.copy(&pointer), first.copy(&pointer), "{file}: {same}");
            }
        }
    }

    #[test]
    fn the_decompressors_are_all_that_the_other_yaml_adds() {
        let (plain, mut other) = (shipped(LLM_EGRESS), shipped("llm-egress-decompressor.yaml"));
        let filters = part(&mut other.0, &format!("{LISTENER}{CONNECTION_MANAGER}/http_filters"));
        let filters = filters.as_array_mut().expect("filters");
        let names: Vec<_> = filters.iter().filter_map(|filter| filter["name"].as_str()).collect();
        let decompressors = ["decompress_gzip", "decompress_brotli", "decompress_zstd"];
        assert_eq!(names[0], "llm_breaker");
        assert_eq!(names[1..4], decompressors);
        filters.drain(1..4);
        assert_eq!(other.0, plain.0);
    }
}
