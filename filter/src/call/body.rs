//! Must an answer's body be read to know its outcome?

use crate::call::error_body::ErrorBody;
use crate::call::head::{MediaType, ResponseHead, Source};
use crate::call::protocol::Protocol;

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Body {
    /// It says nothing that its head and its end do not.
    Untold,
    /// It would have something to say, but is not read.
    Unread(Unread),
    /// An error whose category it tells.
    Error(Box<ErrorBody>),
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
        let telling = head.source == Source::Upstream
            && matches!((head.status, head.media_type), (400..=599, MediaType::Json));
        if !telling {
            Self::Untold
        } else if head.compressed {
            Self::Unread(Unread::Compressed)
        } else {
            Self::Error(Box::new(ErrorBody::new(head, protocol.dialect)))
        }
    }
}
