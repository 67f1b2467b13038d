//! A scenario on the real Envoy.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    scenario::{BUFFER_LIMIT_BYTES, Client, Moment, Plugin, Request, Route, Scenario, Step},
    trace::{Outcome, Trace, recorded},
    upstream::ScriptedUpstream,
};
use crate::{
    envoy::{self, Cluster, Envoy, Listener, built_module},
    patience::patiently,
};

/// The Envoy and the upstream with which all scenarios run, one after the other.
pub struct EnvoySide {
    envoy: Envoy,
    upstream: ScriptedUpstream,
}

/// When a time-out strikes an upstream that says nothing at all: never too soon.
const SOON: &str = "0.3s";

/// When it strikes an answer that has begun, which on a busy machine may take a while to begin.
const LATER: &str = "3s";

const MAIN: &str = "main";
const SHORT_UPLOADS: &str = "short_uploads";
const HOLDING: &str = "holding";

impl EnvoySide {
    /// Starts an Envoy with one worker that runs the recorder.
    ///
    /// # Panics
    /// When it does not start, as when `make build` was not run.
    pub async fn start() -> Self {
        let upstream = ScriptedUpstream::start().await.expect("a free port");
        let nobody = reserved_port().await;
        let overflowing = json!({"circuit_breakers": {"thresholds": [{"max_requests": 0}]}});
        let envoy = Envoy::builder()
            .workers(1)
            .cluster(cluster("upstream", &upstream, &json!({})))
            .cluster(cluster("short_lived", &upstream, &json!({"max_stream_duration": LATER})))
            .cluster(Cluster::at("refused", nobody))
            .cluster(Cluster::empty("empty"))
            .cluster(Cluster::at("overflowing", upstream.address()).patch(overflowing))
            .listener(listener(MAIN))
            .listener(
                listener(SHORT_UPLOADS).connection_manager_patch(json!({"request_timeout": SOON})),
            )
            .listener(
                listener(HOLDING)
                    .configuration_text("tick fast")
                    .allow_on_headers_stop_iteration()
                    .patch(json!({"per_connection_buffer_limit_bytes": BUFFER_LIMIT_BYTES})),
            );
        let envoy = envoy.start().await.expect("Envoy starts");
        Self { envoy, upstream }
    }

    /// Runs one scenario.
    ///
    /// # Panics
    /// When something does not come that the scenario needs.
    pub async fn run(&self, scenario: &Scenario) -> Trace {
        self.upstream.play(scenario.upstream);
        let before = self.envoy.log().lines().len();
        let mut asked = self.upstream.asked();
        asked.mark_unchanged();
        let mut connection = self.connect(scenario).await;
        connection.write_all(wire(scenario).as_bytes()).await.expect("Envoy reads");
        self.upload(&mut connection, scenario, before).await;
        let (moment, ticks) = match scenario.client {
            Client::Reads => (Moment::Over, false),
            Client::Leaves(moment) => (moment, false),
            Client::ReadsWithTick(moment) => (moment, true),
        };
        let mut answer = Vec::new();
        match moment {
            Moment::Held => self.wait_for(before, 1, &["request_body"]).await,
            Moment::Withheld => {
                let last = scenario.upstream.contains(&Step::LastChunk);
                self.wait_for(before, 1 + usize::from(last), &["response_body"]).await;
            }
            Moment::Unanswered => {
                patiently("the request upstream", asked.changed()).await.expect("a server");
            }
            Moment::MidStream => {
                answer = patiently("the first event", read(&mut connection, Some("data: 1"))).await;
            }
            Moment::Over => answer = patiently("an answer", read(&mut connection, None)).await,
        }
        if ticks {
            self.tick(scenario).await;
            answer.extend(patiently("the rest", read(&mut connection, None)).await);
        }
        drop(connection);
        let lines = self.lines_after(before, scenario).await;
        let leaves = matches!(scenario.client, Client::Leaves(_));
        let outcome = if leaves { Outcome::Nothing } else { parsed(&answer, scenario.request) };
        Trace::new(lines, outcome)
    }

    async fn connect(&self, scenario: &Scenario) -> TcpStream {
        let listener = match (scenario.plugin, scenario.route) {
            (Plugin::Holding, _) => HOLDING,
            (Plugin::Plain, Route::ShortUploads) => SHORT_UPLOADS,
            (Plugin::Plain, _) => MAIN,
        };
        TcpStream::connect(self.envoy.address_of(listener)).await.expect("a connection")
    }

    /// Sends a body that comes in pieces, until the stream is over.
    async fn upload(&self, connection: &mut TcpStream, scenario: &Scenario, before: usize) {
        let seen = ["request_headers", "request_body", "done"];
        for (sent, piece) in scenario.request.pieces().iter().enumerate() {
            self.wait_for(before, 1 + sent, &seen).await;
            if self.envoy.log().lines()[before..].iter().any(|line| is_recorded(line, &["done"])) {
                return;
            }
            // Envoy may have closed the connection by now.
            drop(connection.write_all(piece.as_bytes()).await);
        }
    }

