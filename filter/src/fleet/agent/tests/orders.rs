//! What does an operator order for all, here or elsewhere?

use super::stage::{Stage, keys, record};
use crate::breaker::FleetOrder;
use crate::fleet::etcd::messages::DeleteRangeRequest;
use crate::fleet::{Effect, Event, Method, News};
use crate::policy::Mode;
use core::time::Duration;
use prost::Message;

fn ordered(ordered: Option<FleetOrder>) -> Effect {
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
    let left =
        crate::fleet::etcd::messages::LeaseTimeToLiveResponse { header: None, id: 3, ttl: 9 };
    stage.reply(lookup.call, &left);
    let order = FleetOrder { mode: Mode::ForcedOpen, until: Some(stage.seconds(9)) };
    assert!(stage.did(&ordered(Some(order))));
}

#[test]
fn one_that_went_while_nobody_listened_ends_and_a_wiped_store_ends_none() {
    for (revision, is_ended) in [(12, true), (2, false)] {
        let mut stage = Stage::connected();
        stage.written(record(keys().ordered("openai"), r#"{"mode":"disabled"}"#, 11, 0));
        stage.on(Event::Closed);
        stage.effects.clear();
        stage.wake();
        stage.effects.retain(|it| !matches!(it, Effect::Override { .. }));
        for _ in 0..3 {
            stage.answer_page(revision, Vec::new());
        }
        assert_eq!(stage.did(&ordered(None)), is_ended);
        assert_eq!(stage.agent.ordered("openai").is_none(), is_ended);
    }
}

#[test]
fn what_is_ordered_here_is_written_and_withdrawn() {
    let mut stage = Stage::connected();
    let lasts = Some(Duration::from_secs(600));
    stage.tell(News::Ordered { mode: Mode::ForcedOpen, lasts });
    assert_eq!(stage.grant(3), 600);
    let put = stage.put();
    assert_eq!((put.key, put.lease), (keys().ordered("openai").into_bytes(), 3));
    assert_eq!(put.value, TEN_MINUTES.as_bytes());
    stage.tell(News::Ordered { mode: Mode::Disabled, lasts: None });
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
    stage.tell(News::Ordered { mode: Mode::ForcedOpen, lasts: None });
    let call = stage.the_call(Method::Put);
    stage.refuse(call.call, 7);
    stage.pass(5);
    assert_eq!(stage.calls(), []);
}
