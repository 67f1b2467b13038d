//! What has been seen of one call, and from when on is its outcome known?

use crate::call::body::{Body, Unread};
use crate::call::classify::{self, Request};
use crate::call::client_timeouts::ClientTimeouts;
use crate::call::error_body::Judgement;
use crate::call::flags::{CLIENT_LEFT, Ending, Flags, TIMED_OUT};
use crate::call::head::{ResponseHead, Source};
use crate::call::pace::{Pace, Waits};
use crate::call::protocol::{AskedFor, Protocol, Streams};
use crate::dialect::ErrorFacts;
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
    Started { at: Instant, by_upstream: bool, body: Body, pace: Pace },
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
        let needs_body = body.is_read();
        let (by_upstream, pace) = (head.is_upstreams(), Pace::default());
        self.response = Response::Started { at: now, by_upstream, body, pace };
        let (category, flags) = match head.source {
            Source::Upstream if needs_body => return None,
            Source::Upstream => (self.by_head(head)?, Flags::default()),
            Source::OtherBreaker => (Category::Local, Flags::default()),
            Source::Envoy(Ending { flags }) => {
                (classify::of_envoys_answer(flags, self.request()), flags)
            }
        };
        let about_limits = matches!(category, Category::RateLimited | Category::QuotaExhausted);
        let announced = head.announced.or(head.limits_reset.filter(|_| about_limits));
        Some(self.outcome(category, flags, announced, policy, now))
    }

    /// Whether the answer's body must be shown to [`response_data`](Self::response_data).
    #[must_use]
    pub const fn reads_body(&self) -> bool {
        matches!(&self.response, Response::Started { body, .. } if body.is_read())
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
        let Response::Started { body, pace, .. } = &mut self.response else {
            return Seen::default();
        };
        let (known, first) = match body {
            Body::Untold | Body::Unread(_) => (false, false),
            Body::Error(error) => (error.read(bytes), false),
            Body::Whole(whole) => (whole.read(bytes), false),
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
        let judged = if known { self.judged(policy, now) } else { None };
        if known && judged.is_none() {
            self.stop_reading();
        }
        Seen {
            first_content_after: first.then_some(waited),
            outcome: judged.or_else(|| self.overdue(policy, now)),
        }
    }

    /// Bytes of the answer's body could not be had. With a hole in it an answer tells nothing any
    /// more; an error still has its status.
    pub fn body_lost(&mut self) {
        if let Response::Started { body: Body::Events(_) | Body::Whole(_), .. } = self.response {
            self.stop_reading();
        }
    }

    fn stop_reading(&mut self) {
        if let Response::Started { body, .. } = &mut self.response {
            *body = Body::Untold;
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
        let Response::Started { body, .. } = &self.response else { return None };
        let Judgement { category, announced } = match body {
            Body::Untold | Body::Unread(_) => return None,
            Body::Error(error) => error.judge(self.request()),
            Body::Whole(whole) => whole.judge(self.request())?,
            Body::Events(events) => events.judge(self.request()),
        };
        Some(self.outcome(category, Flags::default(), announced, policy, now))
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
            _ if own_timeout || flags.any(CLIENT_LEFT) => EndedBy::Client,
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

    const fn is_answered(&self) -> bool {
        matches!(self.response, Response::Started { by_upstream: true, .. })
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
