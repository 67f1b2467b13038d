//! What replay and tune tell of a log: the report, several configurations, and advice.

use std::fs;

use crate::command::{Said, file, replay, run};
use crate::lines::Scene;

/// Ends of calls, one a second for 50 minutes, of which those of one minute fail.
fn log(name: &str) -> String {
    let scene = Scene { rate: 1, outage: (2_000, 2_060), ..Scene::default() };
    file(name, scene.text(3_000))
}

fn configuration(name: &str) -> String {
    file(name, "defaults: {mode: shadow, trip: {consecutive_failures: 3}}\n")
}

fn out(said: &Said) -> &str {
    assert_eq!(said.code, Some(0), "{}", said.complaint);
    &said.out
}

#[test]
fn a_report_is_one_page_that_names_what_was_read() {
    let (log, config) = (log("report.log"), configuration("report.yaml"));
    let said = replay(&[&log, "--format", "html", "--config", &config]);
    let page = out(&said);
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{page}");
    for part in ["3,000 calls", "report.log", "report.yaml", "3 failures in a row"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn several_configurations_stand_side_by_side() {
    let (log, config) = (log("beside.log"), configuration("beside.yaml"));
    let empty = file("empty.yaml", "");
    let said = replay(&[&log, "--config", &config, "--config", &empty]);
    let table = out(&said).split_once("side by side\n").expect("a table").1;
    let head = table.lines().next().expect("a head");
    assert!(head.contains("beside.yaml") && head.ends_with("empty.yaml"), "{table}");
    assert!(!out(&replay(&[&log, "--config", &config])).contains("side by side"));
}

#[test]
fn advice_is_a_configuration_and_the_same_each_time() {
    let log = log("advice.log");
    let written = file("advised.yaml", "");
    let arguments = ["tune", &log, "--write", &written];
    let said = run(&arguments);
    let text = out(&said);
    for part in
        ["outbound|443||api.openai.com\n  3,000 calls in 58 min", "held back", "As configuration:"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let advised = fs::read_to_string(&written).expect("it was written");
    assert!(text.ends_with(&advised), "{text}");
    assert_eq!(run(&["check-config", &written]).code, Some(0));
    assert_eq!(out(&run(&arguments)), text);
}

#[test]
fn what_is_left_out_is_said() {
    let log = log("newest.log");
    let said = run(&["tune", &log, "--calls", "100"]);
    let text = out(&said);
    assert!(text.contains("2900 older calls are left out"), "{text}");
    assert!(text.contains("too few calls"), "{text}");
}

#[test]
fn without_calls_there_is_nothing_to_tell() {
    let log = log("nothing.log");
    for arguments in [
        vec!["tune", "/nowhere/at/all.log"],
        vec!["tune", &log, "--cluster", "another"],
        vec!["tune", &log, "--second", "-1"],
        vec!["tune", &log, "--patience", "soon"],
    ] {
        let said = run(&arguments);
        assert_eq!(said.code, Some(1), "{arguments:?}: {said:?}");
        assert!(!said.complaint.is_empty(), "{arguments:?}");
    }
}
