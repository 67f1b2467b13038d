//! The shipped rules are valid, do what their own tests say, and leave no alert untested or without
//! its texts.

use std::collections::BTreeSet;
use std::process::Output;

use llm_breaker_host_tests::prometheus::{document, promtool, shipped_folder};
use serde_json::Value;
use tokio::process::Command;

use crate::Outcome;
use crate::dashboard::{Kind, Query};

/// The files of `envoy/prometheus/tests`.
const TESTS: [&str; 4] = ["health.yaml", "outage.yaml", "recording.yaml", "steering.yaml"];

async fn run_promtool(arguments: &[&str]) -> Outcome<Output> {
    let mut command = Command::new(promtool()?);
    Ok(command.args(arguments).current_dir(shipped_folder()).output().await?)
}

#[track_caller]
fn assert_success(output: &Output) {
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
}

#[tokio::test]
async fn prometheus_would_take_the_configuration_and_the_rules() -> Outcome {
    assert_success(&run_promtool(&["check", "config", "prometheus.yaml"]).await?);
    Ok(())
}

#[tokio::test]
async fn the_rules_do_what_their_tests_say() -> Outcome {
    let folder = std::fs::read_dir(shipped_folder().join("tests"))?;
    let found: Result<BTreeSet<_>, _> = folder.map(|entry| Ok(entry?.file_name())).collect();
    let found: Result<_, std::io::Error> = found;
    assert_eq!(found?, TESTS.iter().map(Into::into).collect(), "every file is run");
    let files = TESTS.map(|file| format!("tests/{file}"));
    let arguments: Vec<&str> =
        ["test", "rules"].into_iter().chain(files.iter().map(String::as_str)).collect();
    assert_success(&run_promtool(&arguments).await?);
    Ok(())
}

/// The rules that are alerts.
pub(crate) fn alerts() -> Outcome<Vec<Value>> {
    rules_of("rules/alerts.yaml")
}

/// What the other rules record, each asked for by its name and labels.
pub(crate) fn recorded() -> Outcome<Vec<Query>> {
    let to_query = |rule: Value| {
        let quantile = rule["labels"]["quantile"].as_str().unwrap_or_default();
        let name = rule["record"].as_str().expect("a name");
        let expression = format!("{name}{{quantile=\"{quantile}\"}}");
        Query { place: "rules/recording.yaml".to_owned(), expression, kind: Kind::Instant }
    };
    Ok(rules_of("rules/recording.yaml")?.into_iter().map(to_query).collect())
}

fn rules_of(file: &str) -> Outcome<Vec<Value>> {
    let document = document(file)?;
    let groups = document["groups"].as_array().expect("groups");
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
    Ok(rules.cloned().collect())
}

#[test]
fn each_alert_is_tested_once_firing_and_once_silent() -> Outcome {
    let (mut firing, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for file in TESTS {
        let document = document(&format!("tests/{file}"))?;
        for test in document["tests"].as_array().expect("tests") {
            let name = test["name"].as_str().expect("a name");
            let cases = test["alert_rule_test"].as_array().map_or(&[][..], Vec::as_slice);
            let fires = |case: &Value| case["exp_alerts"].as_array().is_some_and(|a| !a.is_empty());
            for case in cases {
                let alert = case["alertname"].as_str().expect("an alert's name").to_owned();
                assert!(name.starts_with(&alert), "{name} is about {alert}");
            }
            // A case in which it never fires counts as silent; one that ends does not.
            let alert = cases.first().map(|case| case["alertname"].to_string());
            let seen = if cases.iter().any(fires) { &mut firing } else { &mut silent };
            seen.extend(alert);
        }
    }
    let all: BTreeSet<_> = alerts()?.iter().map(|alert| alert["alert"].to_string()).collect();
    assert_eq!((&firing, &silent), (&all, &all));
    Ok(())
}

#[test]
fn each_alert_says_how_urgent_it_is_and_what_to_do() -> Outcome {
    for alert in alerts()? {
        let name = alert["alert"].as_str().expect("a name");
        assert!(name.starts_with("LLMBreaker"), "{name}");
        let severity = alert["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("critical" | "warning" | "info")), "{name}: {severity:?}");
        for text in ["summary", "description"] {
            assert!(alert["annotations"][text].is_string(), "{name} has no {text}");
        }
        let anchor = format!("docs/runbook.md#{}", name.to_lowercase());
        let url = alert["annotations"]["runbook_url"].as_str().expect("a runbook_url");
        assert_eq!(url, format!("https://llm-breaker.example/{anchor}"));
    }
    Ok(())
}
