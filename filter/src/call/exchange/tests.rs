use super::*;
use crate::call::head::MediaType;
use crate::dialect::{Api, Dialect};
use crate::policy::Slow;

const TIMEOUT: Flags = Flags::UPSTREAM_REQUEST_TIMEOUT;
const CLIENT_LEFT: Flags = Flags::DOWNSTREAM_DISCONNECT;

const LEFT: Outcome = Outcome { ended_by: EndedBy::Client, ..Outcome::of(Category::Cancelled) };

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

fn policy() -> Policy {
    Policy::default()
}

fn slow_after(seconds: u64) -> Policy {
    let total = Some(Duration::from_secs(seconds));
    Policy { slow: Slow { total, ..Slow::default() }, ..policy() }
}

/// A request whose headers and body were sent at second 100.
fn sent(headers: &[(&str, &str)]) -> Exchange {
    let mut timeouts = ClientTimeouts::default();
    for (name, value) in headers {
        timeouts.note(name.as_bytes(), value.as_bytes());
    }
    let mut exchange = Exchange::begin(at(100), timeouts, Protocol::HTTP);
    exchange.request_ended(at(100));
    exchange
}

fn head(status: u16, source: Source) -> ResponseHead {
    ResponseHead::new(status, source)
}

fn envoys(flags: Flags) -> Source {
    Source::Envoy(Ending { flags })
}

fn category(outcome: Option<Outcome>) -> Option<Category> {
    outcome.map(|outcome| outcome.category)
}

#[test]
fn a_failure_is_known_at_the_head_and_a_success_at_the_end() {
    let mut exchange = sent(&[]);
    let failed = exchange.response_started(&head(500, Source::Upstream), &policy(), at(101));
    assert_eq!(category(failed), Some(Category::ServerError));

    let mut exchange = sent(&[]);
    let begun = exchange.response_started(&head(200, Source::Upstream), &policy(), at(101));
    assert_eq!(begun, None);
    let whole = exchange.response_ended(&policy(), at(102));
    assert_eq!(whole, Some(Outcome { answered: true, ..Outcome::of(Category::Success) }));
}

#[test]
fn an_answer_that_another_breaker_gave_counts_nothing() {
    for status in [200, 429, 503] {
        let mut exchange = sent(&[]);
        let answer = head(status, Source::OtherBreaker);
        let outcome = exchange.response_started(&answer, &policy(), at(101));
        assert_eq!(category(outcome), Some(Category::Local), "{status}");
    }
}

#[test]
fn a_time_out_that_the_client_asked_for_is_its_own() {
    for header in ["x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-rq-per-try-timeout-ms"] {
        let mut exchange = sent(&[(header, "1000")]);
        let struck = head(504, envoys(TIMEOUT));
        let outcome = exchange.response_started(&struck, &policy(), at(101));
        assert_eq!(category(outcome), Some(Category::Cancelled), "{header}");
    }
    let mut exchange = sent(&[("x-something-else", "1000")]);
    let outcome = exchange.response_started(&head(504, envoys(TIMEOUT)), &policy(), at(101));
    assert_eq!(category(outcome), Some(Category::Timeout));
}

#[test]
fn it_is_known_who_ended_a_call() {
    let mut exchange = sent(&[]);
    let timed_out = exchange.response_started(&head(504, envoys(TIMEOUT)), &policy(), at(115));
    assert_eq!(timed_out.map(|outcome| outcome.ended_by), Some(EndedBy::Envoy));
    let left = sent(&[]).broken_off(Ending { flags: CLIENT_LEFT }, &policy(), at(140));
    assert_eq!(left.ended_by, EndedBy::Client);
    let mut exchange = sent(&[]);
    let failed = exchange.response_started(&head(504, Source::Upstream), &policy(), at(101));
    assert_eq!(failed.map(|outcome| outcome.ended_by), Some(EndedBy::Upstream));
}

#[test]
fn a_grpc_timeout_that_struck_is_the_clients_also_after_the_head() {
    let mut exchange = sent(&[("grpc-timeout", "9S")]);
    let _ = exchange.response_started(&head(200, Source::Upstream), &policy(), at(101));
    let ending = Ending::new(Flags(0), b"max_duration_timeout");
    assert_eq!(exchange.broken_off(ending, &policy(), at(109)).category, Category::Cancelled);

    let mut exchange = sent(&[]);
    let _ = exchange.response_started(&head(200, Source::Upstream), &policy(), at(101));
    assert_eq!(exchange.broken_off(ending, &policy(), at(109)).category, Category::Timeout);
}

