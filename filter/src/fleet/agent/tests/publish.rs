//! What does it say of its own breaker, and when does it hold its tongue?

use super::stage::{CLOSED, OBSERVED, Stage, fact, keys, node};
use crate::category::Category;
use crate::fleet::etcd::messages::{LeaseGrantResponse, TxnResponse};
use crate::fleet::{Basis, Event, Method, News};
use core::time::Duration;

fn opened(stage: &Stage, basis: Option<Basis>, seconds: u64) -> News {
    News::Opened { basis, reason: Category::ServerError, until: stage.seconds(seconds) }
}

fn value(put: &crate::fleet::etcd::messages::PutRequest) -> String {
    String::from_utf8(put.value.clone()).expect("text")
}

#[test]
fn what_was_announced_is_said_at_once_under_a_lease_of_its_own() {
    let mut stage = Stage::connected();
    stage.tell(opened(&stage, Some(Basis::Announced), 90));
    assert_eq!(stage.grant(4_711), 90);
    let put = stage.put();
    assert_eq!((put.key, put.lease), (keys().fact("openai", &node(0)).into_bytes(), 4_711));
    assert_eq!(
        String::from_utf8(put.value).expect("text"),
        r#"{"basis":"announced","reason":"server_error","remaining_ms":90000,"state":"open"}"#
    );
    stage.pass(10);
    assert_eq!(stage.calls(), [], "once");
}

#[test]
fn what_was_observed_waits_a_little_and_says_what_is_left() {
    let mut stage = Stage::connected();
    stage.tell(opened(&stage, Some(Basis::Observed), 30));
    assert_eq!(stage.calls(), []);
    let wakes_at = stage.agent.wakes_at().expect("it waits");
    assert_eq!(wakes_at.since(stage.now), Duration::from_millis(100));
    stage.wake();
    assert_eq!(stage.grant(1), 30, "whole seconds, rounded up");
    assert!(value(&stage.put()).contains(r#""remaining_ms":29900"#));
}

#[test]
fn what_holds_too_short_or_is_not_its_own_is_not_said() {
    for (basis, seconds) in [(Some(Basis::Announced), 4), (None, 300)] {
        let mut stage = Stage::connected();
        stage.tell(opened(&stage, basis, seconds));
        stage.pass(1);
        assert_eq!(stage.calls(), [], "{basis:?} for {seconds} s");
    }
}

#[test]
fn what_enough_others_say_is_not_said_again() {
    for (others, is_said) in [(2, true), (3, false)] {
        let mut stage = Stage::connected();
        for number in 1..=others {
            stage.written(fact(number, OBSERVED, 10 + number as i64, 1));
        }
        stage.tell(opened(&stage, Some(Basis::Observed), 33));
        stage.wake();
        assert_eq!(!stage.calls().is_empty(), is_said, "{others} say so");
    }
    let mut stage = Stage::connected();
    for number in 1..=3 {
        stage.written(fact(number, OBSERVED, 10 + number as i64, 1));
    }
    stage.tell(opened(&stage, Some(Basis::Announced), 33));
    stage.grant(9);
    stage.put();
    stage.tell(opened(&stage, Some(Basis::Observed), 600));
    stage.wake();
    assert!(!stage.calls().is_empty(), "so is what lasts much longer");
}

#[test]
fn it_is_not_said_after_somebody_said_that_it_works() {
    let mut stage = Stage::connected();
    stage.tell(opened(&stage, Some(Basis::Observed), 30));
    stage.written(fact(1, CLOSED, 11, 1));
    stage.wake();
    assert_eq!(stage.calls(), []);
}

#[test]
fn that_it_works_outlives_what_it_ends() {
    let mut stage = Stage::connected();
    stage.written(fact(1, OBSERVED, 11, 1));
    stage.tell(News::Closed { proven: true });
    stage.wake();
    assert_eq!(stage.grant(1), 30 + 60);
    assert_eq!(value(&stage.put()), CLOSED);
}

#[test]
fn what_others_closed_or_an_operator_is_not_said() {
    let mut stage = Stage::connected();
    stage.tell(News::Closed { proven: false });
    stage.pass(1);
    assert_eq!(stage.calls(), []);
    stage.tell(News::Closed { proven: true });
    stage.written(fact(1, CLOSED, 11, 1));
    stage.pass(1);
    assert_eq!(stage.calls(), [], "somebody else was faster");
}

#[test]
fn a_store_that_takes_nothing_is_tried_again_as_long_as_it_is_true() {
    let mut stage = Stage::connected();
    stage.tell(opened(&stage, Some(Basis::Announced), 60));
    let mut tries = 0;
    for _ in 0..70 {
        for call in stage.calls() {
            assert_eq!(call.method, Method::LeaseGrant);
            tries += 1;
            stage.refuse(call.call, 8);
        }
        stage.pass(1);
    }
    assert_eq!(tries, 6, "after 1, 2, 4, 8, 16 s, and not in its last 5 s");
}

#[test]
fn a_word_that_could_not_be_written_gives_its_lease_back() {
    let mut stage = Stage::connected();
    stage.tell(opened(&stage, Some(Basis::Announced), 60));
    stage.grant(5);
    let put = stage.the_call(Method::Put);
    stage.refuse(put.call, 8);
    stage.the_call(Method::LeaseRevoke);
}

#[test]
fn what_happened_without_the_store_is_said_when_it_is_there() {
    let mut stage = Stage::connected();
    stage.on(Event::Closed);
    stage.tell(opened(&stage, Some(Basis::Announced), 60));
    stage.pass(5);
    for _ in 0..3 {
        stage.answer_page(12, Vec::new());
    }
    stage.create_watches(12);
    assert_eq!(stage.grant(5), 55);
}

#[test]
fn a_later_word_replaces_one_that_is_still_under_way_once_the_store_answered() {
    let mut stage = Stage::connected();
    stage.tell(opened(&stage, Some(Basis::Announced), 60));
    let first = stage.the_call(Method::LeaseGrant);
    stage.tell(opened(&stage, Some(Basis::Announced), 90));
    assert_eq!(stage.calls(), [], "else the earlier one may be written after it");
    let granted = LeaseGrantResponse { header: None, id: 1, ttl: 60 };
    stage.reply(first.call, &granted);
    let calls = stage.calls();
    let methods: Vec<Method> = calls.iter().map(|it| it.method).collect();
    assert_eq!(methods, [Method::LeaseRevoke, Method::LeaseGrant]);
    stage.reply(calls[1].call, &LeaseGrantResponse { header: None, id: 2, ttl: 90 });
    stage.put();
}

#[test]
fn a_trip_right_after_its_own_word_that_it_works_is_told_behind_it() {
    let mut stage = Stage::connected();
    stage.written(fact(1, OBSERVED, 11, 5));
    stage.tell(News::Closed { proven: true });
    stage.wake();
    stage.grant(6);
    let closing = stage.the_call(Method::Put);
    stage.tell(opened(&stage, Some(Basis::Observed), 60));
    stage.pass(1);
    assert_eq!(stage.calls(), [], "the store has not answered yet");
    stage.written(fact(0, CLOSED, 12, 6));
    stage.reply(closing.call, &TxnResponse::default());
    assert_eq!(stage.grant(7), 59);
    assert!(value(&stage.put()).contains("observed"));
}
