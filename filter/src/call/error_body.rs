//! Which category does the body of this error name?

use crate::call::classify::{self, Request};
use crate::call::document::{Document, LIMIT_BYTES};
use crate::call::head::ResponseHead;
use crate::dialect::{Dialect, ErrorFacts};
use crate::outcome::Category;
use crate::stream::inflate::{Format, inflate};
use core::time::Duration;

/// The body of an answer whose status does not tell all, as far as it was read.
#[derive(Debug)]
pub(super) struct ErrorBody {
    head: ResponseHead,
    dialect: Dialect,
    content: Content,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "all of it is in one box, and mostly plain")]
enum Content {
    Plain(Document),
    /// It is inflated once, when it is judged: a decoder that is kept would take more memory than
    /// what it has yet to read.
    Compressed {
        format: Format,
        /// The first of it, at most [`LIMIT_BYTES`].
        bytes: Vec<u8>,
    },
}

/// What an error said.
pub(super) struct Judgement {
    pub(super) category: Category,
    pub(super) announced: Option<Duration>,
}

impl ErrorBody {
    /// The body after this head, compressed in this format if in any.
    pub(super) fn new(head: &ResponseHead, dialect: Dialect, format: Option<Format>) -> Self {
        let content = match format {
            None => Content::Plain(Document::new()),
            Some(format) => Content::Compressed { format, bytes: Vec::new() },
        };
        Self { head: head.clone(), dialect, content }
    }

    /// Reads the next bytes; whether more of them would tell nothing.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        match &mut self.content {
            Content::Plain(document) => document.read(bytes),
            Content::Compressed { bytes: kept, .. } => {
                let room = LIMIT_BYTES.saturating_sub(kept.len());
                kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                kept.len() >= LIMIT_BYTES
            }
        }
    }

    /// What it said, as far as it was read.
    pub(super) fn judge(&self, request: Request) -> Judgement {
        match &self.content {
            Content::Plain(document) => self.judge_by(document.facts(), request),
            Content::Compressed { format, bytes } => {
                let mut document = Document::new();
                document.read(&inflate(*format, bytes, LIMIT_BYTES));
                self.judge_by(document.facts(), request)
            }
        }
    }

    fn judge_by(&self, facts: &ErrorFacts, request: Request) -> Judgement {
        let ResponseHead { status, error_type, .. } = &self.head;
        let error_type = error_type.as_deref();
        let category = classify::of_error(self.dialect, *status, error_type, facts, request);
        let announced = self.head.announced_for(category).or_else(|| facts.announced());
        Judgement { category, announced }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::head::Source;

    fn body(status: u16) -> ErrorBody {
        compressed(status, None)
    }

    fn compressed(status: u16, format: Option<Format>) -> ErrorBody {
        ErrorBody::new(&ResponseHead::new(status, Source::Upstream), Dialect::OpenAi, format)
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
            let mut body = ErrorBody::new(&head, Dialect::Gemini, None);
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
        let judged = ErrorBody::new(&head, Dialect::OpenAi, None).judge(Request::Complete);
        assert_eq!((judged.category, judged.announced), (Category::ServerError, None));
    }

    #[test]
    fn a_compressed_one_is_told_wherever_it_ends_once_enough_is_there() {
        let padded = [&QUOTA[..QUOTA.len() - 1], b", \"p\": \"", &[b'x'; 100][..], b"\"}"].concat();
        let deflated = miniz_oxide::deflate::compress_to_vec_zlib(&padded, 6);
        let told = |bytes: &[u8]| {
            let mut body = compressed(429, Some(Format::Deflate));
            bytes.iter().for_each(|byte| assert!(!body.read(&[*byte])));
            category(&body)
        };
        assert_eq!(told(&deflated), Category::QuotaExhausted);
        assert_eq!(told(&deflated[..deflated.len() - 6]), Category::QuotaExhausted);
        assert_eq!(told(&deflated[..8]), Category::RateLimited, "the status decides");
        assert_eq!(told(QUOTA), Category::RateLimited, "it is not compressed at all");
    }

    #[test]
    fn no_more_than_16_kibibytes_of_a_compressed_one_are_kept_or_inflated() {
        let mut body = compressed(429, Some(Format::Deflate));
        let padding = [b'x'; 1024];
        assert_eq!((0..100).position(|_| body.read(&padding)), Some(15));
        assert!(body.read(&padding));
        let Content::Compressed { bytes, .. } = &body.content else { panic!("not compressed") };
        assert_eq!(bytes.len(), LIMIT_BYTES);

        let bomb = [&b"{\"padding\": \""[..], &[b'x'; 1 << 20], b"\", ", &QUOTA[1..]].concat();
        let mut body = compressed(429, Some(Format::Deflate));
        assert!(!body.read(&miniz_oxide::deflate::compress_to_vec_zlib(&bomb, 6)));
        assert_eq!(category(&body), Category::RateLimited, "the status decides");
    }
}
