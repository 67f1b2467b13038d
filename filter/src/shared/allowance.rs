//! May one more call be sent to this target, of so many in a minute? Counted by all workers
//! together: a paid spare must not be flooded unnoticed.

use crate::shared::cell::{Cell, Swap, swap};
use crate::shared::frame::{self, Kind};
use crate::shared::{MAX_NAME_BYTES, allowance_key};
use crate::time::Instant;

/// Sixty seconds that need not begin with one of the clock's touch so many of them. What is counted
/// leaves after 60 to 61 s, so that no minute, wherever it begins, holds more than is allowed.
const SECONDS: usize = 61;

/// One call that was counted.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a call that is not sent after all must be given back"]
pub struct Ticket {
    /// The clock's second in which it was counted.
    second: u64,
}

/// The calls of the latest seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Calls {
    /// The clock's second that comes first.
    newest: u64,
    /// How many were counted in each second, the newest first.
    counts: [u32; SECONDS],
}

/// Count one more call to this target, unless `per_minute` were counted in the last minute, by any
/// worker.
///
/// Not counted, and so not to be sent, is also what the host or too many others at the same time
/// keep from being counted. `target` comes from the configuration: shared data is never freed. The
/// limit is the asking policy's; those of several listeners share one count.
pub fn take(cell: &impl Cell, target: &str, per_minute: u32, now: Instant) -> Option<Ticket> {
    if target.len() > MAX_NAME_BYTES {
        return None;
    }
    let swapped = swap(cell, &allowance_key(target), |bytes| {
        let mut calls = Calls::read(bytes.as_deref(), now);
        if calls.total() >= u64::from(per_minute) {
            return Swap::Keep(None);
        }
        let ticket = calls.count();
        Swap::Store(calls.encode(), Some(ticket))
    });
    swapped.decided.flatten()
}

/// The call was not sent after all.
///
/// Where the host or too many others prevent it, the call stays counted for its minute.
pub fn give_back(cell: &impl Cell, target: &str, ticket: Ticket, now: Instant) {
    let _ = swap(cell, &allowance_key(target), |bytes| {
        let mut calls = Calls::read(bytes.as_deref(), now);
        match calls.uncount(&ticket) {
            Some(()) => Swap::Store(calls.encode(), ()),
            None => Swap::Keep(()),
        }
    });
}

impl Calls {
    /// The calls in these bytes, as they are now; none if the bytes are not ours.
    fn read(bytes: Option<&[u8]>, now: Instant) -> Self {
        let second = now.as_nanos() / 1_000_000_000;
        let known = bytes.and_then(Self::decode);
        let mut calls = known.unwrap_or(Self { newest: second, counts: [0; SECONDS] });
        calls.advance(second);
        calls
    }

    /// Forgets what is too old by now. A worker whose clock reads behind counts in the newest
    /// second.
    fn advance(&mut self, second: u64) {
        let passed = usize::try_from(second.saturating_sub(self.newest)).unwrap_or(SECONDS);
        let passed = passed.min(SECONDS);
        self.counts.rotate_right(passed);
        self.counts.iter_mut().take(passed).for_each(|count| *count = 0);
        self.newest = self.newest.max(second);
    }

    fn total(&self) -> u64 {
        self.counts.iter().copied().map(u64::from).sum()
    }

    fn count(&mut self) -> Ticket {
        if let Some(newest) = self.counts.first_mut() {
            *newest = newest.saturating_add(1);
        }
        Ticket { second: self.newest }
    }

    /// Nothing, if its second is forgotten.
    fn uncount(&mut self, ticket: &Ticket) -> Option<()> {
        let age = usize::try_from(self.newest.checked_sub(ticket.second)?).ok()?;
        let count = self.counts.get_mut(age)?;
        *count = count.checked_sub(1)?;
        Some(())
    }

