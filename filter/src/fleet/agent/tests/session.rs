//! How does it come to hear the store, and lose it again?

use super::stage::{OBSERVED, Stage, fact, header, keys};
use crate::fleet::Effect;
use crate::fleet::Method;
use crate::fleet::etcd::messages::{
    RangeRequest, RangeResponse, WatchAsk, WatchRequest, WatchResponse,
};
use crate::fleet::keys::Part;
use crate::stats::Ignored;
use core::time::Duration;
use prost::Message;

fn watched_from(stage: &Stage) -> Vec<(Vec<u8>, i64)> {
    let sent = stage.effects.iter().filter_map(|effect| match effect {
        Effect::Send(bytes) => WatchRequest::decode(bytes.as_slice()).ok()?.request,
        _ => None,
    });
    let created = sent.filter_map(|ask| match ask {
        WatchAsk::Create(create) => Some((create.key, create.start_revision)),
        WatchAsk::Progress(_) => None,
    });
    created.collect()
}

fn beats(stage: &Stage) -> usize {
    stage.effects.iter().filter(|it| **it == Effect::Send(vec![0x1a, 0])).count()
}

#[test]
fn all_is_read_at_one_revision_and_watched_from_the_next() {
    let mut stage = Stage::new();
    stage.tick();
    let asked: Vec<RangeRequest> = (0..3).map(|_| stage.answer_page(10, Vec::new())).collect();
    let spans = Part::ALL.map(|part| keys().span(part));
    for ((asked, span), revision) in asked.iter().zip(&spans).zip([0, 10, 10]) {
        assert_eq!(
            (&asked.key, &asked.range_end, asked.revision),
            (&span.from, &span.to, revision)
        );
    }
    assert!(stage.did(&Effect::OpenWatch));
    let expected: Vec<(Vec<u8>, i64)> = spans.iter().map(|it| (it.from.clone(), 11)).collect();
    assert_eq!(watched_from(&stage), expected);
    for _ in 0..2 {
        stage.message(&WatchResponse { created: true, ..Default::default() });
    }
    assert!(!stage.did(&Effect::Connected(true)));
    stage.message(&WatchResponse { created: true, ..Default::default() });
    assert!(stage.did(&Effect::Connected(true)));
}

#[test]
fn a_part_is_read_page_by_page_and_of_a_strangers_breaker_one_is_enough() {
    let mut stage = Stage::new();
    stage.tick();
    stage.answer_page(10, Vec::new());
    stage.answer_page(10, Vec::new());
    let first = stage.the_call(Method::Range);
    let page = |kvs, more| RangeResponse { header: Some(header(10)), kvs, more, count: 500 };
    stage.reply(first.call, &page(vec![fact(1, "", 5, 1), fact(2, "", 6, 1)], true));
    let second = stage.the_call(Method::Range);
    let asked = RangeRequest::decode(second.message.as_slice()).expect("a request");
    assert_eq!(asked.key, [fact(2, "", 6, 1).key, vec![0]].concat());
    stage.known.clear();
    stage.reply(second.call, &page(vec![fact(3, "", 7, 1)], true));
    let third = stage.the_call(Method::Range);
    let asked = RangeRequest::decode(third.message.as_slice()).expect("a request");
    assert_eq!(asked.key, b"/llm-breaker/v1/account/openai0");
    stage.reply(third.call, &page(Vec::new(), false));
    assert_eq!(stage.ignored(Ignored::UnknownBreaker), 497 + 1);
    assert!(stage.did(&Effect::OpenWatch));
}

#[test]
fn no_more_is_read_than_is_kept_and_the_rest_is_counted() {
    let mut stage = Stage::new();
    stage.tick();
    stage.answer_page(10, Vec::new());
    stage.answer_page(10, Vec::new());
    let mut read = 0;
    while !stage.did(&Effect::OpenWatch) {
        let call = stage.the_call(Method::Range);
        let asked = RangeRequest::decode(call.message.as_slice()).expect("a request");
        let limit = usize::try_from(asked.limit).expect("a limit");
        let kvs = (read..read + limit).map(|number| fact(10_000 + number, "none", 5, 1)).collect();
        read += limit;
        let count = 100_000 - (read - limit) as i64;
        stage.reply(call.call, &RangeResponse { header: Some(header(10)), kvs, more: true, count });
    }
    assert_eq!(read, 4_096);
    assert_eq!(stage.ignored(Ignored::OverLimit), 100_000 - 4_096);
    assert_eq!(stage.ignored(Ignored::Value), 4_096);
}

