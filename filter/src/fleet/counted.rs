//! What is counted of the talk among proxies? Labels of two counters.

use crate::fleet::fact::Basis;

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// `fleet_events_total`, `direction="sent"`.
    Sent(Kind),
    /// `fleet_events_total`, `direction="received"`.
    Received(Kind),
    /// `fleet_hints_ignored_total`.
    Ignored(Reason),
}

/// What was sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word on what an upstream announced.
    Announced,
    /// A word on failures.
    Observed,
    /// A word on a probe's failure.
    Probe,
    /// A word that it works again.
    Closed,
    /// A turn to probe.
    Turn,
    /// An operator's order.
    Override,
    /// All that the store holds.
    Sync,
    /// A call or a stream failed.
    Failed,
}

/// Why something in the store was left aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its key is none of ours.
    Key,
    /// Its value says nothing.
    Value,
    /// It has no lease, and how old it is nobody knows.
    Lease,
    /// This proxy's configuration has no such breaker.
    UnknownBreaker,
    /// There is more than is read.
    OverLimit,
    /// A message was none.
    Garbled,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Announced,
        Self::Observed,
        Self::Probe,
        Self::Closed,
        Self::Turn,
        Self::Override,
        Self::Sync,
        Self::Failed,
    ];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Observed => "observed",
            Self::Probe => "probe",
            Self::Closed => "closed",
            Self::Turn => "turn",
            Self::Override => "override",
            Self::Sync => "sync",
            Self::Failed => "failed",
        }
    }
}

impl From<Basis> for Kind {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Announced => Self::Announced,
            Basis::Observed => Self::Observed,
            Basis::Probe => Self::Probe,
        }
    }
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Key,
        Self::Value,
        Self::Lease,
        Self::UnknownBreaker,
        Self::OverLimit,
        Self::Garbled,
    ];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
            Self::Lease => "lease",
            Self::UnknownBreaker => "unknown_breaker",
            Self::OverLimit => "over_limit",
            Self::Garbled => "garbled",
        }
    }
}
