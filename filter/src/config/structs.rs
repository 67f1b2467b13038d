//! The wire bytes of a `google.protobuf.Struct` as a JSON object.

use prost::{DecodeError, Message};
use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::{Map, Number, Value};

use super::errors::{Errors, join};

/// Integers up to here are exact in a Struct's numbers, which are all f64.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Decodes a Struct. A number that is not finite becomes `null` and an error with its path.
///
/// # Errors
/// What is no Struct, and one nested deeper than prost's limit of 100 messages (some 30 levels of
/// the document), which also bounds the recursion here.
pub(super) fn read(bytes: &[u8], errors: &mut Errors) -> Result<Map<String, Value>, DecodeError> {
    Struct::decode(bytes).map(|document| object(document, "", errors))
}

fn object(fields: Struct, path: &str, errors: &mut Errors) -> Map<String, Value> {
    let mut object = Map::new();
    // One by one: `collect` would bring a sorting of its own into the module.
    for (name, field) in fields.fields {
        let field = value(field.kind, &join(path, &name), errors);
        object.insert(name, field);
    }
    object
}

fn value(kind: Option<Kind>, path: &str, errors: &mut Errors) -> Value {
    match kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::NumberValue(value)) => number(value, path, errors),
        Some(Kind::StructValue(fields)) => Value::Object(object(fields, path, errors)),
        Some(Kind::ListValue(list)) => list
            .values
            .into_iter()
            .enumerate()
            .map(|(index, entry)| value(entry.kind, &format!("{path}[{index}]"), errors))
            .collect(),
    }
}

fn number(value: f64, path: &str, errors: &mut Errors) -> Value {
    finite(value).unwrap_or_else(|| {
        errors.not_finite(path.into(), value);
        Value::Null
    })
}

/// A number as JSON has it; whole ones become integers, so that an error shows `5` as the user
/// wrote it, not `5.0`.
pub(super) fn finite(value: f64) -> Option<Value> {
    if value.fract() == 0.0 && value.abs() <= EXACT {
        return Some((value as i64).into());
    }
    Number::from_f64(value).map(Value::Number)
}
