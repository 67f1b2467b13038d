//! When does it ask for the turn to probe, and when does it give it back?

use super::stage::{LEASE, OBSERVED, Stage, fact, keys, record};
use crate::category::Category;
use crate::fleet::etcd::messages::{Operation, TxnRequest, TxnResponse};
use crate::fleet::{Basis, Effect, Method, News};
use crate::time::Instant;
use core::time::Duration;
use prost::Message;

fn take(until: Instant) -> Effect {
    Effect::TakeTurn { breaker: "openai".to_owned(), until }
}

/// It asked, and was first.
fn with_turn() -> Stage {
    let mut stage = Stage::connected();
    stage.tell(News::Wanted);
    stage.wake();
    let asked_at = stage.now;
    assert_eq!(stage.grant(9), 60);
    let call = stage.the_call(Method::Txn);
    stage.reply(call.call, &TxnResponse { header: None, succeeded: true });
    assert!(stage.did(&take(asked_at + LEASE)));
    stage.written(record(keys().turn("openai"), "zone-0/node-0", 20, 9));
    stage.effects.clear();
    stage
}

#[test]
fn who_was_refused_a_call_asks_a_little_later() {
    let mut stage = Stage::connected();
    stage.tell(News::Wanted);
    assert_eq!(stage.calls(), []);
    let patience = LEASE + LEASE / 8;
    assert!(stage.did(&Effect::AwaitTurn { breaker: "openai".to_owned(), patience }));
    stage.wake();
    stage.grant(9);
    let call = stage.the_call(Method::Txn);
    let asked = TxnRequest::decode(call.message.as_slice()).expect("a request");
    let Some(Operation::Put(put)) = asked.success[0].request.clone() else { panic!("a put") };
    assert_eq!(put.key, keys().turn("openai").into_bytes());
    assert_eq!((put.value.as_slice(), put.lease), (&b"zone-0/node-0"[..], 9));
    stage.reply(call.call, &TxnResponse { header: None, succeeded: false });
    stage.the_call(Method::LeaseRevoke);
    assert!(!stage.effects.iter().any(|it| matches!(it, Effect::TakeTurn { .. })));
}

#[test]
fn nobody_asks_while_another_has_it_nor_long_after_it_was_wanted() {
    let mut stage = Stage::connected();
    stage.written(record(keys().turn("openai"), "zone-1/node-1", 11, 1));
    stage.tell(News::Wanted);
    stage.pass(4);
    assert_eq!(stage.calls(), []);
    stage.deleted(keys().turn("openai"), 12);
    stage.wake();
    stage.the_call(Method::LeaseGrant);
    let mut stage = Stage::connected();
    stage.written(record(keys().turn("openai"), "zone-1/node-1", 11, 1));
    stage.tell(News::Wanted);
    stage.pass(6);
    stage.deleted(keys().turn("openai"), 12);
    stage.pass(2);
    assert_eq!(stage.calls(), []);
}

#[test]
fn what_is_heard_of_it_meanwhile_makes_an_earlier_wish_void() {
    let mut stage = Stage::connected();
    stage.tell(News::Wanted);
    stage.written(fact(1, OBSERVED, 11, 1));
    stage.wake();
    assert_eq!(stage.calls(), []);
}

#[test]
fn a_probe_that_said_nothing_gives_the_turn_back_at_once() {
    let mut stage = with_turn();
    stage.tell(News::ProbeReturned);
    stage.the_call(Method::LeaseRevoke);
    assert!(stage.did(&take(Instant::ZERO)));
}

#[test]
fn an_outcome_is_told_before_the_turn_is_given_back() {
    let until = |stage: &Stage| stage.seconds(60);
    let failed = |stage: &Stage| News::ProbeFailed {
        basis: Basis::Probe,
        reason: Category::Timeout,
        until: until(stage),
    };
    for is_failure in [true, false] {
        let mut stage = with_turn();
        let news = if is_failure { failed(&stage) } else { News::Closed { proven: true } };
        stage.tell(news);
        stage.grant(10);
        stage.put();
        stage.the_call(Method::LeaseRevoke);
    }
}

#[test]
fn after_a_failure_another_domain_comes_first() {
    let mut stage = with_turn();
    let (basis, reason) = (Basis::Observed, Category::Timeout);
    stage.tell(News::ProbeFailed { basis, reason, until: stage.seconds(30) });
    stage.grant(10);
    stage.put();
    stage.the_call(Method::LeaseRevoke);
    stage.written(fact(0, OBSERVED, 21, 10));
    stage.deleted(keys().turn("openai"), 22);
    stage.pass(30);
    stage.effects.clear();
    stage.tell(News::Wanted);
    let at = stage.agent.wakes_at().expect("it asks");
    assert!(at.since(stage.now) >= Duration::from_secs(5));
    let mut other = Stage::connected();
    other.written(record(keys().turn("openai"), "zone-1/node-1", 20, 9));
    other.written(fact(1, OBSERVED, 21, 10));
    other.deleted(keys().turn("openai"), 22);
    other.tell(News::Wanted);
    let at = other.agent.wakes_at().expect("it asks");
    assert!(at.since(other.now) <= Duration::from_millis(200));
}

#[test]
fn a_turn_that_was_taken_away_is_no_more() {
    let mut stage = with_turn();
    stage.deleted(keys().turn("openai"), 21);
    assert!(stage.did(&take(Instant::ZERO)));
    stage.tell(News::ProbeReturned);
    assert_eq!(stage.calls(), [], "there is nothing to give back");
}

#[test]
fn without_the_store_all_go_alone() {
    let mut stage = Stage::connected();
    stage.written(fact(1, OBSERVED, 11, 1));
    stage.effects.clear();
    stage.on(crate::fleet::Event::Closed);
    let patience = Duration::ZERO;
    assert!(stage.did(&Effect::AwaitTurn { breaker: "openai".to_owned(), patience }));
    stage.tell(News::Wanted);
    assert!(!stage.calls().iter().any(|it| it.method == Method::LeaseGrant));
}

#[test]
fn how_patient_it_is_is_said_again_for_its_record_may_be_lost() {
    let mut stage = Stage::connected();
    stage.tell(News::Wanted);
    let patience = LEASE + LEASE / 8;
    let patient = Effect::AwaitTurn { breaker: "openai".to_owned(), patience };
    assert!(stage.did(&patient));
    for _ in 0..3 {
        stage.effects.clear();
        stage.pass(1);
        assert!(stage.did(&patient));
    }
}

#[test]
fn of_what_it_only_could_have_nothing_is_kept() {
    let mut stage = Stage::connected();
    stage.listed = vec!["openai"];
    stage.written(record(keys().turn("openai"), "zone-1/node-1", 11, 1));
    stage.written(fact(1, OBSERVED, 12, 1));
    assert!(!stage.effects.iter().any(|it| matches!(it, Effect::AwaitTurn { .. })));
    let seen = stage.agent.seen_of("openai", stage.now).expect("its words are known");
    assert_eq!(seen.probes, None);
    stage.listed.clear();
    stage.effects.clear();
    stage.pass(1);
    assert!(stage.effects.iter().any(|it| matches!(it, Effect::AwaitTurn { .. })));
}
