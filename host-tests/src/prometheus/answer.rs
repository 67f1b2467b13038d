//! What Prometheus answers: series with labels and a value, and alerts.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// One series and its value, or its last one.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels, the name as `__name__` if it has one.
    pub labels: BTreeMap<String, String>,
    /// A number or an infinity.
    pub value: f64,
}

/// What Prometheus would not do, and why.
#[derive(Clone, Debug)]
pub struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// An alert that is pending or firing.
#[derive(Clone, Debug, Deserialize)]
pub struct Alert {
    /// Its labels, its name as `alertname`.
    pub labels: BTreeMap<String, String>,
    /// Its texts, filled in.
    pub annotations: BTreeMap<String, String>,
    /// How far it is.
    pub state: AlertState,
}

/// How far an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Its condition holds, but not yet for as long as the rule says.
    Pending,
    /// Somebody is told.
    Firing,
}

impl Alert {
    /// The name of its rule.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }
}

/// What an answer of the API holds.
pub(super) fn data(answer: &Value) -> Result<Value, Refused> {
    if answer["status"] == "success" {
        return Ok(answer["data"].clone());
    }
    Err(Refused(answer["error"].as_str().unwrap_or("no reason").to_owned()))
}

/// The series of an instant's or a range's result.
pub(super) fn series(data: &Value) -> Vec<Series> {
    let results = data["result"].as_array().map_or(&[][..], Vec::as_slice);
    if data["resultType"] == "scalar" {
        let value = data["result"][1].as_str().and_then(number);
        return value.map(|value| Series { labels: BTreeMap::new(), value }).into_iter().collect();
    }
    results.iter().filter_map(one_series).collect()
}

fn one_series(result: &Value) -> Option<Series> {
    let labels = serde_json::from_value(result["metric"].clone()).ok()?;
    let value = match result["values"].as_array() {
        Some(values) => values.iter().rev().find_map(|pair| number(pair[1].as_str()?))?,
        None => number(result["value"][1].as_str()?)?,
    };
    Some(Series { labels, value })
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| !value.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_a_number_is_no_value() {
        let instant = json!({"resultType": "vector", "result": [
            {"metric": {"a": "1"}, "value": [1, "NaN"]},
            {"metric": {"a": "2"}, "value": [1, "0.5"]},
        ]});
        let labels = BTreeMap::from([("a".to_owned(), "2".to_owned())]);
        assert_eq!(series(&instant), [Series { labels, value: 0.5 }]);
        let range = json!({"resultType": "matrix", "result": [
            {"metric": {}, "values": [[1, "3"], [2, "NaN"]]},
            {"metric": {}, "values": [[1, "NaN"]]},
        ]});
        assert_eq!(series(&range), [Series { labels: BTreeMap::new(), value: 3.0 }]);
    }

    #[test]
    fn a_refusal_says_why() {
        let refused = data(&json!({"status": "error", "error": "parse error"}));
        assert_eq!(refused.expect_err("an error").to_string(), "parse error");
    }
}
