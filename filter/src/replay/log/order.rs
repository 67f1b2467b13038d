//! In which order were the calls admitted? A line is written when its call ends: so those of each source
//! are held until no earlier one can come any more.

use crate::replay::call::{Call, Source};
use crate::time::Instant;
use core::cmp::{Ordering, Reverse};
use core::time::Duration;
use std::collections::{BTreeMap, BinaryHeap};

/// Calls that are held at most; beyond it the earliest of the source at hand go.
const MAX_HELD: usize = 1 << 20;

/// Calls admitted in the same nanosecond that are compared; there are hardly ever two.
const MAX_COMPARED: usize = 256;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The number of its file.
    pub(super) file: usize,
    /// Its own, from 1.
    pub(super) line: u64,
}

/// Calls that wait for their turn.
#[derive(Debug)]
pub(super) struct Order {
    reorder: Duration,
    sources: BTreeMap<u32, Held>,
    count: usize,
}

#[derive(Debug, Default)]
struct Held {
    calls: BinaryHeap<Reverse<Waiting>>,
    newest: Instant,
    /// An end far beyond it, which counts once the next call confirms it: one damaged line would let
    /// all go that others still have to precede.
    far: Option<Instant>,
    /// Up to when calls were let go, and those that were admitted just then.
    let_go: Option<Instant>,
    latest: Vec<u64>,
}

#[derive(Debug)]
struct Waiting {
    /// The call's own, at hand for those that compare.
    admitted: Instant,
    id: u64,
    place: Place,
    call: Box<Call>,
}

/// Whether a call was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    InTime,
    TooLate,
}

/// A call whose turn it is.
#[derive(Debug)]
pub(super) enum Turn {
    Call(Box<Call>),
    /// The same as one before it.
    Duplicate(Place),
}

impl Order {
    pub(super) const fn within(reorder: Duration) -> Self {
        Self { reorder, sources: BTreeMap::new(), count: 0 }
    }

    /// One more; `id` is that of its line, `settled` when it ended.
    pub(super) fn take(&mut self, call: Call, settled: Instant, id: u64, place: Place) -> Taken {
        let admitted = call.admitted;
        let held = self.sources.entry(call.source.id).or_default();
        if held.let_go.is_some_and(|it| admitted < it) {
            return Taken::TooLate;
        }
        held.ended(settled, self.reorder);
        held.calls.push(Reverse(Waiting { admitted, id, place, call: Box::new(call) }));
        self.count += 1;
        Taken::InTime
    }

    /// The next of this source whose turn has come.
    pub(super) fn next(&mut self, source: &Source) -> Option<Turn> {
        let is_full = self.count > MAX_HELD;
        let held = self.sources.get_mut(&source.id)?;
        let first = held.calls.peek()?.0.admitted;
        if !is_full && first + self.reorder >= held.newest {
            return None;
        }
        self.count -= 1;
        held.pop()
    }

    /// The next of this source, of which nothing more comes.
    pub(super) fn rest(&mut self, source: u32) -> Option<Turn> {
        let turn = self.sources.get_mut(&source)?.pop();
        match turn {
            Some(_) => self.count -= 1,
            None => {
                self.sources.remove(&source);
            }
        }
        turn
    }

    /// A source of which calls may be held.
    pub(super) fn any_source(&self) -> Option<u32> {
        self.sources.keys().next().copied()
    }
}

impl Held {
    fn ended(&mut self, settled: Instant, reorder: Duration) {
        if settled <= self.newest + reorder {
            self.newest = self.newest.max(settled);
            self.far = None;
            return;
        }
        let confirmed = self.far.filter(|far| settled + reorder >= *far);
        self.far = Some(settled);
        if let Some(far) = confirmed {
            self.newest = self.newest.max(far.min(settled));
        }
    }

    fn pop(&mut self) -> Option<Turn> {
        let Reverse(Waiting { id, place, call, .. }) = self.calls.pop()?;
        if self.let_go != Some(call.admitted) {
            self.let_go = Some(call.admitted);
            self.latest.clear();
        }
        if self.latest.contains(&id) {
            return Some(Turn::Duplicate(place));
        }
        if self.latest.len() < MAX_COMPARED {
            self.latest.push(id);
        }
        Some(Turn::Call(call))
    }
}

impl Waiting {
    /// Of the same instant, the order of the lines counts.
    fn key(&self) -> (Instant, Place, u64) {
        (self.admitted, self.place, self.id)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn one_damaged_end_lets_nothing_go_that_others_precede() {
        let reorder = Duration::from_secs(60);
        let mut held = Held::default();
        for (settled, newest) in
            [(1_000, 0), (1_001, 1_000), (50_000, 1_001), (1_002, 1_002), (60_000, 1_002)]
        {
            held.ended(at(settled), reorder);
            assert_eq!(held.newest, at(newest), "{settled}");
        }
        // A silence that ends, however rare calls are from then on.
        for (settled, newest) in [(60_001, 60_000), (70_000, 60_001), (80_000, 70_000)] {
            held.ended(at(settled), reorder);
            assert_eq!(held.newest, at(newest), "{settled}");
        }
    }
}
