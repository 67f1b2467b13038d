//! The real Envoy of all scenarios: its listeners, routes and clusters.

use serde_json::{Value, json};

use super::{
    scenario::{BUFFER_LIMIT_BYTES, Plugin, Route, Scenario, Step},
    upstream::ScriptedUpstream,
};
use crate::envoy::{self, Builder, Cluster, Envoy, Listener, built_module};

/// When a time-out strikes an upstream that says nothing at all: never too soon.
const SOON: &str = "0.3s";

/// When it strikes an answer that has begun, which on a busy machine may take a while to begin.
const LATER: &str = "3s";

const MAIN: &str = "main";
const SHORT_UPLOADS: &str = "short_uploads";
const HOLDING: &str = "holding";

/// An Envoy with one worker that runs the recorder.
pub(super) async fn envoy(upstream: &ScriptedUpstream) -> Builder {
    let nobody = reserved_port().await;
    let overflowing = json!({"circuit_breakers": {"thresholds": [{"max_requests": 0}]}});
    let holding = listener(HOLDING)
        .configuration_text("tick fast")
        .allow_on_headers_stop_iteration()
        .patch(json!({"per_connection_buffer_limit_bytes": BUFFER_LIMIT_BYTES}));
    Envoy::builder()
        .workers(1)
        .cluster(cluster("upstream", upstream, &json!({})))
        .cluster(cluster("short_lived", upstream, &json!({"max_stream_duration": LATER})))
        .cluster(Cluster::at("refused", nobody))
        .cluster(Cluster::empty("empty"))
        .cluster(Cluster::at("overflowing", upstream.address()).patch(overflowing))
        .listener(listener(MAIN))
        .listener(
            listener(SHORT_UPLOADS).connection_manager_patch(json!({"request_timeout": SOON})),
        )
        .listener(holding)
}

/// The listener that a scenario's client connects to.
pub(super) fn listener_of(scenario: &Scenario) -> &'static str {
    match (scenario.plugin, scenario.route) {
        (Plugin::Holding, _) => HOLDING,
        (Plugin::Plain, Route::ShortUploads) => SHORT_UPLOADS,
        (Plugin::Plain, _) => MAIN,
    }
}

/// The path by which a scenario's request finds its route.
pub(super) fn path_of(scenario: &Scenario) -> String {
    let is_begun = scenario.upstream.iter().any(|step| matches!(step, Step::Chunked(_)));
    path(scenario.route, if is_begun { LATER } else { SOON })
}

/// A listener with the recorder, a filter on either side of it, and all routes.
fn listener(name: &str) -> Listener {
    let listener = Listener::new(name)
        .module(&built_module("recorder"))
        .configuration_text("")
        .filter_before(fault_on(Route::FaultInFront))
        .filter_after(fault_on(Route::FaultBehind))
        .connection_manager_patch(json!({
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "route_config": {"validate_clusters": false},
            "http_protocol_options": {"enable_trailers": true},
            // Without one, nobody may set a time-out by header.
            "internal_address_config": {
                "cidr_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}],
            },
        }));
    let routes = ROUTES.iter().flat_map(|route| [SOON, LATER].map(|limit| (*route, limit)));
    routes.fold(listener, |listener, (route, limit)| listener.route(rendered(route, limit)))
}

/// Envoy's fault filter, which replies 418 on that route.
fn fault_on(route: Route) -> Value {
    let path = json!({"name": ":path", "string_match": {"prefix": format!("/{route:?}/")}});
    json!({
        "name": format!("{route:?}"),
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
            "abort": {"http_status": 418, "percentage": {"numerator": 100}},
            "headers": [path],
        },
    })
}

/// A cluster at the upstream, with these `HttpProtocolOptions`. Over HTTP/1 Envoy drops trailers
/// unless told otherwise.
fn cluster(name: &str, upstream: &ScriptedUpstream, options: &Value) -> Cluster {
    let kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    Cluster::at(name, upstream.address()).patch(json!({"typed_extension_protocol_options": {kind: {
        "@type": format!("type.googleapis.com/{kind}"),
        "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
        "common_http_protocol_options": options,
    }}}))
}

/// A port that nobody listens on, and that nobody else is given while its socket lives.
async fn reserved_port() -> std::net::SocketAddr {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = socket.local_addr().expect("an address");
    // Leaked on purpose: the port stays reserved until the test process ends.
    std::mem::forget(socket);
    address
}

const ROUTES: &[Route] = &[
    Route::Plain,
    Route::ShortTimeout,
    Route::ShortAttempts,
    Route::ShortIdle,
    Route::ShortStreams,
    Route::ShortLived,
    Route::ShortUploads,
    Route::FaultInFront,
    Route::FaultBehind,
    Route::Retried,
    Route::Upgradable,
    Route::Refused,
    Route::RefusedRetried,
    Route::Empty,
    Route::Overflowing,
    Route::UnknownCluster,
    Route::Direct,
];

fn path(route: Route, limit: &str) -> String {
    format!("/{route:?}/{limit}/")
}

/// A route whose time-out, if it has one, is `limit`.
fn rendered(route: Route, limit: &str) -> envoy::Route {
    let to = |cluster| envoy::Route::to(cluster).timeout("0s");
    let patched = |route: envoy::Route, patch: Value| route.patch(json!({"route": patch}));
    let retries = json!({"retry_policy": {"retry_on": "5xx", "num_retries": 1}});
    let attempts = json!({"retry_policy": {"num_retries": 0, "per_try_timeout": limit}});
    let streams = json!({"max_stream_duration": {"max_stream_duration": limit}});
    match route {
        Route::Plain
        | Route::ShortUploads
        | Route::FaultInFront
        | Route::FaultBehind
        | Route::Upgradable => to("upstream"),
        Route::ShortAttempts => patched(to("upstream"), attempts),
        Route::ShortStreams => patched(to("upstream"), streams),
        Route::ShortTimeout => to("upstream").timeout(limit),
        Route::ShortIdle => patched(to("upstream"), json!({"idle_timeout": limit})),
        Route::Retried => patched(to("upstream"), retries),
        Route::ShortLived => to("short_lived"),
        Route::Refused => to("refused"),
        Route::RefusedRetried => patched(to("refused"), retries),
        Route::Empty => to("empty"),
        Route::Overflowing => to("overflowing"),
        Route::UnknownCluster => to("unknown"),
        Route::Direct => envoy::Route::direct_response(403, "direct"),
        Route::None => unreachable!("it is not in the route table"),
    }
    .prefix(&path(route, limit))
}
