//! The bytes of the plugin configuration as a JSON object, whichever of two forms they have.

use serde_json::{Map, Value};

use super::errors::{Errors, show};
use super::{json, structs};

const FORMS: &str = "a JSON object, or native YAML as a google.protobuf.Struct";

/// The tag of `Struct.fields`, with which the wire bytes of every Struct begin that is not empty.
const FIELDS_TAG: u8 = 0x0A;
/// The tag of the value of such a field, which every Struct that is not empty contains.
const VALUE_TAG: u8 = 0x12;

/// Reads the document; what cannot be read at all is `None` and an error.
pub(super) fn read(bytes: &[u8], errors: &mut Errors) -> Option<Map<String, Value>> {
    if bytes.trim_ascii().is_empty() {
        return Some(Map::new());
    }
    if is_struct(bytes) {
        return structs::read(bytes, errors)
            .map_err(|error| errors.unreadable(format!("no readable Struct: {error}"), FORMS))
            .ok();
    }
    match json::read(bytes) {
        Ok(Value::Object(document)) => Some(document),
        Ok(other) => {
            errors.unreadable(format!("{} is no object", show(&other)), FORMS);
            None
        }
        Err(error) => {
            errors.unreadable(format!("no readable JSON: {error}"), FORMS);
            None
        }
    }
}

/// Tells a Struct from JSON text, which may begin with a line feed, a Struct's first byte.
///
/// Never wrong about what is well-formed: a Struct with a field has both tags, and JSON text holds
/// no control character (0x12 is one) but tab, line feed and carriage return.
fn is_struct(bytes: &[u8]) -> bool {
    bytes.first() == Some(&FIELDS_TAG) && bytes.contains(&VALUE_TAG)
}
