//! The configuration as its users meet it: bytes in, policies or errors out.

use core::time::Duration;

use prost::Message;
use prost_types::value::Kind;
use serde_json::{Value, json};

use super::*;
use crate::outcome::{Category, Verdict};
use crate::policy::{Fallback, Mode, WindowShape};

/// The design's document with its defaults, without the fields that no version up to now supports.
const DOCUMENT: &str = r#"
{
  "config_version": 1,
  "role": "traffic",
  "max_breakers": 256,
  "stop_iteration": false,
  "log_format": "json",
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
    "limits": {"first_token": null, "gap": null, "total": null, "abandoned": "30s",
               "abort": false},
    "verdicts": {},
    "matchers": [],
    "fallback": [{"kind": "error"}],
    "on_failure": false,
    "append_stream_error": false,
    "debug_headers": false
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

#[test]
fn an_empty_configuration_works_in_every_form() {
    for bytes in [&b""[..], b" \n", b"{}", b"\n{ }\n", br#"{"defaults": null, "breakers": null}"#] {
        assert_eq!(Config::parse(bytes), Ok(Config::default()), "{bytes:?}");
    }
}

#[test]
fn native_yaml_means_the_same_as_json() {
    let document = json!({
        "max_breakers": 10,
        "defaults": {"mode": "shadow", "trip": {"slow_rate": 0.25, "failure_rate": null}},
        "breakers": [{"cluster": "a*", "window": {"type": "count", "calls": 50}}],
    });
    let wire = as_struct(&document).encode_to_vec();
    let config = Config::parse(&wire).unwrap();
    assert_eq!(config, parsed(document));
    assert_eq!(config.max_breakers, 10);
    assert_eq!(config.defaults.trip.slow_rate, Some(0.25));
}

#[test]
fn decimals_that_envoys_yaml_loader_left_as_strings_are_numbers() {
    let config = parsed(json!({"defaults": {
        "trip": {"failure_rate": "0.25", "minimum_calls": "20"},
        "open": {"multiplier": "1.5", "jitter": "0.0"},
    }}));
    assert_eq!(config.defaults.trip.failure_rate, Some(0.25));
    assert_eq!(config.defaults.trip.minimum_calls, 20);
    assert_eq!(config.defaults.open.multiplier, 1.5);
    assert_eq!(config.defaults.open.jitter, 0.0);
}

#[test]
fn json_and_struct_are_told_apart_whatever_their_first_bytes() {
    // A Struct whose first field is '{' = 123 bytes long looks like "\n{\n…".
    let long = json!({ "x".repeat(117): "" });
    let wire = as_struct(&long).encode_to_vec();
    assert_eq!(wire[..3], *b"\n{\n");
    let errors = Config::parse(&wire).unwrap_err().to_string();
    assert!(errors.starts_with("xxxx") && errors.contains("unknown field"), "{errors}");
    // JSON text that begins like a Struct: a line feed, and a length.
    let text = "\n\n\n {\n\"max_breakers\": 7}";
    assert_eq!(Config::parse(text.as_bytes()).unwrap().max_breakers, 7);
}

#[test]
fn whole_numbers_of_a_struct_are_shown_as_the_user_wrote_them() {
    let wire = as_struct(&json!({"max_breakers": 20000})).encode_to_vec();
    assert_eq!(
        Config::parse(&wire).unwrap_err().to_string(),
        "max_breakers: 20000 is wrong; allowed: a whole number from 1 to 16384"
    );
}

#[test]
fn a_number_of_a_struct_that_is_not_finite_is_refused_by_its_path() {
    for (number, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")]
    {
        let mut document = as_struct(&json!({"breakers": [{"cluster": "a", "trip": {}}]}));
        let rate = prost_types::Value { kind: Some(Kind::NumberValue(number)) };
        let trip = prost_types::Struct { fields: [("failure_rate".into(), rate)].into() };
        let entry = prost_types::Struct {
            fields: [
                ("cluster".into(), struct_value(&json!("a"))),
                ("trip".into(), prost_types::Value { kind: Some(Kind::StructValue(trip)) }),
            ]
            .into(),
        };
        let entry = prost_types::Value { kind: Some(Kind::StructValue(entry)) };
        let list = prost_types::ListValue { values: vec![entry] };
        let list = prost_types::Value { kind: Some(Kind::ListValue(list)) };
        document.fields.insert("breakers".into(), list);
        assert_eq!(
            Config::parse(&document.encode_to_vec()).unwrap_err().to_string(),
            format!("breakers[0].trip.failure_rate: {shown} is wrong; allowed: a finite number")
        );
    }
}

#[test]
fn four_mistakes_are_four_messages_each_with_path_value_and_what_is_allowed() {
    let lines = lines(json!({
        "max_breakers": 0,
        "defaults": {"mode": "off", "open": {"base": 30}},
        "breakers": [{"cluster": "a", "trip": {"failure_rate": 1.5}}],
    }));
    assert_eq!(
        lines,
        [
            "max_breakers: 0 is wrong; allowed: a whole number from 1 to 16384",
            "defaults.mode: \"off\" is wrong; allowed: one of enforce, shadow, disabled, \
             forced_open",
            "defaults.open.base: 30 is wrong; allowed: a duration such as \"30s\" or \"0.5s\", \
             0.1s to 86400s",
            "breakers[0].trip.failure_rate: 1.5 is wrong; allowed: a number above 0 and up to 1",
        ]
    );
}

#[test]
fn an_unknown_field_is_refused_with_the_names_that_are_known_there() {
    assert_eq!(
        lines(json!({"defaults": {"half_open": {"probe": 2}}, "default": {}})),
        [
            "defaults.half_open.probe: unknown field, given 2; allowed: probes, successes, lease",
            "default: unknown field, given {}; allowed: config_version, max_breakers, defaults, \
             breakers",
        ]
    );
}

#[test]
fn an_unknown_version_is_the_only_error() {
    for version in [json!(2), json!("2"), json!(0), json!(1.5)] {
        let lines = lines(json!({"config_version": version, "nonsense": 1, "max_breakers": -1}));
        assert_eq!(
            lines,
            [format!(
                "config_version: {version} is wrong; allowed: 1, the only version there is so far"
            )]
        );
    }
    assert_eq!(parsed(json!({"config_version": 1.0})), Config::default());
    assert_eq!(parsed(json!({"config_version": null})), Config::default());
}

#[test]
fn what_is_no_document_at_all_is_one_error() {
    for bytes in [
        &b"[]"[..],
        b"null",
        b"7",
        b"{",
        b"{} {}",
        b"mode: enforce",
        b"\xff\xfe",
        b"{\"mode\": \"\x12\"}",
        b"\n\x05\n\x01a\x12",
        br#"{"max_breakers": 1, "max_breakers": 2}"#,
        br#"{"defaults": {"trip": {"slow_rate": 1, "slow_rate": null}}}"#,
    ] {
        let errors = Config::parse(bytes).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors}");
        let line = errors.to_string();
        assert!(line.starts_with("configuration: ") && line.contains("JSON object"), "{line}");
    }
    let twice = Config::parse(br#"{"max_breakers": 1, "max_breakers": 2}"#).unwrap_err();
    assert!(twice.to_string().contains("\"max_breakers\" is given twice"), "{twice}");
}

#[test]
fn deep_nesting_is_an_error_and_no_stack_overflow() {
    let deep = "[".repeat(100_000);
    assert!(Config::parse(deep.as_bytes()).is_err());
    let deep = r#"{"defaults":"#.repeat(100_000);
    assert!(Config::parse(deep.as_bytes()).is_err());

    let frame = |tag: u8, bytes: &[u8]| {
        let mut framed = vec![tag];
        prost::encoding::encode_varint(bytes.len() as u64, &mut framed);
        framed.extend_from_slice(bytes);
        framed
    };
    let mut document = Vec::new();
    for _ in 0..3000 {
        let value = frame(0x12, &frame(0x2A, &document));
        document = frame(0x0A, &[&frame(0x0A, b"a")[..], &value].concat());
    }
    let errors = Config::parse(&document).unwrap_err();
    assert!(errors.to_string().contains("recursion"), "{errors}");
}

#[test]
fn the_first_matching_entry_wins_and_no_match_means_the_defaults() {
    let config = parsed(json!({
        "defaults": {"mode": "shadow"},
        "breakers": [
            {"cluster": "outbound|443||*.openai.com", "mode": "disabled"},
            {"cluster": "outbound|*", "mode": "forced_open"},
        ],
    }));
    assert_eq!(config.policy_for("outbound|443||api.openai.com").mode, Mode::Disabled);
    assert_eq!(config.policy_for("outbound|443||api.anthropic.com").mode, Mode::ForcedOpen);
    assert_eq!(config.policy_for("inbound").mode, Mode::Shadow);
}

#[test]
fn layers_are_merged_field_by_field() {
    let config = parsed(json!({
        "defaults": {"trip": {"failure_rate": 0.2, "minimum_calls": 20}, "ramp": "10s"},
        "breakers": [{"cluster": "a", "trip": {"failure_rate": 0.9}, "open": {"base": "5s"}}],
    }));
    let built_in = Policy::default();
    let policy = config.policy_for("a");
    assert_eq!(policy.trip.failure_rate, Some(0.9));
    assert_eq!(policy.trip.minimum_calls, 20);
    assert_eq!(policy.trip.consecutive_failures, built_in.trip.consecutive_failures);
    assert_eq!(policy.ramp, Some(Duration::from_secs(10)));
    assert_eq!(policy.open, crate::policy::Open { base: Duration::from_secs(5), ..built_in.open });
}

#[test]
fn null_switches_an_optional_field_off_and_leaves_a_required_one() {
    let config = parsed(json!({
        "defaults": {
            "trip": {"consecutive_failures": null, "failure_rate": null, "slow_rate": 0.5,
                     "minimum_calls": 7, "open_on_announced": "5s"},
            "open": {"base": "3s"},
            "ramp": "1s",
            "slow": {"response_headers": "1s", "total": "2s"},
            "limits": {"abandoned": null},
            "fallback": [{"kind": "pass"}],
        },
        "breakers": [{
            "cluster": "a",
            "mode": null,
            "window": null,
            "trip": {"slow_rate": null, "minimum_calls": null, "open_on_announced": null},
            "open": {"base": null},
            "ramp": null,
            "slow": {"response_headers": null, "total": null},
            "limits": null,
            "fallback": null,
        }],
    }));
    assert_eq!(config.defaults.trip.consecutive_failures, None);
    assert_eq!(config.defaults.limits.abandoned, None);
    let policy = config.policy_for("a");
    assert_eq!(policy.trip.slow_rate, None);
    assert_eq!(policy.trip.minimum_calls, 7);
    assert_eq!(policy.trip.open_on_announced, None);
    assert_eq!(policy.open.base, Duration::from_secs(3));
    assert_eq!(policy.ramp, None);
    assert_eq!(policy.slow, crate::policy::Slow::default());
    assert_eq!(policy.limits.abandoned, None);
    assert_eq!(policy.fallback, [Fallback::Pass]);
}

#[test]
fn a_window_of_another_type_starts_from_that_types_own_defaults() {
    let config = parsed(json!({
        "defaults": {"window": {"type": "count", "calls": 30}},
        "breakers": [
            {"cluster": "same", "window": {"max_age": "60s"}},
            {"cluster": "named", "window": {"type": "count", "max_age": "60s"}},
            {"cluster": "other", "window": {"type": "time", "buckets": 5}},
        ],
    }));
    let count = |age| WindowShape::Count { calls: 30, max_age: Duration::from_secs(age) };
    assert_eq!(config.defaults.window, count(600));
    assert_eq!(config.policy_for("same").window, count(60));
    assert_eq!(config.policy_for("named").window, count(60));
    let time = WindowShape::Time { duration: Duration::from_secs(60), buckets: 5 };
    assert_eq!(config.policy_for("other").window, time);
    let config = parsed(json!({"defaults": {"window": {"type": "count"}}}));
    let count = WindowShape::Count { calls: 100, max_age: Duration::from_secs(600) };
    assert_eq!(config.defaults.window, count);
}

#[test]
fn a_windows_field_that_belongs_to_the_other_type_is_refused() {
    assert_eq!(
        lines(json!({"defaults": {"window": {"calls": 50, "bucket": 1}}})),
        [
            "defaults.window.calls: 50 is wrong; allowed: only in a window of type count",
            "defaults.window.bucket: unknown field, given 1; allowed: type, duration, buckets",
        ]
    );
    // What the other fields mean depends on the type: no more is said about them.
    assert_eq!(
        paths(json!({"defaults": {"window": {"type": "calls", "calls": 5}}})),
        ["defaults.window.type"]
    );
}

#[test]
fn a_list_of_fallbacks_replaces_the_lower_layers() {
    let config = parsed(json!({
        "defaults": {"fallback": [{"kind": "pass"}, {"kind": "error"}]},
        "breakers": [{"cluster": "a", "fallback": [{"kind": "error"}]}, {"cluster": "b"}],
    }));
    assert_eq!(config.policy_for("a").fallback, [Fallback::Error]);
    assert_eq!(config.policy_for("b").fallback, [Fallback::Pass, Fallback::Error]);
    assert_eq!(
        lines(json!({"defaults": {"fallback": []}})),
        ["defaults.fallback: [] is wrong; allowed: a list of 1 to 16 objects"]
    );
    assert_eq!(
        paths(json!({"defaults": {"fallback": [{}, {"kind": "x"}, {"knd": "error"}]}})),
        [
            "defaults.fallback[0].kind",
            "defaults.fallback[1].kind",
            "defaults.fallback[2].kind",
            "defaults.fallback[2].knd",
        ]
    );
}

#[test]
fn an_entry_must_name_a_cluster_that_no_entry_before_it_named() {
    assert_eq!(
        lines(json!({"breakers": [
            {"cluster": "a*"}, {"mode": "shadow"}, {"cluster": "a*"}, {"cluster": ""},
            {"cluster": null}, {"cluster": "a*"}, 7,
        ]})),
        [
            "breakers[1].cluster: missing; allowed: a glob of 1 to 512 bytes, `*` and `?` over \
             the whole name",
            "breakers[2].cluster: \"a*\" is wrong; allowed: a glob that breakers[0].cluster does \
             not have already",
            "breakers[3].cluster: \"\" is wrong; allowed: a glob of 1 to 512 bytes, `*` and `?` \
             over the whole name",
            "breakers[4].cluster: missing; allowed: a glob of 1 to 512 bytes, `*` and `?` over \
             the whole name",
            "breakers[5].cluster: \"a*\" is wrong; allowed: a glob that breakers[0].cluster does \
             not have already",
            "breakers[6]: 7 is wrong; allowed: an object",
        ]
    );
    let entries = |count| json!({"breakers": vec![json!({}); count]});
    assert_eq!(paths(entries(1025)), ["breakers"]);
    assert_eq!(parse(&entries(1024)).unwrap_err().len(), 1024);
}

#[test]
fn thresholds_that_the_window_can_never_hold_are_refused_where_they_were_given() {
    // In the entry that has the threshold …
    assert_eq!(
        lines(json!({
            "defaults": {"window": {"type": "count", "calls": 50}},
            "breakers": [{"cluster": "a", "trip": {"minimum_calls": 51}}, {"cluster": "b"}],
        })),
        ["breakers[0].trip.minimum_calls: 51 is wrong; allowed: trip.minimum_calls (51) at most \
             window.calls (50)"]
    );
    // … or in the one that has the window, when the threshold comes from a layer below.
    assert_eq!(
        paths(json!({
            "defaults": {"trip": {"minimum_calls": 200}},
            "breakers": [
                {"cluster": "a", "window": {"type": "count", "calls": 4}},
                {"cluster": "b", "window": {"type": "count"}},
            ],
        })),
        ["breakers[0].window.calls", "breakers[0].window.calls", "breakers[1].window.type"]
    );
    // What a layer inherits is reported once, where it stands.
    assert_eq!(
        paths(json!({
            "defaults": {"window": {"type": "count", "calls": 3}, "trip": {"minimum_calls": 3}},
            "breakers": [{"cluster": "a"}, {"cluster": "b", "window": {"max_age": "9s"}}],
        })),
        ["defaults.window.calls"]
    );
    let fits = json!({"defaults": {
        "window": {"type": "count", "calls": 5},
        "trip": {"minimum_calls": 5, "consecutive_failures": 5},
    }});
    assert_eq!(parsed(fits).defaults.trip.minimum_calls, 5);
}

#[test]
fn open_times_that_contradict_each_other_are_refused() {
    assert_eq!(
        lines(json!({
            "defaults": {"open": {"base": "700s", "quota": "3601s"}},
            "breakers": [
                {"cluster": "a", "open": {"max": "20s", "announced_max": "10s"}},
                {"cluster": "b", "open": {"base": "10s"}},
            ],
        })),
        [
            "defaults.open.base: \"700s\" is wrong; allowed: open.base (700s) at most open.max \
             (600s)",
            "defaults.open.quota: \"3601s\" is wrong; allowed: open.quota (3601s) at most \
             open.announced_max (3600s)",
        ]
    );
    assert_eq!(
        paths(json!({"breakers": [
            {"cluster": "a", "open": {"max": "20s", "announced_max": "10s"}},
        ]})),
        ["breakers[0].open.max", "breakers[0].open.announced_max"]
    );
}

#[test]
fn a_wrong_value_is_not_reported_again_as_a_contradiction() {
    assert_eq!(
        paths(json!({"defaults": {
            "window": {"type": "count", "calls": 5000},
            "trip": {"minimum_calls": 500},
            "open": {"base": "700s", "max": 800},
        }})),
        ["defaults.window.calls", "defaults.open.max"]
    );
}

#[test]
fn what_belongs_to_later_versions_is_refused_as_such() {
    for (path, document) in [
        ("role", json!({"role": "admin"})),
        ("stop_iteration", json!({"stop_iteration": true})),
        ("log_format", json!({"log_format": "logfmt"})),
        ("admin", json!({"admin": {"token": "x"}})),
        ("fleet", json!({"fleet": {"cluster": "etcd"}})),
    ] {
        assert_later(path, document);
    }
    for (field, value) in [
        ("provider", json!("openai")),
        ("key_by", json!("model")),
        ("key_by", json!({"header": "x-team"})),
        ("models", json!(["gpt-4.1*"])),
        ("model_header", json!("x-model")),
        ("provider_wide", json!(["rate_limited"])),
        ("matchers", json!([{"status": 403}])),
        ("on_failure", json!(true)),
        ("hold_max", json!("2s")),
        ("append_stream_error", json!(true)),
        ("body_limit", json!(262_144)),
        ("debug_headers", json!(true)),
        ("reset_generation", json!(1)),
        ("slow.first_token", json!("1s")),
        ("slow.gap", json!("1s")),
        ("limits.first_token", json!("120s")),
        ("limits.gap", json!("1s")),
        ("limits.total", json!("1s")),
        ("limits.abort", json!(true)),
        ("fallback[0].kind", json!("completion")),
        ("fallback[0].kind", json!("last_resort")),
    ] {
        let document = match field.split_once('.') {
            None => json!({ field: value }),
            Some(("fallback[0]", _)) => json!({"fallback": [{"kind": value, "text": "x"}]}),
            Some((group, field)) => json!({ group: { field: value } }),
        };
        assert_later(&format!("defaults.{field}"), json!({ "defaults": document }));
    }
    for field in ["when", "status", "message", "headers"] {
        let entry = json!({"kind": "error", field: 503});
        let document = json!({"defaults": {"fallback": [entry]}});
        assert_later(&format!("defaults.fallback[0].{field}"), document);
    }
}

fn assert_later(path: &str, document: Value) {
    let lines = lines(document);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with(&format!("{path}: ")), "{path}: {lines:?}");
    assert!(lines[0].contains("is not supported by this version yet; allowed: "), "{lines:?}");
}

#[test]
fn damaged_bytes_are_refused_or_read_but_never_a_panic() {
    let rich = json!({
        "max_breakers": 9,
        "defaults": serde_json::from_str::<Value>(DOCUMENT).unwrap()["defaults"],
        "breakers": [
            {"cluster": "a?*", "window": {"type": "count", "calls": 100, "max_age": "10s"}},
            {"cluster": "b", "open": {"base": "0.25s", "max": "1s"}, "ramp": "5s"},
        ],
    });
    let seeds = [rich.to_string().into_bytes(), as_struct(&rich).encode_to_vec(), Vec::new()];
    let mut random = Xorshift(0x9E37_79B9_7F4A_7C15);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..20_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=random.below(3) {
            random.mutate(&mut bytes);
        }
        match Config::parse(&bytes) {
            Ok(config) => {
                taken += 1;
                assert_valid(&config);
            }
            Err(errors) => {
                refused += 1;
                assert!(!errors.is_empty());
                let text = errors.to_string();
                assert!(text.lines().count() <= 51, "{text}");
                assert!(
                    text.lines()
                        .all(|line| line.contains("; allowed: ") || line.starts_with("and ")),
                    "{text}"
                );
            }
        }
    }
    assert!(taken > 100 && refused > 1000, "the mutations test nothing: {taken}, {refused}");
}

