//! What becomes of this request? It is let through, held until its body says more, answered, or
//! sent another way.

use crate::access_log::{Admission, Said, Way};
use crate::admission::Decision;
use crate::call::{Exchange, Facts, RequestBody};
use crate::fallback::Asked;
use crate::level::Level;
use crate::plugin::admission::{self, Forwarded, Rejected};
use crate::plugin::breakers::Breakers;
use crate::plugin::call::{Asking, Call, Hold};
use crate::plugin::chain::{self, Instead};
use crate::plugin::entry::Entry;
use crate::plugin::heads::{Part, RequestHead};
use crate::plugin::host;
use crate::plugin::in_flight::Slot;
use crate::plugin::trace::Trace;
use crate::policy::{Choice, Fallback, Policy};
use crate::time::Instant;
use std::rc::Rc;

/// What is copied of a body at once.
const PIECE_BYTES: usize = 16 * 1024;

/// A request on its way to a decision.
pub(super) struct Request {
    /// Where its call will be.
    slot: Rc<Slot>,
    pub(super) breakers: Rc<Breakers>,
    /// The breaker of the cluster that it was routed to.
    pub(super) cluster: Rc<Entry>,
    pub(super) head: RequestHead,
    /// None if it may not be held, or there is none.
    body: Option<Box<Body>>,
    has_body: bool,
    requested_at: Instant,
    /// The breakers that refused it, once they did.
    rejected: Option<Rejected>,
    pub(super) trace: Trace,
}

/// The body of a request that may be held for it.
struct Body {
    reader: RequestBody,
    patience: Patience,
    /// Whether more may come that could tell more.
    goes_on: bool,
    /// How much of it has come.
    size: usize,
    has_ended: bool,
}

/// All bytes of a request's body.
pub(super) enum WholeBody {
    /// They are still coming.
    Awaited,
    /// They are not held.
    Unknown,
    Known(Vec<u8>),
}

/// For how much of a body a request is held. Envoy refuses (413) what outgrows its buffer while it
/// is held, and one callback can bring a whole buffer: so a body that may be longer than the limit
/// is not waited for beyond its first piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    FirstPiece,
    WholeBody,
}

/// What was decided.
pub(super) enum Decided {
    /// Let it go on.
    Continue,
    /// Hold it until its body says more.
    Hold,
    /// The filter answered.
    Answered,
}

impl Request {
    /// A request whose head was seen.
    pub(super) fn new(
        slot: Rc<Slot>,
        breakers: Rc<Breakers>,
        cluster: Rc<Entry>,
        head: RequestHead,
        has_body: bool,
        now: Instant,
        trace: Trace,
    ) -> Self {
        let policy = cluster.policy();
        let may_hold = has_body && breakers.may_hold_requests();
        let body = may_hold.then(|| {
            let limit = policy.body_limit;
            let fits = head.content_length.is_some_and(|size| size <= u64::from(limit));
            let patience = if fits { Patience::WholeBody } else { Patience::FirstPiece };
            let reader = RequestBody::within(usize::try_from(limit).unwrap_or(usize::MAX));
            Box::new(Body { reader, patience, goes_on: true, size: 0, has_ended: false })
        });
        let requested_at = now;
        let rejected = None;
        Self { slot, breakers, cluster, head, body, has_body, requested_at, rejected, trace }
    }

    /// Reads what came of the body, all of it from its start; `ended` says that no more comes.
    pub(super) fn read(&mut self, size: usize, ended: bool) {
        if let Some(body) = &mut self.body {
            let more = read_on(&mut body.reader, size);
            body.goes_on = more && !ended && body.patience == Patience::WholeBody;
            (body.size, body.has_ended) = (size, ended);
        }
    }

    /// No more of the body comes: it ended in trailers.
    pub(super) fn read_no_more(&mut self) {
        if let Some(body) = &mut self.body {
            (body.goes_on, body.has_ended) = (false, true);
        }
    }

    /// What its body says, if no more of it is waited for.
    pub(super) fn facts(&self) -> Option<&Facts> {
        match &self.body {
            Some(body) if body.goes_on => None,
            Some(body) => Some(body.reader.facts()),
            None => Some(&Facts::NONE),
        }
    }

    /// All of its body, to be changed.
    pub(super) fn whole_body(&self) -> WholeBody {
        match &self.body {
            Some(body) if body.patience == Patience::FirstPiece => WholeBody::Unknown,
            Some(body) if !body.has_ended => WholeBody::Awaited,
            Some(body) => match host::request_body(0, body.size) {
                Some(bytes) => WholeBody::Known(bytes),
                None => WholeBody::Unknown,
            },
            None => WholeBody::Unknown,
        }
    }

    /// How large its body is, where that is known.
    pub(super) fn size_bytes(&self) -> Option<u64> {
        if self.has_body { self.head.content_length } else { Some(0) }
    }

