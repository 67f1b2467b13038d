//! What one breaker is told to do: thresholds and durations that are already validated.
//!
//! A policy comes out of [`crate::config`]; its fields mirror the configuration document, where
//! every default is stated once, here, in [`Policy::default`].

mod fallback;
mod fingerprint;
mod fleet;

use crate::category::{Category, Verdicts};
use crate::dialect::Dialect;
use crate::glob::Glob;
use crate::matcher::Matcher;
use crate::time::Instant;
use core::time::Duration;

pub use fallback::{
    COMPLETION_MODEL, CREDENTIALS, Choice, CompletionAnswer, ErrorAnswer, Fallback, FallbackKind,
    HOLD_MAX, Reason, Reroute,
};
pub use fleet::Fleet;

/// Whether a breaker decides, only watches, stays out of the way, or is held open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Decide and act.
    #[default]
    Enforce,
    /// Decide, count and log; block nothing.
    Shadow,
    /// Neither admit nor record.
    Disabled,
    /// Reject everything, probe never.
    ForcedOpen,
}

impl Mode {
    /// Every mode, in the order of the documents.
    pub const ALL: [Self; 4] = [Self::Enforce, Self::Shadow, Self::Disabled, Self::ForcedOpen];

    /// The name in configuration, logs and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
            Self::Disabled => "disabled",
            Self::ForcedOpen => "forced_open",
        }
    }

    /// Whether calls are admitted and recorded by the breaker's own state.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Enforce | Self::Shadow)
    }
}

/// Which past calls a breaker looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowShape {
    /// The calls of the last `duration`, which leave it bucket by bucket.
    Time {
        /// 1 s to 1 h.
        duration: Duration,
        /// 1 to 120.
        buckets: u32,
    },
    /// The last `calls` calls, all forgotten when none was recorded for `max_age`.
    Count {
        /// 1 to 1000.
        calls: u32,
        /// 1 s to 24 h.
        max_age: Duration,
    },
}

/// When a closed breaker opens; every comparison is ≥, and whichever is reached first opens it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trip {
    /// Failures in a row, 1 to 100 and no more than a window by count holds.
    pub consecutive_failures: Option<u32>,
    /// Share of failures in the window, above 0 to 1.
    pub failure_rate: Option<f64>,
    /// Share of slow calls in the window, above 0 to 1.
    pub slow_rate: Option<f64>,
    /// Calls the window must hold before a rate counts, 1 to 1,000,000 and no more than a window
    /// by count holds.
    pub minimum_calls: u32,
    /// A single failure that announces a reset at least this far away opens at once; 0.1 s to 24 h.
    pub open_on_announced: Option<Duration>,
}

/// How long a breaker stays open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Open {
    /// The first open time, 0.1 s to 24 h, at most `max`.
    pub base: Duration,
    /// Each further trip in a row multiplies the open time by this, 1 to 10.
    pub multiplier: f64,
    /// The longest open time, before jitter, 0.1 s to 24 h.
    pub max: Duration,
    /// The share by which jitter may lengthen an open time, 0 to 1.
    pub jitter: f64,
    /// The longest wait that an upstream's announcement is believed, 0.1 s to 7 d.
    pub announced_max: Duration,
    /// How long at least an exhausted quota keeps the breaker open, 0.1 s to 7 d, at most
    /// `announced_max`.
    pub quota: Duration,
    /// Closed for this long without a trip, the count of trips starts again; 0.1 s to 24 h.
    pub reset_after: Duration,
}

/// How an open breaker tries its upstream again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HalfOpen {
    /// Probes in flight at most, over all workers, 1 to 16.
    pub probes: u32,
    /// Successful probes that close the breaker, 1 to 100.
    pub successes: u32,
    /// After this long a probe no longer holds its slot; 0.1 s to 1 h.
    pub lease: Duration,
}

/// Limits beyond which a success counts as slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Slow {
    /// Until the response headers, 1 ms to 1 h.
    pub response_headers: Option<Duration>,
    /// Of a stream, until its first content, 1 ms to 1 h.
    pub first_token: Option<Duration>,
    /// Of a stream, between two events with content, 1 ms to 1 h.
    pub gap: Option<Duration>,
    /// Until the end of the answer, 1 ms to 1 h.
    pub total: Option<Duration>,
}

/// Limits beyond which a call counts as timed out, while it hangs. They begin when the request was
/// sent completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Of a call known to be a stream, until its first content, 0.1 s to 1 h.
    pub first_token: Option<Duration>,
    /// Of a stream, between two events with content, 0.1 s to 1 h.
    pub gap: Option<Duration>,
    /// Until the end of the answer, 0.1 s to 24 h.
    pub total: Option<Duration>,
    /// A client that left after this long without a byte was not whimsical; 0.1 s to 1 h.
    pub abandoned: Option<Duration>,
    /// Whether a call that passes one of the first three is also ended.
    pub abort: bool,
}

