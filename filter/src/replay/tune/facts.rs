//! What is the traffic of a cluster like, as far as thresholds depend on it?

use core::time::Duration;
use std::collections::BTreeMap;

use super::price::Worth;
use crate::replay::{Call, Ended, Fate, Spread};

/// The figures by which a choice is explained.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Calls whose end is known.
    pub calls: u64,
    /// Of them, those that failed.
    pub failed: u64,
    /// Calls whose end nobody knows, since a live breaker blocked them.
    pub unknown: u64,
    /// From the first call to the last.
    pub span: Duration,
    /// Calls whose first content was measured.
    pub streams: u64,
    /// Calls that succeeded and had no first content.
    pub whole_answers: u64,
    /// Calls in the median minute that has any.
    pub calls_a_minute: u64,
    /// First tokens of good calls.
    pub first_tokens: Spread,
    /// Whole answers of good calls.
    pub durations: Spread,
    /// How long calls that failed were waited for.
    pub failures: Spread,
}

impl Facts {
    pub(super) fn of(calls: &[Call], worths: &[Worth]) -> Self {
        let mut facts = Self::default();
        let mut minutes: BTreeMap<u64, u64> = BTreeMap::new();
        for (call, worth) in calls.iter().zip(worths) {
            let Fate::Sent(ended) = &call.fate else {
                facts.unknown += 1;
                continue;
            };
            *minutes.entry(unix(call) / 60_000_000_000).or_default() += 1;
            facts.add(call, ended, *worth);
        }
        let times = || calls.iter().map(unix);
        let span = times().max().unwrap_or_default() - times().min().unwrap_or_default();
        facts.span = Duration::from_nanos(span);
        let mut minutes: Vec<u64> = minutes.into_values().collect();
        minutes.sort_unstable();
        facts.calls_a_minute = minutes.get(minutes.len() / 2).copied().unwrap_or_default();
        facts
    }

    fn add(&mut self, call: &Call, ended: &Ended, worth: Worth) {
        self.calls += 1;
        match (worth, ended.measured.first_token) {
            (Worth::Bad(waited), _) => {
                self.failed += 1;
                self.failures.add(waited);
            }
            (Worth::Good, Some(first_token)) => {
                self.streams += 1;
                self.first_tokens.add(first_token);
            }
            (Worth::Good, None) => {
                self.whole_answers += 1;
                self.durations.add(call.waited().unwrap_or_default());
            }
            (Worth::Nothing, _) => {}
        }
    }
}

/// When a call began, in nanoseconds since 1970.
pub(super) fn unix(call: &Call) -> u64 {
    call.source.unix_nanos(call.admitted)
}
