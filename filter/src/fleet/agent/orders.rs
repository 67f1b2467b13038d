//! What did an operator order for the whole fleet, here or elsewhere?
//!
//! An order is in force while the store holds its record, or until its own time is over, and while the
//! store is not heard as it was last. What a whole reading does not find was withdrawn, also if the store
//! was wiped: an order's only home is its record, and one that outlived it could be ended by nobody.

use crate::fleet::agent::calls::Purpose;
use crate::fleet::agent::hints::MAX_AT_ONCE;
use crate::fleet::agent::step::Step;
use crate::fleet::agent::{Agent, MAX_BREAKERS};
use crate::fleet::etcd::{self, Method};
use crate::fleet::event::Effect;
use crate::fleet::news::News;
use crate::fleet::ordered::{Author, Instruction, Ordered};
use crate::fleet::round::Round;
use crate::fleet::words::Order;
use crate::policy::Mode;
use crate::stats::FleetEvent;
use crate::time::Instant;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// Orders that are in force at most: an operator gives few.
const MAX_ORDERS: usize = 512;

/// Bytes that their names and texts may take.
const MAX_BYTES: usize = 128 * 1024;

/// An order that cannot be sent for so long is given up: its operator has seen to it otherwise.
const TRIED_FOR: Duration = Duration::from_secs(60);

/// The orders that are in force, and those that are to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    in_force: BTreeMap<String, InForce>,
    /// Breakers of which the store holds an order, but not yet known for how long.
    unsure: BTreeSet<String>,
    /// Whether all were read: others may have written more than are.
    are_all: bool,
    /// The bytes of the names and texts of both.
    taken: usize,
    meant: BTreeMap<String, Meant>,
    /// Those that are said again.
    repeated: Round,
}

#[derive(Clone, Debug)]
struct InForce {
    place: Order,
    instruction: Instruction,
    /// Whether the store still held it when it was last read.
    is_seen: bool,
}

#[derive(Clone, Debug)]
struct Meant {
    what: What,
    since: Instant,
    is_under_way: bool,
}

#[derive(Clone, Debug)]
enum What {
    Ordered { mode: Mode, until: Option<Instant>, author: Author },
    Withdrawn,
}

impl Orders {
    /// The order on a breaker.
    pub(super) fn of(&self, breaker: &str) -> Option<&Instruction> {
        self.in_force.get(breaker).map(|it| &it.instruction)
    }

    /// Whether the store holds no order on it, as it was read last.
    pub(super) fn are_none_of(&self, breaker: &str) -> bool {
        self.are_all && !self.in_force.contains_key(breaker) && !self.unsure.contains(breaker)
    }

    /// The next so many orders, round and round.
    fn repeat(&mut self, count: usize) -> Vec<(String, Instruction)> {
        self.repeated.next(&self.in_force, count, |_, it| Some(it.instruction.clone()))
    }

    /// The operator of this proxy orders something for all.
    pub(super) fn mean(&mut self, breaker: String, news: News, now: Instant) {
        let what = match news {
            News::Ordered { mode, lasts, author } => {
                What::Ordered { mode, until: lasts.map(|lasts| now + lasts), author }
            }
            _ => What::Withdrawn,
        };
        if self.meant.len() < MAX_BREAKERS || self.meant.contains_key(&breaker) {
            self.meant.insert(breaker, Meant { what, since: now, is_under_way: false });
        }
    }

    pub(super) fn wait_for_store(&mut self) {
        self.meant.values_mut().for_each(|meant| meant.is_under_way = false);
    }

    pub(super) fn forget(&mut self, now: Instant) {
        self.meant.retain(|_, meant| now.since(meant.since) < TRIED_FOR);
        self.in_force.retain(|_, it| it.instruction.order.until.is_none_or(|until| now < until));
        self.count();
    }

    /// Whether this order was taken in already; if so, the store still holds it.
    pub(super) fn is_known(&mut self, breaker: &str, place: Order) -> bool {
        let Some(known) = self.in_force.get_mut(breaker) else { return false };
        let is_known = known.place >= place;
        known.is_seen |= is_known;
        is_known
    }

    /// The store holds one, but it is not known yet for how long. Returns whether there is room for it.
    pub(super) fn hold(&mut self, breaker: &str, author: &Author) -> bool {
        let has_room = self.has_room(breaker, author);
        if has_room && self.unsure.insert(breaker.to_owned()) {
            self.taken = self.taken.saturating_add(breaker.len());
        }
        if let Some(known) = self.in_force.get_mut(breaker) {
            known.is_seen = true;
        }
        has_room
    }

    /// It is known: not only for how long it holds, but also whether it still does.
    pub(super) fn be_sure(&mut self, breaker: &str) {
        if self.unsure.remove(breaker) {
            self.taken = self.taken.saturating_sub(breaker.len());
        }
    }

    /// An order begins. Returns whether there was room for it.
    pub(super) fn begin(&mut self, breaker: &str, instruction: Instruction, place: Order) -> bool {
        let has_room = self.has_room(breaker, &instruction.author);
        if has_room {
            self.taken = self.taken.saturating_sub(self.bytes_of(breaker));
            let it = InForce { place, instruction, is_seen: true };
            self.in_force.insert(breaker.to_owned(), it);
            self.taken = self.taken.saturating_add(self.bytes_of(breaker));
        }
        has_room
    }

