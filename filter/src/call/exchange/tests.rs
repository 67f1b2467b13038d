use super::*;
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
    assert_eq!(whole, Some(Outcome::of(Category::Success)));
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
    assert_eq!(outcome, LEFT);
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
