//! What does one proxy say of a breaker? A record's value: JSON that `etcdctl` shows readably.

use crate::category::Category;
use crate::stats::FleetEvent;
use core::time::Duration;
use serde_json::{Value, json};

/// A longer value is none of ours.
pub(super) const MAX_VALUE_BYTES: usize = 512;

/// Why it should be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The upstream said so itself: an exhausted quota or an announced reset decided the open time.
    Announced,
    /// The proxy's own calls failed, at its own thresholds.
    Observed,
    /// A probe failed of a proxy that others had opened: no witness of its own.
    Probe,
}

impl Basis {
    /// Every basis.
    pub const ALL: [Self; 3] = [Self::Announced, Self::Observed, Self::Probe];

    /// The name in the store and in stats.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.event().name()
    }

    /// How it is counted.
    pub(super) const fn event(self) -> FleetEvent {
        match self {
            Self::Announced => FleetEvent::Announced,
            Self::Observed => FleetEvent::Observed,
            Self::Probe => FleetEvent::Probe,
        }
    }

    /// Whether it speaks for a domain of its own.
    pub(super) const fn is_witness(self) -> bool {
        matches!(self, Self::Announced | Self::Observed)
    }
}

/// What a proxy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// That it fails.
    Open {
        basis: Basis,
        /// `None` for one that this version does not know.
        reason: Option<Category>,
        /// For how much longer. No time of day: clocks differ.
        remaining: Duration,
    },
    /// That it works again.
    Closed,
}

impl Fact {
    pub(super) fn encode(self) -> Vec<u8> {
        let value = match self {
            Self::Open { basis, reason, remaining } => json!({
                "state": "open",
                "basis": basis.name(),
                "reason": reason.map(Category::name),
                "remaining_ms": whole_millis(remaining),
            }),
            Self::Closed => json!({ "state": "closed" }),
        };
        serde_json::to_vec(&value).unwrap_or_default()
    }

    /// Unknown fields are left aside; what is missing or wrong makes it none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let value = object_within(bytes, MAX_VALUE_BYTES)?;
        match value.get("state")?.as_str()? {
            "closed" => Some(Self::Closed),
            "open" => {
                let basis = value.get("basis")?.as_str()?;
                let basis = Basis::ALL.into_iter().find(|it| it.name() == basis)?;
                let reason = value.get("reason").and_then(Value::as_str);
                let reason = Category::ALL.into_iter().find(|it| reason == Some(it.name()));
                let remaining = Duration::from_millis(value.get("remaining_ms")?.as_u64()?);
                Some(Self::Open { basis, reason, remaining })
            }
            _ => None,
        }
    }
}

/// A value's JSON, if it is an object and no longer than that.
pub(super) fn object_within(bytes: &[u8], longest: usize) -> Option<Value> {
    if bytes.len() > longest {
        return None;
    }
    serde_json::from_slice(bytes).ok().filter(Value::is_object)
}

/// Milliseconds as values have them.
pub(super) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_readable() {
        let remaining = Duration::from_secs(30);
        let reason = Some(Category::ServerError);
        let fact = Fact::Open { basis: Basis::Observed, reason, remaining };
        let text = String::from_utf8(fact.encode()).expect("text");
        assert_eq!(
            text,
            r#"{"basis":"observed","reason":"server_error","remaining_ms":30000,"state":"open"}"#
        );
        assert_eq!(Fact::Closed.encode(), br#"{"state":"closed"}"#);
    }

    #[test]
    fn a_fact_survives_its_value() {
        for basis in Basis::ALL {
            for reason in Category::ALL.map(Some).into_iter().chain([None]) {
                let remaining = Duration::from_millis(5_001);
                let fact = Fact::Open { basis, reason, remaining };
                let value = fact.encode();
                assert!(value.len() <= MAX_VALUE_BYTES);
                assert_eq!(Fact::decode(&value), Some(fact));
            }
        }
        assert_eq!(Fact::decode(&Fact::Closed.encode()), Some(Fact::Closed));
    }

    #[test]
    fn what_later_versions_add_is_left_aside() {
        let value =
            br#"{"state":"open","basis":"probe","reason":"eaten","remaining_ms":7,"v":[2]}"#;
        let remaining = Duration::from_millis(7);
        let fact = Fact::Open { basis: Basis::Probe, reason: None, remaining };
        assert_eq!(Fact::decode(value), Some(fact));
    }

    #[test]
    fn garbage_says_nothing() {
        for value in [
            "",
            "open",
            "[]",
            "null",
            r#"{"state":"half_open"}"#,
            r#"{"state":1}"#,
            r#"{"state":"open","basis":"observed"}"#,
            r#"{"state":"open","remaining_ms":5000}"#,
            r#"{"state":"open","basis":"rumoured","remaining_ms":5000}"#,
            r#"{"state":"open","basis":"observed","remaining_ms":-1}"#,
            r#"{"state":"open","basis":"observed","remaining_ms":1e400}"#,
            r#"{"state":"open","basis":"observed","remaining_ms":5000.5}"#,
            r#"{"state":"open","basis":"observed","remaining_ms":"5000"}"#,
            r#"{"state":"closed"} and more"#,
        ] {
            assert_eq!(Fact::decode(value.as_bytes()), None, "{value}");
        }
        let long = format!(r#"{{"state":"closed","note":"{}"}}"#, "x".repeat(MAX_VALUE_BYTES));
        assert_eq!(Fact::decode(long.as_bytes()), None);
        assert_eq!(Fact::decode(&[b'['; MAX_VALUE_BYTES]), None);
    }
}
