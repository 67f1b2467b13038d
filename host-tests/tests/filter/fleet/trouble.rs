//! A store that is down, frozen, wiped, compacted, or says what it must not: nothing changes but stats.

use std::time::Instant;

use llm_breaker::fleet::etcd::messages::{EventType, Header, KeyValue, StoreEvent, WatchResponse};
use llm_breaker_host_tests::host::{Status, VmName};
use prost::Message;
use serde_json::json;

use super::{FleetScene, Health, SCOPE, fact_key, open, with_fleet};
use crate::scene::{TRIP, chat, millis, secs};

const MIB: usize = 1024 * 1024;

#[test]
fn a_store_that_goes_and_comes_is_read_anew() {
    for health in [Health::Down, Health::Frozen] {
        let scene = FleetScene::under(json!({}));
        scene.store.health(health);
        scene.pass(secs(12));
        assert!(!scene.is_connected(), "{health:?}");
        scene.store.put(&scene, &fact_key("b", "b"), &open("announced", 600), Some(600));
        scene.store.health(Health::Up);
        scene.pass(secs(4));
        assert!(scene.is_connected(), "{health:?}");
        scene.held_back();
    }
}

#[test]
fn a_wiped_store_moves_no_state_and_is_heard_again() {
    let scene = FleetScene::under(json!({}));
    for number in 0..20 {
        scene.store.put(&scene, &format!("/filler/{number}"), "", None);
    }
    scene.hears("b", "announced", 600);
    scene.store.health(Health::Down);
    scene.pass(secs(1));
    scene.store.wipe();
    scene.store.health(Health::Up);
    scene.pass(secs(5));
    assert_eq!(scene.state(), "open");
    scene.hears_closed("c");
    assert_eq!(scene.state(), "closed");
}

#[test]
fn what_was_compacted_away_is_read_anew() {
    let scene = FleetScene::under(json!({}));
    scene.store.health(Health::Down);
    scene.pass(secs(1));
    scene.store.put(&scene, &fact_key("b", "b"), &open("announced", 600), Some(600));
    scene.store.compact();
    scene.store.health(Health::Up);
    scene.pass(secs(5));
    scene.held_back();
}

