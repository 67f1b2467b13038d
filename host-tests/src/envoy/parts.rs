//! What a test says about the Envoy it wants: clusters, listeners and routes.
//!
//! Each begins as a copy of the shipped YAML's own and takes a JSON merge patch (RFC 7396) for
//! whatever has no method here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::merge::compose;

/// Name of the one LLM cluster that the shipped YAML has.
pub const OPENAI: &str = "outbound|443||api.openai.com";

/// Name of the shipped YAML's listener for the status page.
pub const STATUS: &str = "llm_status";

/// An upstream cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(super) name: String,
    pub(super) patch: Value,
}

impl Cluster {
    /// A cluster with one endpoint; one that the shipped file has is changed no further than that,
    /// and in that TLS is left out.
    #[must_use]
    pub fn at(name: &str, address: SocketAddr) -> Self {
        let (host, port) = (address.ip().to_string(), address.port());
        Self::at_host(name, "STATIC", &host, port)
    }

    /// The same, but that the shipped file's TLS stays as it is.
    #[must_use]
    pub fn at_with_tls(name: &str, address: SocketAddr) -> Self {
        let mut cluster = Self::at(name, address);
        if let Some(fields) = cluster.patch.as_object_mut() {
            fields.remove("transport_socket");
        }
        cluster
    }

    /// A cluster whose host name has no address, found with Envoy's discovery type `STRICT_DNS` or
    /// `LOGICAL_DNS`.
    #[must_use]
    pub fn unresolvable(name: &str, discovery: &str) -> Self {
        // RFC 6761 reserves the domain, so no resolver may know it.
        Self::at_host(name, discovery, "no-such-host.invalid", 443)
    }

    /// A cluster whose addresses are asked for many times a second, of the name server there.
    #[must_use]
    pub fn resolved_by(name: &str, server: SocketAddr, port: u16) -> Self {
        let config = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig";
        let address = json!({"address": server.ip().to_string(), "port_value": server.port()});
        Self::at_host(name, "STRICT_DNS", "llm.example.com", port).patch(json!({
            "dns_refresh_rate": "0.05s",
            "dns_failure_refresh_rate": {"base_interval": "0.05s", "max_interval": "0.05s"},
            "typed_dns_resolver_config": {
                "name": "envoy.network.dns_resolver.cares",
                "typed_config": {
                    "@type": format!("type.googleapis.com/{config}"),
                    "resolvers": [{"socket_address": address}],
                },
            },
        }))
    }

    /// A cluster without any endpoint.
    #[must_use]
    pub fn empty(name: &str) -> Self {
        let assignment = json!({"cluster_name": name, "endpoints": []});
        let patch = json!({"name": name, "type": "STATIC", "load_assignment": assignment});
        Self { name: name.to_owned(), patch }.without_tls()
    }

    fn at_host(name: &str, discovery: &str, host: &str, port: u16) -> Self {
        let address = json!({"socket_address": {"address": host, "port_value": port}});
        // By Istio's manner of naming. Only a route that says `auto_host_rewrite` asks for it.
        let shown_host = name.rsplit('|').next();
        let endpoint = json!({"hostname": shown_host, "address": address});
        let assignment = json!({
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        });
        let patch = json!({"name": name, "type": discovery, "load_assignment": assignment});
        Self { name: name.to_owned(), patch }.without_tls()
    }

    fn without_tls(self) -> Self {
        self.patch(json!({"transport_socket": null}))
    }

    /// Speaks HTTP/2 to the upstream.
    #[must_use]
    pub fn http2(self) -> Self {
        self.patch(json!({"typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            },
        }}))
    }

    /// Speaks TLS to the upstream, believing any certificate.
    #[must_use]
    pub fn tls(self) -> Self {
        self.patch(json!({"transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            },
        }}))
    }

    /// The cluster's own policy, under the metadata namespace `llm_breaker`.
    #[must_use]
    pub fn metadata(self, policy: &Value) -> Self {
        self.patch(json!({"metadata": {"filter_metadata": {"llm_breaker": policy}}}))
    }

    /// Changes anything else of `envoy.config.cluster.v3.Cluster`.
    #[must_use]
    pub fn patch(mut self, patch: Value) -> Self {
        self.patch = compose(self.patch, patch);
        self
    }
}

/// Which requests go where.
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) patch: Value,
}

impl Route {
    /// All requests, to a cluster.
    #[must_use]
    pub fn to(cluster: &str) -> Self {
        Self { patch: json!({"route": {"cluster": cluster}}) }
    }

    /// All requests, answered by Envoy itself.
    #[must_use]
    pub fn direct_response(status: u16, body: &str) -> Self {
        let response = json!({"status": status, "body": {"inline_string": body}});
        Self { patch: json!({"route": null, "direct_response": response}) }
    }

    /// Only paths that begin so.
    #[must_use]
    pub fn prefix(self, prefix: &str) -> Self {
        self.patch(json!({"match": {"prefix": prefix}}))
    }

