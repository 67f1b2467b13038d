//! What has been seen of one call, and from when on is its outcome known?

use crate::call::answer::Answer;
use crate::call::body::Unread;
use crate::call::classify::{self, Request};
use crate::call::client_timeouts::ClientTimeouts;
use crate::call::error_body::Judgement;
use crate::call::flags::{CLIENT_LEFT, Ending, Flags, TIMED_OUT};
use crate::call::grpc::GrpcStatus;
use crate::call::head::{ResponseHead, Source};
use crate::call::pace::Waits;
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
    answer: Option<Answer>,
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
        Self { requested_at: now, sent_at: None, client_timeouts, protocol, answer: None }
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
        let answer = self.answer.insert(Answer::new(head, self.protocol, now));
        let needs_body = answer.reads_body();
        let (category, flags) = match (head.source, head.matched) {
            (Source::Upstream, AtHead::Holds(category)) => (category, Flags::default()),
            (Source::Upstream, _) if needs_body => return None,
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
    pub fn reads_body(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::reads_body)
    }

    /// Whether the answer's trailers must be shown to
    /// [`response_trailers`](Self::response_trailers).
    #[must_use]
    pub fn reads_trailers(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::is_grpc)
    }

    /// Why the answer's body is not read, if it would have had something to say.
    #[must_use]
    pub fn unread(&self) -> Option<Unread> {
        self.answer.as_ref().and_then(Answer::unread)
    }

    /// Whether the answer's body will yet say whether it is an error.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::is_undecided)
    }

    /// Whether the answer is a stream whose first event is no error.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::has_begun)
    }

    /// Whether the answer is a stream of server-sent events that are read.
    #[must_use]
    pub fn is_of_events(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::is_of_events)
    }

    /// The next bytes of the answer's body were seen.
    pub fn response_data(&mut self, bytes: &[u8], policy: &Policy, now: Instant) -> Seen {
        let request = self.request();
        let Some(answer) = &mut self.answer else { return Seen::default() };
        let shown = answer.read(bytes, &policy.matchers, request, now);
        let waited = now.since(self.sent_at.unwrap_or(self.requested_at));
        Seen {
            first_content_after: shown.first_content.then_some(waited),
            outcome: match shown.judgement {
                Some(judgement) => Some(self.outcome_by(judgement, policy, now)),
                None => self.overdue(policy, now),
            },
        }
    }

    /// Bytes of the answer's body could not be had.
    pub fn body_lost(&mut self) {
        if let Some(answer) = &mut self.answer {
            answer.lose_body();
        }
    }

    /// The answer's trailers were seen, with this status if they have one.
    pub fn response_trailers(&mut self, grpc_status: Option<GrpcStatus>) {
        if let Some(answer) = &mut self.answer {
            answer.note_trailers(grpc_status);
        }
    }

    /// The outcome of a call that hangs: it has passed one of the policy's limits.
    #[must_use]
    pub fn overdue(&self, policy: &Policy, now: Instant) -> Option<Outcome> {
        let waits = self.waits(now).filter(|waits| waits.are_too_long(&policy.limits))?;
        let slow = waits.are_slow(&policy.slow);
        let answered = self.is_answered();
        Some(Outcome { slow, answered, ended_by: EndedBy::Limit, ..Outcome::of(Category::Timeout) })
    }

    /// Whether the client was sent the head of an answer.
    #[must_use]
    pub const fn has_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// The outcome of a call that is judged while its answer goes on: by how it went so far.
    #[must_use]
    pub fn success_so_far(&self, policy: &Policy, now: Instant) -> Outcome {
        self.outcome(Category::Success, Flags::default(), None, policy, now)
    }

    /// The last byte was seen of an answer whose outcome was not known before.
    pub fn response_ended(&mut self, policy: &Policy, now: Instant) -> Option<Outcome> {
        let request = self.request();
        let answer = self.answer.as_mut()?;
        answer.end();
        Some(match answer.judge(&policy.matchers, request) {
            Some(judgement) => self.outcome_by(judgement, policy, now),
            None => self.success_so_far(policy, now),
        })
    }

    /// The stream is over, and its outcome was not known before.
    #[must_use]
    pub fn broken_off(&self, ending: Ending, policy: &Policy, now: Instant) -> Outcome {
        let category = match &self.answer {
            Some(answer) => match answer.judge_broken(&policy.matchers, self.request()) {
                Some(judgement) => return self.outcome_by(judgement, policy, now),
                None => classify::of_broken_end(ending.flags),
            },
            None => classify::of_envoys_answer(ending.flags, self.request()),
        };
        self.outcome(category, ending.flags, None, policy, now)
    }

    fn by_head(&self, head: &ResponseHead) -> Option<Category> {
        let by_status = classify::of_status(head.status, self.request())?;
        let Some(error_type) = head.error_type.as_deref().filter(|_| head.status >= 400) else {
            return Some(by_status);
        };
        let (dialect, nothing) = (self.protocol.dialect, ErrorFacts::default());
        Some(classify::of_error(dialect, head.status, Some(error_type), &nothing, self.request()))
    }

    fn outcome_by(&self, judgement: Judgement, policy: &Policy, now: Instant) -> Outcome {
        let Judgement { category, announced } = judgement;
        let waited = now.since(self.requested_at);
        // A gRPC server knows its client's time-out, and ends with it.
        let is_clients = category == Category::Timeout
            && self.reads_trailers()
            && self.client_timeouts.reached_upstream(waited);
        let category = if is_clients { Category::Cancelled } else { category };
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
        let answered = self.is_answered() && category != Category::Local;
        let outcome = Outcome { ended_by, answered, ..Outcome::of(category) };
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
        let waited = now.since(sent_at);
        let waits = match &self.answer {
            Some(answer) => answer.waits(sent_at, now),
            None => Waits { response_headers: waited, total: waited, ..Waits::default() },
        };
        // No token comes before the head, whatever can be read of what follows it.
        let at_least = if self.is_to_stream() { waits.response_headers } else { Duration::ZERO };
        Some(Waits { first_token: waits.first_token.max(at_least), ..waits })
    }

    /// Whether a stream is known to be asked for, before its head says so.
    fn is_to_stream(&self) -> bool {
        let Protocol { streams, asked_for, .. } = self.protocol;
        asked_for == AskedFor::Stream && streams != Streams::Unknown
    }

    fn is_answered(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::is_upstreams)
    }

    /// Since when a client waited that left without a byte, if that was long.
    fn abandoned(&self, policy: &Policy, now: Instant) -> Option<Instant> {
        let limit = policy.limits.abandoned.filter(|_| !self.is_answered())?;
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
