//! What does the filter see of a call, and what does it record, when? The code that watches a call in
//! Envoy watches it here.

use crate::call::{Asks, Call, End};
use core::time::Duration;
use llm_breaker::call::{
    AskedFor, ClientTimeouts, Coding, Ending, Exchange, Flags, MediaType, Protocol, ResponseHead,
    Source, Streams,
};
use llm_breaker::dialect::{Api, Dialect};
use llm_breaker::outcome::Outcome;
use llm_breaker::policy::Policy;
use llm_breaker::time::Instant;

const CONTENT: &[u8] = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
const DONE: &[u8] =
    b"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const WHOLE: &[u8] =
    b"{\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\
    \"assistant\",\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}";
const PLAIN_ERROR: &[u8] =
    b"{\"error\":{\"message\":\"\",\"type\":\"server_error\",\"code\":null}}";
const QUOTA: &[u8] =
    b"{\"error\":{\"message\":\"\",\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}";

/// What was recorded of one call, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// When: before its end if it hung.
    pub settled: Instant,
    /// What.
    pub outcome: Outcome,
    /// When its answer began.
    pub answered: Option<Instant>,
    /// When its first content came.
    pub first: Option<Instant>,
}

/// A call that is being watched.
struct Watch<'a> {
    call: &'a Call,
    policy: &'a Policy,
    exchange: Exchange,
}

/// What the filter records of this call under this policy.
#[must_use]
pub fn watch(call: &Call, policy: &Policy) -> Seen {
    let asked_for = match call.asks {
        Asks::Whole | Asks::StreamInBody => AskedFor::Unsaid,
        Asks::Stream => AskedFor::Stream,
    };
    let streams = Streams::OfGeneration;
    let protocol = Protocol { dialect: Dialect::OpenAi, api: Api::Chat, streams, asked_for };
    let mut exchange = Exchange::begin(call.at, ClientTimeouts::default(), protocol);
    exchange.request_ended(call.at);
    let mut watch = Watch { call, policy, exchange };
    let (settled, outcome) = watch.until_settled();
    let seen = |moment: Option<Duration>| {
        moment.map(|moment| call.at + moment).filter(|moment| *moment <= settled)
    };
    Seen { settled, outcome, answered: seen(call.head), first: seen(call.first) }
}

impl Watch<'_> {
    fn until_settled(&mut self) -> (Instant, Outcome) {
        self.head()
            .or_else(|| self.first())
            .or_else(|| self.hangs(self.call.ends_at()))
            .unwrap_or_else(|| (self.call.ends_at(), self.end()))
    }

    fn head(&mut self) -> Option<(Instant, Outcome)> {
        let now = self.call.at + self.call.head?;
        self.hangs(now).or_else(|| {
            let head = self.head_of_answer();
            let outcome = self.exchange.response_started(&head, self.policy, now)?;
            Some((now, outcome))
        })
    }

    fn first(&mut self) -> Option<(Instant, Outcome)> {
        let now = self.call.at + self.call.first.filter(|_| self.call.is_stream())?;
        self.hangs(now).or_else(|| {
            let outcome = self.exchange.response_data(CONTENT, self.policy, now).outcome?;
            Some((now, outcome))
        })
    }

    fn end(&mut self) -> Outcome {
        let (policy, now) = (self.policy, self.call.ends_at());
        let body = match self.call.end {
            End::Whole if self.call.is_stream() => DONE,
            End::Whole => WHOLE,
            End::Error { .. } => PLAIN_ERROR,
            End::QuotaExhausted => QUOTA,
            End::Cut => return self.breaks(Flags::UPSTREAM_REMOTE_RESET),
            End::Refused => return self.breaks(Flags::UPSTREAM_CONNECTION_FAILURE),
            End::Reset => return self.breaks(Flags::UPSTREAM_CONNECTION_TERMINATION),
            End::Left => return self.breaks(Flags::DOWNSTREAM_DISCONNECT),
        };
        let by_body = self.exchange.response_data(body, policy, now).outcome;
        by_body
            .or_else(|| self.exchange.response_ended(policy, now))
            .unwrap_or_else(|| self.exchange.success_so_far(policy, now))
    }

    fn breaks(&self, flags: Flags) -> Outcome {
        self.exchange.broken_off(Ending { flags }, self.policy, self.call.ends_at())
    }

    /// Whether a tick found that it hangs before this moment. One comes each second.
    fn hangs(&self, before: Instant) -> Option<(Instant, Outcome)> {
        let limits = &self.policy.limits;
        let latest = self.call.first.map(|first| self.call.at + first);
        let from = |since: Instant, limit: Option<Duration>| limit.map(|limit| since + limit);
        let passed = [
            from(self.call.at, limits.first_token),
            from(self.call.at, limits.total),
            latest.and_then(|latest| from(latest, limits.gap)),
        ];
        let ticks = passed.into_iter().flatten().map(tick_after).filter(|tick| *tick < before);
        let found = |tick| Some((tick, self.exchange.overdue(self.policy, tick)?));
        let mut ticks: Vec<Instant> = ticks.collect();
        ticks.sort();
        ticks.into_iter().find_map(found)
    }

    fn head_of_answer(&self) -> ResponseHead {
        let (status, announced) = match self.call.end {
            End::Error { status, retry_after } => (status, retry_after),
            End::QuotaExhausted => (429, None),
            _ => (200, None),
        };
        let media_type = if status == 200 && self.call.is_stream() {
            MediaType::EventStream
        } else {
            MediaType::Json
        };
        let head = ResponseHead::new(status, Source::Upstream);
        ResponseHead { announced, media_type, coding: Coding::Identity, ..head }
    }
}

