//! What does an operator recognise in an answer that no table knows? A closed form, no expressions.

use crate::category::Category;
use crate::stream::json::paths::{MAX_PATHS, Paths, tree_of};
use crate::stream::json::{Found, Scanner};

/// One recognised answer: all that is given must hold, and something is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Matcher {
    /// The answer's status, 100 to 599.
    pub status: Option<u16>,
    /// One of its headers.
    pub header: Option<HeaderMatch>,
    /// A value in the JSON of its body.
    pub json: Option<JsonMatch>,
    /// What the answer then is.
    pub category: Category,
}

/// A header of an answer, and what its value must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeaderMatch {
    /// Its name, in lower case.
    pub name: String,
    /// What one of its values must be.
    pub text: TextMatch,
}

/// A place in a JSON document, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JsonMatch {
    /// The keys from the outside in, 1 to 8, `*` for any element of an array.
    pub path: Vec<String>,
    /// What a text there, or a number or boolean as JSON writes it, must be.
    pub text: TextMatch,
}

/// What a text must be; 1 to 128 bytes are compared, as they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextMatch {
    /// This.
    Equals(String),
    /// Something that has this in it.
    Contains(String),
    /// Something that begins so.
    Prefix(String),
}

/// More matchers are never asked.
const MAX_MATCHERS: usize = 64;

/// Some of the matchers: bit `i` is the one with index `i`.
type MatcherSet = u64;

/// What the matchers make of an answer's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtHead {
    /// None of them can hold.
    #[default]
    NoneHolds,
    /// The first that holds names this.
    Holds(Category),
    /// The answer's JSON decides.
    AsksJson(Candidates),
}

/// Matchers whose status and header hold, of an answer whose JSON decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// Those that ask for JSON, up to the first that does not.
    json: MatcherSet,
    /// What that one names.
    otherwise: Option<Category>,
}

/// Asks the matchers, in their order, about an answer's head: its status, the values of each of its
/// headers, and whether its body is JSON that can be read.
#[must_use]
pub fn at_head<'m, 'h, V: Iterator<Item = &'h [u8]>>(
    matchers: &'m [Matcher],
    status: u16,
    values: impl Fn(&'m str) -> V,
    readable_json: bool,
) -> AtHead {
    let has =
        |header: &'m HeaderMatch| values(&header.name).any(|it| header.text.holds(it, Text::All));
    let mut candidates = Candidates { json: 0, otherwise: None };
    for (index, matcher) in matchers.iter().enumerate().take(MAX_MATCHERS) {
        let fits = matcher.status.is_none_or(|wanted| wanted == status)
            && matcher.header.as_ref().is_none_or(has);
        match &matcher.json {
            None if fits => {
                candidates.otherwise = Some(matcher.category);
                break;
            }
            Some(_) if fits && readable_json => candidates.json |= 1 << index,
            _ => {}
        }
    }
    match candidates {
        Candidates { json: 0, otherwise: None } => AtHead::NoneHolds,
        Candidates { json: 0, otherwise: Some(category) } => AtHead::Holds(category),
        _ => AtHead::AsksJson(candidates),
    }
}

impl Candidates {
    /// What the first that holds names, if the answer's JSON begins with these bytes.
    #[must_use]
    pub fn over_json(self, matchers: &[Matcher], beginning: &[u8]) -> Option<Category> {
        let mut paths: Vec<Vec<&str>> = Vec::new();
        for (_, json) in self.among(matchers) {
            let path = json.path.iter().map(String::as_str).collect();
            // A value stands at one path alone, and is told once.
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
        let mut holding: MatcherSet = 0;
        for paths in paths.chunks(MAX_PATHS) {
            each_text(paths, beginning, |path, text, known| {
                for (index, json) in self.among(matchers) {
                    if json.path == path && json.text.holds(text, known) {
                        holding |= 1 << index;
                    }
                }
            });
        }
        let first = (0..MAX_MATCHERS).find(|index| holding >> index & 1 == 1);
        first.and_then(|first| matchers.get(first)).map(|it| it.category).or(self.otherwise)
    }

    fn among(self, matchers: &[Matcher]) -> impl Iterator<Item = (usize, &JsonMatch)> {
        let matchers = matchers.iter().enumerate().take(MAX_MATCHERS);
        let candidates = matchers.filter(move |(index, _)| self.json >> index & 1 == 1);
        candidates.filter_map(|(index, matcher)| Some((index, matcher.json.as_ref()?)))
    }
}

/// How much of a text is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    All,
    Beginning,
}

