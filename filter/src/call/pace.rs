//! How long does this call keep its client waiting, and is that slow or too long?

use crate::policy::{Limits, Slow};
use crate::time::Instant;
use core::time::Duration;

/// When a stream's content came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    first: Option<Instant>,
    last: Option<Instant>,
    longest_gap: Duration,
    ended: Option<Instant>,
}

impl Pace {
    /// Content came; whether it is the first.
    pub(super) fn note_content(&mut self, now: Instant) -> bool {
        self.longest_gap = self.longest_gap(now);
        self.last = Some(now);
        let is_first = self.first.is_none();
        self.first.get_or_insert(now);
        is_first
    }

    /// The model came to its end: whatever comes later, nobody waits for it.
    pub(super) fn note_end(&mut self, now: Instant) {
        self.ended.get_or_insert(now);
    }

    /// How long a client that asked at `sent_at` and got the answer's head at `started_at` waited.
    pub(super) fn waits(&self, sent_at: Instant, started_at: Instant, now: Instant) -> Waits {
        let end = self.ended.unwrap_or(now);
        Waits {
            response_headers: started_at.since(sent_at),
            first_token: self.first.unwrap_or(end).since(sent_at),
            gap: self.longest_gap(end),
            total: end.since(sent_at),
        }
    }

    fn longest_gap(&self, now: Instant) -> Duration {
        let latest = self.last.map_or(Duration::ZERO, |last| now.since(last));
        self.longest_gap.max(latest)
    }
}

/// How long was waited for what, or has been until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// For the answer's head.
    pub response_headers: Duration,
    /// Of a stream, for its first content.
    pub first_token: Duration,
    /// Of a stream, between two contents at most.
    pub gap: Duration,
    /// For the answer's end.
    pub total: Duration,
}

impl Waits {
    /// Whether any of it is slow.
    #[must_use]
    pub fn are_slow(&self, slow: &Slow) -> bool {
        let exceeds = |wait: Duration, limit: Option<Duration>| limit.is_some_and(|it| wait > it);
        exceeds(self.response_headers, slow.response_headers)
            || exceeds(self.first_token, slow.first_token)
            || exceeds(self.gap, slow.gap)
            || exceeds(self.total, slow.total)
    }

    /// Whether any of it is too long to wait on.
    #[must_use]
    pub fn are_too_long(&self, limits: &Limits) -> bool {
        let reaches = |wait: Duration, limit: Option<Duration>| limit.is_some_and(|it| wait >= it);
        reaches(self.first_token, limits.first_token)
            || reaches(self.gap, limits.gap)
            || reaches(self.total, limits.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Asked at second 10, the head at 11, content at 15, 16, 26 and 27.
    fn pace() -> Pace {
        let mut pace = Pace::default();
        let firsts = [15, 16, 26, 27].map(|second| pace.note_content(at(second)));
        assert_eq!(firsts, [true, false, false, false]);
        pace
    }

    fn waits(pace: &Pace, now: u64) -> Waits {
        pace.waits(at(10), at(11), at(now))
    }

    #[test]
    fn a_wait_that_goes_on_counts_until_now() {
        let expected = Waits {
            response_headers: seconds(1),
            first_token: seconds(5),
            gap: seconds(10),
            total: seconds(20),
        };
        assert_eq!(waits(&pace(), 30), expected);
        let later = Waits { gap: seconds(73), total: seconds(90), ..expected };
        assert_eq!(waits(&pace(), 100), later);
        let silent = waits(&Pace::default(), 40);
        assert_eq!((silent.first_token, silent.gap), (seconds(30), seconds(0)));
    }

    #[test]
    fn nobody_waits_once_the_model_has_come_to_its_end() {
        let mut ended = pace();
        ended.note_end(at(28));
        ended.note_end(at(29));
        assert_eq!(waits(&ended, 1_000), waits(&pace(), 28));
    }

    #[test]
    fn slow_is_longer_than_its_limit_and_too_long_begins_at_it() {
        let wait = Some(seconds(10));
        let waits = waits(&pace(), 20);
        assert_eq!((waits.gap, waits.total), (seconds(10), seconds(10)));
        assert!(!waits.are_slow(&Slow { gap: wait, total: wait, ..Slow::default() }));
        assert!(waits.are_slow(&Slow { first_token: Some(seconds(4)), ..Slow::default() }));
        let none =
            Limits { first_token: None, gap: None, total: None, abandoned: None, abort: false };
        assert!(!waits.are_too_long(&none));
        assert!(waits.are_too_long(&Limits { gap: wait, ..none }));
        assert!(waits.are_too_long(&Limits { total: wait, ..none }));
        assert!(!waits.are_too_long(&Limits { first_token: Some(seconds(6)), ..none }));
    }
}
