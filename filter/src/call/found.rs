//! How do the findings in a body's JSON become what a dialect understands?

use crate::dialect::Value;
use crate::stream::json::{Found, Scanner};

impl<'a> From<Found<'a>> for Value<'a> {
    fn from(found: Found<'a>) -> Self {
        match found {
            Found::Text { prefix, cut } => Self::Text { prefix, cut },
            Found::Piece(bytes) => Self::Piece(bytes),
            Found::Number(text) => Self::Number(text),
            Found::Bool(value) => Self::Bool(value),
            Found::Null => Self::Null,
            Found::Array { empty } => Self::Array { empty },
            Found::Object { empty } => Self::Object { empty },
        }
    }
}

/// A scanner for these paths that hands on messages whole: what they say may stand at their end.
pub(super) fn scanner(paths: &'static [&'static [&'static str]]) -> Scanner<'static> {
    let is_message = |path: &[&str]| matches!(path.last(), Some(&("message" | "Message")));
    let messages = paths.iter().enumerate().filter(|(_, path)| is_message(path));
    messages.fold(Scanner::new(paths), |scanner, (index, _)| scanner.streaming(index))
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