#[test]
fn bytes_that_are_no_message_cost_the_connection_and_no_more() {
    let scene = FleetScene::under(json!({}));
    for garbage in [&b"\xff\xff\xff"[..], b"\x5a\xff\xff\xff\xff\x7f", &[0x0a; 70], b""] {
        for stream in scene.grpc_streams() {
            scene.push(&stream, garbage);
        }
        for call in scene.grpc_calls() {
            scene.reply(&call, garbage);
        }
        scene.pass(secs(3));
    }
    assert!(scene.is_connected());
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_message_that_is_too_long_never_gets_into_the_vm() {
    let scene = FleetScene::under(json!({}));
    let before = memory_of_owner(&scene);
    for _ in 0..3 {
        let stream = scene.grpc_streams().remove(0);
        scene.push(&stream, &vec![0; 8 * MIB]);
        scene.pass(secs(5));
    }
    assert!(scene.is_connected());
    let after = memory_of_owner(&scene);
    assert!(after <= before + 2 * MIB / 16, "{before} bytes before, {after} after");
}

#[test]
fn hostile_keys_and_values_are_left_aside_and_counted() {
    let scene = FleetScene::under(json!({}));
    let prefix = format!("/llm-breaker/v1/{SCOPE}/");
    let fact = fact_key("b", "b");
    for (key, value) in [
        (prefix.clone(), open("announced", 600)),
        (format!("{prefix}openai"), open("announced", 600)),
        (format!("{prefix}%zz/b/b"), open("announced", 600)),
        (format!("{fact}/more"), open("announced", 600)),
        (fact.clone(), "garbage".to_owned()),
        (fact.clone(), "[".repeat(500)),
        (fact.clone(), "x".repeat(100_000)),
        (fact.clone(), r#"{"state":"open","basis":"announced","remaining_ms":-1}"#.to_owned()),
        (fact.clone(), r#"{"state":"open","basis":"announced","remaining_ms":1e300}"#.to_owned()),
        (fact.clone(), r#"{"state":"half","basis":"announced","remaining_ms":60000}"#.to_owned()),
    ] {
        scene.store.put(&scene, &key, &value, Some(600));
        scene.settle();
    }
    scene.pass(secs(2));
    assert_eq!(scene.state(), "closed");
    let ignored = |reason| scene.told("fleet_hints_ignored_total", &[("reason", reason)]);
    assert!(
        ignored("key") >= 3 && ignored("value") >= 5,
        "{} {}",
        ignored("key"),
        ignored("value")
    );
}

#[test]
fn nobody_is_believed_for_longer_than_the_configuration_says() {
    let scene = FleetScene::configured(with_fleet(json!({}), json!({"announced_max": "60s"})));
    scene.hears("b", "announced", 1_000_000);
    let retry_after = scene.retry_after();
    assert!(retry_after <= 60, "{retry_after}");
}

#[test]
fn host_calls_that_fail_cost_the_connection_and_no_more() {
    for (call, status) in [
        ("proxy_grpc_stream", Status::ParseFailure),
        ("proxy_grpc_stream", Status::InternalFailure),
        ("proxy_grpc_call", Status::ParseFailure),
        ("proxy_grpc_call", Status::InternalFailure),
        ("proxy_grpc_send", Status::BadArgument),
        ("proxy_grpc_send", Status::InternalFailure),
        ("proxy_grpc_cancel", Status::NotFound),
        ("proxy_get_shared_data", Status::InternalFailure),
        ("proxy_set_shared_data", Status::InternalFailure),
        ("proxy_define_metric", Status::InternalFailure),
        ("proxy_set_tick_period_milliseconds", Status::InternalFailure),
    ] {
        let scene = FleetScene::starting(with_fleet(json!({}), json!({})), |world| world);
        scene.fail_always(call, status);
        scene.advance(millis(100));
        scene.tick();
        let mut open = scene.grpc_streams();
        scene.advance(secs(1));
        scene.tick();
        open.extend(scene.grpc_streams());
        scene.send(chat());
        scene.clear_faults();
        scene.pass(secs(20));
        scene.succeed(2);
        scene.pass(secs(2));
        assert!(scene.is_connected(), "{call}: {status:?}");
        scene.hears("b", "announced", 600);
        scene.held_back();
    }
}

#[test]
fn a_buffer_that_the_host_does_not_give_is_no_message() {
    let scene = FleetScene::under(json!({}));
    scene.fail_always("proxy_get_buffer_bytes", Status::NotFound);
    scene.store.put(&scene, &fact_key("b", "b"), &open("announced", 600), Some(600));
    scene.advance(millis(100));
    scene.tick();
    scene.settle();
    scene.clear_faults();
    scene.pass(secs(5));
    scene.held_back();
}

#[test]
fn a_trap_while_the_store_is_read_ends_one_vm_and_no_more() {
    let scene = FleetScene::under(json!({}));
    let Some(VmName::MainThread) = scene.owner() else { return };
    scene.trip();
    scene.pass(secs(1));
    scene.held_back();
}

fn memory_of_owner(scene: &FleetScene) -> usize {
    match scene.owner() {
        Some(VmName::Worker(worker)) => scene.memory_bytes(worker),
        _ => scene.main_thread_memory_bytes(),
    }
}

/// 4,096 records are read; of 10,000 the rest is counted.
#[test]
fn a_full_store_is_read_up_to_its_bound_in_little_memory_and_time() {
    let mut document = with_fleet(json!({}), json!({}));
    document["breakers"] = json!([{"cluster": "*"}]);
    document["max_breakers"] = json!(16_384);
    let scene = FleetScene::starting(document, |world| world);
    for number in 0..10_000 {
        let key = format!(
            "/llm-breaker/v1/{SCOPE}/provider-{:04}/domain-{}/node-{number:05}",
            number % 64,
            number % 7
        );
        scene.store.put(&scene, &key, &open("observed", 3_000), Some(3_000));
    }
    let began = Instant::now();
    scene.pass(secs(3));
    println!("read within {:?} of wasmtime's unoptimised code", began.elapsed());
    assert!(scene.is_connected());
    assert!(scene.told("fleet_hints_ignored_total", &[("reason", "over_limit")]) >= 10_000 - 4_096);
    let first = memory_of_owner(&scene);
    println!("a VM that holds as much as it may: {first} bytes");
    assert!(first <= 2 * MIB, "{first}");
    // Read again and again, it grows no more.
    for _ in 0..5 {
        scene.store.health(Health::Down);
        scene.pass(secs(1));
        scene.store.health(Health::Up);
        scene.pass(secs(4));
        assert!(scene.is_connected());
    }
    let last = memory_of_owner(&scene);
    assert!(last <= 2 * MIB, "{first} bytes at first, {last} at last");
}

#[test]
fn an_event_for_each_of_many_breakers_is_taken_in_over_several_callbacks() {
    let mut document = with_fleet(json!({}), json!({}));
    document["breakers"] = json!([{"cluster": "*"}]);
    document["max_breakers"] = json!(4_096);
    let scene = FleetScene::starting(document, |world| world);
    scene.pass(secs(1));
    for number in 0..500 {
        let key = format!("/llm-breaker/v1/{SCOPE}/provider-{number}/b/b");
        scene.store.put(&scene, &key, &open("announced", 3_000), Some(3_000));
    }
    scene.pass(secs(5));
    let states = scene.metrics();
    let open = states.iter().filter(|(name, _)| name.contains("_state.")).count();
    assert_eq!(open, 500);
}

#[test]
fn streams_of_events_leave_the_memory_where_it_was() {
    let scene = FleetScene::under(json!({}));
    let say = |count: usize| {
        for number in 0..count {
            let basis = if number % 2 == 0 { "observed" } else { "announced" };
            let domain = format!("d{}", number % 50);
            scene.hears(&domain, basis, 10 + number as u64 % 20);
            scene.pass(millis(200));
        }
    };
    say(200);
    let before = memory_of_owner(&scene);
    say(800);
    let after = memory_of_owner(&scene);
    println!("a thousand events: {before} bytes before the last 800, {after} after");
    assert_eq!(after, before);
}

#[test]
fn an_event_of_a_revision_from_the_past_or_of_no_key_is_none() {
    let scene = FleetScene::under(json!({}));
    let stream = scene.grpc_streams().remove(0);
    let event = |kv: Option<KeyValue>, kind: i32| WatchResponse {
        header: Some(Header { cluster_id: 1, revision: -5 }),
        events: vec![StoreEvent { r#type: kind, kv }],
        ..WatchResponse::default()
    };
    for (kv, kind) in [
        (None, EventType::Put.into()),
        (Some(KeyValue::default()), 77),
        (
            Some(KeyValue {
                key: fact_key("b", "b").into(),
                mod_revision: -1,
                ..KeyValue::default()
            }),
            0,
        ),
    ] {
        scene.push(&stream, &event(kv, kind).encode_to_vec());
    }
    scene.pass(secs(3));
    assert_eq!(scene.state(), "closed");
    scene.fail(TRIP);
    scene.held_back();
}
