//! What is refused because this version does not act on it yet?

use serde_json::{Value, json};

use super::lines;

#[test]
fn what_belongs_to_later_versions_is_refused_as_such() {
    for (path, document) in [
        ("role", json!({"role": "admin"})),
        ("log_format", json!({"log_format": "logfmt"})),
        ("admin", json!({"admin": {"token": "x"}})),
        ("fleet", json!({"fleet": {"cluster": "etcd"}})),
    ] {
        assert_later(path, document);
    }
    for (field, value) in [
        ("on_failure", json!(true)),
        ("hold_max", json!("2s")),
        ("append_stream_error", json!(true)),
        ("debug_headers", json!(true)),
        ("reset_generation", json!(1)),
    ] {
        assert_later(&format!("defaults.{field}"), json!({"defaults": {field: value}}));
    }
    for kind in ["completion", "reroute", "last_resort"] {
        let entry = json!({"kind": kind, "text": "x"});
        assert_later("defaults.fallback[0].kind", json!({"defaults": {"fallback": [entry]}}));
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
