//! JSON merge patches (RFC 7396): what is in the patch replaces, `null` removes, the rest stays.

use serde_json::{Map, Value};

/// Applies `patch` to `target`.
pub(super) fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            apply(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}

/// One patch that does what `first` and then `second` would: a `null` survives until it meets what
/// it removes.
pub(super) fn compose(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(mut fields), Value::Object(changes)) => {
            for (name, change) in changes {
                let after = match fields.remove(&name) {
                    Some(before) => compose(before, change),
                    None => change,
                };
                fields.insert(name, after);
            }
            Value::Object(fields)
        }
        (_, second) => second,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_replaces_removes_and_leaves_the_rest() {
        let mut target = json!({"a": {"b": 1, "c": 2}, "d": [1, 2], "e": 3});
        apply(&mut target, &json!({"a": {"b": null, "x": {"y": 4}}, "d": [5], "z": null}));
        assert_eq!(target, json!({"a": {"c": 2, "x": {"y": 4}}, "d": [5], "e": 3}));
    }

    #[test]
    fn a_composed_patch_does_what_both_do_in_turn() {
        let original = json!({"a": {"b": 1, "c": 2}, "t": {"tls": true}});
        let (first, second) =
            (json!({"t": null, "a": {"b": 7}}), json!({"a": {"c": null}, "n": 1}));
        let mut in_turn = original.clone();
        apply(&mut in_turn, &first);
        apply(&mut in_turn, &second);
        let mut at_once = original;
        apply(&mut at_once, &compose(first, second));
        assert_eq!(in_turn, at_once);
        assert_eq!(at_once, json!({"a": {"b": 7}, "n": 1}));
    }
}
