//! What a proxy's log says, and when: by Envoy's own clock, to the millisecond.

use serde_json::Value;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// A line of an Envoy's log.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    /// When Envoy wrote it, in milliseconds of the day.
    at: i64,
    /// Which of its threads did.
    pub(crate) thread: u64,
    /// What the filter said; null where Envoy speaks.
    pub(crate) event: Value,
    is_panic: bool,
}

impl Logged {
    /// `[2026-11-28 17:30:16.347][4711][warning][wasm] … {"event":"transition",…}`
    pub(crate) fn in_line(line: &str) -> Option<Self> {
        let (time, rest) = line.strip_prefix('[')?.split_once("][")?;
        let (thread, _) = rest.split_once("][")?;
        let said = line.find('{').map_or("", |at| &line[at..]);
        Some(Self {
            at: milliseconds(time.split_once(' ')?.1)?,
            thread: thread.parse().ok()?,
            event: serde_json::from_str(said).unwrap_or_default(),
            is_panic: line.contains("panicked at"),
        })
    }

    /// Milliseconds from another line to this one, at midnight too.
    pub(crate) fn after(&self, other: &Self) -> i64 {
        (self.at - other.at + DAY + DAY / 2) % DAY - DAY / 2
    }

    pub(crate) fn is_transition_of(&self, breaker: &str) -> bool {
        self.event["event"] == "transition" && self.event["breaker"] == breaker
    }

    pub(crate) fn opens(&self, breaker: &str) -> bool {
        self.is_transition_of(breaker) && self.event["to"] == "open"
    }

    /// Why a breaker changed its state.
    pub(crate) fn reason(&self) -> &str {
        self.event["reason"].as_str().unwrap_or_default()
    }

    /// A VM has read the store and is told what happens there: it speaks for the process.
    pub(crate) fn is_connected(&self) -> bool {
        self.event["event"] == "fleet" && self.event["connection"] == "connected"
    }

    /// A VM has crashed.
    pub(crate) const fn is_panic(&self) -> bool {
        self.is_panic
    }
}

/// `17:30:16.347`
fn milliseconds(clock: &str) -> Option<i64> {
    let mut parts = clock.split([':', '.']).map(str::parse::<i64>);
    let mut part = || parts.next()?.ok();
    let (hours, minutes, seconds, milliseconds) = (part()?, part()?, part()?, part()?);
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + milliseconds)
}
