//! One request: callbacks to the exchange, decisions to the host.

use crate::breaker::{self, Admission, Permit, StateName, unit};
use crate::call::{Ending, Exchange, Flags, Source};
use crate::fallback;
use crate::outcome::Outcome;
use crate::plugin::breakers::{Breakers, Entry};
use crate::plugin::call::Call;
use crate::plugin::heads::{request_head, response_head, routed_cluster, trailing_grpc_status};
use crate::plugin::host;
use crate::policy::{Fallback, Mode, Policy};
use crate::stats::Stat;
use crate::time::Instant;
use core::time::Duration;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// What is copied of a body at once.
const PIECE_BYTES: usize = 16 * 1024;

/// The stream context of one request.
pub(super) struct Stream {
    breakers: Option<Rc<Breakers>>,
    phase: Phase,
}

/// Where a request stands.
enum Phase {
    /// Not seen, or none of the breaker's business.
    Untracked,
    /// On its way to the upstream and back.
    Forwarded(Call),
    /// Settled: by its outcome, or by the filter's own answer, which re-enters the callbacks.
    Settled,
}

/// What the breaker answered.
enum Answer {
    /// None of its business.
    Untracked,
    /// Let it through; without a permit its outcome is for the stats only.
    Forward(Option<Permit>),
    /// Hold it back, and say how long.
    Reject(Duration),
}

impl Stream {
    pub(super) const fn new(breakers: Option<Rc<Breakers>>) -> Self {
        Self { breakers, phase: Phase::Untracked }
    }

    fn admit(&mut self, entry: Rc<Entry>, now: Instant) -> Action {
        let policy = entry.policy();
        let (answer, answered_at) = ask(&entry, &policy, now);
        let permit = match answer {
            Answer::Untracked => return Action::Continue,
            Answer::Forward(permit) => permit,
            Answer::Reject(_) if policy.mode == Mode::Shadow => {
                entry.stats.count(Stat::WouldBlock);
                None
            }
            Answer::Reject(retry_after) => match fall_back(&entry, &policy, retry_after) {
                Fallback::Error => {
                    self.phase = Phase::Settled;
                    return Action::Pause;
                }
                Fallback::Pass => None,
            },
        };
        let (timeouts, protocol) = request_head();
        let exchange = Exchange::begin(now, timeouts, protocol);
        self.phase = Phase::Forwarded(Call { entry, policy, permit, exchange, answered_at });
        Action::Continue
    }

    fn request_ended(&mut self) {
        if let Phase::Forwarded(call) = &mut self.phase {
            call.exchange.request_ended(host::now());
        }
    }

    fn response_started(&mut self) {
        let Phase::Forwarded(call) = &mut self.phase else { return };
        let now = host::now();
        let head = response_head(call.exchange.protocol().dialect, &call.policy.matchers);
        if head.source == Source::Upstream {
            call.note_answer(now);
        }
        let outcome = call.exchange.response_started(&head, &call.policy, now);
        if let Some(why) = call.exchange.unread() {
            call.entry.stats.count(Stat::UnreadBodies(why));
        }
        if let Some(outcome) = outcome {
            self.settle(&outcome, now);
        }
    }

    /// Bytes of an answer's body are fetched only where they can matter, and only a few at once.
    fn response_data(&mut self, size: usize) {
        for start in (0..size).step_by(PIECE_BYTES) {
            let Phase::Forwarded(call) = &mut self.phase else { return };
            if !call.exchange.reads_body() {
                return;
            }
            let length = PIECE_BYTES.min(size.saturating_sub(start));
            let Some(piece) = host::response_body(start, length) else {
                return call.exchange.body_lost();
            };
            let now = host::now();
            let seen = call.exchange.response_data(&piece, &call.policy, now);
            if let Some(waited) = seen.first_content_after {
                call.note_first_content(waited);
            }
            match seen.outcome {
                Some(outcome) => self.settle(&outcome, now),
                None if seen.first_content_after.is_some() => call.judge_early(now),
                None => {}
            }
        }
    }

