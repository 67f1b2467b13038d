//! What becomes of an answer? It is judged as it passes, and where the policy wants it, replaced
//! before anything of it was sent.

use crate::admission::give_back;
use crate::call::{Ending, Flags, Source};
use crate::journal;
use crate::outcome::{EndedBy, Outcome};
use crate::plugin::admission::Vm;
use crate::plugin::breakers::Breakers;
use crate::plugin::call::Call;
use crate::plugin::heads::{response_head, routed_cluster, trailing_grpc_status};
use crate::plugin::host::{self, Map};
use crate::plugin::in_flight::Slot;
use crate::plugin::remedy;
use crate::plugin::remedy::Remedy;
use crate::stats::Stat;
use crate::time::Instant;
use proxy_wasm::types::Action;

/// What is copied of a body at once.
const PIECE_BYTES: usize = 16 * 1024;

/// The answer to the request of one stream, which may be no call any more.
pub(super) struct Response<'a> {
    pub(super) breakers: &'a Breakers,
    pub(super) slot: &'a Slot,
}

/// What a look at an answer comes to.
enum Next {
    LetGo,
    Hold,
    Settle(Outcome, Instant),
    /// The route that the filter asked for was not there.
    ForgetMisrouted(Instant),
}

impl Response<'_> {
    pub(super) fn started(&self, ended: bool) -> Action {
        self.go_on(self.slot.with(|call| {
            let now = host::now();
            if !took_its_way(call) {
                return Next::ForgetMisrouted(now);
            }
            match judge_head(call, now) {
                Some(outcome) => Next::Settle(outcome, now),
                None if ended => end(call, now),
                None => hold_or_let_go(call, 0),
            }
        }))
    }

    /// Bytes of an answer's body are fetched only where they can matter, and only a few at once. As
    /// far as it is held, the body is all that came of it so far.
    pub(super) fn data(&self, size: usize, ended: bool) -> Action {
        self.go_on(self.slot.with(|call| {
            if !ended && !call.exchange.reads_body() {
                return hold_or_let_go(call, size);
            }
            let now = host::now();
            match read(call, size, now) {
                Some(outcome) => Next::Settle(outcome, now),
                None if ended => end(call, now),
                None => hold_or_let_go(call, size),
            }
        }))
    }

    pub(super) fn trailers(&self) -> Action {
        self.go_on(self.slot.with(|call| {
            let now = host::now();
            if call.exchange.reads_trailers() {
                call.exchange.response_trailers(trailing_grpc_status());
            }
            let outcome = call.exchange.response_ended(&call.policy, now);
            outcome.map_or(Next::LetGo, |outcome| Next::Settle(outcome, now))
        }))
    }

    pub(super) fn broken_off(&self) {
        let Some(call) = self.breakers.in_flight.take(self.slot) else { return };
        let now = host::now();
        let flags = Flags(host::response_flags());
        let ending = Ending::new(flags, &host::response_code_details());
        let outcome = call.exchange.broken_off(ending, &call.policy, now);
        call.settle(&outcome, now);
    }

    fn go_on(&self, next: Option<Next>) -> Action {
        match next {
            None | Some(Next::LetGo) => Action::Continue,
            Some(Next::Hold) => Action::Pause,
            Some(Next::Settle(outcome, now)) => self.settle(&outcome, now),
            Some(Next::ForgetMisrouted(now)) => {
                self.forget_misrouted(now);
                Action::Continue
            }
        }
    }

    /// Use the call's permits up, and replace its answer where that is wanted and still possible.
    fn settle(&self, outcome: &Outcome, now: Instant) -> Action {
        let Some(call) = self.breakers.in_flight.take(self.slot) else {
            return Action::Continue;
        };
        let remedy = Remedy::of(&call, outcome);
        call.settle(outcome, now);
        match remedy {
            Some(remedy) if remedy.answer(now) => Action::Pause,
            _ => Action::Continue,
        }
    }

    /// The route that the filter asked for is not there: the call went to a cluster whose breaker
    /// had refused it, or nowhere, and says nothing about the one that was meant.
    fn forget_misrouted(&self, now: Instant) {
        let Some(call) = self.breakers.in_flight.take(self.slot) else { return };
        call.trace.note(|record| record.misrouted = true);
        let meant = call.rerouted_to.as_deref().unwrap_or_default();
        if self.breakers.is_first_misrouted(meant) {
            self.breakers.warn(&journal::reroute_not_taken(meant));
        }
        give_back(&Vm, call.shares, &call.policy, now);
    }
}

fn took_its_way(call: &Call) -> bool {
    call.rerouted_to.as_ref().is_none_or(|meant| routed_cluster().as_ref() == Some(meant))
}

fn judge_head(call: &mut Call, now: Instant) -> Option<Outcome> {
    call.hold(now);
    let head = response_head(call.exchange.protocol().dialect, &call.policy.matchers);
    if head.source == Source::Upstream {
        call.note_answer(now);
    }
    if let Some(served_by) = call.rerouted_to.as_ref().filter(|_| call.says_who_served) {
        host::set_header(Map::ResponseHeaders, crate::fallback::SERVED_BY, served_by);
    }
    let outcome = call.exchange.response_started(&head, &call.policy, now);
    if let Some(why) = call.exchange.unread() {
        call.count(Stat::UnreadBodies(why));
    }
    if remedy::may_append(call) {
        // What is appended would be taken for the beginning of the next answer.
        host::remove_header(Map::ResponseHeaders, "content-length");
    }
    outcome
}

/// The outcome, if the body tells it so far.
fn read(call: &mut Call, size: usize, now: Instant) -> Option<Outcome> {
    let mut start = call.hold.read_bytes();
    while start < size {
        let length = PIECE_BYTES.min(size.saturating_sub(start));
        match read_piece(call, start, length, now) {
            Read::Known(outcome) => return Some(outcome),
            Read::More => start = start.saturating_add(length),
            Read::Nothing => break,
        }
    }
    None
}

fn end(call: &mut Call, now: Instant) -> Next {
    let Some(outcome) = call.exchange.response_ended(&call.policy, now) else {
        return Next::LetGo;
    };
    if let Some(event) = remedy::missing_end(call, &outcome) {
        host::append_response_body(&event);
    }
    Next::Settle(outcome, now)
}

fn hold_or_let_go(call: &mut Call, size: usize) -> Next {
    if call.goes_on_being_held(size) { Next::Hold } else { Next::LetGo }
}

/// What a piece of an answer's body was good for.
enum Read {
    /// Bodies of this kind are not read, or not any more.
    Nothing,
    More,
    Known(Outcome),
}

fn read_piece(call: &mut Call, start: usize, length: usize, now: Instant) -> Read {
    if !call.exchange.reads_body() {
        return Read::Nothing;
    }
    let Some(piece) = host::response_body(start, length) else {
        call.exchange.body_lost();
        return Read::Nothing;
    };
    let seen = call.exchange.response_data(&piece, &call.policy, now);
    if let Some(waited) = seen.first_content_after {
        call.note_first_content(waited);
    }
    match seen.outcome {
        // Settled now, it would go on: the next tick judges it the same, and ends it.
        Some(outcome) if outcome.ended_by == EndedBy::Limit && call.ends_if_it_hangs() => {
            Read::More
        }
        Some(outcome) => Read::Known(outcome),
        None => {
            if seen.first_content_after.is_some() {
                call.judge_early(now);
            }
            Read::More
        }
    }
}
