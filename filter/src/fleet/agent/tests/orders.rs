//! What does an operator order for all, here or elsewhere?

use super::stage::{Stage, header, keys, record};
use crate::breaker::FleetOrder;
use crate::fleet::etcd::messages::{
    DeleteRangeRequest, KeyValue, LeaseTimeToLiveResponse, RangeResponse,
};
use crate::fleet::{Author, Effect, Event, Instruction, Method, News};
use crate::policy::Mode;
use crate::stats::Ignored;
use core::time::Duration;
use prost::Message;

fn ordered(order: Option<FleetOrder>) -> Effect {
    let ordered = order.map(|order| Instruction { order, author: Author::default() });
    Effect::Override { breaker: "openai".to_owned(), ordered }
}

const TEN_MINUTES: &str = r#"{"mode":"forced_open","remaining_ms":600000}"#;

#[test]
fn an_order_is_in_force_until_its_record_goes() {
    let mut stage = Stage::connected();
    stage.written(record(keys().ordered("openai"), r#"{"mode":"disabled"}"#, 11, 0));
    let order = FleetOrder { mode: Mode::Disabled, until: None };
    assert!(stage.did(&ordered(Some(order))));
    stage.effects.clear();
    stage.pass(1);
    assert!(stage.did(&ordered(Some(order))), "it is a level");
    stage.deleted(keys().ordered("openai"), 12);
    assert!(stage.did(&ordered(None)));
    stage.effects.clear();
    stage.pass(1);
    assert!(!stage.effects.iter().any(|it| matches!(it, Effect::Override { .. })));
}

#[test]
fn one_that_is_read_lasts_no_longer_than_its_lease() {
    let mut stage = Stage::new();
    stage.tick();
    stage.answer_page(10, vec![record(keys().ordered("openai"), TEN_MINUTES, 5, 3)]);
    let mut calls = stage.calls();
    let lookup = calls.iter().position(|it| it.method == Method::LeaseTimeToLive).expect("asked");
    let lookup = calls.remove(lookup);
    let left = LeaseTimeToLiveResponse { header: None, id: 3, ttl: 9 };
    stage.reply(lookup.call, &left);
    let order = FleetOrder { mode: Mode::ForcedOpen, until: Some(stage.seconds(9)) };
    assert!(stage.did(&ordered(Some(order))));
}

/// The store is lost, and read anew as of this revision with these orders.
fn read_anew(stage: &mut Stage, revision: i64, orders: Vec<KeyValue>) {
    stage.on(Event::Closed);
    stage.wake();
    stage.effects.retain(|it| !matches!(it, Effect::Override { .. }));
    stage.answer_page(revision, orders);
    for _ in 0..2 {
        stage.answer_page(revision, Vec::new());
    }
    stage.create_watches(revision);
}

#[test]
fn one_that_went_while_nobody_listened_ends_also_with_a_wiped_store() {
    for revision in [12, 2] {
        let mut stage = Stage::connected();
        stage.written(record(keys().ordered("openai"), r#"{"mode":"disabled"}"#, 11, 0));
        assert!(!stage.agent.orders_nothing("openai"));
        read_anew(&mut stage, revision, Vec::new());
        assert!(stage.did(&ordered(None)), "as of {revision}");
        assert!(stage.agent.orders_nothing("openai"));
    }
}

#[test]
fn one_that_the_store_still_holds_goes_on_whatever_its_revision() {
    for revision in [11, 3] {
        let mut stage = Stage::connected();
        stage.written(record(keys().ordered("openai"), r#"{"mode":"disabled"}"#, 11, 0));
        let held = record(keys().ordered("openai"), r#"{"mode":"disabled"}"#, revision, 0);
        read_anew(&mut stage, revision, vec![held]);
        assert!(!stage.did(&ordered(None)), "as of {revision}");
        assert!(!stage.agent.orders_nothing("openai"));
    }
}

#[test]
fn that_nothing_is_ordered_is_known_once_all_was_read_and_its_lease_asked_about() {
    let mut stage = Stage::new();
    assert!(!stage.agent.orders_nothing("openai"), "nobody was asked");
    stage.tick();
    stage.answer_page(10, vec![record(keys().ordered("openai"), TEN_MINUTES, 5, 3)]);
    let mut calls = stage.calls();
    let lookup = calls.iter().position(|it| it.method == Method::LeaseTimeToLive).expect("asked");
    let lookup = calls.remove(lookup);
    stage.effects.extend(calls.into_iter().map(|it| Effect::Call {
        call: it.call,
        method: it.method,
        message: it.message,
    }));
    for _ in 0..2 {
        stage.answer_page(10, Vec::new());
    }
    stage.create_watches(10);
    assert!(!stage.agent.orders_nothing("openai"));
    assert!(stage.agent.orders_nothing("azure"));
    let mut unheard = stage.agent.clone();
    stage.reply(lookup.call, &LeaseTimeToLiveResponse { header: None, id: 3, ttl: -1 });
    assert!(stage.agent.orders_nothing("openai"), "its record outlived it");
    let refused = Event::Reply { call: lookup.call, result: Err(14) };
    let _ = unheard.on(refused, &|_| None, stage.now, &mut || 0.5);
    assert!(!unheard.orders_nothing("openai"), "nobody knows");
    stage.on(Event::Closed);
    assert!(!stage.agent.orders_nothing("azure"), "the store is not heard");
}

#[test]
fn where_not_all_could_be_read_nothing_is_known_to_have_ended() {
    let mut stage = Stage::connected();
    stage.written(record(keys().ordered("openai"), r#"{"mode":"disabled"}"#, 11, 0));
    stage.on(Event::Closed);
    stage.effects.clear();
    stage.wake();
    let mut read = 0;
    while read < 4_096 {
        let call = stage.the_call(Method::Range);
        let kvs: Vec<KeyValue> = (read..read + 128)
            .map(|number| record(keys().ordered(&format!("a{number:05}")), "{}", 5, 0))
            .collect();
        read += kvs.len();
        let header = Some(header(12));
        stage.reply(call.call, &RangeResponse { header, kvs, more: true, count: 9_999 });
    }
    stage.create_watches(12);
    assert!(!stage.did(&ordered(None)));
    assert!(!stage.agent.orders_nothing("azure"));
}

#[test]
fn who_ordered_it_and_why_is_told_as_far_as_there_is_room() {
    let mut stage = Stage::connected();
    let value = r#"{"mode":"disabled","user":"ann","reason":"drill"}"#;
    stage.written(record(keys().ordered("openai"), value, 11, 0));
    let author = Author::of(Some("ann"), Some("drill"));
    let order = FleetOrder { mode: Mode::Disabled, until: None };
    let ordered = Some(Instruction { order, author });
    assert!(stage.did(&Effect::Override { breaker: "openai".to_owned(), ordered }));
    let mut many = Stage::connected();
    let long = format!(r#"{{"mode":"disabled","reason":"{}"}}"#, "x".repeat(240));
    for number in 0..600 {
        let key = keys().ordered(&format!("{number:03}{}", "y".repeat(500)));
        many.written(record(key, &long, 11 + number, 0));
    }
    let room = 128 * 1024 / 743;
    assert_eq!(many.ignored(Ignored::OverLimit), 600 - room);
}

#[test]
fn what_is_ordered_here_is_written_and_withdrawn() {
    let mut stage = Stage::connected();
    let lasts = Some(Duration::from_secs(600));
    let author = Author::of(Some("ann"), None);
    stage.tell(News::Ordered { mode: Mode::ForcedOpen, lasts, author });
    assert_eq!(stage.grant(3), 600);
    let put = stage.put();
    assert_eq!((put.key, put.lease), (keys().ordered("openai").into_bytes(), 3));
    let by_ann = r#"{"mode":"forced_open","remaining_ms":600000,"user":"ann"}"#;
    assert_eq!(put.value, by_ann.as_bytes());
    let author = Author::default();
    stage.tell(News::Ordered { mode: Mode::Disabled, lasts: None, author });
    let put = stage.put();
    assert_eq!((put.value.as_slice(), put.lease), (&br#"{"mode":"disabled"}"#[..], 0));
    stage.tell(News::Withdrawn);
    let call = stage.the_call(Method::DeleteRange);
    let asked = DeleteRangeRequest::decode(call.message.as_slice()).expect("a request");
    assert_eq!((asked.key, asked.range_end), (keys().ordered("openai").into_bytes(), Vec::new()));
}

#[test]
fn what_the_store_refuses_is_not_tried_again() {
    let mut stage = Stage::connected();
    let author = Author::default();
    stage.tell(News::Ordered { mode: Mode::ForcedOpen, lasts: None, author });
    let call = stage.the_call(Method::Put);
    stage.refuse(call.call, 7);
    stage.pass(5);
    assert_eq!(stage.calls(), []);
}
