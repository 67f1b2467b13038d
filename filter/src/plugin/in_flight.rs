//! Which calls are on their way? Each by the context of its stream, so that a tick can judge one
//! that hangs, and so that whatever ends it first takes it out.

use crate::outcome::Outcome;
use crate::plugin::call::Call;
use crate::time::Instant;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The calls that were let through and not settled yet.
#[derive(Default)]
pub(super) struct InFlight(RefCell<BTreeMap<u32, Box<Call>>>);

impl InFlight {
    /// A call was let through.
    pub(super) fn begin(&self, context: u32, call: Call) {
        self.0.borrow_mut().insert(context, Box::new(call));
    }

    /// Look at a call, if it is not settled yet.
    pub(super) fn with<T>(&self, context: u32, look: impl FnOnce(&mut Call) -> T) -> Option<T> {
        self.0.borrow_mut().get_mut(&context).map(|call| look(call))
    }

    /// Take a call out: nobody else will settle it.
    pub(super) fn take(&self, context: u32) -> Option<Box<Call>> {
        self.0.borrow_mut().remove(&context)
    }

    /// The calls whose answers are held for too long.
    pub(super) fn held_too_long(&self, now: Instant) -> Vec<u32> {
        let calls = self.0.borrow();
        let held = calls.iter().filter(|(_, call)| call.is_held_too_long(now));
        held.map(|(context, _)| *context).collect()
    }

    /// The calls that hang, and what that makes of them.
    pub(super) fn overdue(&self, now: Instant) -> Vec<(u32, Outcome)> {
        let calls = self.0.borrow();
        let overdue = |call: &Call| call.exchange.overdue(&call.policy, now);
        calls.iter().filter_map(|(context, call)| Some((*context, overdue(call)?))).collect()
    }
}
