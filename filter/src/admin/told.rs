//! How is an answer put together? Field by field.

use core::time::Duration;
use serde_json::{Map, Value};

/// An object that is put together field by field; `json!` would write out each insertion anew.
#[derive(Default)]
pub(super) struct Told(Map<String, Value>);

impl Told {
    pub(super) fn add(&mut self, name: &str, value: impl Into<Value>) {
        self.insert(name, value.into());
    }

    #[inline(never)]
    fn insert(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    pub(super) fn json(self) -> Value {
        Value::Object(self.0)
    }
}

/// Milliseconds are as exact as anybody needs.
pub(super) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}
