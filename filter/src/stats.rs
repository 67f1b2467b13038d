//! Which stats are there, and what does each call move?
//!
//! Names and labels are those that Prometheus shows. Envoy has no labels of its own for them: they
//! are written into the name in Istio's encoding and taken out again by tag regexes in the
//! bootstrap's `stats_config`.

use crate::breaker::StateName;
use crate::call::Unread;
use crate::key::Key;
use crate::outcome::{Category, Verdict};
use crate::policy::{FallbackKind, Mode};

const PREFIX: &str = "llm_circuit_breaker_";

/// How Envoy keeps a stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Holds the last value.
    Gauge,
    /// Whole numbers in buckets.
    Histogram,
}

/// How a call counts in `call_duration_milliseconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallResult {
    /// The upstream worked.
    Success,
    /// The upstream failed.
    Failure,
    /// It says nothing about the upstream.
    Ignored,
}

impl CallResult {
    /// How calls with this verdict count.
    #[must_use]
    pub const fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Success => Self::Success,
            Verdict::Failure | Verdict::Open => Self::Failure,
            Verdict::Ignore => Self::Ignored,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Ignored => "ignored",
        }
    }
}

/// Which way something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To other proxies.
    Sent,
    /// From other proxies.
    Received,
}

impl Direction {
    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

/// What one proxy tells another by way of the store, and what befalls it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FleetEvent {
    /// The upstream announced when it will work again.
    Announced,
    /// Calls failed.
    Observed,
    /// A probe of one that others had opened failed.
    Probe,
    /// It works.
    Closed,
    /// Whose turn it is to probe.
    Turn,
    /// An operator's order for all.
    Override,
    /// All of it was read.
    Sync,
    /// A call or a stream failed.
    Failed,
}

impl FleetEvent {
    /// All of them.
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

/// Why a word of another proxy was not heeded, or one to others not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The key has another shape.
    Key,
    /// The value is none that a proxy writes.
    Value,
    /// It is about a breaker that this proxy's configuration does not know.
    UnknownBreaker,
    /// There are more records than are read.
    OverLimit,
    /// It is no message of the store's.
    Garbled,
    /// The queue to the VM that listens was full.
    QueueFull,
    /// There was no such queue for seconds: no VM listened.
    NoQueue,
}

impl Ignored {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Key,
        Self::Value,
        Self::UnknownBreaker,
        Self::OverLimit,
        Self::Garbled,
        Self::QueueFull,
        Self::NoQueue,
    ];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
            Self::UnknownBreaker => "unknown_breaker",
            Self::OverLimit => "over_limit",
            Self::Garbled => "garbled",
            Self::QueueFull => "queue_full",
            Self::NoQueue => "no_queue",
        }
    }
}

/// One stat of one breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stat {
    /// 0 closed, 1 open, 2 half-open.
    State,
    /// 0 enforce, 1 shadow, 2 disabled, 3 forced open.
    Mode,
    /// Seconds until a probe may go out.
    OpenRemaining,
    /// Calls whose verdict is success.
    Successes,
    /// Calls whose verdict is failure or open.
    Failures,
    /// Calls that exceeded a slow limit.
    SlowCalls,
    /// Calls by category.
    Outcomes(Category),
    /// Transitions.
    StateChanges(StateName, StateName),
    /// Calls that did not reach their cluster.
    Blocked,
    /// Calls that would not have, in shadow mode.
    WouldBlock,
    /// Probes sent.
    HalfOpenRequests,
    /// Fallbacks used.
    Fallbacks(FallbackKind),
    /// Whole calls, in milliseconds.
    CallDuration(CallResult),
    /// Streams until their first content, in milliseconds.
    TimeToFirstToken,
    /// Bodies that would have had something to say.
    UnreadBodies(Unread),
    /// What went to and came from other proxies.
    FleetEvents(Direction, FleetEvent),
    /// Words of other proxies about it that were not heeded.
    FleetHintsIgnored(Ignored),
    /// Compare-and-set conflicts.
    SharedStateConflicts,
    /// Unreadable records that were replaced.
    SharedStateResets,
}

/// Stats of the process rather than of a breaker.
pub const BREAKERS_OVERFLOW: &str = "llm_circuit_breaker_breakers_overflow_total";
/// Unreadable lists of breakers that were replaced.
pub const INDEX_RESETS: &str = "llm_circuit_breaker_shared_state_resets_total";

/// Whether this process reads from the fleet's store, and has read all of it: 0 or 1.
pub const FLEET_CONNECTED: &str = "llm_circuit_breaker_fleet_connected";

const FLEET_EVENTS: &str = "fleet_events_total";
const FLEET_HINTS_IGNORED: &str = "fleet_hints_ignored_total";

/// The name to define by what is about no breaker of this process. Which breakers others speak of is
/// theirs to choose, so that it must not be a label.
#[must_use]
pub fn fleet_events(direction: Direction, event: FleetEvent) -> String {
    format!("{PREFIX}{FLEET_EVENTS}.{}", event_labels(direction, event))
}

/// Likewise.
#[must_use]
pub fn fleet_hints_ignored(why: Ignored) -> String {
    format!("{PREFIX}{FLEET_HINTS_IGNORED}.{}", label("reason", why.name()))
}

