//! What is refused because this version does not act on it yet?

use serde_json::{Value, json};

use super::lines;

#[test]
fn what_belongs_to_later_versions_is_refused_as_such() {
    assert_later("fleet", json!({"fleet": {"cluster": "etcd"}}));
}

fn assert_later(path: &str, document: Value) {
    let lines = lines(document);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with(&format!("{path}: ")), "{path}: {lines:?}");
    assert!(lines[0].contains("is not supported by this version yet; allowed: "), "{lines:?}");
}
