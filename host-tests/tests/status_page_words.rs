//! Does the status page find the right words for all that its API can say? In Node.js, without a page.

use std::path::Path;
use std::process::Command;

#[test]
fn the_words_are_right() {
    let tests = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/browser/words.test.mjs"));
    let run = Command::new("node").arg("--test").arg(tests).output().expect("Node.js");
    let report = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && !report.contains("# tests 0\n"), "{report}");
}