#[test]
fn the_upstreams_own_504_counts_whatever_time_outs_the_client_set() {
    let mut exchange = sent(&[("x-envoy-upstream-rq-timeout-ms", "1000")]);
    let outcome = exchange.response_started(&head(504, Source::Upstream), &policy(), at(101));
    assert_eq!(category(outcome), Some(Category::Timeout));
}

#[test]
fn a_client_that_leaves_early_says_nothing() {
    let outcome = sent(&[]).broken_off(Ending { flags: CLIENT_LEFT }, &policy(), at(129));
    assert_eq!(outcome, LEFT);
}

#[test]
fn a_client_that_leaves_after_abandoned_without_a_byte_may_be_a_time_out() {
    let outcome = sent(&[]).broken_off(Ending { flags: CLIENT_LEFT }, &policy(), at(130));
    assert_eq!(outcome.unanswered_since, Some(at(100)));
    assert_eq!(outcome.judged(at(50)).category, Category::Timeout);
    assert_eq!(outcome.judged(at(100)).category, Category::Cancelled, "others got answers");
}

#[test]
fn a_long_time_out_of_the_clients_own_is_judged_like_its_leaving() {
    let mut exchange = sent(&[("x-envoy-upstream-rq-timeout-ms", "1000")]);
    let struck = head(504, envoys(TIMEOUT));
    let outcome = exchange.response_started(&struck, &policy(), at(140)).expect("an outcome");
    assert_eq!(outcome.judged(at(50)).category, Category::Timeout);
}

#[test]
fn a_client_that_got_a_byte_abandons_nothing() {
    let mut exchange = sent(&[]);
    let _ = exchange.response_started(&head(200, Source::Upstream), &policy(), at(101));
    let outcome = exchange.broken_off(Ending { flags: CLIENT_LEFT }, &policy(), at(200));
    assert_eq!(outcome, Outcome { answered: true, ..LEFT });
}

#[test]
fn an_unfinished_upload_abandons_nothing() {
    let exchange = Exchange::begin(at(100), ClientTimeouts::default(), Protocol::HTTP);
    let outcome = exchange.broken_off(Ending { flags: CLIENT_LEFT }, &policy(), at(200));
    assert_eq!(outcome, LEFT);
}

#[test]
fn a_success_is_slow_above_its_limit_and_not_at_it() {
    for (end, category) in [(105, Category::Success), (106, Category::Slow)] {
        let mut exchange = sent(&[]);
        let answer = head(200, Source::Upstream);
        let _ = exchange.response_started(&answer, &slow_after(5), at(101));
        let outcome = exchange.response_ended(&slow_after(5), at(end)).expect("an outcome");
        assert_eq!(outcome.category, category, "{end}");
        assert_eq!(outcome.slow, category == Category::Slow);
    }
}

#[test]
fn slow_headers_are_slow_however_fast_the_rest_is() {
    let response_headers = Some(Duration::from_secs(2));
    let policy = Policy { slow: Slow { response_headers, ..Slow::default() }, ..policy() };
    let mut exchange = sent(&[]);
    let _ = exchange.response_started(&head(200, Source::Upstream), &policy, at(103));
    assert_eq!(category(exchange.response_ended(&policy, at(103))), Some(Category::Slow));
}

#[test]
fn a_client_that_waited_past_the_slow_limit_and_left_speaks_for_slowness() {
    let outcome = sent(&[]).broken_off(Ending { flags: CLIENT_LEFT }, &slow_after(5), at(106));
    assert_eq!(outcome.category, Category::Cancelled);
    assert!(outcome.slow);
}

#[test]
fn a_slow_upload_is_not_the_upstreams_slowness() {
    let mut exchange = Exchange::begin(at(100), ClientTimeouts::default(), Protocol::HTTP);
    exchange.request_ended(at(150));
    let answer = head(200, Source::Upstream);
    let _ = exchange.response_started(&answer, &slow_after(5), at(151));
    let outcome = exchange.response_ended(&slow_after(5), at(152));
    assert_eq!(category(outcome), Some(Category::Success));
}

/// A chat that asks for a stream, sent at second 100.
fn streamed() -> Exchange {
    let protocol = Protocol {
        dialect: Dialect::OpenAi,
        api: Api::Chat,
        streams: Streams::OfGeneration,
        asked_for: AskedFor::Stream,
    };
    let mut exchange = Exchange::begin(at(100), ClientTimeouts::default(), protocol);
    exchange.request_ended(at(100));
    exchange
}

fn begin_events(exchange: &mut Exchange, now: u64) {
    let mut head = head(200, Source::Upstream);
    head.media_type = MediaType::EventStream;
    assert_eq!(exchange.response_started(&head, &policy(), at(now)), None);
}

const CONTENT: &[u8] = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
const ROLE: &[u8] = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";

