//! Which bytes are a document, and which are none?

use prost::Message;
use prost_types::value::Kind;
use serde_json::json;

use super::{Config, as_struct, parsed, struct_value};

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
    for text in ["0.25 ", "25e-2 ", "25e-2\n", " 0.25", "25e", "0x1"] {
        let document = json!({"defaults": {"trip": {"failure_rate": text}}});
        Config::parse(document.to_string().as_bytes()).expect_err(text);
    }
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
