//! Where does a measured table go? Between its two marks in the page that explains it.

use std::fs;
use std::path::PathBuf;

use crate::envoy::Failure;

/// Put a table between `<!-- NAME -->` and `<!-- end of NAME -->` of `docs/performance.md`, or of the
/// file that the environment variable `PAGE` names.
///
/// # Errors
/// When there is no such page, or it has no such marks.
pub fn put(name: &str, table: &str) -> Result<(), Failure> {
    put_into("docs/performance.md", name, table)
}

/// The same in another page of `docs/`.
///
/// # Errors
/// As [`put`].
pub fn put_into(page: &str, name: &str, table: &str) -> Result<(), Failure> {
    let page = std::env::var_os("PAGE").map_or_else(|| PathBuf::from(page), PathBuf::from);
    let text = fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    let changed = between(&text, name, table)
        .ok_or_else(|| format!("{}: no marks of {name}", page.display()))?;
    Ok(fs::write(page, changed)?)
}

fn between(text: &str, name: &str, table: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n{end}{after}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = "a\n<!-- t -->\nold\n<!-- end of t -->\nb";
        let changed = between(page, "t", "| new |\n\n").expect("marks");
        assert_eq!(changed, "a\n<!-- t -->\n| new |\n<!-- end of t -->\nb");
        assert_eq!(between(page, "other", ""), None);
    }
}
