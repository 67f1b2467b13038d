//! Which calls hang, and which answers are held for too long? The first are judged while they hang,
//! and ended if their policy says so; the second are let go.

use crate::fallback;
use crate::outcome::Outcome;
use crate::plugin::breakers::Breakers;
use crate::plugin::call::{Call, Hold};
use crate::plugin::host;
use crate::plugin::remedy::Remedy;
use crate::time::Instant;

/// Settle every call that has passed one of its limits, and let go every answer that was held for
/// as long as it may be.
pub(super) fn look_after(breakers: &Breakers, now: Instant) {
    for (slot, outcome) in breakers.in_flight.overdue(now) {
        if let Some(call) = breakers.in_flight.take(&slot) {
            judge(slot.context, call, &outcome, now);
        }
    }
    for slot in breakers.in_flight.held_too_long(now) {
        // Where the host does not play along, the next tick tries again.
        if host::set_effective_context(slot.context) {
            slot.with(|call| call.hold = Hold::LetGo);
            host::continue_response();
        }
    }
}

fn judge(context: u32, call: Call, outcome: &Outcome, now: Instant) {
    let ending = call.ends_if_it_hangs().then(|| Ending::of(&call, outcome));
    let is_held = matches!(call.hold, Hold::Held { .. });
    call.settle(outcome, now);
    if !host::set_effective_context(context) {
        return;
    }
    let has_ended = ending.is_some_and(|ending| ending.carry_out(now));
    if is_held && !has_ended {
        host::continue_response();
    }
}

/// How a call that hangs is ended.
enum Ending {
    /// With an answer in the upstream's place: the first of the two that there is.
    Answer(Option<Remedy>, Option<fallback::Asked>),
    /// What has begun to be answered can only be cut.
    Cut,
}

impl Ending {
    fn of(call: &Call, outcome: &Outcome) -> Self {
        if call.has_sent_nothing() {
            let asked = call.policy.limits.abort.then_some(call.asking.asked);
            Self::Answer(Remedy::of(call, outcome), asked)
        } else {
            Self::Cut
        }
    }

    /// Whether that was done.
    fn carry_out(self, now: Instant) -> bool {
        match self {
            Self::Answer(remedy, asked) => {
                remedy.is_some_and(|remedy| remedy.answer(now))
                    || asked.is_some_and(|asked| host::reply(&fallback::timed_out(&asked)))
            }
            Self::Cut => {
                host::close_response();
                true
            }
        }
    }
}
