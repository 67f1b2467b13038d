//! Which targets has the Makefile, and which does a command line call?

use std::collections::BTreeSet;

use crate::markdown::documents;
use crate::repository;

/// Whatever stands before a colon at the beginning of a line.
pub(crate) fn targets() -> BTreeSet<String> {
    let makefile = repository::read("Makefile");
    let rules = makefile.lines().filter(|line| !line.starts_with(['\t', '#', ' ', '.']));
    let rules = rules.filter(|line| !line.contains(":=") && !line.contains("?="));
    let names = rules.filter_map(|line| line.split_once(':')).map(|(names, _)| names);
    let names = names.flat_map(str::split_whitespace);
    names
        .filter(|it| it.chars().all(|it| it.is_ascii_lowercase() || it == '-'))
        .map(str::to_owned)
        .collect()
}

/// The targets that a command line calls, if it calls make.
pub(crate) fn called(line: &str) -> Vec<String> {
    // What stands in quotes is a value, whatever it says.
    let line: String = line.split('"').step_by(2).collect();
    let line = line.split('#').next().unwrap_or_default();
    let calls =
        line.split("make ").skip(1).filter_map(|rest| rest.split([';', '&', '|', ')', '>']).next());
    let is_target = |word: &&str| !word.is_empty() && !word.starts_with('-') && !word.contains('=');
    let targets = calls.flat_map(|call| call.split_whitespace().filter(is_target));
    targets.map(str::to_owned).collect()
}

/// In backticks, in prose.
fn mentioned(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).filter(|it| it.starts_with("make "));
    quoted.filter(|it| !it.contains(['\n', '…'])).flat_map(called).collect()
}

#[test]
fn every_target_that_a_document_mentions_is_there() {
    let targets = targets();
    assert!(targets.contains("test") && targets.contains("check-config"), "{targets:?}");
    let mut missing = Vec::new();
    for (document, text) in documents() {
        let unknown = mentioned(&text).into_iter().filter(|it| !targets.contains(it));
        missing.extend(unknown.map(|it| format!("{document}: make {it}")));
    }
    assert_eq!(missing, [] as [String; 0]);
}

#[test]
fn what_a_line_calls_is_what_stands_behind_make() {
    assert_eq!(called("make lint test      # both"), ["lint", "test"]);
    assert_eq!(called("A=b make run LISTENER_PORT=1 && make test"), ["run", "test"]);
    assert_eq!(called("make replay LOG=x > report.html"), ["replay"]);
    assert_eq!(called("make check-config FILE=x ARGUMENTS=\"--cluster y\""), ["check-config"]);
}
