//! What does the head of an answer say?

use crate::call::flags::Ending;
use crate::call::grpc::GrpcStatus;
use crate::matcher::AtHead;
use crate::outcome::Category;
use crate::stream::inflate::Format;
use core::time::Duration;

/// No provider's name of an error is longer, in bytes.
const ERROR_TYPE_LIMIT: usize = 256;

/// Who gave an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The upstream itself (Envoy's code details say `via_upstream`).
    Upstream,
    /// Another breaker, further on (the upstream's answer carries `x-llm-breaker`).
    OtherBreaker,
    /// Envoy: its router, or another filter; and what it says about the stream.
    Envoy(Ending),
}

/// What a body is, as its head has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaType {
    /// Nothing is said.
    #[default]
    Absent,
    /// JSON, also with a suffix of its own (`application/problem+json`).
    Json,
    /// `text/event-stream`.
    EventStream,
    /// `application/vnd.amazon.eventstream`.
    AmazonEventStream,
    /// `application/grpc`, also with a suffix of its own; not gRPC-Web, which has its trailers in
    /// its body.
    Grpc,
    /// Any other `text/…`.
    Text,
    /// Anything else.
    Other,
}

impl MediaType {
    /// The media type that the header `content-type` names.
    #[must_use]
    pub fn of(content_type: Option<&[u8]>) -> Self {
        let name = content_type.and_then(|it| it.split(|byte| *byte == b';').next());
        let name = name.unwrap_or_default().trim_ascii();
        let is = |whole: &[u8]| name.eq_ignore_ascii_case(whole);
        let starts =
            |it: &[u8]| name.get(..it.len()).is_some_and(|it_is| it_is.eq_ignore_ascii_case(it));
        let ends = |it: &[u8]| {
            let from = name.len().checked_sub(it.len());
            from.and_then(|from| name.get(from..)).is_some_and(|end| end.eq_ignore_ascii_case(it))
        };
        match name.len() {
            0 => Self::Absent,
            _ if is(b"application/json") => Self::Json,
            _ if is(b"text/event-stream") => Self::EventStream,
            _ if is(b"application/grpc") || starts(b"application/grpc+") => Self::Grpc,
            _ if is(b"application/vnd.amazon.eventstream") => Self::AmazonEventStream,
            _ if ends(b"+json") => Self::Json,
            _ if starts(b"text/") => Self::Text,
            _ => Self::Other,
        }
    }
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    #[default]
    Identity,
    /// `gzip`.
    Gzip,
    /// `deflate`.
    Deflate,
    /// In a way that is not understood here, or in several.
    Other,
}

impl Coding {
    /// The coding that the header `content-encoding` names.
    #[must_use]
    pub fn of(content_encoding: Option<&[u8]>) -> Self {
        let Some(name) = content_encoding else { return Self::Identity };
        let name = name.trim_ascii();
        let is = |whole: &[u8]| name.eq_ignore_ascii_case(whole);
        if name.is_empty() || is(b"identity") {
            Self::Identity
        } else if is(b"gzip") || is(b"x-gzip") {
            // RFC 9110, 8.4.1.3: a recipient should take both for the same.
            Self::Gzip
        } else if is(b"deflate") {
            Self::Deflate
        } else {
            Self::Other
        }
    }

    /// The format that undoes it, if one must and can.
    pub(super) const fn format(self) -> Option<Format> {
        match self {
            Self::Gzip => Some(Format::Gzip),
            Self::Deflate => Some(Format::Deflate),
            Self::Identity | Self::Other => None,
        }
    }
}

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The HTTP status.
    pub status: u16,
    /// Who gave it.
    pub source: Source,
    /// How long it asked not to be called.
    pub announced: Option<Duration>,
    /// How long until its rate limits reset, which counts if the answer is about limits.
    pub limits_reset: Option<Duration>,
    /// The header `x-amzn-errortype`.
    pub error_type: Option<String>,
    /// What the body is.
    pub media_type: MediaType,
    /// How the body is compressed.
    pub coding: Coding,
    /// The header `grpc-status`, which stands here where the answer has no trailers.
    pub grpc_status: Option<GrpcStatus>,
    /// What the operator's matchers make of it.
    pub matched: AtHead,
}

impl ResponseHead {
    /// A head that says nothing but its status.
    #[must_use]
    pub const fn new(status: u16, source: Source) -> Self {
        Self {
            status,
            source,
            announced: None,
            limits_reset: None,
            error_type: None,
            media_type: MediaType::Absent,
            coding: Coding::Identity,
            grpc_status: None,
            matched: AtHead::NoneHolds,
        }
    }

    /// How long it asked not to be called if it is of this category.
    pub(super) fn announced_for(&self, category: Category) -> Option<Duration> {
        let about_limits = matches!(category, Category::RateLimited | Category::QuotaExhausted);
        self.announced.or(self.limits_reset.filter(|_| about_limits))
    }

    /// Whether the upstream, or a breaker before it, answered.
    pub(super) const fn is_upstreams(&self) -> bool {
        !matches!(self.source, Source::Envoy(_))
    }
}

/// The header `x-amzn-errortype`, if it is a sane one.
#[must_use]
pub fn error_type(value: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(value).ok()?.trim();
    (1..=ERROR_TYPE_LIMIT).contains(&text.len()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_told_whatever_their_case_and_parameters() {
        let cases: [(&[u8], MediaType); 15] = [
            (b"application/json", MediaType::Json),
            (b"Application/JSON; charset=utf-8", MediaType::Json),
            (b"application/problem+json", MediaType::Json),
            (b"text/event-stream;charset=utf-8", MediaType::EventStream),
            (b"application/vnd.amazon.eventstream", MediaType::AmazonEventStream),
            (b"application/grpc", MediaType::Grpc),
            (b"application/gRPC+json;x=y", MediaType::Grpc),
            (b"application/grpc-web+proto", MediaType::Other),
            (b"application/grpcx", MediaType::Other),
            (b"application/jsonl", MediaType::Other),
            (b"text/html", MediaType::Text),
            (b"Text/Plain; charset=utf-8", MediaType::Text),
            (b"audio/mpeg", MediaType::Other),
            (b"\xff\xfe", MediaType::Other),
            (b" ; charset=utf-8", MediaType::Absent),
        ];
        for (header, expected) in cases {
            assert_eq!(MediaType::of(Some(header)), expected, "{header:?}");
        }
        assert_eq!(MediaType::of(None), MediaType::Absent);
    }

    #[test]
    fn codings_are_told_and_several_are_none_that_is_understood() {
        let cases: [(&[u8], Coding); 8] = [
            (b"", Coding::Identity),
            (b" Identity ", Coding::Identity),
            (b"gzip", Coding::Gzip),
            (b"X-GZip", Coding::Gzip),
            (b"deflate", Coding::Deflate),
            (b"br", Coding::Other),
            (b"zstd", Coding::Other),
            (b"gzip, br", Coding::Other),
        ];
        for (header, expected) in cases {
            assert_eq!(Coding::of(Some(header)), expected, "{header:?}");
        }
        assert_eq!(Coding::of(None), Coding::Identity);
    }

    #[test]
    fn an_absurd_error_type_is_none() {
        assert_eq!(error_type(b" ThrottlingException "), Some("ThrottlingException".to_owned()));
        assert_eq!(error_type(&[b'x'; 257]), None);
        assert_eq!(error_type(b""), None);
        assert_eq!(error_type(b"\xff"), None);
    }
}
