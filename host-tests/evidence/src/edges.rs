//! Where do the bounds end? Healthy traffic that is worse than what they are held for, with the defaults
//! and with what would bear it.

use crate::known::required;
use crate::ours::Setting;
use crate::profiles::{BATCH, ERRING_CHAT, Profile};

/// One such traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// What it is, in words.
    pub name: &'static str,
    /// Its calls.
    pub profile: Profile,
    /// How likely one fails if the one before it did; less than their share changes nothing.
    pub sticks: f64,
    /// The fields of a policy.
    pub policy: &'static str,
}

const fn chat(name: &'static str, sticks: f64) -> Edge {
    Edge { name, profile: ERRING_CHAT, sticks, policy: "{}" }
}

const fn batch(name: &'static str, policy: &'static str) -> Edge {
    Edge { name, profile: ERRING_BATCH, sticks: 0.0, policy }
}

const ERRING_BATCH: Profile =
    Profile { name: "batch, 2 % errors", errors: required(0.02), ..BATCH };

/// All of them.
pub const EDGES: [Edge; 7] = [
    chat("chat, 2 % errors, of which 5 % come after another", 0.05),
    chat("… of which 10 % do", 0.1),
    chat("… of which 20 % do", 0.2),
    chat("… of which 40 % do", 0.4),
    batch("batch, 2 % errors", "{}"),
    batch("… with `minimum_calls: 20`", r#"{"trip": {"minimum_calls": 20}}"#),
    batch(
        "… and `consecutive_failures: 10`",
        r#"{"trip": {"minimum_calls": 20, "consecutive_failures": 10}}"#,
    ),
];

impl Edge {
    /// Its configuration.
    ///
    /// # Panics
    /// If it is none; a test tries all.
    #[must_use]
    pub fn setting(&self) -> Setting {
        Setting::with(self.policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_configuration() {
        for edge in EDGES {
            let is_default = edge.policy == "{}";
            assert_eq!(
                *edge.setting().policy() == *Setting::defaults().policy(),
                is_default,
                "{}",
                edge.name
            );
        }
    }
}
