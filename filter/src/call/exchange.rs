//! What has been seen of one call, and from when on is its outcome known?

use crate::call::body::{Body, Unread};
use crate::call::classify::{self, Request};
use crate::call::client_timeouts::ClientTimeouts;
use crate::call::error_body::Judgement;
use crate::call::flags::{CLIENT_LEFT, Ending, Flags, TIMED_OUT};
use crate::call::grpc::GrpcStatus;
use crate::call::head::{ResponseHead, Source};
use crate::call::matched_body::MatchedBody;
use crate::call::pace::{Pace, Waits};
use crate::call::protocol::{AskedFor, Protocol, Streams};
use crate::dialect::ErrorFacts;
use crate::matcher::AtHead;
use crate::outcome::{Category, EndedBy, Outcome};
use crate::policy::Policy;
use crate::time::Instant;
use core::time::Duration;

/// One call and what was observed of it.
#[derive(Debug)]
pub struct Exchange {
    requested_at: Instant,
    /// When the last byte of the request was seen.
    sent_at: Option<Instant>,
    client_timeouts: ClientTimeouts,
    protocol: Protocol,
    response: Response,
}

#[derive(Debug)]
enum Response {
    Awaited,
    Started {
        at: Instant,
        by_upstream: bool,
        body: Body,
        /// What is read of the body for matchers, until they have decided.
        matched: Option<Box<MatchedBody>>,
        pace: Pace,
    },
}

/// What a piece of an answer's body showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The first that the model made, so long after the request was sent.
    pub first_content_after: Option<Duration>,
    /// The call's outcome, if it is known now.
    pub outcome: Option<Outcome>,
}

impl Exchange {
    /// A request that was let through.
    #[must_use]
    pub const fn begin(now: Instant, client_timeouts: ClientTimeouts, protocol: Protocol) -> Self {
        let response = Response::Awaited;
        Self { requested_at: now, sent_at: None, client_timeouts, protocol, response }
    }

    /// When the request's headers were seen.
    #[must_use]
    pub const fn requested_at(&self) -> Instant {
        self.requested_at
    }

    /// The request's last byte was seen.
    pub fn request_ended(&mut self, now: Instant) {
        self.sent_at.get_or_insert(now);
    }

    /// The dialect and kind of the call.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The answer's head was seen; its outcome, if that is all it takes.
    pub fn response_started(
        &mut self,
        head: &ResponseHead,
        policy: &Policy,
        now: Instant,
    ) -> Option<Outcome> {
        let body = Body::of(head, self.protocol);
        let (by_upstream, pace) = (head.is_upstreams(), Pace::default());
        let matched = MatchedBody::of(head);
        self.response = Response::Started { at: now, by_upstream, body, matched, pace };
        let (category, flags) = match (head.source, head.matched) {
            (Source::Upstream, AtHead::Holds(category)) => (category, Flags::default()),
            (Source::Upstream, _) if self.reads_body() => return None,
            (Source::Upstream, _) => (self.by_head(head)?, Flags::default()),
            (Source::OtherBreaker, _) => (Category::Local, Flags::default()),
            (Source::Envoy(Ending { flags }), _) => {
                (classify::of_envoys_answer(flags, self.request()), flags)
            }
        };
        Some(self.outcome(category, flags, head.announced_for(category), policy, now))
    }

    /// Whether the answer's body must be shown to [`response_data`](Self::response_data).
    #[must_use]
    pub const fn reads_body(&self) -> bool {
        matches!(
            self.response,
            Response::Started { body: Body::Error(_) | Body::Events(_), .. }
                | Response::Started { matched: Some(_), .. }
        )
    }

    /// Whether the answer's trailers must be shown to
    /// [`response_trailers`](Self::response_trailers).
    #[must_use]
    pub const fn reads_trailers(&self) -> bool {
        matches!(self.response, Response::Started { body: Body::Grpc(_), .. })
    }

    /// Why the answer's body is not read, if it would have had something to say.
    #[must_use]
    pub const fn unread(&self) -> Option<Unread> {
        match self.response {
            Response::Started { body: Body::Unread(why), .. } => Some(why),
            _ => None,
        }
    }

