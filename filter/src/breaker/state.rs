//! The states of a breaker, what it hands out, and how it says what changed: plain data.

use crate::breaker::Leases;
use crate::category::Category;
use crate::time::Instant;
use core::time::Duration;

/// Closed lets calls flow, open sheds them, half-open lets a few probes try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Calls flow.
    Closed {
        /// When it closed.
        since: Instant,
        /// What was before: after a half-open period traffic may be let back gradually.
        after: Before,
    },
    /// Calls are shed.
    Open {
        /// When it opened.
        since: Instant,
        /// When a probe may go out.
        until: Instant,
    },
    /// Probes try the upstream.
    HalfOpen {
        /// When the open time ended.
        since: Instant,
        /// Probes that succeeded so far.
        successes: u32,
        /// Probes in flight.
        leases: Leases,
    },
}

/// What preceded a closed period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing: the breaker is new, or it was told to start afresh.
    Nothing,
    /// A half-open period.
    HalfOpen,
    /// Other proxies' word that it works again.
    Fleet,
}

/// A state without its data, as stats and logs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateName {
    /// Calls flow.
    Closed,
    /// Calls are shed.
    Open,
    /// Probes try the upstream.
    HalfOpen,
}

impl State {
    /// The state's name.
    #[must_use]
    pub const fn name(&self) -> StateName {
        match self {
            Self::Closed { .. } => StateName::Closed,
            Self::Open { .. } => StateName::Open,
            Self::HalfOpen { .. } => StateName::HalfOpen,
        }
    }

    /// When it was entered.
    #[must_use]
    pub const fn since(&self) -> Instant {
        match self {
            Self::Closed { since, .. }
            | Self::Open { since, .. }
            | Self::HalfOpen { since, .. } => *since,
        }
    }
}

impl StateName {
    /// The name in stats and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }

    /// The value of the state gauge.
    #[must_use]
    pub const fn gauge(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
        }
    }
}

/// The right to have one call's outcome recorded, in the epoch it was admitted in.
///
/// It is consumed exactly once, by whichever callback ends the call, and can therefore not be
/// copied.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit that is dropped holds its probe's slot until the lease ends"]
pub struct Permit {
    /// The epoch of the admission.
    pub epoch: u64,
    /// What kind of call it is.
    pub kind: PermitKind,
}

/// What a permit was given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitKind {
    /// A call through a closed breaker.
    Call,
    /// A probe through a half-open one; it holds a slot until the deadline.
    Probe {
        /// When the slot is free again even without an outcome.
        lease: Instant,
    },
    /// A call through a breaker that rejected it; it holds the only way through until the deadline,
    /// and its outcome moves nothing.
    LastResort {
        /// When the way is free again even without an outcome.
        lease: Instant,
    },
    /// What is left of a probe that was judged before its end: it holds no slot, and may record
    /// one failure, never a second success.
    FollowUp,
}

impl PermitKind {
    /// The name in access logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Probe { .. } => "probe",
            Self::LastResort { .. } => "last_resort",
            Self::FollowUp => "follow_up",
        }
    }
}

/// The answer to "may this call go out?".
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Pass(Permit),
    /// It may, as a probe.
    Probe(Permit),
    /// It may not; this is how long a probe is away.
    Reject {
        /// Until when nothing will be let through.
        retry_after: Duration,
        /// How the call ended that opened the breaker; `None` if none did: a ramp holds back a
        /// share, or the mode rejects everything.
        because: Option<Category>,
    },
    /// The breaker has no say.
    Untracked,
}

/// What a decision did to the breaker, and so whether it must be stored.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub enum Change {
    /// Nothing: no store is needed.
    Nothing,
    /// Counters, leases or deadlines, within the same epoch.
    Data,
    /// The state: a new epoch began.
    Transition(Transition),
}

impl Change {
    pub(super) const fn data_if(changed: bool) -> Self {
        if changed { Self::Data } else { Self::Nothing }
    }

    /// What two steps of one decision did; at most one of them is a transition.
    #[inline]
    pub(crate) const fn and(self, later: Self) -> Self {
        match (self, later) {
            (Self::Nothing, change) | (change, Self::Nothing) => change,
            (Self::Transition(_), Self::Data) => self,
            (Self::Data | Self::Transition(_), _) => later,
        }
    }
}

