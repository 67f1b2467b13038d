//! What does a record in the store mean? Taken in as it is read, or as it is watched being written.

use crate::breaker::FleetOrder;
use crate::fleet::agent::Agent;
use crate::fleet::agent::calls::Purpose;
use crate::fleet::agent::step::Step;
use crate::fleet::etcd::messages::KeyValue;
use crate::fleet::etcd::{self, Method};
use crate::fleet::event::Effect;
use crate::fleet::fact::Fact;
use crate::fleet::keys::{Node, Place};
use crate::fleet::ordered::{Instruction, Ordered};
use crate::fleet::view::Heard;
use crate::fleet::words::{Order, Says, Word};
use crate::stats::{FleetEvent, Ignored};
use core::time::Duration;
use std::collections::VecDeque;

/// How long a `closed` is remembered beyond what it may have to end.
const CLOSED_LASTS_ON: Duration = Duration::from_secs(60);

/// Leases that are asked about at once.
const MAX_LOOKUPS: usize = 16;

/// Records that wait for that, before no further ones are read.
const MAX_WAITING: usize = 64;

/// Leases of records about no breaker of this proxy's that are asked about at most: it may yet get a
/// request to one of them.
const MAX_SPARE: usize = 512;

/// How a record was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It was there already: how old it is, only its lease can tell.
    Read,
    /// It was just written.
    Watched,
}

/// A record that was read, and holds no longer than its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unsure {
    breaker: String,
    lease: i64,
    order: Order,
    remaining: Duration,
    of: Of,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    Word { by: Node, says: Says },
    Order(Ordered),
}

/// Records whose leases are yet to be asked about.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookups {
    waiting: VecDeque<Unsure>,
    out: usize,
    /// How many more may be asked about that concern no breaker of this proxy's.
    spare: usize,
}

impl Lookups {
    pub(super) fn forget_all(&mut self) {
        self.waiting.clear();
        (self.out, self.spare) = (0, MAX_SPARE);
    }

    /// Whether so many wait that nothing more is to be read.
    pub(super) fn are_many(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    fn may_ask(&mut self, is_known: bool) -> bool {
        let may_ask = is_known || self.spare > 0;
        self.spare = self.spare.saturating_sub(usize::from(!is_known));
        may_ask
    }
}

impl Agent {
    /// A record is there.
    pub(super) fn take_in(&mut self, record: &KeyValue, how: How, step: &mut Step<'_>) {
        let Some(place) = self.keys.place(&record.key) else {
            return step.ignores(None, Ignored::Key);
        };
        let (Place::Fact { breaker, .. } | Place::Turn { breaker } | Place::Override { breaker }) =
            &place;
        let known = step.knows(breaker);
        if known.is_none() {
            step.ignores(None, Ignored::UnknownBreaker);
        }
        match place {
            Place::Fact { breaker, by } => match Fact::decode(&record.value) {
                Some(fact) => self.take_fact(breaker, by, fact, record, how, step),
                None => step.ignores(Some(&breaker), Ignored::Value),
            },
            // Those who do not have it yet will ask.
            Place::Turn { .. } if !known.is_some_and(|known| known.is_here) => {}
            Place::Turn { breaker } => match Node::parse(&record.value) {
                Some(node) => self.note_holder(breaker, node, self.order_of(record), step),
                None => step.ignores(Some(&breaker), Ignored::Value),
            },
            Place::Override { breaker } => match Ordered::decode(&record.value) {
                Some(ordered) => self.take_ordered(breaker, ordered, record, how, step),
                None => step.ignores(Some(&breaker), Ignored::Value),
            },
        }
    }

    /// A record is gone. That a word's is says nothing: words end by their own time.
    pub(super) fn note_deleted(&mut self, key: &[u8], step: &mut Step<'_>) {
        match self.keys.place(key) {
            Some(Place::Turn { breaker }) => self.note_turn_over(&breaker, step),
            Some(Place::Override { breaker }) => {
                if self.orders.end(&breaker) {
                    step.orders(breaker, None);
                }
            }
            Some(Place::Fact { .. }) | None => {}
        }
    }

    fn take_fact(
        &mut self,
        breaker: String,
        by: Node,
        fact: Fact,
        record: &KeyValue,
        how: How,
        step: &mut Step<'_>,
    ) {
        let order = self.order_of(record);
        let known = self.view.of(&breaker).and_then(|words| words.of(&by));
        if known.is_some_and(|known| known.order >= order) {
            return;
        }
        let lease = record.lease;
        let (basis, reason, remaining) = match fact {
            Fact::Closed => {
                let until = step.now + self.settings.announced_max + CLOSED_LASTS_ON;
                let word = Word { order, lease, says: Says::Closed, until };
                return self.hear(&breaker, by, word, step);
            }
            Fact::Open { basis, reason, remaining } => (basis, reason, remaining),
        };
        let says = Says::Open { basis, reason };
        let remaining = remaining.min(self.settings.announced_max);
        match (how, lease) {
            (How::Watched, _) => {
                let until = step.now + remaining;
                self.hear(&breaker, by, Word { order, lease, says, until }, step);
            }
            // How old it is nobody knows.
            (How::Read, 0) => step.ignores(Some(&breaker), Ignored::Value),
            (How::Read, lease) => {
                if !self.lookups.may_ask(step.knows(&breaker).is_some()) {
                    return step.ignores(Some(&breaker), Ignored::OverLimit);
                }
                self.view.await_word(&breaker);
                let of = Of::Word { by, says };
                self.lookups.waiting.push_back(Unsure { breaker, lease, order, remaining, of });
            }
        }
    }

