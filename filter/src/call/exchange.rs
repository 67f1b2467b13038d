//! What has been seen of one call, and from when on is its outcome known?

use crate::call::classify::{self, Request};
use crate::call::client_timeouts::ClientTimeouts;
use crate::call::flags::{CLIENT_LEFT, Ending, Flags, TIMED_OUT};
use crate::outcome::{Category, EndedBy, Outcome};
use crate::policy::Policy;
use crate::time::Instant;
use core::time::Duration;

/// Who gave an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The upstream itself (Envoy's code details say `via_upstream`).
    Upstream,
    /// Another breaker, further on (the upstream's answer carries `x-llm-breaker`).
    OtherBreaker,
    /// Envoy: its router, or another filter; and what it says about the stream.
    Envoy(Ending),
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The HTTP status.
    pub status: u16,
    /// Who gave it.
    pub source: Source,
    /// How long it asked not to be called.
    pub announced: Option<Duration>,
}

impl ResponseHead {
    const fn is_upstreams(&self) -> bool {
        !matches!(self.source, Source::Envoy(_))
    }
}

/// One call and what was observed of it.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    requested_at: Instant,
    /// When the last byte of the request was seen.
    sent_at: Option<Instant>,
    client_timeouts: ClientTimeouts,
    response: Response,
}

#[derive(Clone, Copy, Debug)]
enum Response {
    Awaited,
    Started { at: Instant, head: ResponseHead },
}

impl Exchange {
    /// A request that was let through.
    #[must_use]
    pub const fn begin(now: Instant, client_timeouts: ClientTimeouts) -> Self {
        Self { requested_at: now, sent_at: None, client_timeouts, response: Response::Awaited }
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

    /// The answer's head was seen; its outcome, if that is all it takes.
    pub fn response_started(
        &mut self,
        head: ResponseHead,
        policy: &Policy,
        now: Instant,
    ) -> Option<Outcome> {
        self.response = Response::Started { at: now, head };
        let (category, flags) = match head.source {
            Source::Upstream => {
                (classify::of_status(head.status, self.request())?, Flags::default())
            }
            Source::OtherBreaker => (Category::Local, Flags::default()),
            Source::Envoy(Ending { flags }) => {
                (classify::of_envoys_answer(flags, self.request()), flags)
            }
        };
        Some(self.outcome(category, flags, head.announced, policy, now))
    }

    /// The last byte was seen of an answer whose head did not tell the outcome.
    #[must_use]
    pub fn response_ended(&self, policy: &Policy, now: Instant) -> Option<Outcome> {
        matches!(self.response, Response::Started { .. })
            .then(|| self.outcome(Category::Success, Flags::default(), None, policy, now))
    }

    /// The stream is over, and its outcome was not known before.
    #[must_use]
    pub fn broken_off(&self, ending: Ending, policy: &Policy, now: Instant) -> Outcome {
        let category = match self.response {
            Response::Started { .. } => classify::of_broken_end(ending.flags),
            Response::Awaited => classify::of_envoys_answer(ending.flags, self.request()),
        };
        self.outcome(category, ending.flags, None, policy, now)
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
        let slow = self.is_slow(policy, now);
        let ended_by = match flags {
            _ if own_timeout || flags.any(CLIENT_LEFT) => EndedBy::Client,
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

    fn is_slow(&self, policy: &Policy, now: Instant) -> bool {
        let Some(sent_at) = self.sent_at else { return false };
        let started_at = match self.response {
            Response::Started { at, head } if head.is_upstreams() => at,
            Response::Started { .. } | Response::Awaited => now,
        };
        let exceeds = |limit: Option<Duration>, end: Instant| {
            limit.is_some_and(|limit| end.since(sent_at) > limit)
        };
        exceeds(policy.slow.response_headers, started_at) || exceeds(policy.slow.total, now)
    }

    /// Since when a client waited that left without a byte, if that was long.
    fn abandoned(&self, policy: &Policy, now: Instant) -> Option<Instant> {
        let got_bytes = match self.response {
            Response::Awaited => false,
            Response::Started { head, .. } => head.is_upstreams(),
        };
        let limit = policy.limits.abandoned.filter(|_| !got_bytes)?;
        self.sent_at.filter(|sent_at| now.since(*sent_at) >= limit)
    }

    const fn request(&self) -> Request {
        if self.sent_at.is_some() { Request::Complete } else { Request::Incomplete }
    }
}

#[cfg(test)]
mod tests;