const HUNG: Outcome = Outcome { ended_by: EndedBy::Limit, ..Outcome::of(Category::Timeout) };
/// The same after the head of its answer.
const HUNG_LATER: Outcome = Outcome { answered: true, ..HUNG };

#[test]
fn a_stream_hangs_until_its_first_content_whatever_keeps_it_warm() {
    let mut exchange = streamed();
    assert_eq!(exchange.overdue(&policy(), at(219)), None);
    assert_eq!(exchange.overdue(&policy(), at(220)), Some(HUNG), "before its head, too");
    begin_events(&mut exchange, 101);
    for warm in [&b": still here\n\n"[..], ROLE, b"event: ping\ndata: {}\n\n"] {
        let seen = exchange.response_data(warm, &policy(), at(219));
        assert_eq!(seen, Seen::default());
    }
    assert_eq!(exchange.overdue(&policy(), at(220)), Some(HUNG_LATER));
    let late = exchange.response_data(CONTENT, &policy(), at(221));
    assert_eq!(late.outcome, Some(HUNG_LATER), "also where no tick came in between");
}

#[test]
fn a_silent_thinker_and_a_whole_answer_are_waited_for() {
    let mut exchange = streamed();
    begin_events(&mut exchange, 101);
    let first = exchange.response_data(CONTENT, &policy(), at(200));
    assert_eq!(first.first_content_after, Some(Duration::from_secs(100)));
    assert_eq!(exchange.overdue(&policy(), at(5_000)), None, "no limit for gaps by default");

    let mut whole = sent(&[]);
    assert_eq!(whole.overdue(&policy(), at(5_000)), None, "not known to be a stream");
    assert_eq!(whole.response_started(&head(200, Source::Upstream), &policy(), at(5_000)), None);
    assert_eq!(whole.overdue(&policy(), at(9_000)), None);
}

#[test]
fn a_gap_and_the_whole_have_limits_of_their_own() {
    let mut policy = policy();
    policy.limits.gap = Some(Duration::from_secs(10));
    policy.limits.total = Some(Duration::from_secs(50));
    let mut exchange = streamed();
    begin_events(&mut exchange, 101);
    assert_eq!(exchange.response_data(CONTENT, &policy, at(105)).outcome, None);
    assert_eq!(exchange.response_data(ROLE, &policy, at(114)).outcome, None);
    assert_eq!(exchange.overdue(&policy, at(114)), None);
    assert_eq!(exchange.overdue(&policy, at(115)), Some(HUNG_LATER), "a gap");
    policy.limits.gap = None;
    assert_eq!(exchange.overdue(&policy, at(149)), None);
    assert_eq!(exchange.overdue(&policy, at(150)), Some(HUNG_LATER), "the whole");
    let finished = b"data: {\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(exchange.response_data(finished, &policy, at(149)).outcome, None);
    assert_eq!(exchange.overdue(&policy, at(500)), None, "the model had finished in time");
    let ended = exchange.response_data(DONE, &policy, at(501)).outcome;
    assert_eq!(category(ended), Some(Category::Success));
}

#[test]
fn a_client_that_leaves_after_the_limit_leaves_a_call_that_hung() {
    let left = Ending { flags: CLIENT_LEFT };
    assert_eq!(category(Some(streamed().broken_off(left, &policy(), at(219)))), {
        Some(Category::Cancelled)
    });
    assert_eq!(streamed().broken_off(left, &policy(), at(221)), HUNG);
}

#[test]
fn a_limit_begins_when_the_request_was_sent() {
    let protocol = streamed().protocol();
    let mut uploading = Exchange::begin(at(100), ClientTimeouts::default(), protocol);
    assert_eq!(uploading.overdue(&policy(), at(5_000)), None);
    uploading.request_ended(at(300));
    assert_eq!(uploading.overdue(&policy(), at(419)), None);
    assert_eq!(uploading.overdue(&policy(), at(420)), Some(HUNG));
}

#[test]
fn a_first_token_or_a_gap_can_be_slow() {
    let slow_by = |slow: Slow| {
        let policy = Policy { slow, ..policy() };
        let mut exchange = streamed();
        begin_events(&mut exchange, 101);
        for second in [110, 111, 119] {
            assert_eq!(exchange.response_data(CONTENT, &policy, at(second)).outcome, None);
        }
        exchange.response_data(DONE, &policy, at(120)).outcome.expect("an outcome")
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (limit, slow) in [(9, true), (10, false)] {
        let outcome = slow_by(Slow { first_token: seconds(limit), ..Slow::default() });
        assert_eq!(outcome.slow, slow, "{limit} s");
    }
    for (limit, slow) in [(7, true), (8, false)] {
        let outcome = slow_by(Slow { gap: seconds(limit), ..Slow::default() });
        assert_eq!(outcome.slow, slow, "{limit} s");
    }
}