/// Tells every string, number and boolean that stands at one of these paths, as text.
fn each_text(paths: &[&[&str]], beginning: &[u8], mut told: impl FnMut(&[&str], &[u8], Text)) {
    let tree = tree_of(paths);
    let mut scanner = Scanner::new((0..paths.len()).fold(Paths::of(&tree), Paths::streaming));
    let mut string = Vec::new();
    let mut place: &[&str] = &[];
    scanner.feed(beginning, &mut |path, found| {
        place = paths.get(path).copied().unwrap_or_default();
        match found {
            Found::Piece(piece) => string.extend_from_slice(piece),
            Found::Text { .. } => {
                told(place, &string, Text::All);
                string.clear();
            }
            Found::Number(number) => told(place, number, Text::All),
            Found::Bool(true) => told(place, b"true", Text::All),
            Found::Bool(false) => told(place, b"false", Text::All),
            Found::Null | Found::Array { .. } | Found::Object { .. } => {}
        }
    });
    if !string.is_empty() {
        told(place, &string, Text::Beginning);
    }
}

impl TextMatch {
    fn holds(&self, text: &[u8], known: Text) -> bool {
        match self {
            Self::Equals(wanted) => known == Text::All && text == wanted.as_bytes(),
            Self::Contains(wanted) => contains(text, wanted),
            Self::Prefix(wanted) => text.starts_with(wanted.as_bytes()),
        }
    }
}

