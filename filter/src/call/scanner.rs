//! What is looked for in a body's JSON, and how much of it is kept?

use crate::stream::json::Scanner;

/// A scanner for these paths that hands on messages whole: what they say may stand at their end.
pub(super) fn scanner(paths: &'static [&'static [&'static str]]) -> Scanner<'static> {
    let is_message = |path: &[&str]| matches!(path.last(), Some(&("message" | "Message")));
    let mut scanner = Scanner::new(paths);
    for (index, _) in paths.iter().enumerate().filter(|(_, path)| is_message(path)) {
        scanner.stream(index);
    }
    scanner
}

#[cfg(test)]
mod tests {
    use crate::dialect::{Dialect, ERROR_PATHS};

    #[test]
    fn no_dialect_asks_for_more_than_a_scanner_finds() {
        let events = Dialect::ALL.map(Dialect::event_paths);
        for paths in events.into_iter().chain([ERROR_PATHS]) {
            assert!(paths.len() <= 32, "{}", paths.len());
            assert!(paths.iter().all(|path| path.len() <= 8));
        }
    }
}