#[test]
fn a_page_that_is_too_long_is_asked_for_in_parts_and_what_is_too_long_alone_is_left_out() {
    let mut stage = Stage::new();
    stage.tick();
    let mut limits = Vec::new();
    loop {
        let call = stage.the_call(Method::Range);
        let asked = RangeRequest::decode(call.message.as_slice()).expect("a request");
        limits.push((asked.limit, asked.keys_only));
        if asked.keys_only {
            let kvs = vec![fact(1, "", 5, 1)];
            let page = RangeResponse { header: Some(header(10)), kvs, more: false, count: 1 };
            stage.reply(call.call, &page);
            break;
        }
        stage.refuse(call.call, 8);
    }
    assert_eq!(limits, [(64, false), (16, false), (4, false), (1, false), (1, true)]);
    assert_eq!(stage.ignored(Ignored::Value), 1);
    stage.answer_page(10, Vec::new());
    stage.answer_page(10, Vec::new());
    assert!(stage.did(&Effect::OpenWatch));
}

#[test]
fn after_whatever_ends_it_all_is_read_anew() {
    let canceled = WatchResponse { created: true, canceled: true, ..Default::default() };
    let compacted = WatchResponse { compact_revision: 40, ..Default::default() };
    let garbage: &[u8] = b"\x0a\xff\xff";
    for what in [&canceled.encode_to_vec(), &compacted.encode_to_vec(), garbage, b"closed"] {
        let mut stage = Stage::connected();
        stage.written(fact(1, OBSERVED, 11, 1));
        let was_closed = what == b"closed";
        stage.on(if was_closed {
            crate::fleet::Event::Closed
        } else {
            crate::fleet::Event::Message(what)
        });
        assert!(stage.did(&Effect::Connected(false)));
        assert_eq!(stage.did(&Effect::CloseWatch), !was_closed);
        stage.effects.clear();
        stage.wake();
        let asked = stage.answer_page(30, Vec::new());
        assert_eq!(asked.revision, 0, "never on from memory");
    }
}

#[test]
fn waits_grow_up_to_the_longest_and_are_random() {
    let mut stage = Stage::new();
    stage.random = 1.0;
    stage.tick();
    let mut waits = Vec::new();
    for _ in 0..6 {
        let call = stage.the_call(Method::Range);
        stage.refuse(call.call, 14);
        let at = stage.agent.wakes_at().expect("it tries again");
        waits.push(at.since(stage.now));
        stage.now = at;
        stage.tick();
    }
    assert_eq!(waits, [1, 2, 4, 8, 8, 8].map(Duration::from_secs));
    let call = stage.the_call(Method::Range);
    stage.random = 0.25;
    stage.refuse(call.call, 14);
    let at = stage.agent.wakes_at().expect("it tries again");
    assert_eq!(at.since(stage.now), Duration::from_secs(2));
}

#[test]
fn a_stream_without_a_sign_of_life_is_given_up() {
    let mut stage = Stage::connected();
    stage.pass(10);
    assert_eq!(beats(&stage), 5);
    assert!(!stage.did(&Effect::CloseWatch));
    stage.effects.clear();
    for _ in 0..4 {
        stage.now = stage.seconds(1);
        stage.tick();
    }
    assert!(stage.did(&Effect::CloseWatch));
    assert!(stage.did(&Effect::Connected(false)));
}

#[test]
fn a_page_that_leads_nowhere_ends_the_reading() {
    for kvs in [Vec::new(), vec![fact(1, OBSERVED, 5, 1)]] {
        let mut stage = Stage::new();
        stage.tick();
        let call = stage.the_call(Method::Range);
        let header = Some(header(10));
        stage.reply(call.call, &RangeResponse { header, kvs, more: true, count: 5 });
        assert_eq!(stage.calls(), []);
        assert!(!stage.did(&Effect::OpenWatch));
        assert!(stage.agent.wakes_at().is_some());
    }
}

#[test]
fn whoever_stops_leaves_nothing_open() {
    let mut stage = Stage::connected();
    stage.written(fact(1, OBSERVED, 11, 1));
    stage.effects = stage.agent.stop();
    assert!(stage.did(&Effect::CloseWatch));
    assert!(stage.did(&Effect::Connected(false)));
    let patience = Duration::ZERO;
    assert!(stage.did(&Effect::AwaitTurn { breaker: "openai".to_owned(), patience }));
}