    /// The next bytes of the answer's body were seen.
    pub fn response_data(&mut self, bytes: &[u8], policy: &Policy, now: Instant) -> Seen {
        let Response::Started { body, matched, pace, .. } = &mut self.response else {
            return Seen::default();
        };
        let asked = matched.take_if(|matched| matched.read(bytes));
        let is_asked = matched.is_some();
        if let Some(judgement) = asked.and_then(|asked| asked.judge(&policy.matchers)) {
            let outcome = Some(self.outcome_by(judgement, policy, now));
            return Seen { outcome, ..Seen::default() };
        }
        let (known, first) = match body {
            Body::Untold | Body::Unread(_) | Body::Grpc(_) => (false, false),
            Body::Error(error) => (error.read(bytes), false),
            Body::Events(events) => {
                let contents = events.contents();
                let known = events.read(bytes);
                let first = events.contents() > contents && pace.note_content(now);
                if events.is_complete() {
                    pace.note_end(now);
                }
                (known, first)
            }
        };
        let waited = now.since(self.sent_at.unwrap_or(self.requested_at));
        Seen {
            first_content_after: first.then_some(waited),
            outcome: if known && !is_asked {
                self.judged(policy, now)
            } else {
                self.overdue(policy, now)
            },
        }
    }

    /// Bytes of the answer's body could not be had. With a hole in it a stream tells nothing any
    /// more; an error still has its status.
    pub fn body_lost(&mut self) {
        let Response::Started { body, matched, .. } = &mut self.response else { return };
        if matches!(body, Body::Events(_)) {
            *body = Body::Untold;
        }
        if let Some(matched) = matched {
            matched.lose();
        }
    }

    /// The answer's trailers were seen, with this status if they have one.
    pub fn response_trailers(&mut self, grpc_status: Option<GrpcStatus>) {
        if let Response::Started { body: Body::Grpc(status), .. } = &mut self.response {
            *status = grpc_status.or(*status);
        }
    }

    /// The outcome of a call that hangs: it has passed one of the policy's limits.
    #[must_use]
    pub fn overdue(&self, policy: &Policy, now: Instant) -> Option<Outcome> {
        let waits = self.waits(now).filter(|waits| waits.are_too_long(&policy.limits))?;
        let slow = waits.are_slow(&policy.slow);
        Some(Outcome { slow, ended_by: EndedBy::Limit, ..Outcome::of(Category::Timeout) })
    }

    /// Whether the client was sent the head of an answer.
    #[must_use]
    pub const fn has_answer(&self) -> bool {
        matches!(self.response, Response::Started { .. })
    }

    /// The outcome of a call that is judged while its answer goes on: by how it went so far.
    #[must_use]
    pub fn success_so_far(&self, policy: &Policy, now: Instant) -> Outcome {
        self.outcome(Category::Success, Flags::default(), None, policy, now)
    }

    /// The last byte was seen of an answer whose outcome was not known before.
    pub fn response_ended(&mut self, policy: &Policy, now: Instant) -> Option<Outcome> {
        let Response::Started { body, .. } = &mut self.response else { return None };
        if let Body::Events(events) = body {
            events.end();
        }
        self.judged(policy, now).or_else(|| Some(self.success_so_far(policy, now)))
    }

    /// The stream is over, and its outcome was not known before.
    #[must_use]
    pub fn broken_off(&self, ending: Ending, policy: &Policy, now: Instant) -> Outcome {
        let category = match &self.response {
            // The upstream had said all that matters, whoever then broke off.
            Response::Started { matched: Some(matched), .. }
                if matched.judge(&policy.matchers).is_some() =>
            {
                None
            }
            Response::Started { body: Body::Error(_), .. } => None,
            Response::Started { body: Body::Events(events), .. } if events.is_complete() => None,
            Response::Started { .. } => Some(classify::of_broken_end(ending.flags)),
            Response::Awaited => Some(classify::of_envoys_answer(ending.flags, self.request())),
        };
        match category {
            Some(category) => self.outcome(category, ending.flags, None, policy, now),
            None => self.judged(policy, now).unwrap_or_else(|| self.success_so_far(policy, now)),
        }
    }

    fn by_head(&self, head: &ResponseHead) -> Option<Category> {
        let by_status = classify::of_status(head.status, self.request())?;
        let Some(error_type) = head.error_type.as_deref().filter(|_| head.status >= 400) else {
            return Some(by_status);
        };
        let (dialect, nothing) = (self.protocol.dialect, ErrorFacts::default());
        Some(classify::of_error(dialect, head.status, Some(error_type), &nothing, self.request()))
    }

