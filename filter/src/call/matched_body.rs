//! What do the operator's matchers make of this answer's JSON?

use crate::call::document::LIMIT_BYTES;
use crate::call::error_body::Judgement;
use crate::call::head::ResponseHead;
use crate::matcher::{AtHead, Candidates, Matcher};
use crate::stream::Completeness;
use crate::stream::inflate::{Format, inflate};
use crate::stream::json::{Paths, Scanner};

/// The body of an answer whose JSON matchers ask for, as far as it was read.
#[derive(Debug)]
pub(super) struct MatchedBody {
    head: ResponseHead,
    candidates: Candidates,
    /// How it is compressed; then it is inflated once, when it is judged.
    format: Option<Format>,
    beginning: Vec<u8>,
    left_bytes: usize,
    /// Looks for the document's end alone, where it can.
    scanner: Scanner<'static>,
}

impl MatchedBody {
    /// The body that comes after this head, if any matcher asks for it.
    pub(super) fn of(head: &ResponseHead) -> Option<Box<Self>> {
        let AtHead::AsksJson(candidates) = head.matched else { return None };
        Some(Box::new(Self {
            head: head.clone(),
            candidates,
            format: head.coding.format(),
            beginning: Vec::new(),
            left_bytes: LIMIT_BYTES,
            scanner: Scanner::new(Paths::of(&[])),
        }))
    }

    /// Reads the next bytes; whether that is all that needs to be read.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        let readable = bytes.get(..self.left_bytes).unwrap_or(bytes);
        self.left_bytes = self.left_bytes.saturating_sub(readable.len());
        self.beginning.extend_from_slice(readable);
        if self.format.is_none() {
            self.scanner.feed(readable, &mut |_, _| {});
        }
        let more = matches!(self.scanner.end(), Completeness::Empty | Completeness::Truncated);
        self.left_bytes == 0 || !more
    }

    /// Bytes could not be had: of a JSON with a hole nothing is known.
    pub(super) fn lose(&mut self) {
        self.beginning.clear();
        self.left_bytes = 0;
    }

    /// What the first matcher that holds says, as far as the body was read.
    pub(super) fn judge(&self, matchers: &[Matcher]) -> Option<Judgement> {
        let category = match self.format {
            None => self.candidates.over_json(matchers, &self.beginning),
            Some(format) => {
                let beginning = inflate(format, &self.beginning, LIMIT_BYTES);
                self.candidates.over_json(matchers, &beginning)
            }
        }?;
        Some(Judgement { category, announced: self.head.announced_for(category) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::head::Source;
    use crate::matcher::{JsonMatch, TextMatch, at_head};
    use crate::outcome::Category;
    use core::time::Duration;

    fn matchers(category: Category) -> Vec<Matcher> {
        let text = TextMatch::Equals("broken".to_owned());
        let json = Some(JsonMatch { path: vec!["state".to_owned()], text });
        vec![Matcher { status: Some(200), header: None, json, category }]
    }

    fn body(matchers: &[Matcher]) -> MatchedBody {
        let mut head = ResponseHead::new(200, Source::Upstream);
        head.limits_reset = Some(Duration::from_secs(60));
        head.matched = at_head(matchers, 200, |_| core::iter::empty(), true);
        *MatchedBody::of(&head).expect("a matcher asks")
    }

    const BROKEN: &[u8] = br#"{"state":"broken"}"#;

    #[test]
    fn it_is_judged_as_soon_as_the_document_is_whole() {
        let matchers = matchers(Category::Overloaded);
        for split in 0..BROKEN.len() {
            let mut body = body(&matchers);
            assert!(!body.read(&BROKEN[..split]), "{split}");
            assert!(body.read(&BROKEN[split..]), "{split}");
            let category = body.judge(&matchers).map(|it| it.category);
            assert_eq!(category, Some(Category::Overloaded), "{split}");
        }
    }

    #[test]
    fn no_more_than_16_kibibytes_are_kept() {
        let matchers = matchers(Category::Overloaded);
        let mut body = body(&matchers);
        assert!(!body.read(b"{\"padding\": \""));
        let padding = [b'x'; 1024];
        assert_eq!((0..100).position(|_| body.read(&padding)), Some(15));
        assert!(body.read(b"\", \"state\": \"broken\"}"));
        assert_eq!(body.beginning.len(), LIMIT_BYTES);
        assert!(body.judge(&matchers).is_none());
    }

    #[test]
    fn after_a_hole_no_json_is_believed() {
        let matchers = matchers(Category::Overloaded);
        let mut body = body(&matchers);
        assert!(!body.read(br#"{"state":"broken","#));
        body.lose();
        assert!(body.read(BROKEN));
        assert!(body.judge(&matchers).is_none());
    }

    #[test]
    fn limits_that_reset_count_where_it_is_about_limits() {
        for (category, reset) in [(Category::RateLimited, true), (Category::Overloaded, false)] {
            let matchers = matchers(category);
            let mut body = body(&matchers);
            assert!(body.read(BROKEN));
            let announced = body.judge(&matchers).expect("a judgement").announced;
            assert_eq!(announced.is_some(), reset, "{category:?}");
        }
    }
}
