//! What does an error of the filter's own say, in any dialect?

use core::time::Duration;

/// What went wrong.
#[derive(Debug)]
pub(super) struct Fault<'a> {
    pub(super) kind: Kind,
    /// The HTTP status, 400 to 599.
    pub(super) status: u16,
    /// For humans.
    pub(super) message: &'a str,
}

/// Why there is an error.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// The breaker is open, for so long.
    Open { retry_after: Duration },
    /// The call itself failed; another one may do better after so long.
    Failed { retry_after: Duration },
    /// The upstream took too long.
    TimedOut,
    /// The request is not taken as it is.
    Refused,
    /// The upstream's answer ended before its end.
    BrokenOff,
}

impl Kind {
    /// The stable code by which machines know it: it survives where frameworks lose the headers.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Open { .. } => "circuit_open",
            Self::Failed { .. } => "upstream_failed",
            Self::TimedOut => "upstream_timeout",
            Self::Refused => "request_refused",
            Self::BrokenOff => "stream_interrupted",
        }
    }

    /// gRPC's: `UNAVAILABLE`, `DEADLINE_EXCEEDED`, `INVALID_ARGUMENT`.
    pub(super) const fn grpc_status(self) -> u32 {
        match self {
            Self::Open { .. } | Self::Failed { .. } | Self::BrokenOff => 14,
            Self::TimedOut => 4,
            Self::Refused => 3,
        }
    }

    /// When it is worth to come back, if ever.
    pub(super) const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Open { retry_after } | Self::Failed { retry_after } => Some(retry_after),
            Self::TimedOut => Some(Duration::from_secs(1)),
            Self::Refused | Self::BrokenOff => None,
        }
    }
}

/// Whole seconds, at least one, and never fewer than really left.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    let started = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(started).max(1)
}
