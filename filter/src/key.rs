//! Whose breaker is it? A whole cluster's, or that of a part of its calls: a model's, or those with
//! one value of a header.

use crate::glob::Glob;
use crate::policy::{KeyBy, Policy};

/// The part of all calls whose model or value the configuration does not name.
pub const OTHER: &str = "other";

/// Between a cluster and a part in a name. The configuration refuses control characters in parts.
const SEPARATOR: char = '\u{1f}';

/// What one breaker is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The cluster's name.
    pub cluster: String,
    /// The part of its calls; `None` if it is about all of them.
    pub part: Option<String>,
}

impl Key {
    /// The key of all calls to a cluster.
    #[must_use]
    pub fn of_cluster(cluster: impl Into<String>) -> Self {
        Self { cluster: cluster.into(), part: None }
    }

    /// The key of a part of them.
    #[must_use]
    pub fn of_part(cluster: impl Into<String>, part: impl Into<String>) -> Self {
        Self { cluster: cluster.into(), part: Some(part.into()) }
    }

    /// The key of this name.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name.rsplit_once(SEPARATOR) {
            Some((cluster, part)) => Self::of_part(cluster, part),
            None => Self::of_cluster(name),
        }
    }

    /// Its name in shared data.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.part {
            Some(part) => format!("{}{SEPARATOR}{part}", self.cluster),
            None => self.cluster.clone(),
        }
    }

    /// Whether calls under this policy of the cluster's can have this key.
    #[must_use]
    pub fn is_of(&self, policy: &Policy) -> bool {
        let Some(part) = &self.part else { return true };
        match &policy.key_by {
            KeyBy::Cluster => false,
            KeyBy::Model => part == OTHER || policy.models.iter().any(|it| it.as_str() == part),
            KeyBy::Header { values, .. } => part == OTHER || values.contains(part),
        }
    }
}

/// The part that a model's calls belong to: the first pattern that matches, as it is written. So a
/// client that makes up names makes no keys.
#[must_use]
pub fn part_of_model<'p>(models: &'p [Glob], model: Option<&str>) -> &'p str {
    let known = model.and_then(|model| models.iter().find(|glob| glob.matches(model)));
    known.map_or(OTHER, Glob::as_str)
}

/// The part that calls with this value of a header belong to.
#[must_use]
pub fn part_of_value<'p>(values: &'p [String], value: Option<&[u8]>) -> &'p str {
    values.iter().find(|known| value == Some(known.as_bytes())).map_or(OTHER, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_name() {
        for key in [Key::of_cluster("a|b/c"), Key::of_part("a|b/c", "gpt-4.1*")] {
            assert_eq!(Key::parse(&key.name()), key);
        }
    }

    #[test]
    fn only_what_the_configuration_names_is_a_part() {
        let models = ["gpt-4.1-mini", "gpt-4.1*", "o?"].map(Glob::new);
        for (model, part) in [
            (Some("gpt-4.1-mini"), "gpt-4.1-mini"),
            (Some("gpt-4.1-2025-04-14"), "gpt-4.1*"),
            (Some("o3"), "o?"),
            (Some("o3-mini"), OTHER),
            (Some(""), OTHER),
            (None, OTHER),
        ] {
            assert_eq!(part_of_model(&models, model), part, "{model:?}");
        }
        let values = ["search".to_owned()];
        assert_eq!(part_of_value(&values, Some(b"search")), "search");
        for other in [None, Some(&b"Search"[..]), Some(b""), Some(b"\xff")] {
            assert_eq!(part_of_value(&values, other), OTHER, "{other:?}");
        }
    }

    #[test]
    fn a_key_belongs_to_the_policies_that_make_it() {
        let by_model =
            Policy { key_by: KeyBy::Model, models: vec![Glob::new("o*")], ..Policy::default() };
        assert!(Key::of_cluster("a").is_of(&Policy::default()));
        assert!(Key::of_cluster("a").is_of(&by_model));
        for part in ["o*", OTHER] {
            assert!(Key::of_part("a", part).is_of(&by_model), "{part}");
            assert!(!Key::of_part("a", part).is_of(&Policy::default()), "{part}");
        }
        assert!(!Key::of_part("a", "o3").is_of(&by_model));
        let key_by = KeyBy::Header { name: "x-team".into(), values: vec!["search".into()] };
        let by_header = Policy { key_by, ..Policy::default() };
        let its = ["search", OTHER, "o*"].map(|part| Key::of_part("a", part).is_of(&by_header));
        assert_eq!(its, [true, true, false]);
    }
}
