//! Must an answer's body be read to know its outcome?

use crate::call::error_body::ErrorBody;
use crate::call::event_body::EventBody;
use crate::call::grpc::GrpcStatus;
use crate::call::head::{MediaType, ResponseHead, Source};
use crate::call::protocol::{Protocol, Streams};
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
    /// gRPC messages, which say nothing: the status does, if it came.
    Grpc(Option<GrpcStatus>),
}

/// Why a body is not read that would have something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is compressed.
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
        let status = head.status;
        let read = match (status, head.media_type) {
            _ if head.source != Source::Upstream => None,
            _ if matches!(head.matched, AtHead::Holds(_)) => None,
            (200, MediaType::Grpc) => return Self::Grpc(head.grpc_status),
            (400.., MediaType::Json) => {
                Some(Self::Error(Box::new(ErrorBody::new(head, protocol.dialect))))
            }
            (200..=299, _) if protocol.streams == Streams::Unknown => None,
            (200..=299, MediaType::EventStream) => {
                Some(Self::Events(Box::new(EventBody::server_sent(protocol, status))))
            }
            (200..=299, MediaType::AmazonEventStream) => {
                Some(Self::Events(Box::new(EventBody::amazon(protocol, status))))
            }
            _ => None,
        };
        match read {
            Some(_) if head.compressed => Self::Unread(Unread::Compressed),
            Some(read) => read,
            None => Self::Untold,
        }
    }
}
