//! Is this whole answer what its dialect promises?
//!
//! No false alarm is worth a find: only a bounded beginning is looked at, everything that could be
//! an answer is taken for one, and JSON is JSON under any type of text.

use crate::call::classify::{self, Request};
use crate::call::document::{Document, without_blank_start};
use crate::call::error_body::Judgement;
use crate::call::head::MediaType;
use crate::dialect::Dialect;
use crate::outcome::Category;
use crate::stream::Completeness;
use crate::stream::prefix::Prefix;

/// As long as the longest name of a field in server-sent events, and its colon.
const BEGINNING_BYTES: usize = 6;

/// The body of an answer with a 2xx that comes in one piece, as far as it was read.
#[derive(Debug)]
pub(super) struct WholeBody {
    dialect: Dialect,
    status: u16,
    media_type: MediaType,
    /// Its first bytes that are no white space.
    beginning: Prefix<BEGINNING_BYTES>,
    document: Document,
}

/// What a body looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Nothing but white space, if anything.
    Blank,
    /// Too little is there.
    Unclear,
    /// An object or an array.
    Json,
    /// Server-sent events, whatever the head said.
    Events,
    /// A page.
    Markup,
    Other,
}

impl WholeBody {
    pub(super) fn new(dialect: Dialect, status: u16, media_type: MediaType) -> Self {
        let (beginning, document) = (Prefix::default(), Document::new());
        Self { dialect, status, media_type, beginning, document }
    }