fn event_labels(direction: Direction, event: FleetEvent) -> String {
    label("direction", direction.name()) + &label("kind", event.name())
}

impl Stat {
    /// What a dashboard wants to see at zero before anything happened.
    pub const FROM_THE_START: [Self; 8] = [
        Self::State,
        Self::Mode,
        Self::OpenRemaining,
        Self::Blocked,
        Self::WouldBlock,
        Self::HalfOpenRequests,
        Self::Successes,
        Self::Failures,
    ];

    /// How Envoy keeps it.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::State | Self::Mode | Self::OpenRemaining => Kind::Gauge,
            Self::CallDuration(_) | Self::TimeToFirstToken => Kind::Histogram,
            _ => Kind::Counter,
        }
    }

    /// The name to define it by for this breaker.
    #[must_use]
    pub fn name(self, key: &Key) -> String {
        let cluster = label("llm_cluster", &key.cluster);
        let part = key.part.as_ref().map(|part| label("llm_model", part)).unwrap_or_default();
        let extra = match self {
            Self::Outcomes(category) => label("category", category.name()),
            Self::StateChanges(from, to) => {
                label("from", from.as_str()) + &label("to", to.as_str())
            }
            Self::Fallbacks(fallback) => label("kind", fallback.name()),
            Self::CallDuration(result) => label("result", result.name()),
            Self::UnreadBodies(why) => label("reason", why.name()),
            Self::FleetEvents(direction, event) => event_labels(direction, event),
            Self::FleetHintsIgnored(why) => label("reason", why.name()),
            _ => String::new(),
        };
        format!("{PREFIX}{}.{cluster}{part}{extra}", self.base())
    }

    const fn base(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Mode => "mode",
            Self::OpenRemaining => "open_remaining_seconds",
            Self::Successes => "successes_total",
            Self::Failures => "failures_total",
            Self::SlowCalls => "slow_calls_total",
            Self::Outcomes(_) => "outcomes_total",
            Self::StateChanges(..) => "state_changes_total",
            Self::Blocked => "requests_blocked_total",
            Self::WouldBlock => "requests_would_block_total",
            Self::HalfOpenRequests => "half_open_requests_total",
            Self::Fallbacks(_) => "fallbacks_total",
            Self::CallDuration(_) => "call_duration_milliseconds",
            Self::TimeToFirstToken => "time_to_first_token_milliseconds",
            Self::UnreadBodies(_) => "unread_bodies_total",
            Self::FleetEvents(..) => FLEET_EVENTS,
            Self::FleetHintsIgnored(_) => FLEET_HINTS_IGNORED,
            Self::SharedStateConflicts => "shared_state_conflicts_total",
            Self::SharedStateResets => "shared_state_resets_total",
        }
    }
}

impl Mode {
    /// The value of the mode gauge.
    #[must_use]
    pub const fn gauge(self) -> u64 {
        match self {
            Self::Enforce => 0,
            Self::Shadow => 1,
            Self::Disabled => 2,
            Self::ForcedOpen => 3,
        }
    }
}

/// `<label>=.=<value>;.;`, as the tag regexes expect it.
fn label(name: &str, value: &str) -> String {
    // With what follows it, this would end the value early.
    format!("{name}=.={};.;", value.replace(";.", "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_in_istios_encoding() {
        let changes = Stat::StateChanges(StateName::Closed, StateName::HalfOpen);
        assert_eq!(
            changes.name(&Key::of_cluster("outbound|443||api.openai.com")),
            "llm_circuit_breaker_state_changes_total.llm_cluster=.=outbound|443||api.openai.com;.;\
             from=.=closed;.;to=.=half_open;.;"
        );
    }

    #[test]
    fn what_goes_to_and_comes_from_other_proxies_has_its_labels() {
        let events = Stat::FleetEvents(Direction::Received, FleetEvent::Announced);
        assert_eq!(
            events.name(&Key::of_cluster("a")),
            "llm_circuit_breaker_fleet_events_total.llm_cluster=.=a;.;direction=.=received;.;\
             kind=.=announced;.;"
        );
        let ignored = Stat::FleetHintsIgnored(Ignored::Value);
        assert_eq!(
            ignored.name(&Key::of_part("a", "b")),
            "llm_circuit_breaker_fleet_hints_ignored_total.llm_cluster=.=a;.;llm_model=.=b;.;\
             reason=.=value;.;"
        );
        assert_eq!(
            fleet_hints_ignored(Ignored::UnknownBreaker),
            "llm_circuit_breaker_fleet_hints_ignored_total.reason=.=unknown_breaker;.;"
        );
        assert_eq!(
            fleet_events(Direction::Sent, FleetEvent::Sync),
            "llm_circuit_breaker_fleet_events_total.direction=.=sent;.;kind=.=sync;.;"
        );
        assert_eq!((events.kind(), ignored.kind()), (Kind::Counter, Kind::Counter));
    }

    #[test]
    fn a_value_cannot_end_its_label() {
        assert_eq!(
            Stat::State.name(&Key::of_part("a;.;to=.=b", "c;.;d")),
            "llm_circuit_breaker_state.llm_cluster=.=a_;to=.=b;.;llm_model=.=c_;d;.;"
        );
    }
}