fn assert_valid(config: &Config) {
    assert!((1..=16_384).contains(&config.max_breakers));
    for policy in config.breakers.iter().map(|(_, policy)| policy).chain([&config.defaults]) {
        assert!(policy.open.base <= policy.open.max);
        assert!(policy.open.quota <= policy.open.announced_max);
        assert!(policy.open.multiplier >= 1.0 && !policy.fallback.is_empty());
        if let WindowShape::Count { calls, .. } = policy.window {
            assert!(policy.trip.minimum_calls <= calls);
            assert!(policy.trip.consecutive_failures.is_none_or(|failures| failures <= calls));
        }
    }
}

struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        // Digits and punctuation keep a fair share of the documents well-formed.
        const LIKELY: &[u8] = b"0123456789.eE-\"{}[],: \nsabc\x0a\x12\x00\xff";
        let at = self.below(bytes.len() + 1);
        let byte =
            if self.below(4) == 0 { self.next() as u8 } else { LIKELY[self.below(LIKELY.len())] };
        match self.below(4) {
            0 => bytes.insert(at, byte),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(bytes.len() - self.below(bytes.len() / 8 + 1)),
            _ if at < bytes.len() => bytes[at] = byte,
            _ => bytes.push(byte),
        }
    }
}

#[test]
fn verdicts_are_layered_category_by_category() {
    let config = parsed(json!({
        "defaults": {"verdicts": {"rate_limited": "ignore", "timeout": "open"}},
        "breakers": [{"cluster": "a", "verdicts": {"timeout": "success", "slow": null}}],
    }));
    let on = |cluster: &str, category| config.policy_for(cluster).verdicts.on(category);
    assert_eq!(on("a", Category::RateLimited), Verdict::Ignore);
    assert_eq!(on("a", Category::Timeout), Verdict::Success);
    assert_eq!(on("b", Category::Timeout), Verdict::Open);
    assert_eq!(on("a", Category::Slow), Verdict::Success);
    assert_eq!(on("a", Category::ServerError), Verdict::Failure);
}

#[test]
fn a_verdict_is_on_a_known_category_and_a_known_one() {
    let found = lines(json!({"defaults": {"verdicts": {"timeout": "fail", "tired": "open"}}}));
    assert_eq!(found.len(), 2, "{found:?}");
    for (name, allowed) in [
        ("defaults.verdicts.timeout", "one of success, failure, ignore, open"),
        ("defaults.verdicts.tired", "server_error"),
    ] {
        let line = found.iter().find(|line| line.contains(name));
        assert!(line.is_some_and(|line| line.contains(allowed)), "{found:?}");
    }
}
