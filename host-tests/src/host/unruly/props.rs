//! What a play is furnished with: configurations, heads, bodies, properties and host calls.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::{super::pairs::Pairs, Cast};

/// The cluster that requests are routed to unless a property says otherwise.
pub(super) const CLUSTER: &str = "openai";
/// The one that a reroute leads to.
pub(super) const SPARE: &str = "spare";
/// The one that the fleet's store is reached by.
pub(super) const STORE: &str = "etcd";
/// One that no play touches before its end.
pub(super) const CALM: &str = "calm";
/// The header by which a reroute chooses its route.
pub(super) const ROUTE_HEADER: &str = "x-llm-route";
const TOKEN: &str = "correct-horse-battery-staple";

/// What the module is configured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// Every feature, so that requests and answers are held, replaced and sent elsewhere.
    Everything,
    /// Nothing said: nothing may be held.
    Defaults,
    /// The admin listener, whose orders come in bodies.
    Admin,
    /// Every feature, and a fleet.
    Fleet,
}

impl Setting {
    /// All of them that a module without a fleet takes.
    pub const ALL: [Self; 3] = [Self::Everything, Self::Defaults, Self::Admin];

    /// How often each is chosen: the first is the one with the most to go wrong.
    pub(super) const PLAYED: [Self; 5] =
        [Self::Everything, Self::Everything, Self::Everything, Self::Defaults, Self::Admin];

    /// The same where there is a fleet.
    pub(super) const PLAYED_IN_A_FLEET: [Self; 5] =
        [Self::Fleet, Self::Fleet, Self::Fleet, Self::Fleet, Self::Everything];

    pub(super) fn played(cast: Cast) -> &'static [Self] {
        match cast {
            Cast::Alone => &Self::PLAYED,
            Cast::Fleet => &Self::PLAYED_IN_A_FLEET,
        }
    }

    pub(super) fn document(self) -> Value {
        match self {
            Self::Everything => everything(),
            Self::Fleet => {
                let mut document = everything();
                document["fleet"] =
                    json!({"cluster": STORE, "scope": "acme", "reconnect_max": "1s"});
                document["breakers"] = json!([{"cluster": SPARE}]);
                document
            }
            Self::Defaults => json!({}),
            Self::Admin => {
                json!({"role": "admin", "stop_iteration": true, "admin": {"token": TOKEN}})
            }
        }
    }

    /// Whether a request may be paused in expectation of its body.
    pub(super) fn holds_requests(self) -> bool {
        matches!(self, Self::Everything | Self::Fleet | Self::Admin)
    }

    /// Whether an answer may be paused until it is known what it is.
    pub(super) fn holds_answers(self) -> bool {
        matches!(self, Self::Everything | Self::Fleet)
    }
}

/// What the module is configured with when all is over: plain, and with room for each breaker.
pub(super) fn afterwards() -> Value {
    json!({"max_breakers": 16384, "defaults": {"open": {"jitter": 0}}})
}

fn everything() -> Value {
    json!({
        "stop_iteration": true,
        "max_breakers": 12,
        "defaults": {
            "key_by": "model",
            "models": ["gpt-4.1*", "o3"],
            "model_header": "x-model",
            "provider_wide": ["authentication"],
            "body_limit": 2048,
            "on_failure": true,
            "hold_max": "1s",
            "append_stream_error": true,
            "debug_headers": true,
            "trip": {"consecutive_failures": 3, "slow_rate": 0.9, "open_on_announced": "10s"},
            "open": {"base": "2s", "jitter": 0},
            "half_open": {"probes": 2, "successes": 2, "lease": "5s"},
            "ramp": "10s",
            "slow": {"response_headers": "1s", "first_token": "1s", "gap": "1s", "total": "5s"},
            "limits": {"first_token": "2s", "gap": "2s", "total": "10s", "abort": true},
            "matchers": [
                {"status": 403, "header": {"name": "x-odd", "prefix": "quota"}, "category": "quota_exhausted"},
                {"status": 200, "json": {"path": "error.reason", "contains": "capacity"}, "category": "overloaded"},
            ],
            "fallback": [
                {"kind": "reroute", "when": ["rate_limited", "server_error"], "header": ROUTE_HEADER,
                    "value": SPARE, "cluster": SPARE, "model": "o3", "max_per_minute": 3},
                {"kind": "completion", "when": ["overloaded", "server_error"], "text": "Later, please.", "json": "{}"},
                {"kind": "last_resort", "when": ["timeout"]},
                {"kind": "pass", "when": ["connection_failed"]},
                {"kind": "error", "message": "The provider is down.", "headers": {"x-status-page": "here"}},
            ],
        },
    })
}

