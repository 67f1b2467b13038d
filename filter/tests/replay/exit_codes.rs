//! What another program sees of it, such as a pipeline that tries a change of thresholds.

use crate::command::{file, replay, replay_of, run_into};
use crate::lines::Scene;

/// An outage of 30 s at 10 calls a second, whose breaker stays open for 30 s at least.
fn log() -> String {
    Scene { rate: 10, ..Scene::default() }.text(3_000)
}

#[test]
fn false_alarms_beyond_the_bound_are_told_by_the_exit_code() {
    let log = file("alarms.log", log());
    let long = file("long.yaml", "defaults: {open: {base: 60s}}");
    let alarms = |arguments: &[&str]| {
        let mut all = vec!["--config", long.as_str(), log.as_str()];
        all.extend(arguments);
        replay(&all)
    };
    assert_eq!(alarms(&[]).code, Some(0));
    assert_eq!(alarms(&["--max-false-alarms", "50%"]).code, Some(0));
    let beyond = alarms(&["--max-false-alarms", "0.5%"]);
    assert_eq!(beyond.code, Some(2), "{}", beyond.out);
    assert!(beyond.complaint.contains("long.yaml: "), "{}", beyond.complaint);
    assert!(beyond.complaint.contains("more than 0.5 %"), "{}", beyond.complaint);
}

#[test]
fn what_cannot_be_read_is_told_apart_from_what_is_too_much() {
    let log = file("readable.log", log());
    let wrong = file("wrong.yaml", "defaults: {trip: {failure_rate: 2}}");
    let empty = file("empty.log", "");
    for (arguments, says) in [
        (vec![], "required"),
        (vec!["/nowhere"], "/nowhere: "),
        (vec![empty.as_str()], "nothing to replay"),
        (vec!["--config", wrong.as_str(), log.as_str()], "defaults.trip.failure_rate"),
        (vec!["--config", "/nowhere", log.as_str()], "/nowhere: "),
        (vec!["--max-false-alarms", "half", log.as_str()], "a percentage such as 0.5%"),
        (vec!["--reorder", "long", log.as_str()], "reorder"),
    ] {
        let said = replay(&arguments);
        assert_eq!(said.code, Some(1), "{arguments:?}: {}", said.complaint);
        assert!(said.complaint.contains(says), "{arguments:?}: {}", said.complaint);
    }
}

#[test]
fn configurations_stand_side_by_side_in_text_and_json() {
    let log = log();
    let long = file("side.yaml", "defaults: {open: {base: 60s}}");
    let brief = file("brief.yaml", "{}");
    let configurations = ["--config", brief.as_str(), "--config", long.as_str(), "-"];
    let said = replay_of(log.as_bytes(), &configurations);
    assert_eq!(said.code, Some(0), "{}", said.complaint);
    for words in [
        "3000 lines, 3000 calls",
        "0 lines skipped",
        "1 trip of 1 breaker\n",
        "brief.yaml",
        "side.yaml",
        "consecutive_failures 5.000 of 5 (server_error)",
    ] {
        assert!(said.out.contains(words), "{words} is not in {}", said.out);
    }
    let mut as_json = vec!["--format", "json"];
    as_json.extend(configurations);
    let told = replay_of(log.as_bytes(), &as_json).json();
    let of = |index: usize| told["findings"]["configurations"][index].clone();
    let alarms = |index: usize| of(index)["tally"]["blocked"]["succeeded"].as_u64();
    assert!(alarms(1) > alarms(0), "{told:#}");
    assert_eq!(of(0)["breakers"][0]["trips"][0]["category"], "server_error");
    assert_eq!(of(0)["tally"]["sent"]["failed"], 300);
    assert_eq!(told["reading"]["lines"], 3_000);
}

#[test]
fn a_reader_that_leaves_is_no_error_and_a_full_disk_is() {
    let log = file("leaves.log", log());
    for arguments in [
        vec!["replay", "--format", "json", log.as_str()],
        vec!["replay", log.as_str()],
        vec!["reference"],
        vec!["schema"],
    ] {
        let said = run_into(closed_pipe(), &arguments);
        assert_eq!((said.code, said.complaint.as_str()), (Some(0), ""), "{arguments:?}");
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let said = run_into(full.into(), &arguments);
        assert_eq!(said.code, Some(1), "{arguments:?}");
        assert!(said.complaint.starts_with("standard output: "), "{}", said.complaint);
    }
}

/// A pipe that nobody reads.
fn closed_pipe() -> std::process::Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn a_bound_is_not_kept_by_calls_that_nobody_replayed() {
    let code = |log: &str, arguments: &[&str]| {
        let said = replay_of(log.as_bytes(), &[arguments, &["-"]].concat());
        (said.code, said.complaint)
    };
    let bound = ["--max-false-alarms", "100%"];
    let damaged = log().replacen("\"admitted_ns\":", "\"x\":", 31);
    assert_eq!(code(&damaged, &[]).0, Some(0));
    let (of_damaged, complaint) = code(&damaged, &bound);
    assert_eq!(of_damaged, Some(1));
    assert!(complaint.contains("31 of 3000 lines could not be used"), "{complaint}");
    let few = log().replacen("\"admitted_ns\":", "\"x\":", 30);
    assert_eq!(code(&few, &bound).0, Some(0));
    // A second cluster has no room.
    let two = log().replacen("\"key\":\"outbound", "\"key\":\"inbound", 1);
    let one = file("one-breaker.yaml", "max_breakers: 1");
    let (of_two, complaint) = code(&two, &[&bound[..], &["--config", &one]].concat());
    assert_eq!(of_two, Some(1), "{complaint}");
    assert!(complaint.contains("calls had no breaker"), "{complaint}");
}

#[test]
fn parts_that_no_line_names_are_warned_of() {
    let by_model = file("by-model.yaml", "defaults: {key_by: model, models: [\"gpt-*\"]}");
    let arguments = ["--config", by_model.as_str(), "-"];
    let said = replay_of(log().as_bytes(), &arguments);
    assert_eq!(said.code, Some(0));
    assert!(said.complaint.contains("no line of it names a model"), "{}", said.complaint);
    let named = log().replace("\"method\"", "\"model\":\"gpt-5\",\"method\"");
    assert_eq!(replay_of(named.as_bytes(), &arguments).complaint, "");
}
