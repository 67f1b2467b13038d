//! Must an answer's body be read to know its outcome?

use crate::call::classify::Request;
use crate::call::error_body::{ErrorBody, Judgement};
use crate::call::event_body::EventBody;
use crate::call::grpc::{self, GrpcStatus};
use crate::call::head::{Coding, MediaType, ResponseHead, Source};
use crate::call::protocol::{AskedFor, Protocol, Streams};
use crate::call::whole_body::WholeBody;
use crate::dialect::Dialect;
use crate::matcher::AtHead;

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Body {
    /// It says nothing that its head and its end do not.
    Untold,
    /// It would have something to say, but is not read.
    Unread(Unread),
    /// An error whose category it tells.
    Error(Box<ErrorBody>),
    /// A stream whose events tell how it goes.
    Events(Box<EventBody>),
    /// A whole answer that may not be one.
    Whole(Box<WholeBody>),
    /// gRPC messages, which say nothing: the status does, if it came.
    Grpc(Option<GrpcStatus>),
}

/// Why a body is not read that would have something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is compressed: a stream in any way, an error in one that is not understood.
    Compressed,
}

impl Unread {
    /// The name in stats.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compressed => "compressed",
        }
    }
}

impl Body {
    /// The body that comes after this head.
    pub(super) fn of(head: &ResponseHead, protocol: Protocol) -> Self {
        if head.source != Source::Upstream || matches!(head.matched, AtHead::Holds(_)) {
            return Self::Untold;
        }
        match head.status {
            200 if head.media_type == MediaType::Grpc => Self::Grpc(head.grpc_status),
            200..=299 if protocol.streams == Streams::Unknown => Self::Untold,
            200..=299 => Self::of_success(head, protocol),
            400.. if head.media_type == MediaType::Json => Self::of_error(head, protocol),
            _ => Self::Untold,
        }
    }

    fn of_success(head: &ResponseHead, protocol: Protocol) -> Self {
        let ResponseHead { status, media_type, coding, .. } = *head;
        let of_generation = protocol.streams == Streams::OfGeneration;
        // Gemini without `alt=sse` streams one array.
        let is_array =
            protocol.dialect == Dialect::Gemini && protocol.asked_for == AskedFor::Stream;
        let events = match media_type {
            MediaType::EventStream => EventBody::server_sent(protocol, status),
            MediaType::AmazonEventStream => EventBody::amazon(protocol, status),
            MediaType::Json if of_generation && is_array => EventBody::json_array(protocol, status),
            MediaType::Json | MediaType::Text | MediaType::Absent
                if of_generation && coding == Coding::Identity =>
            {
                let whole = WholeBody::new(protocol.dialect, status, media_type);
                return Self::Whole(Box::new(whole));
            }
            // Nearly all whole answers are compressed, and nearly all are what they should be:
            // to count those as unread would say nothing.
            _ => return Self::Untold,
        };
        match coding {
            Coding::Identity => Self::Events(Box::new(events)),
            _ => Self::Unread(Unread::Compressed),
        }
    }

    fn of_error(head: &ResponseHead, protocol: Protocol) -> Self {
        if head.coding == Coding::Other {
            return Self::Unread(Unread::Compressed);
        }
        let format = head.coding.format();
        Self::Error(Box::new(ErrorBody::new(head, protocol.dialect, format)))
    }

    /// Whether its bytes can still matter.
    pub(super) const fn is_read(&self) -> bool {
        matches!(self, Self::Error(_) | Self::Events(_) | Self::Whole(_))
    }

    /// What it says if it ends here; `None` if it is nothing that its head and its end do not.
    pub(super) fn judge(&self, request: Request) -> Option<Judgement> {
        match self {
            Self::Untold | Self::Unread(_) => None,
            Self::Error(error) => Some(error.judge(request)),
            Self::Events(events) => Some(events.judge(request)),
            Self::Whole(whole) => whole.judge(request),
            Self::Grpc(status) => {
                Some(Judgement { category: grpc::of_end(*status), announced: None })
            }
        }
    }
}
