//! What does the beginning of this JSON document say about an error?

use crate::dialect::{ERROR_PLACES, ErrorFacts};
use crate::stream::Completeness;
use crate::stream::json::{Found, Scanner};
use crate::stream::json_array::{Part, Reader};

/// What an error has to say stands in its first bytes; no more of a body is read.
pub(super) const LIMIT_BYTES: usize = 16 * 1024;

/// A document as far as it was read. Google's streaming methods answer with an array of documents:
/// the first is the one, and what follows it is not read.
#[derive(Debug)]
pub(super) struct Document {
    form: Form,
    scanner: Scanner<'static>,
    facts: ErrorFacts,
    left_bytes: usize,
    /// Its last byte was read.
    whole: bool,
}

/// What its first byte tells.
#[derive(Debug)]
enum Form {
    /// Nothing but what may stand before it was read.
    Unknown,
    One,
    FirstOfArray(Reader),
}

impl Document {
    pub(super) fn new() -> Self {
        Self {
            form: Form::Unknown,
            scanner: Scanner::new(ERROR_PLACES),
            facts: ErrorFacts::default(),
            left_bytes: LIMIT_BYTES,
            whole: false,
        }
    }

    /// Reads the next bytes; whether more of them would tell nothing.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        let mut readable = bytes.get(..self.left_bytes).unwrap_or(bytes);
        self.left_bytes = self.left_bytes.saturating_sub(readable.len());
        if matches!(self.form, Form::Unknown) {
            readable = without_blank_start(readable);
            self.form = match readable.first() {
                None => Form::Unknown,
                Some(b'[') => Form::FirstOfArray(Reader::new()),
                Some(_) => Form::One,
            };
        }
        let Self { form, scanner, facts, whole, .. } = self;
        let mut found = |index, found: Found<'_>| facts.found(index, found);
        match form {
            _ if *whole => {}
            Form::Unknown => {}
            Form::One => *whole = scanner.feed_container(readable, &mut found),
            Form::FirstOfArray(reader) => reader.feed(readable, &mut |part| match part {
                _ if *whole => {}
                Part::Data(data) => scanner.feed(data, &mut found),
                Part::Dispatch => *whole = true,
            }),
        }
        // A string or a number is whole only if nothing follows it.
        let told = matches!(self.end(), Completeness::Malformed | Completeness::TooDeep);
        !self.may_go_on() || self.whole || told
    }

    /// What it said of an error.
    pub(super) const fn facts(&self) -> &ErrorFacts {
        &self.facts
    }

    /// Whether what comes next would be read.
    pub(super) const fn may_go_on(&self) -> bool {
        self.left_bytes > 0
    }

    /// How it ends if it ends here.
    pub(super) fn end(&self) -> Completeness {
        match (self.scanner.end(), &self.form) {
            // Before or between the elements of an array.
            (Completeness::Empty, Form::FirstOfArray(reader)) => reader.end(),
            (end, _) => end,
        }
    }
}

/// Without white space and a byte-order mark.
pub(super) fn without_blank_start(bytes: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0xEF | 0xBB | 0xBF);
    let start = bytes.iter().position(|byte| !is_blank(byte)).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Completeness::{Empty, Malformed, TooDeep, Truncated, Whole};

    /// How a document ends, which no split may change.
    fn end(text: &str) -> Completeness {
        let read = |pieces: &[&[u8]]| {
            let mut document = Document::new();
            for piece in pieces {
                document.read(piece);
            }
            (document.end(), document.facts.clone())
        };
        let whole = read(&[text.as_bytes()]);
        for (at, _) in text.bytes().enumerate() {
            let (left, right) = text.as_bytes().split_at(at);
            assert_eq!(read(&[left, right]), whole, "{text} at {at}");
        }
        whole.0
    }

    #[test]
    fn it_is_the_first_element_of_an_array_or_all_there_is() {
        for text in
            ["{}", " \r\n{\"a\": 1}", "\u{feff}{}", "\"text\"", "null", "[]", "[1, 2", "[{}"]
        {
            assert_eq!(end(text), Whole, "{text}");
        }
        for text in ["", "\n", "\u{feff}"] {
            assert_eq!(end(text), Empty, "{text}");
        }
        for text in ["{", "{\"a\": \"", "[", "[{\"a\"", "\"text"] {
            assert_eq!(end(text), Truncated, "{text}");
        }
        for text in ["<html>", "OK", "{\"a\"}", "{'a': 1}", "{\"a\": }", "[{]}", "}"] {
            assert_eq!(end(text), Malformed, "{text}");
        }
        assert_eq!(end(&"[".repeat(200)), TooDeep);
    }

    #[test]
    fn what_follows_it_is_not_read() {
        for text in
            ["{} {", "{}\n{}", "{}]<html>", "[{}] x", "[{}, {\"error\": {\"code\": \"odd\"}}]"]
        {
            assert_eq!(end(text), Whole, "{text}");
            let mut document = Document::new();
            document.read(text.as_bytes());
            assert!(!document.facts().is_error(), "{text}");
        }
    }

    #[test]
    fn no_more_is_read_once_it_is_told() {
        let told = |text: &[u8]| Document::new().read(text);
        assert!(!told(b"") && !told(b" [") && !told(b"{\"a\": 1"));
        assert!(told(b"{\"a\": 1}") && told(b"[{}") && told(b"<"));
        let mut long = Document::new();
        assert!(!long.read(&[&b"{\"a\": \""[..], &[b'x'; LIMIT_BYTES - 8]].concat()));
        assert!(long.may_go_on() && long.read(b"x") && !long.may_go_on());
        assert!(long.read(b"\"}") && long.end() == Truncated);
    }
}