    fn take_ordered(
        &mut self,
        breaker: String,
        ordered: Ordered,
        record: &KeyValue,
        how: How,
        step: &mut Step<'_>,
    ) {
        let order = self.order_of(record);
        if self.orders.is_known(&breaker, order) {
            return;
        }
        match (how, record.lease, ordered.remaining) {
            (How::Read, lease, Some(remaining)) if lease != 0 => {
                if !self.orders.hold(&breaker, &ordered.author) {
                    return step.ignores(Some(&breaker), Ignored::OverLimit);
                }
                let of = Of::Order(ordered);
                self.lookups.waiting.push_back(Unsure { breaker, lease, order, remaining, of });
            }
            (_, _, remaining) => {
                self.put_in_force(breaker, ordered, remaining, order, step);
            }
        }
    }

    fn put_in_force(
        &mut self,
        breaker: String,
        ordered: Ordered,
        remaining: Option<Duration>,
        order: Order,
        step: &mut Step<'_>,
    ) {
        let until = remaining.map(|remaining| step.now + remaining);
        let Ordered { mode, author, .. } = ordered;
        let instruction = Instruction { order: FleetOrder { mode, until }, author };
        self.orders.be_sure(&breaker);
        if self.orders.begin(&breaker, instruction.clone(), order) {
            step.received(&breaker, FleetEvent::Override);
            step.orders(breaker, Some(instruction));
        } else {
            step.ignores(Some(&breaker), Ignored::OverLimit);
        }
    }

    /// Ask about the leases of what was read, a few at a time.
    pub(super) fn ask_times(&mut self, step: &mut Step<'_>) {
        while self.lookups.out < MAX_LOOKUPS && self.calls.has_room() {
            let Some(unsure) = self.lookups.waiting.pop_front() else { break };
            let message = etcd::lease(unsure.lease);
            self.lookups.out += 1;
            let call = self.calls.begin(Purpose::TimeToLive(unsure), step.now);
            step.does(Effect::Call { call, method: Method::LeaseTimeToLive, message });
        }
        if !self.lookups.are_many() {
            self.read_on(step);
        }
    }

    /// A lease's time is known, or it has none: a record that outlived it is not believed.
    pub(super) fn take_time_to_live(
        &mut self,
        unsure: Unsure,
        result: Result<&[u8], u32>,
        step: &mut Step<'_>,
    ) {
        self.lookups.out = self.lookups.out.saturating_sub(1);
        let Unsure { breaker, lease, order, remaining, of } = unsure;
        if matches!(of, Of::Word { .. }) {
            self.view.end_waiting(&breaker);
            self.hints.touch(&breaker);
        }
        if result.is_err() {
            step.found(FleetEvent::Failed);
        }
        let is_answered = result.is_ok();
        let Some(left) = result.ok().and_then(etcd::time_to_live) else {
            // Of one whose lease could not be asked about it stays unknown whether it holds.
            if is_answered && matches!(of, Of::Order(_)) {
                self.orders.be_sure(&breaker);
            }
            return;
        };
        let remaining = remaining.min(left);
        match of {
            Of::Word { by, says } => {
                let until = step.now + remaining;
                self.hear(&breaker, by, Word { order, lease, says, until }, step);
            }
            Of::Order(ordered) => {
                self.put_in_force(breaker, ordered, Some(remaining), order, step);
            }
        }
    }

    fn hear(&mut self, breaker: &str, by: Node, word: Word, step: &mut Step<'_>) {
        let is_ours = by == self.ours;
        let mut heard = self.view.hear(breaker, by.clone(), word, is_ours);
        if heard == Heard::NoRoom && self.make_room_for(breaker, step) {
            heard = self.view.hear(breaker, by.clone(), word, is_ours);
        }
        match heard {
            Heard::NoRoom => step.ignores(Some(breaker), Ignored::OverLimit),
            Heard::Nothing => {}
            Heard::News => {
                self.turns.note_word(breaker, &by, word.order, word.says == Says::Closed);
                self.hints.widen(breaker);
                if !is_ours {
                    let event = match word.says {
                        Says::Open { basis, .. } => basis.event(),
                        Says::Closed => FleetEvent::Closed,
                    };
                    step.received(breaker, event);
                    self.turns.note_settled(breaker);
                }
                self.hints.touch(breaker);
            }
        }
    }

    /// What is said of breakers that this proxy does not have gives way to what it could have, and that to
    /// what it has.
    fn make_room_for(&mut self, breaker: &str, step: &Step<'_>) -> bool {
        let Some(known) = step.knows(breaker) else { return false };
        let is_known = |breaker: &str| step.knows(breaker).is_some();
        let is_here = |breaker: &str| step.knows(breaker).is_some_and(|known| known.is_here);
        self.view.drop_unknown(is_known) || (known.is_here && self.view.drop_unknown(is_here))
    }

    /// Whether a record that is read now cannot be of the store that was heard before: what it replaces
    /// would be later than it, or had the same revision and another lease.
    pub(super) fn is_of_another_store(&self, record: &KeyValue) -> bool {
        let Some(Place::Fact { breaker, by }) = self.keys.place(&record.key) else { return false };
        let known = self.view.of(&breaker).and_then(|words| words.of(&by));
        let known = known.filter(|word| word.order.store == self.reading.order.store);
        known.is_some_and(|word| {
            let revision = word.order.revision;
            record.mod_revision < revision
                || (record.mod_revision == revision && record.lease != word.lease)
        })
    }

    const fn order_of(&self, record: &KeyValue) -> Order {
        Order { store: self.reading.order.store, revision: record.mod_revision }
    }
}
