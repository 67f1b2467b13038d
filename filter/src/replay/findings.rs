//! What came of a replay? For each configuration what its breakers would have done, and beside it how
//! the calls really went.

use crate::breaker::{StateName, Transition};
use crate::category::{Category, Verdict};
use crate::replay::course::{Course, Merge};
use crate::replay::spread::Spread;
use crate::replay::told;
use crate::time::Instant;
use core::time::Duration;
use serde::Serialize;

/// All that came of a replay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// The first admission and the last end, in nanoseconds since 1970; `None` without calls.
    pub span_unix_ns: Option<(u64, u64)>,
    /// What each configuration would have done, in the order in which they were given.
    pub configurations: Vec<Replayed>,
    /// How the calls really went, for each cluster and part of its calls, the busiest first.
    pub series: Vec<Series>,
    /// Calls of further clusters and parts, which are in no series.
    pub calls_beyond_series: u64,
}

/// What one configuration would have done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Replayed {
    /// How the configuration is called.
    pub name: String,
    /// All calls, each once.
    pub tally: Tally,
    /// Its breakers.
    pub breakers: Vec<BreakerFindings>,
    /// How often a breaker opened that was closed.
    pub trips: u64,
    /// How often a breaker changed its state; the first of them are told with the breakers.
    pub turns: u64,
    /// Calls that no breaker watched: there were more breakers than `max_breakers`.
    pub beyond_max_breakers: u64,
    /// Breakers that started afresh because their process did.
    pub restarts: u64,
}

/// What one breaker would have done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BreakerFindings {
    /// The node's id.
    pub node: String,
    /// The cluster.
    pub cluster: String,
    /// The part of its calls that the breaker is about; `None` if it is about all.
    pub part: Option<String>,
    /// The calls that it was asked about; blocked are those that it refused itself.
    pub tally: Tally,
    /// When it opened, and when it closed again.
    pub trips: Vec<Trip>,
    /// Every change of its state.
    pub turns: Vec<Turn>,
    /// How that went over time.
    pub course: Course<Blocked>,
}

/// Calls, and what a configuration would have made of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Those that went out, by how they really ended.
    pub sent: Ends,
    /// Those of them that it would have blocked: `succeeded` are the false alarms.
    pub blocked: Ends,
    /// Those that a live breaker held back: nobody knows how they would have ended.
    pub unknown: Unknown,
    /// Successes that its limits would have called time-outs.
    pub timed_out_successes: u64,
    /// How long callers really waited for the failures that it would have blocked.
    #[serde(rename = "saved_caller_seconds", serialize_with = "told::as_seconds")]
    pub saved: Duration,
}

/// Calls by what their end means to the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ends {
    /// The upstream worked.
    pub succeeded: u64,
    /// It failed.
    pub failed: u64,
    /// It says nothing about the upstream: a client's mistake, or its leaving.
    pub ignored: u64,
}

/// Calls that were blocked live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// The configuration would have blocked them as well.
    pub blocked: u64,
    /// It would have let them pass.
    pub passed: u64,
}

/// From when a closed breaker opened until it closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trip {
    /// When it opened, on its proxy's clock.
    pub opened_at: Instant,
    /// The same in nanoseconds since 1970.
    pub opened_unix_ns: u64,
    /// Why.
    pub transition: Transition,
    /// How the call ended that opened it.
    pub category: Option<Category>,
    /// How often a probe failed.
    pub reopened: u64,
    /// When it closed, or its process ended; `None` if neither did before the log ended.
    pub closed_at: Option<Instant>,
    /// Whether that was its process, which took the breaker along.
    pub ended_with_process: bool,
}

/// One change of a breaker's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// When, on its proxy's clock.
    pub at: Instant,
    /// The same in nanoseconds since 1970.
    pub unix_ns: u64,
    /// What changed and why.
    pub transition: Transition,
    /// How the call ended that changed it, if one did.
    pub category: Option<Category>,
}

/// What a breaker saw and blocked in a bucket of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// Calls that it was asked about.
    pub calls: u32,
    /// Those that it blocked.
    pub blocked: u32,
    /// Those of them that succeeded.
    pub false_alarms: u32,
}

