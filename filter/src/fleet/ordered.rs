//! What did an operator order for the whole fleet, who, and why? A record's value.

use crate::breaker::FleetOrder;
use crate::fleet::fact::{object_within, whole_millis};
use crate::policy::Mode;
use core::time::Duration;
use serde_json::{Value, json};

/// Bytes of an operator's name at most, and of a reason; of longer ones that is the beginning.
pub(super) const MAX_USER_BYTES: usize = 128;
/// See [`MAX_USER_BYTES`].
pub(super) const MAX_REASON_BYTES: usize = 240;

/// A longer value is none of ours: each byte of a text may take six.
const MAX_VALUE_BYTES: usize = 6 * (MAX_USER_BYTES + MAX_REASON_BYTES) + 128;

/// Who ordered it, and why: the operator's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// Who says so.
    pub user: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// An order that is in force in the whole fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What is ordered.
    pub order: FleetOrder,
    /// By whom.
    pub author: Author,
}

/// An order on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    pub(super) mode: Mode,
    /// For how much longer; `None` until it is withdrawn.
    pub(super) remaining: Option<Duration>,
    pub(super) author: Author,
}

impl Author {
    /// Of what an operator gave, as much as fits.
    #[must_use]
    pub fn of(user: Option<&str>, reason: Option<&str>) -> Self {
        let cut = |text: &str, longest: usize| {
            let text = text.get(..text.floor_char_boundary(longest)).unwrap_or_default();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Self {
            user: user.and_then(|user| cut(user, MAX_USER_BYTES)),
            reason: reason.and_then(|reason| cut(reason, MAX_REASON_BYTES)),
        }
    }

    /// What it takes in memory, beside itself.
    pub(super) fn bytes(&self) -> usize {
        [&self.user, &self.reason].into_iter().flatten().map(String::len).sum()
    }
}

impl Ordered {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut value = json!({ "mode": self.mode.name() });
        if let Some(fields) = value.as_object_mut() {
            let texts = [("user", &self.author.user), ("reason", &self.author.reason)];
            for (name, text) in texts {
                text.iter().for_each(|text| drop(fields.insert(name.to_owned(), json!(text))));
            }
            if let Some(remaining) = self.remaining {
                fields.insert("remaining_ms".to_owned(), whole_millis(remaining).into());
            }
        }
        serde_json::to_vec(&value).unwrap_or_default()
    }

    /// A time that is given and no number makes it none: it must not become one without end.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let value = object_within(bytes, MAX_VALUE_BYTES)?;
        let mode = value.get("mode")?.as_str()?;
        let mode = Mode::ALL.into_iter().find(|it| it.name() == mode)?;
        let remaining = match value.get("remaining_ms") {
            None => None,
            Some(given) => Some(Duration::from_millis(given.as_u64()?)),
        };
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        Some(Self { mode, remaining, author: Author::of(text("user"), text("reason")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drill() -> Author {
        Author::of(Some("ann"), Some("drill"))
    }

    #[test]
    fn an_order_survives_its_value() {
        for mode in Mode::ALL {
            for remaining in [None, Some(Duration::from_secs(600))] {
                for author in [Author::default(), drill()] {
                    let ordered = Ordered { mode, remaining, author };
                    assert_eq!(Ordered::decode(&ordered.encode()), Some(ordered));
                }
            }
        }
        let remaining = Some(Duration::from_secs(600));
        let mut ordered = Ordered { mode: Mode::ForcedOpen, remaining, author: Author::default() };
        assert_eq!(ordered.encode(), br#"{"mode":"forced_open","remaining_ms":600000}"#);
        ordered.author = drill();
        let told: Value = serde_json::from_slice(&ordered.encode()).expect("JSON");
        assert_eq!((&told["user"], &told["reason"]), (&json!("ann"), &json!("drill")));
    }

    #[test]
    fn of_long_texts_the_beginning_is_kept_and_the_longest_fit() {
        for text in ["ä", "\u{1}"] {
            let long = text.repeat(1_000);
            let author = Author::of(Some(&long), Some(&long));
            let (user, reason) = (author.user.as_deref(), author.reason.as_deref());
            assert_eq!(user.map(str::len), Some(MAX_USER_BYTES));
            assert_eq!(reason.map(str::len), Some(MAX_REASON_BYTES));
            let remaining = Some(Duration::from_millis(u64::MAX));
            let ordered = Ordered { mode: Mode::ForcedOpen, remaining, author };
            assert_eq!(Ordered::decode(&ordered.encode()), Some(ordered));
        }
        assert_eq!(Author::of(Some(""), None), Author::default());
        let strange = br#"{"mode":"disabled","user":7,"reason":null}"#;
        let ordered = Ordered::decode(strange).expect("an order all the same");
        assert_eq!(ordered.author, Author::default());
    }

    #[test]
    fn garbage_orders_nothing() {
        for value in [
            "",
            "forced_open",
            "{}",
            r#"{"mode":"half_open"}"#,
            r#"{"mode":"forced_open","remaining_ms":null}"#,
            r#"{"mode":"forced_open","remaining_ms":-1}"#,
            r#"{"mode":"forced_open","remaining_ms":"600000"}"#,
        ] {
            assert_eq!(Ordered::decode(value.as_bytes()), None, "{value}");
        }
        let long = format!(r#"{{"mode":"disabled","more":"{}"}}"#, "x".repeat(MAX_VALUE_BYTES));
        assert_eq!(Ordered::decode(long.as_bytes()), None);
    }
}
