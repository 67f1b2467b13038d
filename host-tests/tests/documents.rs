//! The tests that documents name as proof exist.

use std::path::Path;

/// Relative to the repository; each names tests as `filter/file::name`, `envoy/file::name` or `trust/file::name`.
const DOCUMENTS: &[&str] = &["SECURITY.md", "docs/hazards.md"];

/// Where the tests are that they may name.
const BINARIES: [&str; 3] = ["filter/", "envoy/", "trust/"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A test file's text; a folder's tests stand in its `mod.rs`.
fn source_of(file: &str) -> String {
    let is_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file).is_dir();
    read(&format!("host-tests/tests/{file}{}.rs", if is_folder { "/mod" } else { "" }))
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
            let source = source_of(file);
            if !source.contains(&format!("fn {test}(")) {
                missing.push(format!("{document}: {file}::{test}"));
            }
        }
    }
    assert_eq!(missing, [] as [String; 0]);
}