/// In linear time, as `str` searches: an upstream could write what a naive search takes long for.
fn contains(text: &[u8], wanted: &str) -> bool {
    String::from_utf8_lossy(text).contains(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Category::{ClientError, Overloaded, QuotaExhausted, RateLimited, Success};

    const ANY: Matcher = Matcher { status: None, header: None, json: None, category: Success };

    fn equals(text: &str) -> TextMatch {
        TextMatch::Equals(text.to_owned())
    }

    fn contains(text: &str) -> TextMatch {
        TextMatch::Contains(text.to_owned())
    }

    fn prefix(text: &str) -> TextMatch {
        TextMatch::Prefix(text.to_owned())
    }

    fn header(name: &str, text: TextMatch) -> Option<HeaderMatch> {
        Some(HeaderMatch { name: name.to_owned(), text })
    }

    fn json(path: &str, text: TextMatch) -> Option<JsonMatch> {
        Some(JsonMatch { path: path.split('.').map(str::to_owned).collect(), text })
    }

    /// What a head with these headers says.
    fn head(matchers: &[Matcher], status: u16, headers: &[(&str, &str)]) -> AtHead {
        let of = |wanted| headers.iter().filter(move |(name, _)| *name == wanted);
        at_head(matchers, status, |name| of(name).map(|(_, value)| value.as_bytes()), true)
    }

    /// What the matchers say of a JSON document under a 200.
    fn over(matchers: &[Matcher], document: &str) -> Option<Category> {
        match head(matchers, 200, &[]) {
            AtHead::NoneHolds => None,
            AtHead::Holds(category) => Some(category),
            AtHead::AsksJson(candidates) => candidates.over_json(matchers, document.as_bytes()),
        }
    }

    fn says(path: &str, text: TextMatch, document: &str) -> bool {
        over(&[Matcher { json: json(path, text), ..ANY }], document).is_some()
    }

    #[test]
    fn a_status_and_a_header_must_both_hold() {
        let header = header("x-error", equals("quota"));
        let matchers = [Matcher { status: Some(403), header, category: QuotaExhausted, ..ANY }];
        let holds = |status, value| head(&matchers, status, &[("x-error", value)]);
        assert_eq!(holds(403, "quota"), AtHead::Holds(QuotaExhausted));
        assert_eq!(holds(403, "quota "), AtHead::NoneHolds);
        assert_eq!(holds(401, "quota"), AtHead::NoneHolds);
        assert_eq!(head(&matchers, 403, &[]), AtHead::NoneHolds);
    }

    #[test]
    fn one_of_a_headers_values_is_enough() {
        let holds = |text| {
            let matchers = [Matcher { header: header("via", text), ..ANY }];
            head(&matchers, 200, &[("via", "1.1 edge"), ("via", "2 cache")]) != AtHead::NoneHolds
        };
        assert!(holds(equals("2 cache")) && holds(prefix("1.1 ")) && holds(contains("ach")));
        assert!(!holds(equals("cache")) && !holds(prefix("cache")) && !holds(contains("Cache")));
    }

    #[test]
    fn the_first_that_holds_decides() {
        let on_status = |status, category| Matcher { status: Some(status), category, ..ANY };
        let on_code =
            |code, category| Matcher { json: json("code", equals(code)), category, ..ANY };
        let matchers = [
            on_status(404, ClientError),
            on_code("one", RateLimited),
            on_code("two", Overloaded),
            on_status(200, QuotaExhausted),
            on_code("three", Success),
        ];
        assert_eq!(over(&matchers, r#"{"code": "two", "code": "one"}"#), Some(RateLimited));
        assert_eq!(over(&matchers, r#"{"code": "two"}"#), Some(Overloaded));
        assert_eq!(over(&matchers, r#"{"code": "three"}"#), Some(QuotaExhausted));
        assert_eq!(head(&matchers, 404, &[]), AtHead::Holds(ClientError));
        let without_json = at_head(&matchers, 200, |_| core::iter::empty(), false);
        assert_eq!(without_json, AtHead::Holds(QuotaExhausted));
    }

    #[test]
    fn strings_numbers_and_booleans_are_compared_as_text() {
        let document = r#"{"a": {"text": "caf\u00e9\n!", "number": 42.0, "yes": true, "no": false,
            "nothing": null, "empty": "", "object": {}}}"#;
        assert!(says("a.text", equals("café\n!"), document));
        assert!(says("a.number", equals("42.0"), document));
        assert!(says("a.number", prefix("42"), document));
        assert!(!says("a.number", equals("42"), document));
        assert!(says("a.yes", equals("true"), document) && says("a.no", equals("false"), document));
        for path in ["a.nothing", "a.empty", "a.object", "a", "text", "a.text.more", "a.*"] {
            assert!(!says(path, contains("n"), document), "{path}");
        }
    }

    #[test]
    fn an_array_is_looked_through() {
        let document = r#"[{"errors": [{"code": "one"}, {"code": "two"}, 3]}]"#;
        assert!(says("*.errors.*.code", equals("two"), document));
        assert!(says("*.errors.*", equals("3"), document));
        assert!(!says("*.errors.code", equals("two"), document));
    }

    #[test]
    fn a_long_text_is_seen_to_its_end() {
        let long = "x".repeat(1000) + "\\t\\\"quota\\\" is gone";
        let document = format!(r#"{{"message": "{long}"}}"#);
        assert!(says("message", contains("\t\"quota\" is"), &document));
        assert!(says("message", prefix(&"x".repeat(128)), &document));
        assert!(!says("message", equals(&"x".repeat(128)), &document));
        assert!(!says("message", contains("quota\" was"), &document));
    }

    #[test]
    fn of_a_text_that_is_cut_only_its_beginning_is_known() {
        let cut = r#"{"message": "no more quo"#;
        assert!(says("message", contains("more"), cut) && says("message", prefix("no"), cut));
        assert!(!says("message", equals("no more quo"), cut));
        assert!(!says("message", contains("quota"), cut));
    }

    #[test]
    fn texts_of_one_path_do_not_run_together() {
        let document = r#"{"a": ["quo", "ta", "gone"], "b": "ta"}"#;
        assert!(!says("a.*", contains("quota"), document));
        assert!(says("a.*", equals("gone"), document));
    }

    #[test]
    fn as_many_as_there_may_be_are_all_asked() {
        let matchers: Vec<Matcher> = (0..MAX_MATCHERS)
            .map(|index| Matcher { json: json(&format!("k{index}"), equals("1")), ..ANY })
            .collect();
        for index in 0..MAX_MATCHERS {
            assert_eq!(over(&matchers, &format!(r#"{{"k{index}": 1}}"#)), Some(Success), "{index}");
        }
        assert_eq!(over(&matchers, r#"{"k64": 1}"#), None);
    }
}
