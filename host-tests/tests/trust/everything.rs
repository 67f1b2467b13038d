//! A configuration in which every feature is on.

use llm_breaker_host_tests::envoy::{Listener, OPENAI};
use serde_json::{Value, json};

/// The header by which a reroute would choose another route.
const ROUTE_HEADER: &str = "x-llm-route";

/// Every feature, in this mode.
pub(crate) fn everything(mode: &str) -> Value {
    let fallback = json!([
        {"kind": "reroute", "when": ["quota_exhausted"], "header": ROUTE_HEADER, "value": "spare",
            "cluster": "spare", "max_per_minute": 100},
        {"kind": "completion", "when": ["overloaded"], "text": "Please try again in a minute.", "json": "{}"},
        {"kind": "last_resort", "when": ["timeout"]},
        {"kind": "error", "message": "The provider is down.", "headers": {"x-status-page": "here"}},
    ]);
    let matchers = json!([
        {"status": 403, "header": {"name": "x-gateway-error", "prefix": "quota"}, "category": "quota_exhausted"},
        {"status": 200, "json": {"path": "error.reason", "contains": "capacity"}, "category": "overloaded"},
    ]);
    json!({
        "stop_iteration": true,
        "breakers": [{
            "cluster": OPENAI,
            "mode": mode,
            "key_by": "model",
            "models": ["gpt-4.1*", "claude-*"],
            "model_header": "x-model",
            "provider_wide": ["authentication"],
            "trip": {"slow_rate": 0.9, "open_on_announced": "60s"},
            "slow": {"response_headers": "30s", "first_token": "30s", "gap": "30s", "total": "90s"},
            "limits": {"first_token": "60s", "gap": "60s", "total": "120s", "abort": true},
            "ramp": "1s",
            "fallback": fallback,
            "matchers": matchers,
            "on_failure": true,
            "append_stream_error": true,
            "debug_headers": true,
        }],
    })
}

/// A listener with this configuration, and what Envoy has to be told for it.
pub(crate) fn listener(configuration: &Value) -> Listener {
    Listener::default().allow_on_headers_stop_iteration().configuration(configuration)
}
