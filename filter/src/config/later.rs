//! The fields of the document that this version does not act on yet.
//!
//! They are refused, never silently taken, but for `null` and for the one value that says what
//! this version does anyway. Whoever makes a field work deletes its line here.

use serde_json::Value;

/// A field that no value changes anything about yet.
pub(super) struct Later {
    pub(super) name: &'static str,
    today: Today,
}

/// The value that says what this version does.
enum Today {
    /// Only `null` does.
    Null,
    /// This word.
    Word(&'static str),
}

pub(super) const DOCUMENT: &[Later] = &[
    Later { name: "role", today: Today::Word("traffic") },
    Later { name: "admin", today: Today::Null },
    Later { name: "fleet", today: Today::Null },
];

impl Later {
    /// Whether `value` asks for nothing that this version does not do.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        match (&self.today, value) {
            (_, Value::Null) => true,
            (Today::Word(word), Value::String(given)) => given == word,
            _ => false,
        }
    }

    /// The value that says what this version does.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "only tools describe documents"))]
    pub(super) fn today(&self) -> Value {
        match self.today {
            Today::Null => Value::Null,
            Today::Word(word) => word.into(),
        }
    }

    /// What is allowed so far, in words that complete "allowed: …".
    pub(super) fn allowed(&self) -> String {
        match self.today {
            Today::Null => "null, or leave it out".into(),
            Today::Word(word) => format!("\"{word}\""),
        }
    }
}
