//! Which calls hang? They are judged while they do, and ended if their policy says so.

use crate::fallback::{self, Asked};
use crate::plugin::breakers::Breakers;
use crate::plugin::host;
use crate::time::Instant;

/// Settle every call that has passed one of its limits.
pub(super) fn judge_overdue(breakers: &Breakers, now: Instant) {
    for (context, outcome) in breakers.in_flight.overdue(now) {
        let Some(call) = breakers.in_flight.take(context) else { continue };
        let is_to_end = call.ends_if_it_hangs();
        let has_answer = call.exchange.has_answer();
        let asked = Asked::of(call.exchange.protocol());
        call.settle(&outcome, now);
        if is_to_end && host::set_effective_context(context) {
            end(has_answer, &asked);
        }
    }
}

/// Answer in the upstream's place; what has begun to be answered can only be cut.
fn end(has_answer: bool, asked: &Asked) {
    if has_answer {
        host::close_response();
    } else {
        host::reply(&fallback::timed_out(asked));
    }
}
