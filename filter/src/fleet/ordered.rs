//! What did an operator order for the whole fleet? A record's value.

use crate::fleet::fact::{object, whole_millis};
use crate::policy::Mode;
use core::time::Duration;
use serde_json::json;

/// An order on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    pub(super) mode: Mode,
    /// For how much longer; `None` until it is withdrawn.
    pub(super) remaining: Option<Duration>,
}

impl Ordered {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut value = json!({ "mode": self.mode.name() });
        if let (Some(fields), Some(remaining)) = (value.as_object_mut(), self.remaining) {
            fields.insert("remaining_ms".to_owned(), whole_millis(remaining).into());
        }
        serde_json::to_vec(&value).unwrap_or_default()
    }

    /// A time that is given and no number makes it none: it must not become one without end.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let value = object(bytes)?;
        let mode = value.get("mode")?.as_str()?;
        let mode = Mode::ALL.into_iter().find(|it| it.name() == mode)?;
        let remaining = match value.get("remaining_ms") {
            None => None,
            Some(given) => Some(Duration::from_millis(given.as_u64()?)),
        };
        Some(Self { mode, remaining })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_its_value() {
        for mode in Mode::ALL {
            for remaining in [None, Some(Duration::from_secs(600))] {
                let ordered = Ordered { mode, remaining };
                assert_eq!(Ordered::decode(&ordered.encode()), Some(ordered));
            }
        }
        let ordered = Ordered { mode: Mode::ForcedOpen, remaining: Some(Duration::from_secs(600)) };
        assert_eq!(ordered.encode(), br#"{"mode":"forced_open","remaining_ms":600000}"#);
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
    }
}
