//! LiteLLM's cooldown. Facts: its source, 1.110 (`router_utils/cooldown_handlers.py`, `constants.py`).
//! A deployment rests for 5 s, or for as long as the answer says. In a group of several it does after
//! any 429, or when more than half of the minute's calls failed, five calls at least; the only one of
//! its group does only when all of the minute's calls failed, a thousand at least. Other 4xx and failed
//! connections count, but bring about nothing; what breaks off in the middle of a stream, and a caller
//! that leaves, is not heard of. Which minute: 60 s from its first call of either kind on.

use super::{Heard, Rule};
use crate::call::End;
use core::time::Duration;
use llm_breaker::time::Instant;

const COOLDOWN: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);
const GROUP_MINIMUM: u32 = 5;
const ALONE_MINIMUM: u32 = 1_000;

/// Whether other deployments could serve in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// There are some.
    OneOfSeveral,
    /// There is none.
    Alone,
}

/// One deployment.
#[derive(Debug)]
pub struct Cooldown {
    group: Group,
    until: Instant,
    successes: Minute,
    failures: Minute,
}

/// A count that is forgotten a minute after its first.
#[derive(Debug, Default)]
struct Minute {
    count: u32,
    ends: Instant,
}

impl Minute {
    fn add(&mut self, now: Instant) {
        if now >= self.ends {
            *self = Self { count: 0, ends: now + MINUTE };
        }
        self.count += 1;
    }

    fn count(&self, now: Instant) -> u32 {
        if now < self.ends { self.count } else { 0 }
    }
}

impl Cooldown {
    /// A deployment in such a group.
    #[must_use]
    pub fn new(group: Group) -> Self {
        let (successes, failures) = (Minute::default(), Minute::default());
        Self { group, until: Instant::ZERO, successes, failures }
    }

    fn rests_after(&self, status: u16, now: Instant) -> bool {
        let failures = self.failures.count(now);
        let calls = failures + self.successes.count(now);
        match self.group {
            Group::OneOfSeveral => {
                status == 429 || (calls >= GROUP_MINIMUM && 2 * failures > calls)
            }
            Group::Alone => calls >= ALONE_MINIMUM && failures == calls,
        }
    }
}

impl Rule for Cooldown {
    fn admits(&mut self, now: Instant) -> Option<u64> {
        (self.until <= now).then_some(0)
    }

    fn hears(&mut self, heard: &Heard, _generation: u64, now: Instant) -> bool {
        let (status, says) = match heard.end {
            End::Whole => {
                self.successes.add(now);
                return false;
            }
            End::Cut | End::Left => return false,
            End::Refused | End::Reset | End::Error { status: 400, .. } => {
                self.failures.add(now);
                return false;
            }
            End::QuotaExhausted => (429, None),
            End::Error { status, retry_after } => (status, retry_after),
        };
        self.failures.add(now);
        if !self.rests_after(status, now) {
            return false;
        }
        let rested = self.until > now;
        self.until = self.until.max(now + says.unwrap_or(COOLDOWN));
        !rested
    }
}
