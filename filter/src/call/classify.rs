//! Which category is this answer? From the status, who gave it, and Envoy's response flags.

use crate::call::flags::{
    CLIENT_LEFT, Flags, NO_CONNECTION, NO_UPSTREAM_ASKED, TIMED_OUT, UPSTREAM_BROKE,
};
use crate::dialect::{Dialect, ErrorFacts, classify_error};
use crate::outcome::Category;

/// Whether the request had been sent completely when the answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// All of it was sent.
    Complete,
    /// The client was still sending, or had stopped to.
    Incomplete,
}

/// The upstream's own answer; `None` while only its end will tell.
pub(super) const fn of_status(status: u16, request: Request) -> Option<Category> {
    Some(match status {
        // The head of an upgrade or a redirect is all there is to judge.
        100..=199 | 300..=399 => Category::Success,
        200..=299 => return None,
        401 | 403 => Category::Authentication,
        402 => Category::QuotaExhausted,
        // An upstream that waited for the rest of an upload blames the client, not itself.
        408 if matches!(request, Request::Incomplete) => Category::Local,
        408 | 504 => Category::Timeout,
        429 => Category::RateLimited,
        529 => Category::Overloaded,
        400..=499 => Category::ClientError,
        _ => Category::ServerError,
    })
}

/// An error of the upstream's: by its words if any table knows them, else by its status.
pub(super) fn of_error(
    dialect: Dialect,
    status: u16,
    error_type: Option<&str>,
    facts: &ErrorFacts,
    request: Request,
) -> Category {
    match of_status(status, request) {
        Some(Category::Local) => Category::Local,
        by_status => classify_error(dialect, status, error_type, facts)
            .or(by_status)
            .unwrap_or(Category::Success),
    }
}

/// An error that came with a success's status, as an event or a document: by its words, else by
/// the status that it claims to have.
pub(super) fn of_error_in_success(
    dialect: Dialect,
    status: u16,
    facts: &ErrorFacts,
    request: Request,
) -> Option<Category> {
    let claimed = || {
        let claimed = facts.said_status().filter(|status| *status >= 400)?;
        of_status(claimed, request)
    };
    classify_error(dialect, status, None, facts).or_else(claimed)
}

/// An answer that Envoy gave in the upstream's place, or that another of its filters gave.
pub(super) const fn of_envoys_answer(flags: Flags, request: Request) -> Category {
    if flags.any(NO_UPSTREAM_ASKED) {
        Category::Local
    } else if flags.any(NO_CONNECTION) {
        Category::ConnectionFailed
    } else if flags.any(CLIENT_LEFT) {
        Category::Cancelled
    } else if flags.any(TIMED_OUT.or(UPSTREAM_BROKE)) {
        match request {
            // Nobody can answer half a request: the client may be to blame, so nobody is.
            Request::Incomplete => Category::Local,
            Request::Complete if flags.any(TIMED_OUT) => Category::Timeout,
            Request::Complete => Category::ConnectionReset,
        }
    } else {
        Category::Local
    }
}

/// An upstream's answer that began with a 2xx and did not reach its end.
pub(super) const fn of_broken_end(flags: Flags) -> Category {
    if flags.any(CLIENT_LEFT) {
        Category::Cancelled
    } else if flags.any(TIMED_OUT) {
        Category::Timeout
    } else if flags.any(UPSTREAM_BROKE) {
        Category::StreamInterrupted
    } else {
        // Another filter, or Envoy's own shutdown.
        Category::Local
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Request::{Complete, Incomplete};

    #[test]
    fn a_status_decides_where_it_can() {
        let cases = [
            (101, Some(Category::Success)),
            (200, None),
            (204, None),
            (304, Some(Category::Success)),
            (400, Some(Category::ClientError)),
            (401, Some(Category::Authentication)),
            (402, Some(Category::QuotaExhausted)),
            (403, Some(Category::Authentication)),
            (404, Some(Category::ClientError)),
            (408, Some(Category::Timeout)),
            (413, Some(Category::ClientError)),
            (429, Some(Category::RateLimited)),
            (500, Some(Category::ServerError)),
            (503, Some(Category::ServerError)),
            (504, Some(Category::Timeout)),
            (529, Some(Category::Overloaded)),
            (599, Some(Category::ServerError)),
            (999, Some(Category::ServerError)),
        ];
        for (status, category) in cases {
            assert_eq!(of_status(status, Complete), category, "{status}");
        }
        assert_eq!(of_status(408, Incomplete), Some(Category::Local));
        assert_eq!(of_status(500, Incomplete), Some(Category::ServerError));
    }

    #[test]
    fn envoys_answers_are_told_by_their_flags() {
        // The words that were measured on Envoy 1.40.
        let cases = [
            (0x0, Category::Local, "another filter's reply"),
            (0x2, Category::ConnectionFailed, "no healthy host"),
            (0x4, Category::Timeout, "route time-out"),
            (0x20, Category::ConnectionFailed, "refused"),
            (0x20 + 0x8000, Category::ConnectionFailed, "refused, retries used up"),
            (0x40, Category::ConnectionReset, "closed before answering"),
            (0x40 + 0x8000, Category::ConnectionReset, "closed, retries used up"),
            (0x10, Category::ConnectionReset, "reset before answering"),
            (0x80, Category::Local, "Envoy's own overflow"),
            (0x80 + 0x20, Category::ConnectionFailed, "refused, no room for a retry"),
            (0x80 + 0x40, Category::ConnectionReset, "closed, no room for a retry"),
            (0x80 + 0x4, Category::Timeout, "an attempt's time-out, no room for a retry"),
            (0x100, Category::Local, "no route"),
            (0x400, Category::Local, "fault filter"),
            (0x800, Category::Local, "rate-limit filter"),
            (0x4000, Category::Cancelled, "client left"),
            (0x4_0000, Category::Cancelled, "client broke the protocol"),
            (0x1000_0000, Category::Cancelled, "client reset its HTTP/2 stream"),
            (0x8_0000, Category::Timeout, "the cluster's max_stream_duration"),
            (0x80_0000, Category::ConnectionReset, "garbage instead of HTTP"),
            (0x1_0000, Category::Timeout, "idle time-out"),
            (0x100_0000, Category::Local, "no such cluster"),
            (0x200_0000, Category::Local, "overload manager"),
            (0x400_0002, Category::ConnectionFailed, "DNS"),
        ];
        for (flags, category, what) in cases {
            assert_eq!(of_envoys_answer(Flags(flags), Complete), category, "{what}");
        }
    }

    #[test]
    fn an_unfinished_upload_blames_no_upstream() {
        for flags in [0x4, 0x40, 0x1_0000] {
            assert_eq!(of_envoys_answer(Flags(flags), Incomplete), Category::Local);
        }
    }

    #[test]
    fn a_stream_that_broke_is_told_by_who_broke_it() {
        assert_eq!(of_broken_end(Flags(0x80_0000)), Category::StreamInterrupted);
        assert_eq!(of_broken_end(Flags(0x10)), Category::StreamInterrupted);
        assert_eq!(of_broken_end(Flags(0x40)), Category::StreamInterrupted);
        assert_eq!(of_broken_end(Flags(0x4000)), Category::Cancelled);
        assert_eq!(of_broken_end(Flags(0x1_0000)), Category::Timeout);
        assert_eq!(of_broken_end(Flags(0x40_0000)), Category::Timeout);
        assert_eq!(of_broken_end(Flags(0)), Category::Local);
    }
}