fn tick_after(moment: Instant) -> Instant {
    const SECOND: u64 = 1_000_000_000;
    Instant::from_nanos(moment.as_nanos().div_ceil(SECOND) * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{at, error, seconds};
    use llm_breaker::outcome::{Category, EndedBy};

    const CALL: Call = Call {
        at: Instant::from_nanos(500_000_000),
        model: 0,
        asks: Asks::Stream,
        head: Some(Duration::from_secs(1)),
        first: Some(Duration::from_secs(1)),
        lasts: Duration::from_secs(20),
        end: End::Whole,
        hit: false,
    };

    fn seen(call: Call) -> (Category, f64) {
        let seen = watch(&call, &Policy::default());
        (seen.outcome.category, seen.settled.since(call.at).as_secs_f64())
    }

    fn ends(end: End) -> Category {
        seen(crate::traffic::failing(CALL, end, 2.0)).0
    }

    #[test]
    fn calls_are_recorded_as_what_they_are() {
        assert_eq!(seen(CALL), (Category::Success, 20.0));
        assert_eq!(seen(Call { asks: Asks::Whole, ..CALL }), (Category::Success, 20.0));
        assert_eq!(seen(Call { asks: Asks::StreamInBody, ..CALL }), (Category::Success, 20.0));
        assert_eq!(ends(error(503)), Category::ServerError);
        assert_eq!(ends(error(504)), Category::Timeout);
        assert_eq!(ends(error(529)), Category::Overloaded);
        assert_eq!(ends(error(400)), Category::ClientError);
        assert_eq!(ends(End::QuotaExhausted), Category::QuotaExhausted);
        assert_eq!(ends(End::Cut), Category::StreamInterrupted);
        assert_eq!(ends(End::Refused), Category::ConnectionFailed);
        assert_eq!(ends(End::Reset), Category::ConnectionReset);
        assert_eq!(ends(End::Left), Category::Cancelled);
    }

    #[test]
    fn what_is_announced_is_heard() {
        let retry_after = Some(Duration::from_secs(7));
        let limited = crate::traffic::failing(CALL, End::Error { status: 429, retry_after }, 0.1);
        let outcome = watch(&limited, &Policy::default()).outcome;
        assert_eq!((outcome.category, outcome.announced), (Category::RateLimited, retry_after));
    }

    #[test]
    fn a_hung_stream_is_judged_by_the_first_tick_after_its_limit() {
        let hung = Call { first: None, lasts: seconds(600.0), end: End::Left, ..CALL };
        assert_eq!(seen(hung), (Category::Timeout, 120.5));
        let unseen = Call { head: None, asks: Asks::StreamInBody, ..hung };
        assert_eq!(seen(unseen), (Category::Cancelled, 600.0));
        let outcome = watch(&unseen, &Policy::default()).outcome;
        assert_eq!(outcome.unanswered_since, Some(CALL.at), "it may be a time-out after all");
        assert_eq!(outcome.ended_by, EndedBy::Client);
        let late = Call { first: Some(seconds(130.0)), lasts: seconds(140.0), ..CALL };
        assert_eq!(seen(late), (Category::Timeout, 120.5));
        assert_eq!(seen(Call { at: at(0.0), ..late }).1, 120.0);
    }
}