/// How calls really went, whatever the configuration.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Series {
    /// The cluster.
    pub cluster: String,
    /// The model, or what else tells its calls apart, where the log says that.
    pub part: Option<String>,
    /// Calls that went out, by what their categories mean by themselves.
    pub ends: Ends,
    /// Calls that were blocked live.
    pub blocked_live: u64,
    /// How often each category came, by its place among all.
    #[serde(serialize_with = "told::by_name")]
    pub categories: [u64; Category::ALL.len()],
    /// Of streams, until their first content.
    pub first_token: Spread,
    /// Of successes, until their end.
    pub duration: Spread,
    /// The same over time; empty beyond the first clusters and parts.
    pub course: Course<Passage>,
    #[serde(skip)]
    pub(super) is_told_over_time: bool,
}

/// How calls really went in a bucket of time.
#[derive(Clone, Debug, Serialize)]
pub struct Passage {
    /// Calls.
    pub calls: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that a live breaker blocked.
    pub blocked_live: u32,
    /// Of streams, until their first content.
    pub first_token: Spread,
}

impl Default for Passage {
    fn default() -> Self {
        Self { calls: 0, failed: 0, blocked_live: 0, first_token: Spread::coarse() }
    }
}

impl Merge for Passage {
    fn merge(&mut self, later: &Self) {
        self.calls = self.calls.saturating_add(later.calls);
        self.failed = self.failed.saturating_add(later.failed);
        self.blocked_live = self.blocked_live.saturating_add(later.blocked_live);
        self.first_token.join(&later.first_token);
    }
}

impl Merge for Blocked {
    fn merge(&mut self, later: &Self) {
        self.calls = self.calls.saturating_add(later.calls);
        self.blocked = self.blocked.saturating_add(later.blocked);
        self.false_alarms = self.false_alarms.saturating_add(later.false_alarms);
    }
}

impl Ends {
    /// One more.
    pub const fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Success => self.succeeded += 1,
            Verdict::Failure | Verdict::Open => self.failed += 1,
            Verdict::Ignore => self.ignored += 1,
        }
    }

    /// All together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.succeeded + self.failed + self.ignored
    }
}

impl Tally {
    /// The share of the good calls that would have been blocked, from 0 to 1; 0 if there were none.
    #[must_use]
    pub fn false_alarm_share(&self) -> f64 {
        share(self.blocked.succeeded, self.sent.succeeded)
    }

    /// The share of the failures that would have been blocked, from 0 to 1; 0 if there were none.
    #[must_use]
    pub fn avoided_share(&self) -> f64 {
        share(self.blocked.failed, self.sent.failed)
    }
}

/// A part of a whole, from 0 to 1; of nothing it is 0.
#[must_use]
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Trip {
    /// From opening to closing, or to its process's end; `None` if the log ended before.
    #[must_use]
    pub fn length(&self) -> Option<Duration> {
        Some(self.closed_at?.since(self.opened_at))
    }
}

impl BreakerFindings {
    /// Its state changed; what is told of it is bounded by `room`.
    pub(super) fn turned(&mut self, turn: &Turn, room: bool) {
        let Transition { from, to, .. } = turn.transition;
        match (from, to) {
            (StateName::Closed, StateName::Open) if room => self.trips.push(Trip {
                opened_at: turn.at,
                opened_unix_ns: turn.unix_ns,
                transition: turn.transition,
                category: turn.category,
                reopened: 0,
                closed_at: None,
                ended_with_process: false,
            }),
            (_, StateName::Open) => {
                if let Some(trip) = self.open_trip() {
                    trip.reopened += 1;
                }
            }
            (_, StateName::Closed) => {
                if let Some(trip) = self.open_trip() {
                    trip.closed_at = Some(turn.at);
                }
            }
            (_, StateName::HalfOpen) => {}
        }
        if room {
            self.turns.push(turn.clone());
        }
    }

    /// Its process ended, and with it whatever it was in.
    pub(super) fn ended(&mut self, at: Instant) {
        if let Some(trip) = self.open_trip() {
            trip.closed_at = Some(at.max(trip.opened_at));
            trip.ended_with_process = true;
        }
    }

    fn open_trip(&mut self) -> Option<&mut Trip> {
        self.trips.last_mut().filter(|trip| trip.closed_at.is_none())
    }
}