/// The host calls of the module.
pub(super) const HOST_CALLS: [&str; 22] = [
    "proxy_call_foreign_function",
    "proxy_close_stream",
    "proxy_continue_stream",
    "proxy_define_metric",
    "proxy_get_buffer_bytes",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_get_metric",
    "proxy_get_property",
    "proxy_get_shared_data",
    "proxy_increment_metric",
    "proxy_log",
    "proxy_record_metric",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_send_local_response",
    "proxy_set_buffer_bytes",
    "proxy_set_effective_context",
    "proxy_set_property",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
];

/// Those of a module with a fleet, beside.
pub(super) const HOST_CALLS_OF_FLEET: [&str; 8] = [
    "proxy_grpc_stream",
    "proxy_grpc_call",
    "proxy_grpc_send",
    "proxy_grpc_cancel",
    "proxy_register_shared_queue",
    "proxy_resolve_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_dequeue_shared_queue",
];

/// The properties that the module reads.
pub(super) const PROPERTIES: [&str; 7] = [
    "xds\0cluster_name",
    "xds\0virtual_host_name",
    "xds\0cluster_metadata\0filter_metadata\0llm_breaker",
    "xds\0cluster_metadata\0filter_metadata\0llm_breaker\0trip",
    "response\0flags",
    "response\0code_details",
    "node\0id",
];

/// What a damaged value begins with, before bytes of the script.
pub(super) const DAMAGED_WITH: [&[u8]; 3] = [b"", b"LLMB", b"LLMB\x01\0\x01\0"];

const HEADS: [(&str, &str, &str); 12] = [
    ("POST", "/v1/chat/completions", "application/json"),
    ("POST", "/v1/chat/completions", "application/json"),
    ("POST", "/v1/chat/completions", "application/json"),
    ("POST", "/v1/responses", "application/json"),
    ("POST", "/v1/messages", "application/json"),
    (
        "POST",
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=k",
        "application/json",
    ),
    ("POST", "/model/o3/converse-stream", "application/json"),
    ("POST", "/openai/deployments/o3/chat/completions", "application/json"),
    ("GET", "/v1/models", ""),
    ("HEAD", "/", ""),
    ("CONNECT", "", ""),
    ("POST", "/llm.Chat/Complete", "application/grpc"),
];

const ADMIN_HEADS: [(&str, &str, &str); 12] = [
    ("POST", "/api/v1/breakers/openai%2Fo3/open?x", "application/json"),
    ("POST", "/api/v1/breakers/spare/mode", "application/json"),
    ("GET", "/", ""),
    ("GET", "/healthz", ""),
    ("GET", "/api/v1/schema", ""),
    ("GET", "/api/v1/breakers", ""),
    ("GET", "/api/v1/breakers/openai", ""),
    ("POST", "/api/v1/breakers/openai/open", "application/json"),
    ("POST", "/api/v1/breakers/openai/close", "application/json"),
    ("POST", "/api/v1/breakers/openai/reset", "application/json"),
    ("POST", "/api/v1/breakers/openai/mode", "application/json"),
    ("DELETE", "/api/v1/breakers/%ff", "text/plain"),
];

/// A header that a literal gives its value.
const NAMED: [&str; 10] = [
    ":path",
    "content-length",
    "content-type",
    "accept",
    "x-model",
    ROUTE_HEADER,
    "x-envoy-upstream-rq-timeout-ms",
    "authorization",
    "origin",
    "host",
];

pub(super) fn request_head(setting: Setting, which: u8, literal: &[u8]) -> Pairs {
    let heads = if setting == Setting::Admin { &ADMIN_HEADS } else { &HEADS };
    let (method, path, media) = heads[usize::from(which) % heads.len()];
    let mut head: Pairs = [(":method", method), (":path", path), (":authority", "llm.test")]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
    if !media.is_empty() {
        head.push((b"content-type".to_vec(), media.into()));
        head.push((b"content-length".to_vec(), b"100".to_vec()));
    }
    if setting == Setting::Admin {
        head.push((b"authorization".to_vec(), format!("Bearer {TOKEN}").into()));
    }
    with_literal(head, &NAMED, literal)
}

