//! Which Envoys are compared? All in front of one upstream, which is an Envoy that answers by itself.

use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI, Route, built_module};
use serde_json::{Value, json};

use super::{Answer, Failure};

/// Of one stream.
pub(super) const EVENTS: usize = 100;

/// What stands in the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Nothing.
    Bare,
    /// A Wasm filter that does nothing.
    Idle,
    /// Ours with an empty configuration.
    Ours,
    /// Ours with all that costs something while nothing happens.
    AllFeatures,
    /// Ours, watching only.
    Shadow,
    /// Ours, rejecting.
    Open,
    /// Envoy's own admission control.
    AdmissionControl,
    /// A Lua filter with two empty callbacks.
    Lua,
}

impl Variant {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::Bare,
        Self::Idle,
        Self::Ours,
        Self::AllFeatures,
        Self::Shadow,
        Self::Open,
        Self::AdmissionControl,
        Self::Lua,
    ];

    /// In tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "no filter",
            Self::Idle => "a Wasm filter that does nothing",
            Self::Ours => "llm-breaker, empty configuration",
            Self::AllFeatures => "llm-breaker, all features",
            Self::Shadow => "llm-breaker, shadow",
            Self::Open => "llm-breaker, open (refusing)",
            Self::AdmissionControl => "Envoy's admission_control",
            Self::Lua => "Lua, two empty callbacks",
        }
    }

    fn listener(self) -> Listener {
        let ours = Listener::default();
        match self {
            Self::Bare => ours.without_plugin(),
            Self::Idle => ours.module(&built_module("idle")),
            Self::Ours => ours.configuration(&json!({})),
            Self::AllFeatures => {
                ours.configuration(&all_features()).allow_on_headers_stop_iteration()
            }
            Self::Shadow => ours.configuration(&json!({"defaults": {"mode": "shadow"}})),
            Self::Open => ours.configuration(&json!({"defaults": {"mode": "forced_open"}})),
            Self::AdmissionControl => ours.without_plugin().filter_before(admission_control()),
            Self::Lua => ours.without_plugin().filter_before(lua()),
        }
    }
}

/// The Envoys.
#[derive(Debug)]
pub struct Stage {
    _upstream: Envoy,
    envoys: Vec<(Variant, Envoy)>,
}

impl Stage {
    /// Start one for each variant.
    ///
    /// # Errors
    /// When an Envoy does not start.
    pub async fn start(variants: &[Variant], workers: u32) -> Result<Self, Failure> {
        let upstream = upstream().await?;
        let mut envoys = Vec::new();
        for variant in variants {
            let listener = variant.listener().connection_manager_patch(json!({"access_log": null}));
            let builder = Envoy::builder().workers(workers).log_level("warning");
            let cluster = Cluster::at(OPENAI, upstream.address());
            envoys.push((*variant, builder.cluster(cluster).listener(listener).start().await?));
        }
        Ok(Self { _upstream: upstream, envoys })
    }

    /// Each variant's Envoy.
    pub fn envoys(&self) -> impl Iterator<Item = (Variant, &Envoy)> {
        self.envoys.iter().map(|(variant, envoy)| (*variant, envoy))
    }
}

async fn upstream() -> Result<Envoy, Failure> {
    let listener = Listener::new("upstream")
        .without_plugin()
        // Without it the answer comes before the request's body, and ends the connection.
        .filter_before(buffer())
        .route(answering(Answer::Stream, 200, "text/event-stream", &events()))
        .route(answering(Answer::Error, 400, "application/json", REFUSAL))
        .route(answering(Answer::Whole, 200, "application/json", COMPLETION))
        .connection_manager_patch(json!({
            "access_log": null,
            "route_config": {"max_direct_response_body_size_bytes": 1_000_000},
        }));
    Ok(Envoy::builder().workers(1).log_level("warning").listener(listener).start().await?)
}

fn buffer() -> Value {
    json!({
        "name": "envoy.filters.http.buffer",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
            "max_request_bytes": 1_000_000,
        },
    })
}

fn answering(answer: Answer, status: u16, media_type: &str, body: &str) -> Route {
    let header = json!({
        "header": {"key": "content-type", "value": media_type},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    });
    Route::direct_response(status, body)
        .prefix(answer.path())
        .patch(json!({"response_headers_to_add": [header]}))
}

const COMPLETION: &str = r#"{"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "gpt-4.1-mini-2025-04-14", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello, world"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11}}"#;
const REFUSAL: &str = r#"{"error": {"message": "Invalid value: 'x'.", "type": "invalid_request_error", "param": "model", "code": "invalid_value"}}"#;

fn events() -> String {
    let event = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        let event = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "gpt-4.1-mini-2025-04-14", "choices": [choice],
        });
        format!("data: {event}\n\n")
    };
    let contents = (0..EVENTS - 2).map(|_| event(json!({"content": " world"}), Value::Null));
    let end = [event(json!({}), json!("stop")), "data: [DONE]\n\n".to_owned()];
    contents.chain(end).collect()
}

fn all_features() -> Value {
    json!({"stop_iteration": true, "defaults": {
        "key_by": "model",
        "models": ["gpt-4.1*", "o?"],
        "trip": {"slow_rate": 0.5},
        "slow": {"response_headers": "10s", "first_token": "5s", "gap": "5s", "total": "60s"},
        "limits": {"gap": "30s", "total": "600s", "abort": true},
        "matchers": [{
            "status": 403, "json": {"path": "error.code", "equals": "no_quota"},
            "category": "quota_exhausted",
        }],
        "fallback": [{"kind": "completion", "text": "Later."}, {"kind": "error"}],
        "on_failure": true,
        "append_stream_error": true,
        "debug_headers": true,
    }})
}

fn admission_control() -> Value {
    json!({
        "name": "envoy.filters.http.admission_control",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.admission_control.v3.AdmissionControl",
            "enabled": {"default_value": true, "runtime_key": "admission_control"},
            "sampling_window": "60s",
            "success_criteria": {"http_criteria": {"http_success_status": [{"start": 100, "end": 500}]}},
        },
    })
}

fn lua() -> Value {
    let code = "function envoy_on_request(handle) end\nfunction envoy_on_response(handle) end\n";
    json!({
        "name": "envoy.filters.http.lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": code},
        },
    })
}
