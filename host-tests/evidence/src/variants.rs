//! What would other values do? Tried on incidents, to say what a default is the price of.

use crate::incidents::{Kind, What};
use crate::ours::Setting;

/// One other value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// What it says, in words.
    pub name: &'static str,
    /// The fields of a policy.
    pub policy: &'static str,
}

const fn variant(name: &'static str, policy: &'static str) -> Variant {
    Variant { name, policy }
}

/// All that are tried, the defaults first.
pub const VARIANTS: [Variant; 9] = [
    variant("the defaults", "{}"),
    variant("`consecutive_failures: 10`", r#"{"trip": {"consecutive_failures": 10}}"#),
    variant("`consecutive_failures: null`", r#"{"trip": {"consecutive_failures": null}}"#),
    variant("`open.base: 10s`", r#"{"open": {"base": "10s"}}"#),
    variant("`open.multiplier: 1.5`", r#"{"open": {"multiplier": 1.5}}"#),
    variant("`open.max: 120s`", r#"{"open": {"max": "120s"}}"#),
    variant("`open.reset_after: 120s`", r#"{"open": {"reset_after": "120s"}}"#),
    variant("`open.quota: 60s`", r#"{"open": {"quota": "60s"}}"#),
    variant(
        "`slow.first_token: 15s`, `slow_rate: 0.5`",
        r#"{"slow": {"first_token": "15s"}, "trip": {"slow_rate": 0.5}}"#,
    ),
];

/// The kinds of incidents in which a value of these makes a difference.
#[must_use]
pub fn are_tried_on(kind: &Kind) -> bool {
    match kind.what.is {
        What::Fails(share) => share == 1.0 || share == 0.2,
        What::Slows(..) | What::Quota | What::OneModel | What::Limits(_) => true,
        What::Hangs | What::HangsUnseen | What::Cuts(_) | What::Flaps { .. } => false,
    }
}

impl Variant {
    /// The configuration with this value.
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
    fn each_is_a_configuration_of_its_own() {
        let policies: Vec<_> =
            VARIANTS.iter().map(|it| it.setting().policy().fingerprint()).collect();
        let mut distinct = policies.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), policies.len());
    }
}
