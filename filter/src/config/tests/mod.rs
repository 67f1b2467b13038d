//! The configuration as its users meet it: bytes in, policies or errors out.

mod contradictions;
mod damage;
mod fallbacks;
mod fleet;
mod forms;
mod keys;
mod layers;
mod matchers;
mod mistakes;
mod orders;
mod roles;
mod schema;

use core::time::Duration;

use prost_types::value::Kind;
use serde_json::{Value, json};

use super::*;
use crate::category::{Category, Verdict};
use crate::dialect::Dialect;
use crate::matcher::{HeaderMatch, JsonMatch, Matcher, TextMatch};
use crate::policy::{
    self, Choice, CompletionAnswer, ErrorAnswer, Fallback, HalfOpen, KeyBy, Limits, Mode, Open,
    Reason, Slow, Trip, WindowShape,
};
use crate::time::Instant;

/// The document with all its defaults.
const DOCUMENT: &str = r#"
{
  "config_version": 1,
  "role": "traffic",
  "max_breakers": 256,
  "stop_iteration": false,
  "log_format": "json",
  "access_log": true,
  "breakers": [],
  "defaults": {
    "mode": "enforce",
    "provider": "auto",
    "key_by": "cluster",
    "models": [],
    "model_header": null,
    "provider_wide": [],
    "window": {"type": "time", "duration": "60s", "buckets": 10},
    "trip": {"consecutive_failures": 5, "failure_rate": 0.5, "slow_rate": null,
             "minimum_calls": 10, "open_on_announced": null},
    "open": {"base": "30s", "multiplier": 2, "max": "600s", "jitter": 0.1,
             "announced_max": "3600s", "quota": "300s", "reset_after": "600s"},
    "half_open": {"probes": 1, "successes": 1, "lease": "60s"},
    "ramp": null,
    "slow": {"response_headers": null, "first_token": null, "gap": null, "total": null},
    "limits": {"first_token": "120s", "gap": null, "total": null, "abandoned": "30s",
               "abort": false},
    "verdicts": {},
    "matchers": [],
    "fallback": [{"kind": "error"}],
    "on_failure": false,
    "hold_max": "2s",
    "append_stream_error": false,
    "body_limit": 262144,
    "debug_headers": false,
    "reset_generation": 0
  },
  "admin": null,
  "fleet": null
}
"#;

fn parse(document: &Value) -> Result<Config, Errors> {
    Config::parse(document.to_string().as_bytes())
}

fn parsed(document: Value) -> Config {
    parse(&document).unwrap_or_else(|errors| panic!("{document}: {errors}"))
}

fn lines(document: Value) -> Vec<String> {
    match parse(&document) {
        Ok(config) => panic!("{document} was taken as {config:?}"),
        Err(errors) => errors.to_string().lines().map(String::from).collect(),
    }
}

fn paths(document: Value) -> Vec<String> {
    match parse(&document) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(|error| error.path.clone()).collect(),
    }
}

fn struct_value(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(list) => Kind::ListValue(prost_types::ListValue {
            values: list.iter().map(struct_value).collect(),
        }),
        Value::Object(_) => Kind::StructValue(as_struct(value)),
    };
    prost_types::Value { kind: Some(kind) }
}

fn as_struct(value: &Value) -> prost_types::Struct {
    let fields = value.as_object().unwrap().iter();
    prost_types::Struct { fields: fields.map(|(k, v)| (k.clone(), struct_value(v))).collect() }
}

#[test]
fn the_design_document_with_its_defaults_is_the_default_configuration() {
    assert_eq!(Config::parse(DOCUMENT.as_bytes()), Ok(Config::default()));
}

/// A value for every field that works, and not the default one.
fn everything() -> Value {
    json!({
        "config_version": 1,
        "max_breakers": 1000,
        "stop_iteration": true,
        "log_format": "logfmt",
        "access_log": false,
        "fleet": {"cluster": "etcd", "scope": "acme", "prefix": "/breakers/", "corroborate": 3,
                  "domain": "zone-a", "announced_max": "1800s", "ramp": "10s",
                  "reconnect_max": "5s"},
        "breakers": [{"cluster": "outbound|443||*", "key_by": "cluster", "matchers": []}],
        "defaults": {
            "mode": "shadow",
            "provider": "anthropic",
            "key_by": "model",
            "models": ["gpt-4.1*", "claude-?"],
            "model_header": "X-Model",
            "provider_wide": ["rate_limited", "overloaded"],
            "window": {"type": "count", "calls": 50, "max_age": "300s"},
            "trip": {"consecutive_failures": 4, "failure_rate": 0.25, "slow_rate": 0.75,
                     "minimum_calls": 20, "open_on_announced": "60s"},
            "open": {"base": "15s", "multiplier": 3, "max": "300s", "jitter": 0.2,
                     "announced_max": "1800s", "quota": "600s", "reset_after": "900s"},
            "half_open": {"probes": 2, "successes": 3, "lease": "90s"},
            "ramp": "20s",
            "slow": {"response_headers": "10s", "first_token": "20s", "gap": "5s", "total": "100s"},
            "limits": {"first_token": "60s", "gap": "30s", "total": "600s", "abandoned": "20s",
                       "abort": true},
            "verdicts": {"rate_limited": "ignore"},
            "matchers": [
                {"status": 403, "header": {"name": "X-Error", "prefix": "quota"},
                 "json": {"path": "error.code", "equals": "over"}, "category": "quota_exhausted"},
                {"json": {"path": "errors.*.reason", "contains": "busy"}, "category": "overloaded"},
            ],
            "body_limit": 65_536,
            "fallback": [
                {"kind": "completion", "when": ["forced_open", "timeout"], "text": "Later.",
                 "json": "{}", "model": "nobody"},
                {"kind": "error", "when": ["slow"], "status": 529, "message": "Busy.",
                 "headers": {"X-Help": "a page"}},
                {"kind": "last_resort"},
                {"kind": "pass"},
            ],
            "on_failure": true,
            "hold_max": "3s",
            "append_stream_error": true,
            "debug_headers": true,
            "reset_generation": "9007199254740991",
        },
    })
}