    /// Reads the next bytes; whether more of them would tell nothing.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        self.beginning.extend(match self.look() {
            Look::Blank => without_blank_start(bytes),
            _ => bytes,
        });
        let document_told = self.document.read(bytes);
        match self.look() {
            Look::Blank | Look::Unclear => !self.document.may_go_on(),
            Look::Json => document_told,
            Look::Events | Look::Markup => true,
            Look::Other => document_told || self.media_type != MediaType::Json,
        }
    }

    /// What is wrong with it if it ends here, or was read as far as it is; `None` if nothing is.
    pub(super) fn judge(&self, request: Request) -> Option<Judgement> {
        let facts = self.document.facts();
        if facts.is_error() && self.look() == Look::Json {
            let category = classify::of_error_in_success(self.dialect, self.status, facts, request)
                .unwrap_or(Category::InvalidResponse);
            return Some(Judgement { category, announced: facts.announced() });
        }
        let invalid = Judgement { category: Category::InvalidResponse, announced: None };
        (!self.is_as_promised()).then_some(invalid)
    }

    fn is_as_promised(&self) -> bool {
        match (self.look(), self.media_type) {
            // Some servers send white space while the model thinks.
            (Look::Blank, _) => self.status != 200 || !self.document.may_go_on(),
            (Look::Events, _) => true,
            (Look::Json, _) | (_, MediaType::Json) => match self.document.end() {
                Completeness::Malformed => false,
                Completeness::Empty | Completeness::Truncated => !self.document.may_go_on(),
                Completeness::Whole | Completeness::TooDeep => true,
            },
            (Look::Markup, _) => false,
            // Of what calls itself nothing, nothing can be said.
            (Look::Unclear | Look::Other, media_type) => media_type != MediaType::Text,
        }
    }

    fn look(&self) -> Look {
        const FIELDS: [&[u8]; 5] = [b":", b"data:", b"event:", b"id:", b"retry:"];
        let beginning = self.beginning.as_bytes();
        match beginning.first() {
            None if self.beginning.is_cut() => Look::Other,
            None => Look::Blank,
            Some(b'{' | b'[') => Look::Json,
            Some(b'<') => Look::Markup,
            _ if FIELDS.iter().any(|field| beginning.starts_with(field)) => Look::Events,
            _ if FIELDS.iter().any(|field| field.starts_with(beginning)) => Look::Unclear,
            _ => Look::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MediaType::{Absent, Json, Text};

    const TYPES: [MediaType; 3] = [Absent, Json, Text];

    fn judged(status: u16, media_type: MediaType, pieces: &[&[u8]]) -> Option<Category> {
        let mut body = WholeBody::new(Dialect::OpenAi, status, media_type);
        for piece in pieces {
            if body.read(piece) {
                break;
            }
        }
        body.judge(Request::Complete).map(|judgement| judgement.category)
    }

    /// What is wrong with this answer, which no split may change.
    fn wrong(media_type: MediaType, text: &str) -> Option<Category> {
        let whole = judged(200, media_type, &[text.as_bytes()]);
        for at in 0..=text.len() {
            let (left, right) = text.as_bytes().split_at(at);
            assert_eq!(judged(200, media_type, &[left, right]), whole, "{text} at {at}");
        }
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(judged(200, media_type, &bytes), whole, "{text}");
        whole
    }

    const INVALID: Option<Category> = Some(Category::InvalidResponse);

    #[test]
    fn json_is_json_under_any_type() {
        for media_type in TYPES {
            for text in
                ["{\"choices\": []}", "\n \u{feff}{}", "[0.1, 0.2]", "{}\n{}", "{\"error\":null}"]
            {
                assert_eq!(wrong(media_type, text), None, "{media_type:?} {text}");
            }
            for text in ["{\"choices\": [", "{\"a\": undefined}", "[Sign in]", "{"] {
                assert_eq!(wrong(media_type, text), INVALID, "{media_type:?} {text}");
            }
        }
    }

    #[test]
    fn a_page_is_no_answer_and_other_text_none_where_a_type_is_given() {
        for media_type in TYPES {
            assert_eq!(wrong(media_type, "\r\n<!DOCTYPE html><html>"), INVALID, "{media_type:?}");
        }
        for text in ["OK", "Sign in", "dat", "ID3"] {
            assert_eq!(wrong(Json, text), INVALID, "{text}");
            assert_eq!(wrong(Text, text), INVALID, "{text}");
            assert_eq!(wrong(Absent, text), None, "{text}");
        }
        assert_eq!(judged(200, Absent, &[&[0x80; 9]]), None, "no text at all");
    }

    #[test]
    fn events_are_not_judged_here_whatever_their_type() {
        for media_type in TYPES {
            for text in ["data: {", "event: x", ": ping\n\n", "\n\nid: 1", "retry: 5", "data:"] {
                assert_eq!(wrong(media_type, text), None, "{media_type:?} {text}");
            }
        }
    }

    #[test]
    fn an_empty_200_is_no_answer_and_other_successes_may_be_empty() {
        for media_type in TYPES {
            assert_eq!(wrong(media_type, ""), INVALID);
            assert_eq!(wrong(media_type, "\n \n"), INVALID);
            assert_eq!(judged(202, media_type, &[]), None);
        }
        let blank = [b'\n'; 20_000];
        assert_eq!(judged(200, Json, &[&blank]), None, "more than is read");
    }

    #[test]
    fn an_error_under_a_success_is_judged_by_its_words_then_its_status() {
        let cases = [
            ("{\"error\": {\"code\": \"insufficient_quota\"}}", Category::QuotaExhausted),
            ("{\"error\": {\"message\": \"odd\", \"code\": 429}}", Category::RateLimited),
            ("{\"error\": {\"message\": \"odd\", \"code\": 200}}", Category::InvalidResponse),
            ("{\"error\": \"model not found\"}", Category::InvalidResponse),
            ("[{\"error\": {\"status\": \"UNAVAILABLE\"}}]", Category::Overloaded),
            ("{\"error\": {\"type\": \"server_error\"", Category::ServerError),
        ];
        for (text, category) in cases {
            assert_eq!(wrong(Json, text), Some(category), "{text}");
        }
        for text in
            ["{\"error\": {}}", "{\"error\": \"\"}", "{\"choices\": [{\"error\": {\"code\": 1}}]}"]
        {
            assert_eq!(wrong(Json, text), None, "{text}");
        }
    }

    #[test]
    fn a_long_answer_is_good_as_far_as_it_is_read() {
        let long = format!("{{\"data\": \"{}", "x".repeat(20_000));
        assert_eq!(judged(200, Json, &[long.as_bytes()]), None);
        assert_eq!(judged(200, Json, &long.as_bytes().chunks(1000).collect::<Vec<_>>()), None);
    }
}
