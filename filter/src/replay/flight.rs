//! Which calls are on their way, and which of them is next to be judged?

use crate::admission::Share;
use crate::outcome::Outcome;
use crate::policy::Policy;
use crate::replay::desk::Entry;
use crate::time::Instant;
use core::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::rc::Rc;

/// Calls on their way at most; beyond it the next is judged early.
const MAX_IN_FLIGHT: usize = 1 << 18;

/// Calls on their way, by when they are judged.
#[derive(Default)]
pub(super) struct InFlight {
    calls: BinaryHeap<Reverse<Due>>,
    sequence: u64,
}

/// A call that is to be judged.
pub(super) struct Due {
    pub(super) at: Instant,
    sequence: u64,
    pub(super) flight: Box<Flight>,
}

/// One call on its way.
pub(super) struct Flight {
    pub(super) shares: Vec<Share<Rc<Entry>>>,
    pub(super) policy: Rc<Policy>,
    /// When it ends, and how.
    pub(super) settled: Instant,
    pub(super) outcome: Outcome,
    /// What a streaming probe is judged by at its first content; none once it was, or is no probe.
    pub(super) so_far: Option<Outcome>,
}

impl InFlight {
    pub(super) fn add(&mut self, at: Instant, flight: Box<Flight>) {
        self.sequence += 1;
        self.calls.push(Reverse(Due { at, sequence: self.sequence, flight }));
    }

    /// When the next is to be judged.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.calls.peek().map(|Reverse(due)| due.at)
    }

    pub(super) fn take_next(&mut self) -> Option<Due> {
        self.calls.pop().map(|Reverse(due)| due)
    }

    pub(super) fn are_too_many(&self) -> bool {
        self.calls.len() > MAX_IN_FLIGHT
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}