    fn response_trailers(&mut self) {
        if let Phase::Forwarded(call) = &mut self.phase
            && call.exchange.reads_trailers()
        {
            call.exchange.response_trailers(trailing_grpc_status());
        }
    }

    fn response_ended(&mut self) {
        let Phase::Forwarded(call) = &mut self.phase else { return };
        let now = host::now();
        if let Some(outcome) = call.exchange.response_ended(&call.policy, now) {
            self.settle(&outcome, now);
        }
    }

    fn broken_off(&mut self) {
        let Phase::Forwarded(call) = &self.phase else { return };
        let now = host::now();
        let flags = Flags(host::response_flags());
        let ending = Ending::new(flags, &host::response_code_details());
        let outcome = call.exchange.broken_off(ending, &call.policy, now);
        self.settle(&outcome, now);
    }

    /// The one place where a call's permit is used up.
    fn settle(&mut self, outcome: &Outcome, now: Instant) {
        if let Phase::Forwarded(call) = core::mem::replace(&mut self.phase, Phase::Settled) {
            call.settle(outcome, now);
        }
    }
}

impl Context for Stream {
    fn on_done(&mut self) -> bool {
        self.broken_off();
        true
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let Some(breakers) = &self.breakers else { return Action::Continue };
        let Some(cluster) = routed_cluster() else { return Action::Continue };
        let now = host::now();
        let Some(entry) = breakers.of_request(&cluster, now) else { return Action::Continue };
        let action = self.admit(entry, now);
        if end_of_stream {
            self.request_ended();
        }
        action
    }

    fn on_http_request_body(&mut self, _: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            self.request_ended();
        }
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.request_ended();
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.response_started();
        if end_of_stream {
            self.response_ended();
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.response_data(size);
        if end_of_stream {
            self.response_ended();
        }
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.response_trailers();
        self.response_ended();
        Action::Continue
    }

    fn on_log(&mut self) {
        self.broken_off();
    }
}

/// Ask the breaker, and when it last knew of an answer. Where the shared record could not be had, a
/// closed breaker lets the call pass, and any other rejects it.
fn ask(entry: &Entry, policy: &Policy, now: Instant) -> (Answer, Instant) {
    if let Some(admission) = breaker::overruled(policy) {
        return (answer(entry, admission), Instant::ZERO);
    }
    let decided = entry.decide(now, |breaker| {
        let (admission, change) = breaker.admit(policy, now, unit(now.as_nanos()));
        ((admission, breaker.answered_at), change)
    });
    if let Some(transition) = decided.transition {
        entry.report(&transition, None);
    }
    match (decided.value, decided.state) {
        (Some((admission, answered_at)), _) => (answer(entry, admission), answered_at),
        (None, None | Some(StateName::Closed)) => (Answer::Forward(None), now),
        (None, Some(StateName::Open | StateName::HalfOpen)) => {
            (Answer::Reject(Duration::ZERO), now)
        }
    }
}

fn answer(entry: &Entry, admission: Admission) -> Answer {
    match admission {
        Admission::Untracked => Answer::Untracked,
        Admission::Pass(permit) => Answer::Forward(Some(permit)),
        Admission::Probe(permit) => {
            entry.stats.count(Stat::HalfOpenRequests);
            Answer::Forward(Some(permit))
        }
        Admission::Reject { retry_after } => Answer::Reject(retry_after),
    }
}

/// Use the first fallback, which can always answer. If the host does not take the answer, the call
/// passes: nobody would resume it.
fn fall_back(entry: &Entry, policy: &Policy, retry_after: Duration) -> Fallback {
    let fallback = policy.fallback.first().copied().unwrap_or(Fallback::Error);
    entry.stats.count(Stat::Fallbacks(fallback));
    if fallback == Fallback::Pass {
        return fallback;
    }
    entry.stats.count(Stat::Blocked);
    if host::reply(&fallback::error(retry_after)) { fallback } else { Fallback::Pass }
}
