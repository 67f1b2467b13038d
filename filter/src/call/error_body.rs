//! Which category does the body of this error name?

use crate::call::classify::{self, Request};
use crate::call::head::ResponseHead;
use crate::call::scanner::scanner;
use crate::dialect::{Dialect, ERROR_PATHS, ErrorFacts};
use crate::outcome::Category;
use crate::stream::Completeness;
use crate::stream::json::{Found, Scanner};
use core::time::Duration;

/// What an error has to say stands in its first bytes.
const LIMIT_BYTES: usize = 16 * 1024;

/// The body of an answer whose status does not tell all, as far as it was read.
#[derive(Debug)]
pub(super) struct ErrorBody {
    dialect: Dialect,
    status: u16,
    error_type: Option<String>,
    announced: Option<Duration>,
    limits_reset: Option<Duration>,
    /// Before the first byte that is no white space.
    blank: bool,
    left_bytes: usize,
    scanner: Scanner<'static>,
    facts: ErrorFacts,
}

/// What an error said.
pub(super) struct Judgement {
    pub(super) category: Category,
    pub(super) announced: Option<Duration>,
}

impl ErrorBody {
    pub(super) fn new(head: &ResponseHead, dialect: Dialect) -> Self {
        Self {
            dialect,
            status: head.status,
            error_type: head.error_type.clone(),
            announced: head.announced,
            limits_reset: head.limits_reset,
            blank: true,
            left_bytes: LIMIT_BYTES,
            scanner: scanner(ERROR_PATHS),
            facts: ErrorFacts::default(),
        }
    }

    /// Reads the next bytes; whether that is all that needs to be read.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        let readable = bytes.get(..self.left_bytes).unwrap_or(bytes);
        self.left_bytes = self.left_bytes.saturating_sub(readable.len());
        let facts = &mut self.facts;
        let mut found = |index, found: Found<'_>| facts.found(index, found);
        if self.blank {
            let document = readable.trim_ascii_start();
            self.blank = document.is_empty();
            // Google's array: its first element is the body, and what follows ends the reading.
            self.scanner.feed(document.strip_prefix(b"[").unwrap_or(document), &mut found);
        } else {
            self.scanner.feed(readable, &mut found);
        }
        let more = matches!(self.scanner.end(), Completeness::Empty | Completeness::Truncated);
        self.left_bytes == 0 || !more
    }

    /// What it said, as far as it was read.
    pub(super) fn judge(&self, request: Request) -> Judgement {
        let error_type = self.error_type.as_deref();
        let category =
            classify::of_error(self.dialect, self.status, error_type, &self.facts, request);
        let about_limits = matches!(category, Category::RateLimited | Category::QuotaExhausted);
        let announced = self
            .announced
            .or_else(|| self.limits_reset.filter(|_| about_limits))
            .or_else(|| self.facts.announced());
        Judgement { category, announced }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::head::Source;

    fn body(status: u16) -> ErrorBody {
        ErrorBody::new(&ResponseHead::new(status, Source::Upstream), Dialect::OpenAi)
    }

    fn category(body: &ErrorBody) -> Category {
        body.judge(Request::Complete).category
    }

    const QUOTA: &[u8] = br#"{"error":{"message":"!","code":"insufficient_quota"}}"#;

    #[test]
    fn it_is_judged_as_soon_as_the_document_is_whole() {
        for split in 0..QUOTA.len() {
            let mut body = body(429);
            assert!(!body.read(&QUOTA[..split]), "{split}");
            assert!(body.read(&QUOTA[split..]), "{split}");
            assert_eq!(category(&body), Category::QuotaExhausted, "{split}");
        }
    }

    #[test]
    fn the_first_element_of_an_array_is_the_body() {
        let mut body = body(429);
        assert!(!body.read(b" \n"));
        assert!(!body.read(b"["));
        assert!(
            body.read(
                &[QUOTA, b", {\"error\": {\"code\": \"context_length_exceeded\"}}]"].concat()
            )
        );
        assert_eq!(category(&body), Category::QuotaExhausted);
    }

    #[test]
    fn no_more_than_16_kibibytes_are_read() {
        let mut body = body(429);
        assert!(!body.read(b"{\"padding\": \""));
        let padding = [b'x'; 1024];
        assert_eq!((0..100).position(|_| body.read(&padding)), Some(15));
        assert!(body.read(b"\", \"code\": \"insufficient_quota\"}"));
        assert_eq!(category(&body), Category::RateLimited, "the status decides");
    }

    #[test]
    fn what_is_no_json_leaves_the_decision_to_the_status() {
        let mut body = body(503);
        assert!(body.read(b"<html>"));
        assert_eq!(category(&body), Category::ServerError);
    }

    #[test]
    fn a_header_announces_before_the_body_does() {
        let google = br#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED",
            "message":"Please retry in 34.5s.","details":[]}}"#;
        let announced = |header, limits| {
            let mut head = ResponseHead::new(429, Source::Upstream);
            head.announced = header;
            head.limits_reset = limits;
            let mut body = ErrorBody::new(&head, Dialect::Gemini);
            assert!(body.read(google));
            body.judge(Request::Complete).announced.map(|wait| wait.as_secs_f64())
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(announced(None, None), Some(34.5));
        assert_eq!(announced(None, seconds(60)), Some(60.0));
        assert_eq!(announced(seconds(7), seconds(60)), Some(7.0));
    }

    #[test]
    fn limits_that_reset_mean_nothing_where_the_error_is_about_something_else() {
        let mut head = ResponseHead::new(500, Source::Upstream);
        head.limits_reset = Some(Duration::from_secs(60));
        let judged = ErrorBody::new(&head, Dialect::OpenAi).judge(Request::Complete);
        assert_eq!((judged.category, judged.announced), (Category::ServerError, None));
    }
}