    /// Only requests with this header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        let exact = json!({"name": name, "string_match": {"exact": value}});
        self.patch(json!({"match": {"headers": [exact]}}))
    }

    /// Envoy's own limit for the whole answer, `"0s"` for none.
    #[must_use]
    pub fn timeout(self, timeout: &str) -> Self {
        self.patch(json!({"route": {"timeout": timeout}}))
    }

    /// Changes anything else of `envoy.config.route.v3.Route`.
    #[must_use]
    pub fn patch(mut self, patch: Value) -> Self {
        self.patch = compose(self.patch, patch);
        self
    }
}

/// A listener with the filter in it.
#[derive(Clone, Debug)]
pub struct Listener {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) routes: Vec<Route>,
    pub(super) has_shipped_routes: bool,
    /// As shipped, unless said.
    pub(super) configuration: Option<Value>,
    pub(super) module: Option<PathBuf>,
    pub(super) has_plugin: bool,
    pub(super) filters_before: Vec<Value>,
    pub(super) filters_after: Vec<Value>,
    pub(super) plugin_patch: Value,
    pub(super) connection_manager_patch: Value,
    /// The folder of what it proves with who it is, where it speaks TLS.
    pub(super) certificate: Option<PathBuf>,
    pub(super) patch: Value,
}

impl Default for Listener {
    fn default() -> Self {
        Self::new("llm_egress")
    }
}

impl Listener {
    /// A listener on a free port: the shipped one of that name, or else the first, with the filter's
    /// configuration as shipped (its defaults, in `llm-egress.yaml`) and every request routed to the
    /// first cluster.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            port: 0,
            routes: Vec::new(),
            has_shipped_routes: false,
            configuration: None,
            module: None,
            has_plugin: true,
            filters_before: Vec::new(),
            filters_after: Vec::new(),
            plugin_patch: json!({}),
            connection_manager_patch: json!({}),
            certificate: None,
            patch: json!({}),
        }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The shipped listener of the status page and its API, [`STATUS`]; whoever has the token, if
    /// there is one, may change something.
    #[must_use]
    pub fn status_page(token: Option<&str>) -> Self {
        let admin = token.map(|token| json!({"token": token}));
        let configuration = json!({"role": "admin", "stop_iteration": true, "admin": admin});
        Self::new(STATUS).shipped_routes().configuration(&configuration)
    }

    /// Listens on this port of the loopback address.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Adds a route; the first that matches wins.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// Keeps the routes of the shipped file; clusters of the names that they say have to be added.
    #[must_use]
    pub const fn shipped_routes(mut self) -> Self {
        self.has_shipped_routes = true;
        self
    }

    /// The filter's configuration as native YAML: it arrives as a `google.protobuf.Struct`.
    #[must_use]
    pub fn configuration(mut self, document: &Value) -> Self {
        self.configuration = Some(native(document));
        self
    }

    /// The filter's configuration as a `google.protobuf.StringValue`, JSON or not.
    #[must_use]
    pub fn configuration_text(mut self, text: &str) -> Self {
        self.configuration = Some(
            json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}),
        );
        self
    }

    /// Another Wasm module instead of the filter, in a VM of that name.
    #[must_use]
    pub fn module(mut self, path: &Path) -> Self {
        self.module = Some(path.to_owned());
        let id = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        self.plugin_patch(json!({"name": id, "vm_config": {"vm_id": id}}))
    }

    /// No Wasm filter at all.
    #[must_use]
    pub const fn without_plugin(mut self) -> Self {
        self.has_plugin = false;
        self
    }

    /// Speaks TLS, with `certificate.pem` and `key.pem` of this folder.
    #[must_use]
    pub fn tls(mut self, folder: &Path) -> Self {
        self.certificate = Some(folder.to_owned());
        self
    }

    /// An HTTP filter between the client and ours.
    #[must_use]
    pub fn filter_before(mut self, filter: Value) -> Self {
        self.filters_before.push(filter);
        self
    }

    /// An HTTP filter between ours and the router.
    #[must_use]
    pub fn filter_after(mut self, filter: Value) -> Self {
        self.filters_after.push(filter);
        self
    }

    /// Changes anything else of `envoy.extensions.wasm.v3.PluginConfig`.
    #[must_use]
    pub fn plugin_patch(mut self, patch: Value) -> Self {
        self.plugin_patch = compose(self.plugin_patch, patch);
        self
    }

    /// Changes anything else of the `HttpConnectionManager`.
    #[must_use]
    pub fn connection_manager_patch(mut self, patch: Value) -> Self {
        self.connection_manager_patch = compose(self.connection_manager_patch, patch);
        self
    }

    /// Lets the filter see the body of a request that it pauses at its headers.
    #[must_use]
    pub fn allow_on_headers_stop_iteration(self) -> Self {
        self.plugin_patch(json!({"allow_on_headers_stop_iteration": true}))
    }

    /// Changes anything else of `envoy.config.listener.v3.Listener`.
    #[must_use]
    pub fn patch(mut self, patch: Value) -> Self {
        self.patch = compose(self.patch, patch);
        self
    }
}

fn native(document: &Value) -> Value {
    json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": document})
}