    fn has_room(&self, breaker: &str, author: &Author) -> bool {
        let is_held = usize::from(self.in_force.contains_key(breaker));
        let others = self.in_force.len().saturating_sub(is_held);
        let taken = self.taken.saturating_sub(self.bytes_of(breaker));
        let taken = taken.saturating_add(breaker.len()).saturating_add(author.bytes());
        others.max(self.unsure.len()) < MAX_ORDERS && taken <= MAX_BYTES
    }

    fn bytes_of(&self, breaker: &str) -> usize {
        self.in_force.get(breaker).map_or(0, |it| breaker.len() + it.instruction.author.bytes())
    }

    fn count(&mut self) {
        let held =
            self.in_force.iter().map(|(name, it)| name.len() + it.instruction.author.bytes());
        self.taken = held.chain(self.unsure.iter().map(String::len)).sum();
    }

    /// Its record is gone. Returns whether it was in force.
    pub(super) fn end(&mut self, breaker: &str) -> bool {
        self.be_sure(breaker);
        self.taken = self.taken.saturating_sub(self.bytes_of(breaker));
        self.in_force.remove(breaker).is_some()
    }

    pub(super) fn begin_sync(&mut self) {
        self.unsure.clear();
        self.count();
        self.are_all = false;
        self.in_force.values_mut().for_each(|it| it.is_seen = false);
    }

    /// All orders were read: those that were not among them have ended.
    pub(super) fn end_sync(&mut self) -> Vec<String> {
        self.are_all = true;
        let ended = self.in_force.iter().filter(|(_, it)| !it.is_seen);
        let ended: Vec<String> = ended.map(|(breaker, _)| breaker.clone()).collect();
        self.in_force.retain(|_, it| it.is_seen);
        self.count();
        ended
    }
}

impl Agent {
    /// Time passed: what is ordered is ordered again, as with hints.
    pub(super) fn repeat_orders(&mut self, step: &mut Step<'_>) {
        for (breaker, instruction) in self.orders.repeat(MAX_AT_ONCE) {
            step.orders(breaker, Some(instruction));
        }
    }

    pub(super) fn send_orders(&mut self, step: &mut Step<'_>) {
        let due = self.orders.meant.iter().filter(|(_, meant)| !meant.is_under_way);
        let due: Vec<String> = due.map(|(breaker, _)| breaker.clone()).collect();
        for breaker in due {
            if !self.calls.has_room() {
                return;
            }
            let Some(meant) = self.orders.meant.get_mut(&breaker) else { continue };
            meant.is_under_way = true;
            match &meant.what {
                What::Withdrawn => {
                    let message = etcd::delete(&self.keys.ordered(&breaker));
                    let call = self.calls.begin(Purpose::Order { breaker }, step.now);
                    step.does(Effect::Call { call, method: Method::DeleteRange, message });
                }
                What::Ordered { until: Some(until), .. } => {
                    let message = etcd::grant(until.since(step.now));
                    let call = self.calls.begin(Purpose::LeaseOfOrder { breaker }, step.now);
                    step.does(Effect::Call { call, method: Method::LeaseGrant, message });
                }
                What::Ordered { until: None, .. } => self.write_order(breaker, 0, step),
            }
        }
    }

    pub(super) fn take_lease_of_order(
        &mut self,
        breaker: String,
        result: Result<&[u8], u32>,
        step: &mut Step<'_>,
    ) {
        match result.ok().and_then(etcd::lease_granted) {
            Some(lease) => self.write_order(breaker, lease, step),
            None => self.give_up_order(&breaker, step),
        }
    }

    fn write_order(&mut self, breaker: String, lease: i64, step: &mut Step<'_>) {
        let meant = self.orders.meant.get(&breaker).map(|meant| meant.what.clone());
        let Some(What::Ordered { mode, until, author }) = meant else { return };
        let remaining = until.map(|until| until.since(step.now));
        let value = Ordered { mode, remaining, author }.encode();
        let message = etcd::put(&self.keys.ordered(&breaker), &value, lease);
        let call = self.calls.begin(Purpose::Order { breaker }, step.now);
        step.does(Effect::Call { call, method: Method::Put, message });
    }

    pub(super) fn take_order_written(
        &mut self,
        breaker: &str,
        result: Result<&[u8], u32>,
        step: &mut Step<'_>,
    ) {
        if result.is_err() {
            return self.give_up_order(breaker, step);
        }
        if self.orders.meant.get(breaker).is_some_and(|meant| meant.is_under_way) {
            self.orders.meant.remove(breaker);
        }
        step.sent(breaker, FleetEvent::Override);
    }

    /// The store refused it: an operator who may not order this for all must not do so later, when
    /// nobody expects it.
    fn give_up_order(&mut self, breaker: &str, step: &mut Step<'_>) {
        self.orders.meant.remove(breaker);
        step.sent(breaker, FleetEvent::Failed);
    }
}