    fn encode(&self) -> Vec<u8> {
        let mut frame = frame::start(Kind::Allowance, 8 + 4 * SECONDS);
        frame.extend_from_slice(&self.newest.to_le_bytes());
        for count in self.counts {
            frame.extend_from_slice(&count.to_le_bytes());
        }
        frame::seal(frame)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut payload = frame::open(bytes, Kind::Allowance)?;
        let newest = payload.u64()?;
        let mut counts = [0; SECONDS];
        for count in &mut counts {
            *count = payload.u32()?;
        }
        payload.is_empty().then_some(Self { newest, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::cell::tests::Map;
    use core::time::Duration;

    fn at(seconds: f64) -> Instant {
        Instant::from_nanos(1_000_000_000_000) + Duration::from_secs_f64(seconds)
    }

    fn takes(map: &Map, per_minute: u32, seconds: f64) -> bool {
        take(map, "spare", per_minute, at(seconds)).is_some()
    }

    /// How many of so many calls at once may be sent.
    fn burst(map: &Map, calls: usize, seconds: f64) -> usize {
        (0..calls).filter(|_| takes(map, 10, seconds)).count()
    }

    #[test]
    fn so_many_in_a_minute_and_not_one_more() {
        let map = Map::default();
        assert_eq!(burst(&map, 50, 0.0), 10);
        assert_eq!(burst(&map, 50, 59.9), 0);
        assert_eq!(burst(&map, 50, 61.0), 10);
    }

    #[test]
    fn no_minute_holds_more_wherever_it_begins() {
        let map = Map::default();
        // A little more often than allowed, so that the limit bites and shifts.
        let sent: Vec<f64> =
            (0..2_000).map(|n| f64::from(n) * 0.7).filter(|at| takes(&map, 10, *at)).collect();
        assert!(sent.len() >= 220, "nor much less than 233 are sent: {}", sent.len());
        for (first, eleventh) in sent.iter().zip(&sent[10..]) {
            assert!(eleventh - first >= 60.0, "{first} to {eleventh}");
        }
    }

    #[test]
    fn each_second_leaves_by_itself() {
        let map = Map::default();
        assert!((0..10).all(|second| takes(&map, 10, f64::from(second))));
        assert_eq!(burst(&map, 50, 61.0), 1);
        assert_eq!(burst(&map, 50, 63.5), 2);
    }

    #[test]
    fn after_a_long_silence_all_is_forgotten() {
        let map = Map::default();
        burst(&map, 50, 0.0);
        assert_eq!(burst(&map, 50, 1e9), 10);
    }

    #[test]
    fn what_was_not_sent_may_be_sent_again() {
        let map = Map::default();
        burst(&map, 9, 0.0);
        let unused = take(&map, "spare", 10, at(0.0)).expect("the tenth");
        assert_eq!(burst(&map, 50, 5.0), 0);
        give_back(&map, "spare", unused, at(5.0));
        assert_eq!(burst(&map, 50, 5.0), 1);
    }

    #[test]
    fn what_comes_back_too_late_frees_nobody_elses_place() {
        let map = Map::default();
        let late = take(&map, "spare", 10, at(0.0)).expect("the first");
        burst(&map, 50, 61.0);
        give_back(&map, "spare", late, at(61.0));
        assert_eq!(burst(&map, 50, 61.0), 0);
    }

    #[test]
    fn each_target_has_its_own_count_and_each_policy_its_own_limit() {
        let map = Map::default();
        burst(&map, 50, 0.0);
        assert!(take(&map, "other", 10, at(0.0)).is_some());
        assert!(takes(&map, 11, 0.0));
        assert!(!takes(&map, 10, 0.0));
        assert!(!takes(&map, 5, 0.0), "less than were sent already");
    }

    #[test]
    fn what_has_too_long_a_name_is_sent_nothing() {
        let map = Map::default();
        let sent = |bytes| take(&map, &"x".repeat(bytes), 10, at(0.0)).is_some();
        assert_eq!(
            [MAX_NAME_BYTES, MAX_NAME_BYTES + 1, MAX_NAME_BYTES + 2].map(sent),
            [true, false, false]
        );
    }

    #[test]
    fn a_clock_that_reads_behind_counts_all_the_same() {
        let map = Map::default();
        assert_eq!(burst(&map, 5, 10.0), 5);
        assert_eq!(burst(&map, 50, 8.0), 5);
        assert_eq!(burst(&map, 50, 69.5), 0);
    }

    #[test]
    fn two_workers_that_count_at_once_lose_no_call() {
        let map = Map::default();
        let mut of_the_other = Calls::read(None, at(0.0));
        (0..9).for_each(|_| drop(of_the_other.count()));
        map.rivals.borrow_mut().push(of_the_other.encode());
        assert_eq!(burst(&map, 50, 0.0), 1);
    }

    #[test]
    fn a_crowd_sends_nothing_that_it_could_not_count() {
        let map = Map::default();
        let nobody = Calls::read(None, at(0.0)).encode();
        map.rivals.borrow_mut().extend(vec![nobody; 100]);
        assert!(!takes(&map, 10, 0.0));
    }

    #[test]
    fn foreign_bytes_start_afresh() {
        let map = Map::default();
        map.put(&allowance_key("spare"), b"somebody else's");
        assert_eq!(burst(&map, 50, 0.0), 10);
    }
}
