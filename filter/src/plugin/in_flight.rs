//! Which calls are on their way? Each is in the slot of its stream, and the ticks find it there, too:
//! so a tick can judge one that hangs, and whatever ends it first takes it out.

use crate::outcome::Outcome;
use crate::plugin::call::Call;
use crate::time::Instant;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Where the call of one stream is, from when it was let through until it is settled.
pub(super) struct Slot {
    /// The id of the stream.
    pub(super) context: u32,
    call: RefCell<Option<Call>>,
    /// Where it is among those in flight.
    place: Cell<usize>,
}

impl Slot {
    /// The slot of this stream, with no call in it yet.
    pub(super) fn of(context: u32) -> Rc<Self> {
        Rc::new(Self { context, call: RefCell::default(), place: Cell::default() })
    }

    /// Look at the call, if there is one that is not settled.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Call) -> T) -> Option<T> {
        self.call.borrow_mut().as_mut().map(look)
    }

    fn ask<T>(&self, look: impl FnOnce(&Call) -> Option<T>) -> Option<T> {
        self.call.borrow().as_ref().and_then(look)
    }
}

/// The slots with the calls that were let through and not settled yet.
#[derive(Default)]
pub(super) struct InFlight(RefCell<Vec<Rc<Slot>>>);

impl InFlight {
    /// A call was let through.
    pub(super) fn begin(&self, slot: &Rc<Slot>, call: Call) {
        if slot.call.replace(Some(call)).is_none() {
            let mut slots = self.0.borrow_mut();
            slot.place.set(slots.len());
            slots.push(Rc::clone(slot));
        }
    }

    /// Take a call out: nobody else will settle it.
    pub(super) fn take(&self, slot: &Slot) -> Option<Call> {
        let call = slot.call.take()?;
        let mut slots = self.0.borrow_mut();
        let place = slot.place.get();
        if place < slots.len() {
            slots.swap_remove(place);
        }
        if let Some(moved) = slots.get(place) {
            moved.place.set(place);
        }
        Some(call)
    }

    /// The calls whose answers are held for too long.
    pub(super) fn held_too_long(&self, now: Instant) -> Vec<Rc<Slot>> {
        let slots = self.0.borrow();
        let is_held =
            |slot: &&Rc<Slot>| slot.ask(|call| call.is_held_too_long(now).then_some(())).is_some();
        slots.iter().filter(is_held).map(Rc::clone).collect()
    }

    /// The calls that hang, and what that makes of them.
    pub(super) fn overdue(&self, now: Instant) -> Vec<(Rc<Slot>, Outcome)> {
        let slots = self.0.borrow();
        let overdue = |call: &Call| call.exchange.overdue(&call.policy, now);
        slots.iter().filter_map(|slot| Some((Rc::clone(slot), slot.ask(overdue)?))).collect()
    }
}
