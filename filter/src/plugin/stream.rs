//! One request: callbacks to the exchange, decisions to the host.

use crate::call::{Ending, Exchange, Flags, Need, RequestBody, Source};
use crate::fallback;
use crate::level::Level;
use crate::outcome::{EndedBy, Outcome};
use crate::plugin::admission::{self, Answer, Forwarded, Rejected};
use crate::plugin::breakers::Breakers;
use crate::plugin::call::Call;
use crate::plugin::entry::Entry;
use crate::plugin::heads::{
    Part, RequestHead, request_head, response_head, routed_cluster, trailing_grpc_status,
};
use crate::plugin::host;
use crate::policy::{FallbackKind, Mode, Policy};
use crate::stats::Stat;
use crate::time::Instant;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// What is copied of a body at once.
const PIECE_BYTES: usize = 16 * 1024;

/// The stream context of one request. Once the request was let through, its call is kept by
/// [`InFlight`](crate::plugin::in_flight::InFlight); the filter's own answer, which re-enters the
/// callbacks, belongs to no call.
pub(super) struct Stream {
    context: u32,
    breakers: Option<Rc<Breakers>>,
    held: Option<Box<Held>>,
}

/// A request that waits at its headers until its body has named its model.
struct Held {
    cluster: Rc<Entry>,
    head: RequestHead,
    body: RequestBody,
    patience: Patience,
    since: Instant,
}

/// For how much of a body a request is held. Envoy refuses (413) what outgrows its buffer while it
/// is held, and one callback can bring a whole buffer: so a body that may be longer than the limit
/// is not waited for beyond its first piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    FirstPiece,
    WholeBody,
}

impl Stream {
    pub(super) const fn new(context: u32, breakers: Option<Rc<Breakers>>) -> Self {
        Self { context, breakers, held: None }
    }

    fn request_started(&mut self, has_body: bool) -> Action {
        let Some(breakers) = &self.breakers else { return Action::Continue };
        let Some(cluster) = routed_cluster() else { return Action::Continue };
        let now = host::now();
        let Some(cluster) = breakers.of_cluster(&cluster, now) else { return Action::Continue };
        let policy = cluster.policy();
        let head = request_head(&policy);
        let may_hold = has_body && breakers.may_hold_requests() && policy.mode.is_active();
        if head.part == Part::InBody && may_hold {
            self.held = Some(Box::new(Held::new(cluster, head, policy.body_limit, now)));
            return Action::Pause;
        }
        let part = head.part.name(&policy, None).map(str::to_owned);
        self.admit(cluster, &head, part.as_deref(), now)
    }

    /// As far as it is held back the request's body is all that came of it so far.
    fn request_data(&mut self, size: usize, end_of_stream: bool) -> Action {
        let goes_on = self.held.as_mut().is_some_and(|held| held.read(size));
        if goes_on && !end_of_stream { Action::Pause } else { self.resume() }
    }

    /// Decide on a request that was held, now that its model is known or will not be.
    fn resume(&mut self) -> Action {
        let Some(held) = self.held.take() else { return Action::Continue };
        let Held { cluster, head, body, since, .. } = *held;
        let policy = cluster.policy();
        let part = head.part.name(&policy, body.facts().model.as_deref()).map(str::to_owned);
        self.admit(cluster, &head, part.as_deref(), since)
    }

    fn admit(
        &self,
        cluster: Rc<Entry>,
        head: &RequestHead,
        part: Option<&str>,
        requested_at: Instant,
    ) -> Action {
        let Some(breakers) = &self.breakers else { return Action::Continue };
        let now = host::now();
        let policy = cluster.policy();
        let asked = its_breakers(breakers, cluster, part, now);
        let forwarded = match admission::ask(asked, &policy, now) {
            Answer::Untracked => return Action::Continue,
            Answer::Forward(forwarded) => forwarded,
            Answer::Reject(rejected) if policy.mode == Mode::Shadow => {
                rejected.by.stats.count(Stat::WouldBlock);
                rejected.without_permits()
            }
            Answer::Reject(rejected) => match fall_back(&rejected, &policy) {
                FallbackKind::Pass => rejected.without_permits(),
                _ => return Action::Pause,
            },
        };
        let Forwarded { shares, answered_at } = forwarded;
        let exchange = Exchange::begin(requested_at, head.timeouts, head.protocol);
        breakers.in_flight.begin(self.context, Call { shares, policy, exchange, answered_at });
        Action::Continue
    }

    fn request_ended(&self) {
        self.with_call(|call| call.exchange.request_ended(host::now()));
    }