const STATUSES: [&str; 16] = [
    "200", "200", "200", "200", "200", "200", "400", "403", "404", "429", "429", "500", "503",
    "529", "", "\u{fffd}",
];

const MEDIA: [&str; 9] = [
    "application/json",
    "text/event-stream",
    "application/json",
    "text/event-stream",
    "application/json; charset=utf-8",
    "application/vnd.amazon.eventstream",
    "application/grpc",
    "text/html",
    "",
];

const NAMED_OF_ANSWERS: [&str; 10] = [
    ":status",
    "retry-after",
    "retry-after-ms",
    "content-encoding",
    "x-llm-breaker",
    "x-odd",
    "grpc-status",
    "x-amzn-errortype",
    "x-ratelimit-reset-requests",
    "anthropic-ratelimit-requests-reset",
];

pub(super) fn response_head(which: u8, literal: &[u8]) -> Pairs {
    let status = STATUSES[usize::from(which) % STATUSES.len()];
    let media = MEDIA[usize::from(which) / STATUSES.len() % MEDIA.len()];
    let mut head: Pairs = Vec::new();
    if !status.is_empty() {
        head.push((b":status".to_vec(), status.into()));
    }
    if !media.is_empty() {
        head.push((b"content-type".to_vec(), media.into()));
    }
    if which >= 200 {
        head.push((b"content-encoding".to_vec(), b"gzip".to_vec()));
    }
    with_literal(head, &NAMED_OF_ANSWERS, literal)
}

pub(super) fn trailers(literal: &[u8]) -> Pairs {
    vec![(b"grpc-status".to_vec(), literal.to_vec())]
}

/// The first byte of the literal chooses the header, the rest is its value: once more, where the
/// head has it already.
fn with_literal(mut head: Pairs, names: &[&str], literal: &[u8]) -> Pairs {
    if let Some((name, value)) = literal.split_first() {
        let name = names[usize::from(*name) % names.len()];
        head.insert(0, (name.into(), value.to_vec()));
    }
    head
}

const ASKED: [&str; 12] = [
    r#"{"model":"gpt-4.1","messages":[{"role":"user","content":"Hi"}],"stream":true}"#,
    r#"{"messages":[],"model":"o3"}"#,
    r#"{"model":"another","response_format":{"type":"json_object"}}"#,
    r#"{"mod"#,
    r#"el":"o3","stream":false}"#,
    r#"{"model":7}"#,
    "",
    "{}",
    r#"{"ttl":"60s"}"#,
    r#"{"mode":"forced_open","ttl":"60s"}"#,
    r#"{"mode":null}"#,
    r#"{"reason":"maintenance"}"#,
];

pub(super) fn request_body(which: u8, literal: &[u8]) -> Vec<u8> {
    match which {
        // More than is read, and more than an order may have.
        250..=255 => vec![b' '; 3_000 << (which - 250)],
        _ => chosen(&ASKED, which, literal),
    }
}

const ANSWERED: [&str; 16] = [
    r#"{"choices":[{"message":{"role":"assistant","content":"Hi"}}],"model":"o3"}"#,
    r#"{"error":{"code":"insufficient_quota","message":"!"}}"#,
    r#"{"error":{"code":"rate_limit_exceeded","message":"Please try again in 20s."}}"#,
    r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
    r#"{"error":{"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"7s"}]}}"#,
    r#"{"error":{"reason":"no capacity"}}"#,
    r#"{"err"#,
    "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n",
    "data: {\"error\":{\"code\":\"server_is_overloaded\"}}\n\n",
    "data: [DONE]\n\n",
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\r\n\r",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]},",
    "",
];

pub(super) fn response_body(which: u8, literal: &[u8]) -> Vec<u8> {
    match which {
        252..=255 => vec![b'x'; 20_000 << (which - 252)],
        200..=251 => zipped(&chosen(&ANSWERED, which, literal)),
        _ => chosen(&ANSWERED, which, literal),
    }
}

fn chosen(texts: &[&str], which: u8, literal: &[u8]) -> Vec<u8> {
    let chosen = texts[usize::from(which) % texts.len()].as_bytes();
    [chosen, literal].concat()
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}