fn expected_fallbacks() -> Vec<Choice> {
    let always = |fallback| Choice { when: Vec::new(), parts: Vec::new(), fallback };
    vec![
        Choice {
            when: vec![Reason::ForcedOpen, Reason::Category(Category::Timeout)],
            parts: Vec::new(),
            fallback: Fallback::Completion(CompletionAnswer {
                text: "Later.".into(),
                json: Some("{}".into()),
                model: "nobody".into(),
            }),
        },
        Choice {
            when: vec![Reason::Category(Category::Slow)],
            parts: Vec::new(),
            fallback: Fallback::Error(ErrorAnswer {
                status: Some(529),
                message: Some("Busy.".into()),
                headers: vec![("x-help".into(), "a page".into())],
            }),
        },
        always(Fallback::LastResort),
        always(Fallback::Pass),
    ]
}

#[test]
fn every_field_is_read() {
    let config = parsed(everything());
    assert_eq!((config.max_breakers, config.stop_iteration), (1000, true));
    assert_eq!((config.log_format, config.access_log), (LogFormat::Logfmt, false));
    let seconds = Duration::from_secs;
    let merge = policy::Fleet { corroborate: 3, announced_max: seconds(1800), ramp: seconds(10) };
    let fleet = Fleet {
        cluster: "etcd".into(),
        scope: "acme".into(),
        prefix: "/breakers/".into(),
        domain: Some("zone-a".into()),
        reconnect_max: seconds(5),
        merge,
    };
    assert_eq!(config.fleet, Some(fleet));
    let expected = Policy {
        mode: Mode::Shadow,
        reset_generation: (1 << 53) - 1,
        provider: Some(Dialect::Anthropic),
        key_by: KeyBy::Model,
        models: vec![Glob::new("gpt-4.1*"), Glob::new("claude-?")],
        model_header: Some("x-model".into()),
        provider_wide: vec![Category::RateLimited, Category::Overloaded],
        window: WindowShape::Count { calls: 50, max_age: seconds(300) },
        trip: Trip {
            consecutive_failures: Some(4),
            failure_rate: Some(0.25),
            slow_rate: Some(0.75),
            minimum_calls: 20,
            open_on_announced: Some(seconds(60)),
        },
        open: Open {
            base: seconds(15),
            multiplier: 3.0,
            max: seconds(300),
            jitter: 0.2,
            announced_max: seconds(1800),
            quota: seconds(600),
            reset_after: seconds(900),
        },
        half_open: HalfOpen { probes: 2, successes: 3, lease: seconds(90) },
        ramp: Some(seconds(20)),
        slow: Slow {
            response_headers: Some(seconds(10)),
            first_token: Some(seconds(20)),
            gap: Some(seconds(5)),
            total: Some(seconds(100)),
        },
        limits: Limits {
            first_token: Some(seconds(60)),
            gap: Some(seconds(30)),
            total: Some(seconds(600)),
            abandoned: Some(seconds(20)),
            abort: true,
        },
        verdicts: config.defaults.verdicts,
        matchers: vec![
            Matcher {
                status: Some(403),
                header: Some(HeaderMatch {
                    name: "x-error".into(),
                    text: TextMatch::Prefix("quota".into()),
                }),
                json: Some(JsonMatch {
                    path: vec!["error".into(), "code".into()],
                    text: TextMatch::Equals("over".into()),
                }),
                category: Category::QuotaExhausted,
            },
            Matcher {
                status: None,
                header: None,
                json: Some(JsonMatch {
                    path: vec!["errors".into(), "*".into(), "reason".into()],
                    text: TextMatch::Contains("busy".into()),
                }),
                category: Category::Overloaded,
            },
        ],
        body_limit: 65_536,
        fallback: expected_fallbacks(),
        on_failure: true,
        hold_max: seconds(3),
        append_stream_error: true,
        debug_headers: true,
        fleet: Some(merge),
        in_force_since: Instant::ZERO,
    };
    assert_eq!(config.defaults, expected);
    assert_eq!(config.defaults.verdicts.on(Category::RateLimited), Verdict::Ignore);
    let inherits = Policy { key_by: KeyBy::Cluster, matchers: Vec::new(), ..expected };
    assert_eq!(*config.policy_for("outbound|443||a"), inherits);
}