    /// Has the recorder do at a tick what the scenario's request wished.
    async fn tick(&self, scenario: &Scenario) {
        let mut connection = self.connect(scenario).await;
        let request = "GET / HTTP/1.1\r\nhost: llm.test\r\nx-recorder: now\r\n\r\n";
        connection.write_all(request.as_bytes()).await.expect("Envoy reads");
        patiently("the recorder's word", read(&mut connection, Some("\r\n\r\n"))).await;
    }

    /// Waits for so many of these callbacks, counted from line `before` of the log.
    async fn wait_for(&self, before: usize, count: usize, callbacks: &[&str]) {
        let log = self.envoy.log();
        let lines = log.lines();
        let earlier = lines[..before].iter().filter(|line| is_recorded(line, callbacks)).count();
        let count = earlier + count;
        log.wait_for_count(count, |line| is_recorded(line, callbacks)).await;
    }

    /// The log from line `before` on, once the stream is over.
    async fn lines_after(&self, before: usize, scenario: &Scenario) -> Vec<String> {
        let last = if scenario.recorder == "crash" { "request_headers" } else { "done" };
        self.wait_for(before, 1, &[last]).await;
        if !scenario.at_tick.is_empty() {
            self.wait_for(before, 1, &["tick_over"]).await;
        }
        self.envoy.log().lines().split_off(before)
    }
}

/// Whether the recorder wrote this line at one of these callbacks.
fn is_recorded(line: &str, callbacks: &[&str]) -> bool {
    let line = recorded(line);
    let callback = line.as_ref().and_then(|line| line.split('|').nth(1));
    callback.is_some_and(|callback| callbacks.contains(&callback))
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

/// Reads up to and including this text, or to the end.
async fn read(connection: &mut TcpStream, until: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end like another; what came before it counts.
    while connection.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        if until.is_some_and(|text| String::from_utf8_lossy(&bytes).contains(text)) {
            break;
        }
    }
    bytes
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

fn wire(scenario: &Scenario) -> String {
    let is_begun = scenario.upstream.iter().any(|step| matches!(step, Step::Chunked(_)));
    let path = path(scenario.route, if is_begun { LATER } else { SOON });
    let line = |method: &str| format!("{method} {path} HTTP/1.1\r\nhost: llm.test\r\n");
    let wish = |name: &str, wish: &str| match wish {
        "" => String::new(),
        wish => format!("{name}: {wish}\r\n"),
    };
    let wish = wish("x-recorder", scenario.recorder) + &wish("x-at-tick", scenario.at_tick);
    let head = |method: &str| format!("{}{wish}connection: close\r\n", line(method));
    match scenario.request {
        Request::Get => head("GET") + "\r\n",
        Request::Head => head("HEAD") + "\r\n",
        Request::Post => head("POST") + "content-length: 2\r\n\r\n{}",
        Request::HalfPost => head("POST") + "content-length: 4\r\n\r\n{}",
        Request::Pieces | Request::LargePieces => {
            let length: usize = scenario.request.pieces().iter().map(String::len).sum();
            head("POST") + &format!("content-length: {length}\r\n\r\n")
        }
        Request::PostWithTrailer => {
            head("POST") + "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n"
        }
        Request::HurriedPost => {
            let trusted = "x-forwarded-for: 10.0.0.1\r\nx-envoy-upstream-rq-timeout-ms: 300\r\n";
            head("POST") + trusted + "content-length: 2\r\n\r\n{}"
        }
        Request::Upgrade => line("GET") + "connection: upgrade\r\nupgrade: websocket\r\n\r\n",
        Request::Garbage => "this is no HTTP\r\n\r\n".into(),
    }
}

/// Status, body and end of an answer that ended with its connection.
fn parsed(bytes: &[u8], request: Request) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Outcome::Nothing };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status in {head:?}"));
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let (body, complete) = if head.contains("transfer-encoding: chunked") {
        dechunked(body)
    } else {
        let is_whole = length.is_none_or(|length| length == body.len().to_string());
        let complete = match request {
            // Its answer names the length of a body that never comes.
            Request::Head => body.is_empty(),
            // A socket has no proper end.
            Request::Upgrade => false,
            _ => is_whole,
        };
        (body.to_owned(), complete)
    };
    Outcome::Answered { status, body, complete }
}

fn dechunked(mut text: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((length, rest)) = text.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a chunk's length");
        if length == 0 {
            return (body, true);
        }
        body += &rest[..length];
        text = rest[length..].trim_start_matches("\r\n");
    }
    (body, false)
}
