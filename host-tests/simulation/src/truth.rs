//! What is the upstream really like, and did the breakers tell?

use core::time::Duration;
use llm_breaker::breaker::StateName;
use llm_breaker::time::Instant;

/// How the upstream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// One call in a hundred fails.
    Healthy,
    /// Nearly all fail.
    Down,
    /// It limits rates, and says for how long.
    Limited,
    /// The account's quota is used up.
    OutOfQuota,
    /// It answers late.
    Slow,
    /// A third of the calls fail.
    Shaky,
}

/// The upstream's condition, and what the breakers made of it.
#[derive(Debug)]
pub struct Truth {
    /// How it is now.
    pub weather: Weather,
    since: Instant,
    /// Calls that failed in this outage while the breaker was closed.
    failed: u32,
    opened: bool,
    /// For how long failures are remembered at most.
    memory: Duration,
    /// What is counted.
    pub verdict: Tripped,
}

/// How well the breakers told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tripped {
    /// A breaker that was closed opened.
    pub trips: u64,
    /// Though the upstream had been healthy for longer than a window.
    pub without_cause: u64,
    /// The upstream failed a number of calls that should have opened a breaker.
    pub outages: u64,
    /// And yet none opened.
    pub missed: u64,
    /// Successes that were gathered, and not recorded one by one.
    pub gathered: u64,
    /// Failures or slow calls that opened a breaker, and would not have if each success had been
    /// counted at once.
    pub early: u64,
    /// And that would have, but did not.
    pub late: u64,
}

/// More failed calls in an outage than any threshold of the runs' policies.
const ENOUGH_FAILURES: u32 = 12;

impl Truth {
    /// A healthy upstream.
    #[must_use]
    pub fn new(now: Instant, memory: Duration) -> Self {
        Self {
            weather: Weather::Healthy,
            since: now,
            failed: 0,
            opened: false,
            memory,
            verdict: Tripped::default(),
        }
    }

    /// It changes.
    pub fn becomes(&mut self, weather: Weather, now: Instant) {
        if self.weather == Weather::Down && self.failed >= ENOUGH_FAILURES {
            self.verdict.outages += 1;
            self.verdict.missed += u64::from(!self.opened);
        }
        (self.weather, self.since, self.failed, self.opened) = (weather, now, 0, false);
    }

    /// A call that a closed breaker let through failed.
    pub const fn failed(&mut self) {
        self.failed += 1;
    }

    /// A breaker changed its state.
    pub fn moved(&mut self, _name: &str, from: StateName, to: StateName, now: Instant) {
        if to != StateName::Open {
            return;
        }
        self.opened = true;
        if from == StateName::Closed {
            self.verdict.trips += 1;
            let long_healthy =
                self.weather == Weather::Healthy && now.since(self.since) > self.memory;
            self.verdict.without_cause += u64::from(long_healthy);
        }
    }
}

impl Tripped {
    /// Those of other runs, too.
    pub const fn add(&mut self, other: &Self) {
        self.trips += other.trips;
        self.without_cause += other.without_cause;
        self.outages += other.outages;
        self.missed += other.missed;
        self.gathered += other.gathered;
        self.early += other.early;
        self.late += other.late;
    }
}
