//! What is known of one call that is replayed? Plain data, as a log or a generator tells it.

use crate::outcome::Outcome;
use crate::time::Instant;
use core::time::Duration;
use std::sync::Arc;

/// One proxy from when its machine started: whose clock a call's times are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Tells it from all others of a replay.
    pub id: u32,
    /// The node's id, which is part of what makes jitter.
    pub node: String,
    /// What makes Unix time of its clock's nanoseconds; `None` if the log has no wall clock.
    pub unix_offset_ns: Option<i64>,
}

impl Source {
    /// A source whose clock shows Unix time.
    #[must_use]
    pub fn of(node: &str) -> Arc<Self> {
        Arc::new(Self { id: 0, node: node.to_owned(), unix_offset_ns: Some(0) })
    }

    /// Nanoseconds since 1970 of a point on its clock; on a clock that is told nothing of the time,
    /// since that clock's zero.
    #[must_use]
    pub fn unix_nanos(&self, at: Instant) -> u64 {
        at.as_nanos().saturating_add_signed(self.unix_offset_ns.unwrap_or_default())
    }
}

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The proxy that it came through.
    pub source: Arc<Source>,
    /// The cluster that it was for.
    pub cluster: Arc<str>,
    /// Its model, or whatever else tells the parts of the cluster's calls apart, if that is known.
    pub part: Option<Arc<str>>,
    /// When its breakers were asked.
    pub admitted: Instant,
    /// The live breakers' epochs, where they gave a permit.
    pub epochs: Epochs,
    /// Whether it went out.
    pub fate: Fate,
}

/// The epochs of the permits that the live breakers gave: a breaker that the replay does not know yet
/// begins with it, so that its jitter is the live one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    /// Of the part's breaker.
    pub part: Option<u64>,
    /// Of the cluster's.
    pub cluster: Option<u64>,
}

/// Whether a call went out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// It did, and ended so.
    Sent(Ended),
    /// A live breaker held it back: how it would have ended, nobody knows.
    Blocked,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ended {
    /// When that was recorded.
    pub settled: Instant,
    /// What was recorded.
    pub outcome: Outcome,
    /// When a streaming probe was judged before its end.
    pub judged_early: Option<Instant>,
    /// How long was waited for what.
    pub measured: Measured,
    /// The fingerprint of the policy that judged it; one that is the same judges alike.
    pub policy: Option<u64>,
}

/// How long a caller waited, as far as that was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// For the answer's head.
    pub response_headers: Option<Duration>,
    /// Of a stream, for its first content.
    pub first_token: Option<Duration>,
    /// For the answer's end.
    pub duration: Option<Duration>,
}

impl Ended {
    /// An end of which nothing else is known.
    #[must_use]
    pub const fn at(settled: Instant, outcome: Outcome) -> Self {
        let measured = Measured { response_headers: None, first_token: None, duration: None };
        Self { settled, outcome, judged_early: None, measured, policy: None }
    }
}

impl Call {
    /// A call to a cluster that went out and ended so.
    #[must_use]
    pub fn sent(source: &Arc<Source>, cluster: &Arc<str>, admitted: Instant, ended: Ended) -> Self {
        Self {
            source: Arc::clone(source),
            cluster: Arc::clone(cluster),
            part: None,
            admitted,
            epochs: Epochs::default(),
            fate: Fate::Sent(ended),
        }
    }

    /// How long its caller waited: as measured, or until it was judged.
    #[must_use]
    pub fn waited(&self) -> Option<Duration> {
        match &self.fate {
            Fate::Sent(ended) => {
                Some(ended.measured.duration.unwrap_or(ended.settled.since(self.admitted)))
            }
            Fate::Blocked => None,
        }
    }
}
