//! Are the tests there that documents name as proof?

use std::path::Path;

use crate::repository::read;

/// Relative to the repository; each names tests as `filter/file::name`, `fleet/file::name` and so on.
const DOCUMENTS: &[&str] = &["SECURITY.md", "docs/hazards.md"];

/// Where the tests are that they may name.
const BINARIES: [&str; 5] = ["filter/", "any_order::", "envoy/", "trust/", "fleet/"];

/// A test file's text; a folder's tests stand in its `mod.rs`.
fn source_of(file: &str) -> String {
    let is_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file).is_dir();
    read(&format!("host-tests/tests/{file}{}.rs", if is_folder { "/mod" } else { "" }))
}

/// Whether a file of tests, such as `envoy/manifests`, has the test of that name.
pub(crate) fn has_test(file: &str, name: &str) -> bool {
    source_of(file).contains(&format!("fn {name}("))
}

/// Everything in backticks that names a test.
fn named_tests(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    let tests = quoted.filter(|it| BINARIES.iter().any(|binary| it.starts_with(binary)));
    tests.filter_map(|it| it.split_once("::")).collect()
}

/// Everything in backticks that names a file of tests.
fn named_files(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let tests = quoted.filter(|it| BINARIES.iter().any(|binary| it.starts_with(binary)));
    tests.filter(|it| !it.contains(['.', ':']) && !it.ends_with('/')).collect()
}

#[test]
fn every_file_of_tests_that_the_readme_names_is_there() {
    let text = read("README.md");
    let named = named_files(&text);
    assert!(named.len() >= 10, "it names its tests in another way");
    for file in named {
        assert!(
            source_of(file).contains("#[test]") || source_of(file).contains("#[tokio::test"),
            "{file}"
        );
    }
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        let named = named_tests(&text);
        assert!(named.len() >= 10, "{document} names its tests in another way");
        for (file, test) in named {
            if !has_test(file, test) {
                missing.push(format!("{document}: {file}::{test}"));
            }
        }
    }
    assert_eq!(missing, [] as [String; 0]);
}