    fn response_started(&self) {
        let now = host::now();
        let outcome = self.with_call(|call| {
            let head = response_head(call.exchange.protocol().dialect, &call.policy.matchers);
            if head.source == Source::Upstream {
                call.note_answer(now);
            }
            let outcome = call.exchange.response_started(&head, &call.policy, now);
            if let Some(why) = call.exchange.unread() {
                call.count(Stat::UnreadBodies(why));
            }
            outcome
        });
        self.settle(outcome.flatten(), now);
    }

    /// Bytes of an answer's body are fetched only where they can matter, and only a few at once.
    fn response_data(&self, size: usize) {
        for start in (0..size).step_by(PIECE_BYTES) {
            let length = PIECE_BYTES.min(size.saturating_sub(start));
            let now = host::now();
            let read = self.with_call(|call| read_piece(call, start, length, now));
            match read {
                Some(Read::Known(outcome)) => self.settle(Some(outcome), now),
                Some(Read::More) => {}
                Some(Read::Nothing) | None => return,
            }
        }
    }

    fn response_trailers(&self) {
        self.with_call(|call| {
            if call.exchange.reads_trailers() {
                call.exchange.response_trailers(trailing_grpc_status());
            }
        });
    }

    fn response_ended(&self) {
        let now = host::now();
        let ended = self.with_call(|call| call.exchange.response_ended(&call.policy, now));
        self.settle(ended.flatten(), now);
    }

    fn broken_off(&self) {
        let now = host::now();
        let outcome = self.with_call(|call| {
            let flags = Flags(host::response_flags());
            let ending = Ending::new(flags, &host::response_code_details());
            call.exchange.broken_off(ending, &call.policy, now)
        });
        self.settle(outcome, now);
    }

    fn with_call<T>(&self, look: impl FnOnce(&mut Call) -> T) -> Option<T> {
        self.breakers.as_ref()?.in_flight.with(self.context, look)
    }

    fn settle(&self, outcome: Option<Outcome>, now: Instant) {
        if let (Some(outcome), Some(breakers)) = (outcome, &self.breakers)
            && let Some(call) = breakers.in_flight.take(self.context)
        {
            call.settle(&outcome, now);
        }
    }
}

impl Held {
    fn new(cluster: Rc<Entry>, head: RequestHead, limit_bytes: u32, since: Instant) -> Self {
        let fits = head.content_length.is_some_and(|length| length <= limit_bytes);
        let patience = if fits { Patience::WholeBody } else { Patience::FirstPiece };
        let limit_bytes = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
        let body = RequestBody::within(limit_bytes, Need::Model);
        Self { cluster, head, body, patience, since }
    }

    /// Reads what came; whether to wait for more.
    fn read(&mut self, size: usize) -> bool {
        loop {
            let start = self.body.read_bytes();
            let length = PIECE_BYTES.min(size.saturating_sub(start));
            if length == 0 {
                return self.patience == Patience::WholeBody;
            }
            let Some(piece) = host::request_body(start, length) else { return false };
            if piece.is_empty() || !self.body.read(&piece) {
                return false;
            }
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
        let action = self.request_started(!end_of_stream);
        if end_of_stream {
            self.request_ended();
        }
        action
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let action = self.request_data(size, end_of_stream);
        if end_of_stream {
            self.request_ended();
        }
        action
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        let action = self.resume();
        self.request_ended();
        action
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

/// The breakers of a request, the finer one first.
fn its_breakers(
    breakers: &Breakers,
    cluster: Rc<Entry>,
    part: Option<&str>,
    now: Instant,
) -> Vec<(Level, Rc<Entry>)> {
    let Some(part) = part else { return vec![(Level::Sole, cluster)] };
    let finer = breakers.of_part(&cluster, part, now).map(|entry| (Level::Part, entry));
    finer.into_iter().chain([(Level::Provider, cluster)]).collect()
}

/// Use the first fallback, which can always answer. If the host does not take the answer, the call
/// passes: nobody would resume it.
fn fall_back(rejected: &Rejected, policy: &Policy) -> FallbackKind {
    let first = policy.fallback.first();
    let kind = first.map_or(FallbackKind::Error, |choice| choice.fallback.kind());
    let stats = &rejected.by.stats;
    stats.count(Stat::Fallbacks(kind));
    if kind == FallbackKind::Pass {
        return kind;
    }
    stats.count(Stat::Blocked);
    if host::reply(&fallback::error(rejected.retry_after)) { kind } else { FallbackKind::Pass }
}
