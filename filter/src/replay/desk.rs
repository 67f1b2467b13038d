//! The breakers of one proxy, each with its record in memory, and what happened to them since somebody
//! last looked.

use crate::admission::{Answer, Asker, Question, Worker};
use crate::breaker::{Breaker, Change, Jitter, Transition};
use crate::category::Category;
use crate::policy::Policy;
use crate::shared::{Cell, Decided, Ledger, Loaded, Stored, encode};
use crate::time::Instant;
use core::time::Duration;
use std::cell::{Cell as Slot, RefCell};
use std::collections::BinaryHeap;
use std::rc::Rc;

/// Two epochs of one record are not that far apart: a fresh one begins at the clock's nanoseconds.
const FRESH_EPOCH: u64 = 1_000_000_000;

/// Answers that nobody asks about are not kept for long.
const MAX_ANSWERS: usize = 64;

/// One breaker.
pub(super) struct Entry {
    /// Its place among those of its process.
    pub(super) place: usize,
    /// The number by which the findings know it.
    pub(super) number: usize,
    pub(super) policy: Rc<Policy>,
    ledger: Ledger,
    record: Record,
    jitter: Jitter,
    /// The latest epoch of a live permit.
    live_epoch: Slot<Option<u64>>,
    /// When answers began that nobody asked about yet, the earliest first.
    answers: RefCell<BinaryHeap<core::cmp::Reverse<Instant>>>,
}

/// The only worker of a proxy.
#[derive(Default)]
pub(super) struct Desk {
    told: RefCell<Vec<Told>>,
}

/// A change of state.
pub(super) struct Told {
    /// Of the breaker at this place.
    pub(super) place: usize,
    pub(super) at: Instant,
    pub(super) transition: Transition,
    pub(super) category: Option<Category>,
}

impl Worker for Desk {
    type Breaker = Rc<Entry>;

    fn ask(
        &self,
        entry: &Rc<Entry>,
        question: &Question<'_>,
        policy: &Policy,
        now: Instant,
    ) -> Decided<Answer> {
        let asker = Asker { policy, now, jitter: entry.jitter };
        let decided = question.put_to(&entry.ledger, &entry.record, asker);
        let category = question.told(decided.value.as_ref()).map(|it| it.category);
        self.tell(entry, now, decided.transition, category);
        decided
    }
}

impl Desk {
    /// What time alone changes, and how long the breaker stays open.
    pub(super) fn tick(&self, entry: &Entry, now: Instant) -> Duration {
        let decided = entry.ledger.update(&entry.record, now, |breaker| {
            let change = breaker.tick(&entry.policy, now);
            (breaker.open_remaining(now), change)
        });
        self.tell(entry, now, decided.transition, None);
        decided.value.unwrap_or_default()
    }

    /// What happened since this was asked last.
    pub(super) fn told(&self) -> Vec<Told> {
        self.told.take()
    }

    fn tell(
        &self,
        entry: &Entry,
        at: Instant,
        transition: Option<Transition>,
        category: Option<Category>,
    ) {
        if let Some(transition) = transition {
            let told = Told { place: entry.place, at, transition, category };
            self.told.borrow_mut().push(told);
        }
    }
}

impl Entry {
    /// The breaker of this name on a node.
    pub(super) fn new(
        name: &str,
        node: &str,
        place: usize,
        number: usize,
        policy: &Rc<Policy>,
    ) -> Self {
        Self {
            place,
            number,
            policy: Rc::clone(policy),
            ledger: Ledger::of(name),
            record: Record::default(),
            jitter: Jitter::of(name, node),
            live_epoch: Slot::default(),
            answers: RefCell::default(),
        }
    }

    /// Begin where the live breaker began, and again where it did; whether it did again. What the
    /// record already holds when the first permit comes (a log may begin while the live breaker is
    /// open and gives none) is left as it is.
    pub(super) fn follow(&self, live: u64, now: Instant) -> bool {
        let known = self.live_epoch.get();
        self.live_epoch.set(known.max(Some(live)));
        let is_fresh = match known {
            Some(known) => live > known.saturating_add(FRESH_EPOCH),
            None => self.record.0.borrow().is_none(),
        };
        if is_fresh {
            // One that is new has nothing to reset.
            let reset_generation = self.policy.reset_generation;
            let fresh = Breaker { epoch: live, reset_generation, ..Breaker::new(now) };
            self.record.0.replace(Some(encode(&fresh)));
        }
        is_fresh && known.is_some()
    }

    /// An answer begins then.
    pub(super) fn expect_answer(&self, at: Instant, now: Instant) {
        let mut answers = self.answers.borrow_mut();
        answers.push(core::cmp::Reverse(at));
        let latest = if answers.len() > MAX_ANSWERS { latest(&mut answers, now) } else { None };
        answers.extend(latest.map(core::cmp::Reverse));
    }

    /// The record learns of the latest answer that began before now.
    pub(super) fn note_answers(&self, now: Instant) {
        if let Some(at) = latest(&mut self.answers.borrow_mut(), now) {
            let note = |breaker: &mut Breaker| -> ((), Change) { ((), breaker.note_answer(at)) };
            let _ = self.ledger.update(&self.record, now, note);
        }
    }
}

fn latest(answers: &mut BinaryHeap<core::cmp::Reverse<Instant>>, now: Instant) -> Option<Instant> {
    let mut latest = None;
    while let Some(first) = answers.peek()
        && first.0 <= now
    {
        latest = answers.pop().map(|it| it.0);
    }
    latest
}

/// One record of shared data, which nobody else writes.
#[derive(Default)]
struct Record(RefCell<Option<Vec<u8>>>);

impl Cell for Record {
    fn load(&self, _: &str) -> Loaded {
        self.0.borrow().as_ref().map_or(Loaded::Absent, |bytes| Loaded::Found(bytes.clone(), 1))
    }

    fn store(&self, _: &str, value: &[u8], _: Option<u32>) -> Stored {
        self.0.replace(Some(value.to_vec()));
        Stored::Done
    }
}