/// One change of state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// The state before.
    pub from: StateName,
    /// The state after.
    pub to: StateName,
    /// The epoch that began.
    pub epoch: u64,
    /// Why.
    pub cause: Cause,
    /// With `to` open: for how long.
    pub open_for: Option<OpenFor>,
}

/// How long a breaker opened, and who decided that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFor {
    /// Its own back-off.
    Backoff(Duration),
    /// A reset that the upstream announced.
    Announced(Duration),
    /// What other proxies say.
    Fleet(Duration),
}

impl OpenFor {
    /// The open time.
    #[must_use]
    pub const fn duration(self) -> Duration {
        match self {
            Self::Backoff(duration) | Self::Announced(duration) | Self::Fleet(duration) => duration,
        }
    }
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// So many failures came in a row.
    ConsecutiveFailures {
        /// How many.
        count: u32,
        /// How many it takes.
        threshold: u32,
    },
    /// So many of the calls in the window failed.
    FailureRate(Share),
    /// So many of the calls in the window were slow.
    SlowRate(Share),
    /// One outcome opens at once.
    Verdict,
    /// One failure announced a reset far enough away.
    AnnouncedReset,
    /// The open time ended.
    OpenTimeEnded,
    /// A probe failed.
    ProbeFailed,
    /// Enough probes succeeded.
    ProbesSucceeded,
    /// The mode was `disabled` or `forced_open`, and no longer is.
    ModeChanged,
    /// An operator said so.
    Operator,
    /// The configuration asked for a reset.
    ResetGeneration,
    /// Other proxies see it fail, and so fewer failures in a row were enough.
    Suspected {
        /// How many.
        count: u32,
        /// How many it takes.
        threshold: u32,
    },
    /// An upstream announced a reset to another proxy.
    FleetAnnounced,
    /// Enough other proxies see it fail.
    FleetCorroborated,
    /// Another proxy says that it works again.
    FleetClosed,
}

impl Cause {
    /// The name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures { .. } => "consecutive_failures",
            Self::FailureRate(_) => "failure_rate",
            Self::SlowRate(_) => "slow_rate",
            Self::Verdict => "verdict",
            Self::AnnouncedReset => "announced_reset",
            Self::OpenTimeEnded => "open_time_ended",
            Self::ProbeFailed => "probe_failed",
            Self::ProbesSucceeded => "probes_succeeded",
            Self::ModeChanged => "mode_changed",
            Self::Operator => "operator",
            Self::ResetGeneration => "reset_generation",
            Self::Suspected { .. } => "suspected",
            Self::FleetAnnounced => "fleet_announced",
            Self::FleetCorroborated => "fleet_corroborated",
            Self::FleetClosed => "fleet_closed",
        }
    }

    /// The number that reached its threshold, where there is one.
    #[must_use]
    pub fn measured(self) -> Option<f64> {
        match self {
            Self::ConsecutiveFailures { count, .. } | Self::Suspected { count, .. } => {
                Some(f64::from(count))
            }
            Self::FailureRate(share) | Self::SlowRate(share) => Some(share.rate()),
            _ => None,
        }
    }

    /// The threshold that was reached, where there is one: during a ramp, and while others see
    /// failures, it is not the policy's.
    #[must_use]
    pub fn threshold(self) -> Option<f64> {
        match self {
            Self::ConsecutiveFailures { threshold, .. } | Self::Suspected { threshold, .. } => {
                Some(f64::from(threshold))
            }
            Self::FailureRate(share) | Self::SlowRate(share) => Some(share.threshold),
            _ => None,
        }
    }

    /// With a rate: what was counted, as logs name it, and how often.
    #[must_use]
    pub const fn share(self) -> Option<(&'static str, Share)> {
        match self {
            Self::FailureRate(share) => Some(("failures", share)),
            Self::SlowRate(share) => Some(("slow", share)),
            _ => None,
        }
    }
}

/// Which part of the calls in a window it was that reached a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The calls that count.
    pub part: u32,
    /// Those that they are a part of.
    pub calls: u32,
    /// From which rate on the breaker opens, above 0 to 1.
    pub threshold: f64,
}

impl Share {
    /// The part as a rate from 0 to 1.
    #[must_use]
    pub fn rate(self) -> f64 {
        f64::from(self.part) / f64::from(self.calls)
    }
}
