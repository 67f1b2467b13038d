//! How does a body ask for another model, and for all else as before?

use crate::stream::Completeness;
use crate::stream::json::paths::{Node, Paths, size, tree};
use crate::stream::json::{Found, Scanner};

const MODEL: &[&[&str]] = &[&["model"]];
const TREE: &[Node<'_>] = &tree::<{ size(MODEL) }>(MODEL);
// Streamed, a string is told at its end however long it is.
const NAMES: Paths<'_> = Paths::of(TREE).streaming(0);

/// The document that asks for `model` where this one asked for another, byte for byte the same
/// otherwise; `None` if it names none, or is no whole JSON document.
///
/// A body that names several is changed in all places: which of them its reader takes is not known,
/// and the choice is not the client's.
#[must_use]
pub fn with_model(body: &[u8], model: &str) -> Option<Vec<u8>> {
    let name = serde_json::to_vec(model).ok()?;
    let mut scanner = Scanner::new(NAMES);
    let mut renamed = Vec::with_capacity(body.len().saturating_add(name.len()));
    let mut names_one = false;
    // Every string ends at a quotation mark, so it is told by the last byte of a piece.
    for piece in body.split_inclusive(|byte| *byte == b'"') {
        let mut ends_name = false;
        scanner.feed(piece, &mut |_, found| ends_name |= matches!(found, Found::Text { .. }));
        renamed.extend_from_slice(piece);
        if ends_name {
            renamed.truncate(start_of_string(&renamed)?);
            renamed.extend_from_slice(&name);
            names_one = true;
        }
    }
    (names_one && scanner.end() == Completeness::Whole).then_some(renamed)
}

/// Where the string begins that ends here: at the quotation mark before which no backslash stands,
/// or an even number, since inside a string each one is escaped.
fn start_of_string(json: &[u8]) -> Option<usize> {
    let (_, inside) = json.split_last()?;
    let is_escaped = |at: usize| {
        let before = inside.get(..at).unwrap_or_default();
        before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
    };
    let starts = |(at, byte): &(usize, &u8)| **byte == b'"' && !is_escaped(*at);
    inside.iter().enumerate().rev().find(starts).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(body: &str) -> Option<String> {
        let body = with_model(body.as_bytes(), "gpt-4.1")?;
        Some(String::from_utf8(body).expect("as it was, UTF-8"))
    }

    #[test]
    fn the_model_is_another_and_every_other_byte_as_it_was() {
        for (body, expected) in [
            (r#"{"model":"o3"}"#, r#"{"model":"gpt-4.1"}"#),
            (
                " {\"n\" : 1.50e3,\n\t\"model\" :  \"o3\" , \"é\":\"\\u00e9\\/\"}\r\n",
                " {\"n\" : 1.50e3,\n\t\"model\" :  \"gpt-4.1\" , \"é\":\"\\u00e9\\/\"}\r\n",
            ),
            ("\u{feff}{\"model\":\"\"}", "\u{feff}{\"model\":\"gpt-4.1\"}"),
            (
                r#"{"mod\u0065l":"o3","temperature":NaN}"#,
                r#"{"mod\u0065l":"gpt-4.1","temperature":NaN}"#,
            ),
        ] {
            assert_eq!(renamed(body).as_deref(), Some(expected), "{body}");
        }
    }

    #[test]
    fn a_name_with_escapes_is_replaced_as_a_whole() {
        for name in [r#"\"#, r#"""#, r#"\\"#, r#"\""#, r#""\"#, r#"a"b\"c\\"d"#, "\n", r#"":"x"#] {
            let escaped = serde_json::to_string(name).expect("a string");
            let body = format!(r#"{{"a":"\\","model":{escaped},"b":"\""}}"#);
            let expected = r#"{"a":"\\","model":"gpt-4.1","b":"\""}"#;
            assert_eq!(renamed(&body).as_deref(), Some(expected), "{body}");
        }
        let long = format!(r#"{{"model":"{}"}}"#, "x".repeat(100_000));
        assert_eq!(renamed(&long).as_deref(), Some(r#"{"model":"gpt-4.1"}"#));
    }

    #[test]
    fn the_new_name_is_escaped() {
        let name = "a\"b\\c\n\u{e9}";
        let body = with_model(br#"{"model":"o3"}"#, name).expect("a body");
        let read: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(read, serde_json::json!({ "model": name }));
    }

    #[test]
    fn what_is_called_model_elsewhere_stays() {
        for (body, expected) in [
            (
                r#"{"messages":[{"model":"a"}],"x":{"model":"b"},"model":"o3","y":"model"}"#,
                r#"{"messages":[{"model":"a"}],"x":{"model":"b"},"model":"gpt-4.1","y":"model"}"#,
            ),
            (
                r#"{"text":"\"model\":\"a\"","model":"o3"}"#,
                r#"{"text":"\"model\":\"a\"","model":"gpt-4.1"}"#,
            ),
        ] {
            assert_eq!(renamed(body).as_deref(), Some(expected), "{body}");
        }
    }

    #[test]
    fn no_model_of_several_is_left_to_the_client() {
        let body = r#"{"model":"a","n":{"model":"b"},"model":"c"}"#;
        let expected = r#"{"model":"gpt-4.1","n":{"model":"b"},"model":"gpt-4.1"}"#;
        assert_eq!(renamed(body).as_deref(), Some(expected));
    }

    #[test]
    fn what_names_no_model_or_is_no_json_is_left_alone() {
        for body in [
            "",
            "{}",
            r#""model""#,
            r#"[{"model":"o3"}]"#,
            r#"{"model":7}"#,
            r#"{"model":null}"#,
            r#"{"model":{"model":"o3"}}"#,
            r#"{"model":"o3""#,
            r#"{"model":"o3","#,
            r#"{"model":"o3"} x"#,
            r#"{"model":"o3",}"#,
            "model=o3",
        ] {
            assert_eq!(renamed(body), None, "{body}");
        }
    }
}
