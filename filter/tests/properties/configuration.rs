//! Any bytes are a configuration or a list of errors; never both, never neither, never a panic.

use llm_breaker::config::Config;
use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

/// Names that the document knows, and some that it does not.
const NAMES: [&str; 32] = [
    "config_version",
    "role",
    "max_breakers",
    "log_format",
    "breakers",
    "defaults",
    "cluster",
    "mode",
    "provider",
    "key_by",
    "models",
    "window",
    "type",
    "duration",
    "buckets",
    "calls",
    "max_age",
    "trip",
    "consecutive_failures",
    "failure_rate",
    "open",
    "base",
    "max",
    "half_open",
    "lease",
    "verdicts",
    "matchers",
    "fallback",
    "kind",
    "when",
    "limits",
    "no_such_field",
];

/// Values that some field takes.
const TEXTS: [&str; 16] = [
    "30s",
    "0.5s",
    "-1s",
    "1e9s",
    "s",
    "enforce",
    "shadow",
    "time",
    "count",
    "error",
    "reroute",
    "completion",
    "openai",
    "model",
    "outbound|443||*",
    "\u{0}",
];

fn value() -> impl Strategy<Value = Value> {
    let text =
        prop_oneof![prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned), any::<String>(),];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_i64..200).prop_map(Value::from),
        any::<f64>().prop_map(|it| Number::from_f64(it).map_or(Value::Null, Value::from)),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let name = prop_oneof![
            9 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..8)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A `google.protobuf.Struct` with this document, as native YAML arrives.
fn on_the_wire(value: &Value) -> Vec<u8> {
    use prost::Message;
    fn kind(value: &Value) -> prost_types::Value {
        use prost_types::value::Kind;
        let kind = match value {
            Value::Null => Kind::NullValue(0),
            Value::Bool(it) => Kind::BoolValue(*it),
            Value::Number(it) => Kind::NumberValue(it.as_f64().unwrap_or_default()),
            Value::String(it) => Kind::StringValue(it.clone()),
            Value::Array(it) => {
                Kind::ListValue(prost_types::ListValue { values: it.iter().map(kind).collect() })
            }
            Value::Object(it) => Kind::StructValue(fields(it)),
        };
        prost_types::Value { kind: Some(kind) }
    }
    fn fields(object: &Map<String, Value>) -> prost_types::Struct {
        let fields = object.iter().map(|(name, value)| (name.clone(), kind(value))).collect();
        prost_types::Struct { fields }
    }
    fields(value.as_object().unwrap_or(&Map::new())).encode_to_vec()
}

fn judge(bytes: &[u8]) -> Result<(), TestCaseError> {
    match Config::parse(bytes) {
        Ok(config) => prop_assert!((1..=16_384).contains(&config.max_breakers)),
        Err(errors) => prop_assert!(!errors.is_empty() && !errors.to_string().is_empty()),
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        judge(&bytes)?;
    }

    #[test]
    fn any_json(document in value()) {
        judge(document.to_string().as_bytes())?;
    }

    #[test]
    fn any_policy(policy in value()) {
        judge(json!({ "defaults": policy.clone() }).to_string().as_bytes())?;
        judge(json!({ "breakers": [policy] }).to_string().as_bytes())?;
    }

    #[test]
    fn any_protobuf(document in value()) {
        judge(&on_the_wire(&document))?;
    }

    #[test]
    fn a_broken_protobuf(document in value(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = on_the_wire(&document);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        judge(&bytes)?;
    }

    #[test]
    fn any_duration(text in "[-+0-9.eE smh]{0,24}") {
        judge(json!({ "defaults": { "open": { "base": text } } }).to_string().as_bytes())?;
    }
}