/// What shares one breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyBy {
    /// All calls to a cluster.
    #[default]
    Cluster,
    /// The calls to a cluster's model; [`Policy::models`] names those that have a breaker of their
    /// own.
    Model,
    /// The calls to a cluster with the same value of a request header.
    Header {
        /// The header's name, in lower case.
        name: String,
        /// The values that have a breaker of their own, 1 to 256.
        values: Vec<String>,
    },
}

/// Everything that one breaker needs to decide.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// When this policy came into force in this VM; not from the document. A younger policy tells
    /// by it that an older one had taken the breaker out of service.
    pub in_force_since: Instant,
    /// What the breaker may do.
    pub mode: Mode,
    /// A breaker that has seen only lower generations starts afresh, once; 0 to 2^53 − 1.
    pub reset_generation: u64,
    /// What the upstream speaks; `None` if that is told from each request.
    pub provider: Option<Dialect>,
    /// What shares one breaker.
    pub key_by: KeyBy,
    /// With [`KeyBy::Model`]: patterns of models, at most 256. Each has one breaker, named as it is
    /// written; the first that matches counts.
    pub models: Vec<Glob>,
    /// With [`KeyBy::Model`]: a request header that names the model where the path does not, in
    /// lower case.
    pub model_header: Option<String>,
    /// With a key finer than the cluster: categories that concern the whole provider, beside a
    /// failed connection and an exhausted quota.
    pub provider_wide: Vec<Category>,
    /// Which past calls count.
    pub window: WindowShape,
    /// When to open.
    pub trip: Trip,
    /// For how long.
    pub open: Open,
    /// How to try again.
    pub half_open: HalfOpen,
    /// How long traffic is let back gradually after a half-open period, 0.1 s to 1 h.
    pub ramp: Option<Duration>,
    /// What is slow.
    pub slow: Slow,
    /// What is a time-out.
    pub limits: Limits,
    /// What each category means.
    pub verdicts: Verdicts,
    /// What the operator recognises, at most 64; the first that holds decides before any table.
    pub matchers: Vec<Matcher>,
    /// Bytes of a request's body that may be read to know its model, 1 KiB to 1 MiB.
    pub body_limit: u32,
    /// What to do in the upstream's place, 1 to 16 entries; the first that holds and can answer
    /// does. Behind the last stands a typed error; nothing stands behind one that always answers.
    pub fallback: Vec<Choice>,
    /// Whether a call that itself fails before anything was sent to its client gets a fallback, too.
    pub on_failure: bool,
    /// With `on_failure`: for how long an answer may be held until it is known, 0.1 s to 30 s.
    pub hold_max: Duration,
    /// Whether a stream that ended without its end gets its dialect's error event appended.
    pub append_stream_error: bool,
    /// Whether answers say more about who served and why, for debugging.
    pub debug_headers: bool,
    /// What is made of the words of other proxies; `None` if none are listened to. Not a policy's
    /// own: the whole document has one fleet.
    pub fleet: Option<Fleet>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            in_force_since: Instant::ZERO,
            mode: Mode::Enforce,
            reset_generation: 0,
            provider: None,
            key_by: KeyBy::Cluster,
            models: Vec::new(),
            model_header: None,
            provider_wide: Vec::new(),
            window: WindowShape::Time { duration: Duration::from_secs(60), buckets: 10 },
            trip: Trip {
                consecutive_failures: Some(5),
                failure_rate: Some(0.5),
                slow_rate: None,
                minimum_calls: 10,
                open_on_announced: None,
            },
            open: Open {
                base: Duration::from_secs(30),
                multiplier: 2.0,
                max: Duration::from_secs(600),
                jitter: 0.1,
                announced_max: Duration::from_secs(3600),
                quota: Duration::from_secs(300),
                reset_after: Duration::from_secs(600),
            },
            half_open: HalfOpen { probes: 1, successes: 1, lease: Duration::from_secs(60) },
            ramp: None,
            slow: Slow::default(),
            limits: Limits {
                first_token: Some(Duration::from_secs(120)),
                gap: None,
                total: None,
                abandoned: Some(Duration::from_secs(30)),
                abort: false,
            },
            verdicts: Verdicts::default(),
            matchers: Vec::new(),
            body_limit: 256 * 1024,
            fallback: vec![Choice {
                when: Vec::new(),
                parts: Vec::new(),
                fallback: Fallback::Error(ErrorAnswer::default()),
            }],
            on_failure: false,
            hold_max: HOLD_MAX,
            append_stream_error: false,
            debug_headers: false,
            fleet: None,
        }
    }
}
