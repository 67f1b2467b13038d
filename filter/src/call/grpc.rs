//! What does the status of a gRPC answer mean?

use crate::outcome::Category;

/// What each status means, by its number: <https://grpc.io/docs/guides/status-codes/>, and for who
/// has to wait, <https://cloud.google.com/apis/design/errors>: `RESOURCE_EXHAUSTED` is "out of
/// resource quota or reaching rate limiting" (429), `UNAVAILABLE` is 503, `ABORTED` a conflict
/// between callers (409).
const CATEGORIES: [Category; 17] = [
    Category::Success,        // OK
    Category::Cancelled,      // CANCELLED
    Category::ServerError,    // UNKNOWN
    Category::ClientError,    // INVALID_ARGUMENT
    Category::Timeout,        // DEADLINE_EXCEEDED
    Category::ClientError,    // NOT_FOUND
    Category::ClientError,    // ALREADY_EXISTS
    Category::Authentication, // PERMISSION_DENIED
    Category::RateLimited,    // RESOURCE_EXHAUSTED
    Category::ClientError,    // FAILED_PRECONDITION
    Category::ClientError,    // ABORTED
    Category::ClientError,    // OUT_OF_RANGE
    Category::ClientError,    // UNIMPLEMENTED
    Category::ServerError,    // INTERNAL
    Category::Overloaded,     // UNAVAILABLE
    Category::ServerError,    // DATA_LOSS
    Category::Authentication, // UNAUTHENTICATED
];

/// What gRPC's own clients make of a status that they do not understand: `UNKNOWN`.
const UNKNOWN: usize = 2;

/// The value of `grpc-status`, in an answer's trailers or, where there is nothing else, its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcStatus(usize);

impl GrpcStatus {
    /// The status that this value says.
    #[must_use]
    pub fn of(value: &[u8]) -> Self {
        let number = core::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        Self(number.filter(|number| *number < CATEGORIES.len()).unwrap_or(UNKNOWN))
    }

    fn category(self) -> Category {
        CATEGORIES.get(self.0).copied().unwrap_or(Category::ServerError)
    }
}

/// An answer that came to its end with this status, or with none, as no gRPC server ends it.
pub(super) fn of_end(status: Option<GrpcStatus>) -> Category {
    status.map_or(Category::StreamInterrupted, GrpcStatus::category)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_status_is_unknown() {
        for value in ["", "17", "-1", "ok", "99999999999999999999", "1.0"] {
            assert_eq!(GrpcStatus::of(value.as_bytes()), GrpcStatus(UNKNOWN), "{value:?}");
        }
        assert_eq!(GrpcStatus::of(b"\xff").category(), Category::ServerError);
        assert_eq!(GrpcStatus::of(b"0").category(), Category::Success);
        assert_eq!(GrpcStatus::of(b"16").category(), Category::Authentication);
    }
}
