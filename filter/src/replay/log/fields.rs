//! Where in a line of another format stands what is read of it?

use crate::replay::log::line::{fault_of, object_in};
use crate::replay::log::skipped::Fault;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What can be told by a mapping, by the names that the shipped format has.
const NAMES: [&str; 12] = [
    "time",
    "node",
    "request_id",
    "cluster",
    "model",
    "status",
    "flags",
    "details",
    "response_ms",
    "first_token_ms",
    "duration_ms",
    "llm_breaker",
];

/// The same in seconds.
const IN_SECONDS: [(&str, &str); 3] = [
    ("response_s", "response_ms"),
    ("first_token_s", "first_token_ms"),
    ("duration_s", "duration_ms"),
];

/// Names of the shipped format, and the paths at which another format has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<String, Vec<String>>);

impl Fields {
    /// Reads a mapping: YAML or JSON, `name: path` a line. A path's steps are parted by dots, or, where
    /// it begins with a slash, by slashes. What is not mapped keeps its name.
    ///
    /// # Errors
    /// What is no mapping, and names that nothing is read by.
    pub fn parse(text: &str) -> Result<Self, String> {
        let paths: BTreeMap<String, String> =
            serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let is_known = |name: &str| {
            NAMES.contains(&name) || IN_SECONDS.iter().any(|(seconds, _)| *seconds == name)
        };
        if let Some(unknown) = paths.keys().find(|name| !is_known(name)) {
            let seconds = IN_SECONDS.map(|(name, _)| name).join(", ");
            let names = NAMES.join(", ");
            return Err(format!(
                "{unknown}: nothing is read by this name, but by {names}, {seconds}"
            ));
        }
        let steps = |path: &str| match path.strip_prefix('/') {
            Some(path) => path.split('/').map(str::to_owned).collect(),
            None => path.split('.').map(str::to_owned).collect(),
        };
        Ok(Self(paths.into_iter().map(|(name, path)| (name, steps(&path))).collect()))
    }

    /// Whether lines have the shipped format.
    pub(super) fn are_shipped(&self) -> bool {
        self.0.is_empty()
    }

    /// The same line in the shipped format.
    pub(super) fn translate(&self, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let line: Value =
            serde_json::from_slice(object_in(bytes)?).map_err(|error| fault_of(&error))?;
        let mut shipped = Map::new();
        for name in NAMES {
            let found = match self.0.get(name) {
                Some(path) => at(&line, path),
                None => line.get(name),
            };
            shipped.extend(found.map(|value| (name.to_owned(), value.clone())));
        }
        for (seconds, name) in IN_SECONDS {
            let found = self.0.get(seconds).and_then(|path| at(&line, path));
            let number = found.and_then(|it| it.as_f64().or_else(|| it.as_str()?.parse().ok()));
            shipped.extend(number.map(|it| (name.to_owned(), Value::from(it * 1e3))));
        }
        serde_json::to_vec(&shipped).map_err(|error| fault_of(&error))
    }
}

fn at<'v>(line: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(line, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => value.get(step),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_elsewhere_is_found_there() {
        let fields = "{time: start, cluster: up.stream.0, duration_s: t, model: '/a.b/c'}";
        let fields = Fields::parse(fields).expect("a mapping");
        let line = br#"2026 {"start": 5, "up": {"stream": ["x"]}, "t": "0.5", "a.b": {"c": "m"}, "status": 200, "other": 1}"#;
        let shipped = fields.translate(line).expect("a line");
        let shipped: Value = serde_json::from_slice(&shipped).expect("JSON");
        let expected = serde_json::json!({
            "time": 5, "cluster": "x", "duration_ms": 500.0, "model": "m", "status": 200,
        });
        assert_eq!(shipped, expected);
    }

    #[test]
    fn a_name_that_nothing_is_read_by_is_refused() {
        let error = Fields::parse("{cluster: a, colour: b}").expect_err("a wrong name");
        assert!(error.starts_with("colour: nothing is read by this name"), "{error}");
    }
}
