//! What CI runs: the Makefile's own targets, on actions that nobody can change behind our back.

use serde_json::Value;

use crate::makefile::{called, targets};
use crate::repository;

fn workflows() -> Vec<(String, String)> {
    let paths = repository::files(&[".yml", ".yaml"]);
    let paths = paths.into_iter().filter(|path| path.starts_with(".github/workflows/"));
    let found: Vec<_> = paths.map(|path| (path.clone(), repository::read(&path))).collect();
    assert!(found.len() >= 3, "{found:?}");
    found
}

fn steps(path: &str, text: &str) -> Vec<Value> {
    let workflow: Value = serde_saphyr::from_str(text).unwrap_or_else(|it| panic!("{path}: {it}"));
    let jobs = workflow["jobs"].as_object().unwrap_or_else(|| panic!("{path}: no jobs"));
    let steps = jobs.values().flat_map(|job| job["steps"].as_array().expect("steps").clone());
    steps.collect()
}

#[test]
fn every_workflow_calls_make_and_only_targets_that_are_there() {
    let targets = targets();
    let mut all = Vec::new();
    for (path, text) in workflows() {
        let steps = steps(&path, &text);
        let commands = steps.iter().filter_map(|step| step["run"].as_str());
        let made: Vec<String> = commands.flat_map(str::lines).flat_map(called).collect();
        assert!(!made.is_empty(), "{path} makes nothing");
        for target in &made {
            assert!(targets.contains(target), "{path}: make {target}");
        }
        all.extend(made);
    }
    for wanted in ["lint", "test", "test-all", "matrix", "release", "msrv"] {
        assert!(all.iter().any(|target| target == wanted), "nobody runs make {wanted}");
    }
}

#[test]
fn every_action_is_pinned_by_commit_and_says_its_version() {
    for (path, text) in workflows() {
        let used = text.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, used)| used);
        let used: Vec<&str> = used.collect();
        let count = steps(&path, &text).iter().filter(|step| step["uses"].is_string()).count();
        assert_eq!(used.len(), count, "{path}: written in another way");
        for used in used {
            assert!(is_pinned(used), "{path}: {used}");
        }
    }
}

/// `owner/name@` with the forty digits of a commit, and the version in a comment.
fn is_pinned(used: &str) -> bool {
    let Some((action, comment)) = used.split_once(" # v") else { return false };
    let Some((name, commit)) = action.split_once('@') else { return false };
    name.contains('/')
        && commit.len() == 40
        && commit.chars().all(|it| it.is_ascii_digit() || ('a'..='f').contains(&it))
        && comment.starts_with(|it: char| it.is_ascii_digit())
}

#[test]
fn a_tag_a_branch_and_a_short_commit_are_no_pins() {
    assert!(is_pinned("a/b@0123456789abcdef0123456789abcdef01234567 # v1.2.3"));
    for used in [
        "a/b@v1",
        "a/b@main # v1",
        "a/b@0123456 # v1",
        "a/b@0123456789abcdef0123456789abcdef01234567",
        "a/b@0123456789ABCDEF0123456789ABCDEF01234567 # v1",
    ] {
        assert!(!is_pinned(used), "{used}");
    }
}

#[test]
fn no_workflow_may_do_more_than_it_says() {
    for (path, text) in workflows() {
        let workflow: Value = serde_saphyr::from_str(&text).expect("YAML");
        assert_eq!(workflow["permissions"]["contents"], "read", "{path}");
        for (name, job) in workflow["jobs"].as_object().expect("jobs") {
            assert!(job["timeout-minutes"].is_number(), "{path}: {name} may run for ever");
        }
        for step in steps(&path, &text) {
            let Some(command) = step["run"].as_str() else { continue };
            // What others choose (a branch's name, a title) must not become part of a command.
            assert!(!command.contains("${{"), "{path}: {command}");
        }
    }
}