    /// Decide, as far as what is known allows.
    pub(super) fn decide(&mut self, now: Instant) -> Decided {
        if self.rejected.is_some() {
            return self.fall_back();
        }
        let policy = self.cluster.policy();
        if self.head.part == Part::InBody && self.awaits_model() && self.has_a_breaker(&policy, now)
        {
            self.note_undecided();
            return Decided::Hold;
        }
        let levels = self.levels(&self.cluster, &self.head.part, now);
        let mut heard = None;
        let answer = admission::ask(&levels, &policy, now, &mut heard);
        self.trace.note(|record| (record.routed, record.admitted_at) = (heard, Some(now)));
        match answer {
            Decision::Untracked => Decided::Continue,
            Decision::Forward(forwarded) => self.forward(forwarded, policy),
            Decision::Reject(rejected) => {
                self.rejected = Some(rejected);
                self.fall_back()
            }
        }
    }

    /// The breakers of this request where it would go to `cluster`, the finer one first.
    pub(super) fn levels(
        &self,
        cluster: &Rc<Entry>,
        part: &Part,
        now: Instant,
    ) -> Vec<(Level, Rc<Entry>)> {
        let policy = cluster.policy();
        let Some(part) = part.name(&policy, self.model()) else {
            return vec![(Level::Sole, Rc::clone(cluster))];
        };
        let finer = self.breakers.of_part(cluster, part, now).map(|entry| (Level::Part, entry));
        finer.into_iter().chain([(Level::Provider, Rc::clone(cluster))]).collect()
    }

    /// Let it go on to its cluster, as a call with these shares.
    pub(super) fn forward(&self, forwarded: Forwarded, policy: Rc<Policy>) -> Decided {
        self.begin(forwarded, policy, None);
        Decided::Continue
    }

    /// The same to another cluster than it was routed to.
    pub(super) fn forward_to(&self, cluster: &str, forwarded: Forwarded, policy: Rc<Policy>) {
        self.begin(forwarded, policy, Some(cluster.to_owned()));
    }

    fn begin(&self, forwarded: Forwarded, policy: Rc<Policy>, rerouted_to: Option<String>) {
        admission::count_probes(&forwarded);
        let Forwarded { shares, answered_at } = forwarded;
        let RequestHead { timeouts, protocol, .. } = self.head;
        let exchange = Exchange::begin(self.requested_at, timeouts, protocol);
        let asking = self.asking(&policy);
        let hold = Hold::default();
        let says_who_served = rerouted_to.is_some() && self.cluster.policy().debug_headers;
        let call = Call {
            shares,
            policy,
            exchange,
            answered_at,
            rerouted_to,
            says_who_served,
            asking,
            hold,
            trace: self.trace.clone(),
        };
        self.breakers.in_flight.begin(&self.slot, call);
    }

    /// What an answer of the filter's own must suit.
    pub(super) fn asked(&self) -> Asked {
        Asked::of(self.head.protocol).with(self.facts().unwrap_or(&Facts::NONE))
    }

    fn asking(&self, policy: &Policy) -> Asking {
        let makes = |choice: &Choice| matches!(choice.fallback, Fallback::Completion(_));
        let is_used = policy.on_failure && policy.fallback.iter().any(makes);
        let is_known = self.facts().is_some_and(|facts| facts.complete);
        // What is not known yet is read as it passes.
        let body = self.body.as_ref().filter(|_| is_used && !is_known);
        Asking { asked: self.asked(), body: body.map(|body| body.reader.clone()), is_known }
    }

    fn fall_back(&mut self) -> Decided {
        let Some(rejected) = self.rejected.take() else { return Decided::Continue };
        match chain::instead(self, &rejected) {
            Instead::Answered => Decided::Answered,
            Instead::Sent => Decided::Continue,
            Instead::NeedsBody => {
                self.rejected = Some(rejected);
                Decided::Hold
            }
            Instead::Pass => self.forward(rejected.without_permits(), self.cluster.policy()),
        }
    }

    /// The model that its body named, as far as it was read.
    pub(super) fn model(&self) -> Option<&str> {
        self.body.as_ref()?.reader.facts().model.as_deref()
    }

    /// Whether it matters which part of its cluster's calls it is of: where the policy decides
    /// alone, only to an operator's override.
    fn has_a_breaker(&self, policy: &Policy, now: Instant) -> bool {
        policy.mode.is_active() || self.breakers.any_overridden(&self.cluster.key.cluster, now)
    }

    /// It ended while it was held, for all that is known so far.
    fn note_undecided(&self) {
        let mode = self.cluster.policy().mode;
        let said = Said::nothing(Rc::clone(&self.cluster.key), mode, Admission::Undecided);
        self.trace.note(|record| record.routed = Some(Way::begin(said)));
    }

    fn awaits_model(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.goes_on && body.reader.facts().model.is_none())
    }
}

fn read_on(body: &mut RequestBody, size: usize) -> bool {
    loop {
        let start = body.read_bytes();
        let length = PIECE_BYTES.min(size.saturating_sub(start));
        if length == 0 {
            return true;
        }
        let Some(piece) = host::request_body(start, length) else { return false };
        if piece.is_empty() || !body.read(&piece) {
            return false;
        }
    }
}
