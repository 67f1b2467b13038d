//! The shipped dashboard: what it asks, and whether Grafana knows every word of it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::Outcome;

/// `envoy/grafana/llm-breaker.json`.
pub(crate) struct Dashboard(Value);

/// Something that is asked of Prometheus.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Where it stands, for a failing test to say.
    pub(crate) place: String,
    pub(crate) expression: String,
    pub(crate) kind: Kind,
}

/// For when it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Now.
    Instant,
    /// For the time that is shown.
    Range,
}

impl Dashboard {
    pub(crate) fn shipped() -> Outcome<Self> {
        Ok(Self(serde_json::from_str(&fs::read_to_string(path())?)?))
    }

    fn panels(&self) -> impl Iterator<Item = &Value> {
        list(&self.0["panels"]).filter(|panel| panel["type"] != "row")
    }

    /// The queries of all panels and annotations.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let of_panel = |panel: &Value| {
            let title = panel["title"].as_str().unwrap_or_default().to_owned();
            let to_query = move |target: &Value| Query {
                place: format!("{title}, {}", target["refId"]),
                expression: text(&target["expr"]),
                kind: if target["instant"] == true { Kind::Instant } else { Kind::Range },
            };
            list(&panel["targets"]).map(to_query).collect::<Vec<_>>()
        };
        let annotation = |annotation: &Value| Query {
            place: format!("annotation {}", annotation["name"]),
            expression: text(&annotation["expr"]),
            kind: Kind::Range,
        };
        let annotations = list(&self.0["annotations"]["list"]).map(annotation);
        self.panels().flat_map(of_panel).chain(annotations).collect()
    }

    /// The first query of the panel with this title.
    pub(crate) fn query_of(&self, title: &str) -> Query {
        let queries = self.queries().into_iter();
        let mut of_panel = queries.filter(|query| query.place.starts_with(&format!("{title}, ")));
        of_panel.next().unwrap_or_else(|| panic!("no panel {title}"))
    }

    /// The selector and the label of `label_values(selector, label)`.
    pub(crate) fn variable(&self, name: &str) -> (String, String) {
        let variable =
            list(&self.0["templating"]["list"]).find(|variable| variable["name"] == name);
        let query = text(&variable.expect("a variable")["query"]["query"]);
        let arguments = query.strip_prefix("label_values(").and_then(|q| q.strip_suffix(')'));
        let (selector, label) = arguments.and_then(|a| a.rsplit_once(", ")).expect("label_values");
        (selector.to_owned(), label.to_owned())
    }

    /// An expression as Grafana sends it with all variables at "All".
    pub(crate) fn everything(&self, expression: &str) -> String {
        let variables = list(&self.0["templating"]["list"]).filter(|v| v["type"] == "query");
        let mut filled = in_time(expression);
        for variable in variables {
            assert_eq!(variable["includeAll"], true, "{variable}");
            filled = filled
                .replace(&format!("${}", text(&variable["name"])), &text(&variable["allValue"]));
        }
        filled
    }

    /// An expression as Grafana sends it with these values chosen.
    pub(crate) fn with(&self, expression: &str, chosen: &[(&str, &str)]) -> String {
        let fill = |filled: String, (name, value): &(&str, &str)| {
            filled.replace(&format!("${name}"), &escaped(value))
        };
        chosen.iter().fold(in_time(expression), fill)
    }
}

/// Four scrapes at least, as Grafana computes it; here it also has to hold some calls.
fn in_time(expression: &str) -> String {
    expression.replace("$__rate_interval", "10s")
}

/// A value within a regex within quotes.
fn escaped(value: &str) -> String {
    let escape = |character: char| match character {
        '\\' | '^' | '$' | '*' | '+' | '?' | '.' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => {
            format!(r"\\{character}")
        }
        plain => plain.to_string(),
    };
    value.chars().map(escape).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn path() -> PathBuf {
    workspace().join("envoy/grafana/llm-breaker.json")
}

/// Read into the classes that Grafana's makers generate from its schemas and written again, it is
/// the same: whatever Grafana does not know would be lost on the way.
#[tokio::test]
async fn grafana_knows_every_word_of_it() -> Outcome {
    let python = workspace().join(".venv/bin/python");
    let script = workspace().join("host-tests/sdk/dashboard.py");
    let mut command = Command::new(python);
    let output =
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(path()).output().await?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`make setup`, if a module is missing\n{complaint}");
    Ok(())
}

#[test]
fn every_panel_says_where_its_data_is_from_and_has_a_place_of_its_own() -> Outcome {
    let dashboard = Dashboard::shipped()?;
    let (mut ids, mut taken) = (Vec::new(), std::collections::BTreeSet::new());
    for panel in list(&dashboard.0["panels"]) {
        ids.push(panel["id"].clone());
        let place = |side: &str| panel["gridPos"][side].as_u64().expect("a number");
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} covers another", panel["title"]);
            }
        }
    }
    assert!(ids.iter().enumerate().all(|(at, id)| !ids[..at].contains(id)), "{ids:?}");
    for panel in dashboard.panels() {
        for target in list(&panel["targets"]) {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
    Ok(())
}
