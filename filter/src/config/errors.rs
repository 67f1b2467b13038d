//! What is wrong with a document: every mistake with its path, what was given, what is allowed.

use core::fmt;

use super::json;
use serde_json::Value;

/// More lines than this help nobody and would flood Envoy's log.
const MAX_SHOWN: usize = 50;
/// Characters of a value that are shown: enough to recognise it.
const MAX_VALUE: usize = 80;
/// Characters of a field's name that are shown: twice the longest that the document knows.
const MAX_NAME: usize = 40;
/// The path of what concerns the document as a whole.
const DOCUMENT: &str = "configuration";

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where, as in `breakers[0].trip.failure_rate`; `configuration` for the whole document.
    pub path: String,
    /// What is wrong, with the value given as JSON, without what is inside of objects and lists.
    pub problem: String,
    /// The value given, as far as it may be repeated; shortened to a text if it is long.
    pub given: Option<Value>,
    /// What would be right.
    pub allowed: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; allowed: {}", self.path, self.problem, self.allowed)
    }
}

/// All mistakes of one document; its `Display` is one line for each, 50 at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    shown: Vec<ConfigError>,
    more: usize,
}

impl Errors {
    /// The mistakes that are kept, 50 at most.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.shown.iter()
    }

    /// The number of mistakes, also of those that are not kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shown.len().saturating_add(self.more)
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// The document cannot be read at all.
    pub(super) fn unreadable(&mut self, problem: String, allowed: &str) {
        self.push(DOCUMENT.into(), problem, None, allowed);
    }

    /// A field has a value that it may not have.
    pub(super) fn wrong(&mut self, path: String, given: &Value, allowed: &str) {
        self.push(path, format!("{} is wrong", show(given)), Some(given), allowed);
    }

    /// A field has a value that it may not have, and that is not for the log.
    pub(super) fn concealed(&mut self, path: String, allowed: &str) {
        self.push(path, "its value is wrong".into(), None, allowed);
    }

    /// A field that must be given is not.
    pub(super) fn missing(&mut self, path: String, allowed: &str) {
        self.push(path, "missing".into(), None, allowed);
    }

    /// A number that JSON does not have, as a Struct may carry it.
    pub(super) fn not_finite(&mut self, path: String, given: f64) {
        // Not by formatting it, which would be all that needs tables for numbers like 1e-300.
        let shown = match given {
            f64::INFINITY => "inf",
            f64::NEG_INFINITY => "-inf",
            _ => "NaN",
        };
        self.push(path, format!("{shown} is wrong"), None, "a finite number");
    }

    /// A field that no version knows.
    pub(super) fn unknown(&mut self, path: String, given: &Value, allowed: &str) {
        self.push(path, format!("unknown field, given {}", show(given)), Some(given), allowed);
    }

    /// The same, with a value that is not for the log.
    pub(super) fn unknown_concealed(&mut self, path: String, allowed: &str) {
        self.push(path, "unknown field".into(), None, allowed);
    }

    /// Whether the value at `path` is not what the document meant, because it, what holds it or,
    /// of a list, an entry is already wrong.
    pub(super) fn spoil(&self, path: &str) -> bool {
        self.shown.iter().map(|error| error.path.as_str()).any(|wrong| {
            path.strip_prefix(wrong).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                || wrong.strip_prefix(path).is_some_and(|rest| rest.starts_with('['))
        })
    }

    fn push(&mut self, path: String, problem: String, given: Option<&Value>, allowed: &str) {
        if self.shown.len() < MAX_SHOWN {
            let given = given.map(repeated);
            self.shown.push(ConfigError { path, problem, given, allowed: allowed.into() });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.shown.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{error}")?;
        }
        if self.more > 0 {
            write!(formatter, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl core::error::Error for Errors {}

/// The path of the field `name` of the object at `parent` (empty: the document).
pub(super) fn join(parent: &str, name: &str) -> String {
    let plain = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    // As JSON, a strange name can neither end the log line nor look like a path of its own.
    let name = if plain { cut(name.into(), MAX_NAME) } else { show_within(&name.into(), MAX_NAME) };
    if parent.is_empty() { name } else { format!("{parent}.{name}") }
}

/// A value as JSON on one line, cut if it is long; of objects and lists no more than what helps to
/// find them, since there may be a credential inside.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let names =
                fields.keys().map(|name| format!("{}: …", json::write(&name.as_str().into())));
            cut(format!("{{{}}}", names.collect::<Vec<_>>().join(", ")), MAX_VALUE)
        }
        Value::Array(list) if !list.is_empty() => "[…]".into(),
        scalar => show_within(scalar, MAX_VALUE),
    }
}

fn repeated(value: &Value) -> Value {
    match value {
        Value::Object(_) | Value::Array(_) => show(value).into(),
        Value::String(text) => cut(text.clone(), MAX_VALUE).into(),
        scalar => scalar.clone(),
    }
}

fn show_within(value: &Value, max: usize) -> String {
    cut(json::write(value), max)
}

fn cut(mut text: String, max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fifty_errors_are_shown_and_the_others_counted() {
        let mut errors = Errors::default();
        for index in 0..60 {
            errors.wrong(format!("f{index}"), &Value::Bool(true), "false");
        }
        assert_eq!(errors.len(), 60);
        assert_eq!(errors.iter().count(), 50);
        let lines: Vec<_> = errors.to_string().lines().map(String::from).collect();
        assert_eq!(lines.len(), 51);
        assert_eq!(lines[0], "f0: true is wrong; allowed: false");
        assert_eq!(lines[50], "and 10 more");
    }

    #[test]
    fn long_and_strange_names_and_values_stay_short_and_on_one_line() {
        let mut errors = Errors::default();
        let name = format!("a\nb{}", "ü".repeat(1000));
        errors.unknown(join("trip", &name), &Value::String("\n".repeat(1000)), "x");
        let text = errors.to_string();
        assert!(text.starts_with(r#"trip."a\nbü"#), "{text}");
        assert_eq!(text.lines().count(), 1);
        assert!(text.chars().count() < 200, "{text}");
    }

    #[test]
    fn what_is_inside_of_an_object_or_a_list_is_not_shown() {
        for (value, shown) in [
            (json!({}), "{}"),
            (json!({"b": "secret", "a": {"c": "secret"}}), r#"{"a": …, "b": …}"#),
            (json!([]), "[]"),
            (json!(["secret"]), "[…]"),
            (json!("text"), r#""text""#),
        ] {
            assert_eq!(show(&value), shown);
        }
    }

    #[test]
    fn an_error_spoils_its_own_path_what_is_below_it_and_the_list_it_is_in() {
        let mut errors = Errors::default();
        errors.wrong("defaults.models[1]".into(), &Value::Null, "a glob");
        assert!(errors.spoil("defaults.models"));
        assert!(!errors.spoil("defaults.model"));
        errors.wrong("defaults.window".into(), &Value::Null, "an object");
        assert!(errors.spoil("defaults.window"));
        assert!(errors.spoil("defaults.window.calls"));
        assert!(!errors.spoil("defaults.window_calls"));
        assert!(!errors.spoil("defaults"));
    }
}