    /// What the body says if it ends here; `None` if it is not one that says anything.
    fn judged(&self, policy: &Policy, now: Instant) -> Option<Outcome> {
        let Response::Started { body, matched, .. } = &self.response else { return None };
        let by_matcher = matched.as_ref().and_then(|matched| matched.judge(&policy.matchers));
        let judgement = match (by_matcher, body) {
            (Some(judgement), _) => judgement,
            (None, Body::Untold | Body::Unread(_)) => return None,
            (None, Body::Error(error)) => error.judge(self.request()),
            (None, Body::Events(events)) => events.judge(self.request()),
            (None, Body::Grpc(status)) => {
                Judgement { category: self.of_grpc(*status, now), announced: None }
            }
        };
        Some(self.outcome_by(judgement, policy, now))
    }

    /// A gRPC answer that ended with this status, or with none at all.
    fn of_grpc(&self, status: Option<GrpcStatus>, now: Instant) -> Category {
        let waited = now.since(self.requested_at);
        match status.map_or(Category::StreamInterrupted, GrpcStatus::category) {
            Category::Timeout if self.client_timeouts.reached_upstream(waited) => {
                Category::Cancelled
            }
            category => category,
        }
    }

    fn outcome_by(&self, judgement: Judgement, policy: &Policy, now: Instant) -> Outcome {
        let Judgement { category, announced } = judgement;
        self.outcome(category, Flags::default(), announced, policy, now)
    }

    fn outcome(
        &self,
        category: Category,
        flags: Flags,
        announced: Option<Duration>,
        policy: &Policy,
        now: Instant,
    ) -> Outcome {
        let waited = now.since(self.requested_at);
        let own_timeout =
            category == Category::Timeout && self.client_timeouts.struck(flags, waited);
        let category = if own_timeout { Category::Cancelled } else { category };
        // Its limit had passed before it ended well, or before its client lost patience.
        if matches!(category, Category::Success | Category::Cancelled)
            && let Some(overdue) = self.overdue(policy, now)
        {
            return overdue;
        }
        let slow = self.waits(now).is_some_and(|waits| waits.are_slow(&policy.slow));
        let ended_by = match flags {
            _ if category == Category::Cancelled || flags.any(CLIENT_LEFT) => EndedBy::Client,
            _ if flags.any(TIMED_OUT) => EndedBy::Envoy,
            _ => EndedBy::Upstream,
        };
        let outcome = Outcome { ended_by, ..Outcome::of(category) };
        match category {
            Category::Success if slow => Outcome { category: Category::Slow, slow, ..outcome },
            Category::Cancelled => {
                Outcome { slow, unanswered_since: self.abandoned(policy, now), ..outcome }
            }
            _ => Outcome { announced, ..outcome },
        }
    }

    /// What was waited for since the request was sent completely.
    fn waits(&self, now: Instant) -> Option<Waits> {
        let sent_at = self.sent_at?;
        let until = |end: Instant| end.since(sent_at);
        let whole = Waits { response_headers: until(now), total: until(now), ..Waits::default() };
        Some(match &self.response {
            Response::Awaited if self.is_to_stream() => Waits { first_token: until(now), ..whole },
            Response::Awaited | Response::Started { by_upstream: false, .. } => whole,
            Response::Started { at, body: Body::Events(_), pace, .. } => {
                pace.waits(sent_at, *at, now)
            }
            Response::Started { at, .. } => Waits { response_headers: until(*at), ..whole },
        })
    }

    /// Whether a stream is known to be asked for, before its head says so.
    fn is_to_stream(&self) -> bool {
        let Protocol { streams, asked_for, .. } = self.protocol;
        asked_for == AskedFor::Stream && streams != Streams::Unknown
    }

    /// Since when a client waited that left without a byte, if that was long.
    fn abandoned(&self, policy: &Policy, now: Instant) -> Option<Instant> {
        let got_bytes = match self.response {
            Response::Awaited => false,
            Response::Started { by_upstream, .. } => by_upstream,
        };
        let limit = policy.limits.abandoned.filter(|_| !got_bytes)?;
        self.sent_at.filter(|sent_at| now.since(*sent_at) >= limit)
    }

    const fn request(&self) -> Request {
        if self.sent_at.is_some() { Request::Complete } else { Request::Incomplete }
    }
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
