//! What has been seen of an answer, and what does it say?

use crate::call::body::{Body, Unread};
use crate::call::classify::Request;
use crate::call::error_body::Judgement;
use crate::call::grpc::GrpcStatus;
use crate::call::head::ResponseHead;
use crate::call::matched_body::MatchedBody;
use crate::call::pace::{Pace, Waits};
use crate::call::protocol::Protocol;
use crate::matcher::Matcher;
use crate::time::Instant;

/// An answer that has begun.
#[derive(Debug)]
pub(super) struct Answer {
    started_at: Instant,
    by_upstream: bool,
    body: Body,
    /// What is read of the body for matchers, until they have decided.
    matched: Option<Box<MatchedBody>>,
    pace: Pace,
}

/// What a piece of a body showed.
#[derive(Default)]
pub(super) struct Shown {
    /// Whether the first that the model made is in it.
    pub(super) first_content: bool,
    /// What the answer says, if that is known now.
    pub(super) judgement: Option<Judgement>,
}

impl Answer {
    /// An answer that begins with this head.
    pub(super) fn new(head: &ResponseHead, protocol: Protocol, now: Instant) -> Self {
        Self {
            started_at: now,
            by_upstream: head.is_upstreams(),
            body: Body::of(head, protocol),
            matched: MatchedBody::of(head),
            pace: Pace::default(),
        }
    }

    /// Whether the upstream, or a breaker before it, gave it.
    pub(super) const fn is_upstreams(&self) -> bool {
        self.by_upstream
    }

    /// Whether the bytes of its body can still matter.
    pub(super) const fn reads_body(&self) -> bool {
        self.body.is_read() || self.matched.is_some()
    }

    /// Whether its body will yet say whether it is an error: of an error which one, of a stream
    /// before its first event.
    pub(super) fn is_undecided(&self) -> bool {
        match &self.body {
            Body::Error(_) => true,
            Body::Events(events) => !events.has_begun(),
            _ => self.matched.is_some(),
        }
    }

    /// Whether it is a stream whose first event is no error.
    pub(super) const fn has_begun(&self) -> bool {
        matches!(&self.body, Body::Events(events) if events.has_begun())
    }

    /// Whether it is a stream of server-sent events that are read.
    pub(super) const fn is_of_events(&self) -> bool {
        matches!(&self.body, Body::Events(events) if events.is_server_sent())
    }

    /// Whether it is one of gRPC's, whose trailers tell how it went.
    pub(super) const fn is_grpc(&self) -> bool {
        matches!(self.body, Body::Grpc(_))
    }

    /// Why its body is not read, if it would have had something to say.
    pub(super) const fn unread(&self) -> Option<Unread> {
        match self.body {
            Body::Unread(why) => Some(why),
            _ => None,
        }
    }

    /// Reads the next bytes of its body.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        matchers: &[Matcher],
        request: Request,
        now: Instant,
    ) -> Shown {
        let asked = self.matched.take_if(|matched| matched.read(bytes));
        if let Some(judgement) = asked.and_then(|asked| asked.judge(matchers)) {
            return Shown { judgement: Some(judgement), ..Shown::default() };
        }
        let (known, first_content) = self.read_body(bytes, now);
        // What its body says counts only where no matcher holds.
        if !known || self.matched.is_some() {
            return Shown { first_content, judgement: None };
        }
        let judgement = self.body.judge(request);
        if judgement.is_none() {
            self.body = Body::Untold;
        }
        Shown { first_content, judgement }
    }

    /// Whether the body now says all that it will, and whether the first content came.
    fn read_body(&mut self, bytes: &[u8], now: Instant) -> (bool, bool) {
        match &mut self.body {
            Body::Untold | Body::Unread(_) | Body::Grpc(_) => (false, false),
            Body::Error(error) => (error.read(bytes), false),
            Body::Whole(whole) => (whole.read(bytes), false),
            Body::Events(events) => {
                let contents = events.contents();
                let known = events.read(bytes);
                let first = events.contents() > contents && self.pace.note_content(now);
                if events.is_complete() {
                    self.pace.note_end(now);
                }
                (known, first)
            }
        }
    }

    /// Bytes of its body could not be had. With a hole in it an answer tells nothing any more; an
    /// error still has its status.
    pub(super) fn lose_body(&mut self) {
        if matches!(self.body, Body::Events(_) | Body::Whole(_)) {
            self.body = Body::Untold;
        }
        if let Some(matched) = &mut self.matched {
            matched.lose();
        }
    }

    /// Its trailers came, with this status if they have one.
    pub(super) fn note_trailers(&mut self, grpc_status: Option<GrpcStatus>) {
        if let Body::Grpc(status) = &mut self.body {
            *status = grpc_status.or(*status);
        }
    }

    /// Its last byte came.
    pub(super) fn end(&mut self) {
        if let Body::Events(events) = &mut self.body {
            events.end();
        }
    }

    /// What it says if it ends here; `None` if it is nothing that its head does not.
    pub(super) fn judge(&self, matchers: &[Matcher], request: Request) -> Option<Judgement> {
        self.judge_matched(matchers).or_else(|| self.body.judge(request))
    }

    /// What it says if it is broken off here; `None` if how it broke off matters.
    pub(super) fn judge_broken(&self, matchers: &[Matcher], request: Request) -> Option<Judgement> {
        self.judge_matched(matchers).or_else(|| match &self.body {
            // The upstream had said all that matters, whoever then broke off.
            Body::Error(_) => self.body.judge(request),
            Body::Events(events) if events.is_complete() => self.body.judge(request),
            _ => None,
        })
    }

    fn judge_matched(&self, matchers: &[Matcher]) -> Option<Judgement> {
        self.matched.as_ref().and_then(|matched| matched.judge(matchers))
    }

    /// What was waited for since the request was sent completely.
    pub(super) fn waits(&self, sent_at: Instant, now: Instant) -> Waits {
        let whole = Waits {
            response_headers: self.started_at.since(sent_at),
            total: now.since(sent_at),
            ..Waits::default()
        };
        match self.body {
            Body::Events(_) => self.pace.waits(sent_at, self.started_at, now),
            _ if self.by_upstream => whole,
            // The upstream's own never came.
            _ => Waits { response_headers: now.since(sent_at), ..whole },
        }
    }
}
