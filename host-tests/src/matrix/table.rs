//! What the README says of the Envoys that were tried: a table between two marks.

use std::fmt::Write as _;

use super::Version;
use super::lacks::{LACKS, Lack};
use super::suite::Verdicts;

/// What one Envoy came to.
#[derive(Clone, Debug)]
pub enum Row {
    /// The suite ran.
    Ran(Version, Verdicts),
    /// It cannot load a Wasm module.
    WithoutWasm(Version),
}

/// What contradicts the list of what each version lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Surprise {
    /// A test failed that no lack explains.
    Fails(String),
    /// A lack that no test shows.
    Works(&'static str),
}

impl Row {
    /// What is not as the list says.
    #[must_use]
    pub fn surprises(&self) -> Vec<Surprise> {
        let Self::Ran(version, verdicts) = self else { return Vec::new() };
        let lacks: Vec<&Lack> = LACKS.iter().filter(|lack| lack.concerns(version)).collect();
        let is_explained = |test: &&String| lacks.iter().any(|lack| lack.shows_in(test));
        let failed = verdicts.failed.iter().filter(|test| !is_explained(test));
        let shown = |lack: &&Lack| verdicts.failed.iter().any(|test| lack.shows_in(test));
        let stale = lacks.iter().copied().filter(|lack| !shown(lack));
        let fails = failed.map(|test| Surprise::Fails(test.clone()));
        fails.chain(stale.map(|lack| Surprise::Works(lack.what))).collect()
    }

    fn line(&self) -> String {
        match self {
            Self::WithoutWasm(version) => {
                format!("| {version} | none | Wasm: PyPI's wheel is built without a runtime |")
            }
            Self::Ran(version, Verdicts { passed, failed, .. }) => {
                let lacks = LACKS.iter().filter(|lack| lack.concerns(version));
                let lacks: Vec<&str> = lacks.map(|lack| lack.what).collect();
                let (passed, all) = (passed.len(), passed.len() + failed.len());
                format!("| {version} | {passed} of {all} | {} |", lacks.join("; "))
            }
        }
    }
}

const BEGIN: &str = "<!-- made by `make matrix` -->";
const END: &str = "<!-- end -->";

/// The table, newest first.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from("| Envoy | tests passed | what it lacks |\n|---|---|---|\n");
    for row in rows.iter().rev() {
        let _ = writeln!(text, "{}", row.line());
    }
    text
}

/// A document with the table in the place of the one that it has.
///
/// # Errors
/// When it has no place for it.
pub fn put_into(document: &str, table: &str) -> Result<String, String> {
    let parts = document.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or(format!("no {BEGIN} … {END}"))?;
    Ok(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(version: &str, output: &str) -> Row {
        Row::Ran(version.parse().expect("a version"), Verdicts::read(output))
    }

    #[test]
    fn the_newest_comes_first_and_a_second_table_takes_the_place_of_the_first() {
        let old = Row::WithoutWasm("1.38.3".parse().expect("a version"));
        let table = table(&[old, ran("99.0.0", "test a ... ok\n")]);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(rows[0], "| 99.0.0 | 1 of 1 |  |");
        assert!(rows[1].starts_with("| 1.38.3 | none |"), "{}", rows[1]);
        let document = format!("above\n{BEGIN}\nold\n{END}\nbelow");
        let once = put_into(&document, &table).expect("a place");
        assert!(!once.contains("old") && once.starts_with("above") && once.ends_with("below"));
        assert_eq!(put_into(&once, &table), Ok(once));
        assert!(put_into("nothing", &table).is_err());
    }

    #[test]
    fn a_failure_that_nothing_explains_is_a_surprise_and_so_is_a_lack_that_is_none() {
        let row = ran("99.0.0", "test a ... FAILED\ntest b ... ok\n");
        assert_eq!(row.surprises(), [Surprise::Fails("a".into())]);
        for lack in LACKS {
            let row = ran("0.0.0", "test a ... ok\n");
            assert!(row.surprises().contains(&Surprise::Works(lack.what)));
        }
    }
}
