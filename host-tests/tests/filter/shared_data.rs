//! Shared data is common to all workers and plugins: others may be faster, may write garbage under
//! our keys, or may fill it.

use std::{cell::Cell, rc::Rc};

use llm_breaker_host_tests::host::{Response, Status};

use crate::scene::{OPENAI, Scene, TRIP, chat, completion, secs, ways};

/// What a creator offers as cas, which no store ever gets.
const SENTINEL: u32 = u32::MAX;

fn keys(scene: &Scene) -> Vec<String> {
    scene.shared_data().keys().map(str::to_owned).collect()
}

/// The key of the breaker's own record.
fn record_key(scene: &Scene) -> String {
    let key = keys(scene).into_iter().find(|key| key.contains("/breaker/") && key.contains(OPENAI));
    key.expect("a record")
}

fn bytes(scene: &Scene, key: &str) -> Vec<u8> {
    scene.shared_data().load(key).expect("a value").0.to_vec()
}

fn overwrite(scene: &Scene, key: &str, value: &[u8]) {
    scene.shared_data_mut().set(key, value, 0).expect("cas 0 overwrites");
}

/// All that may lie under our keys and is not ours, of what lies there now.
fn damaged(bytes: &[u8]) -> Vec<Vec<u8>> {
    let middle = bytes.len() / 2;
    let mut flipped = bytes.to_vec();
    flipped[middle] ^= 1;
    vec![
        Vec::new(),
        vec![0],
        b"garbage".to_vec(),
        vec![0xff; bytes.len()],
        vec![0; 1 << 20],
        bytes[..middle].to_vec(),
        [bytes, b"x"].concat(),
        flipped,
    ]
}

#[test]
fn all_keys_have_a_prefix_and_a_version() {
    let scene = Scene::opened();
    for key in keys(&scene) {
        assert!(key.starts_with("llm-breaker/v1/"), "{key}");
    }
    assert!(keys(&scene).len() >= 2);
}

#[test]
fn what_belongs_to_other_plugins_is_left_alone() {
    let scene = Scene::by_default();
    for key in ["breaker", "llm-breaker", "llm-breaker/v0/breaker/x", OPENAI, ""] {
        overwrite(&scene, key, b"another plugin's");
    }
    scene.fail(TRIP);
    scene.pass(secs(60));
    for key in ["breaker", "llm-breaker", "llm-breaker/v0/breaker/x", OPENAI, ""] {
        assert_eq!(bytes(&scene, key), b"another plugin's", "{key}");
    }
}

#[test]
fn with_garbage_under_all_our_keys_traffic_flows_and_the_breaker_starts_fresh() {
    let scene = Scene::opened();
    for key in keys(&scene) {
        overwrite(&scene, &key, b"garbage");
    }
    scene.fail(TRIP - 1);
    scene.pass(secs(2));
    assert_eq!(scene.state(), "closed");
    scene.fail(1);
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.count("shared_state_resets_total"), 1);
    let told = scene.events("shared_state_reset");
    assert!(told.iter().any(|event| event["breaker"] == OPENAI), "{told:?}");
}

#[test]
fn with_garbage_there_from_the_start_too() {
    let names = keys(&Scene::opened());
    let scene = Scene::by_default();
    for key in &names {
        overwrite(&scene, key, b"garbage");
    }
    scene.pass(secs(2));
    scene.fail(TRIP);
    scene.held_back();
}

#[test]
fn no_damage_to_any_value_harms_traffic() {
    let opened = Scene::opened();
    for key in keys(&opened) {
        for damage in damaged(&bytes(&opened, &key)) {
            let scene = Scene::opened();
            overwrite(&scene, &key, &damage);
            let first = scene.send(chat());
            if first.is_forwarded() {
                first.upstream_answers(completion());
            }
            scene.tick();
            scene.still_works();
        }
    }
}

#[test]
fn a_record_of_another_kind_is_garbage_too() {
    let scene = Scene::opened();
    let record = record_key(&scene);
    let other = keys(&scene).into_iter().find(|key| *key != record).expect("the index");
    overwrite(&scene, &record, &bytes(&scene, &other));
    scene.reach();
    assert_eq!(scene.count("shared_state_resets_total"), 1);
}

#[test]
fn a_permit_of_the_lost_record_does_not_fit_the_new_one() {
    let scene = Scene::by_default();
    let old: Vec<_> = (0..TRIP).map(|_| scene.reach()).collect();
    scene.advance(secs(1));
    overwrite(&scene, &record_key(&scene), b"garbage");
    scene.succeed(1);
    for call in old {
        call.upstream_answers(Response::status(500));
    }
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_lost_list_is_put_back_by_whoever_knows_a_name() {
    let scene = Scene::opened();
    let index = keys(&scene).into_iter().find(|key| key.ends_with("/index")).expect("an index");
    overwrite(&scene, &index, b"");
    scene.pass(secs(31));
    assert_eq!(scene.state(), "half_open", "the ticks found the breaker again");
}

#[test]
fn records_have_a_fixed_size() {
    let scene = Scene::by_default();
    scene.fail(1);
    let key = record_key(&scene);
    let size = bytes(&scene, &key).len();
    scene.fail(TRIP - 1);
    assert_eq!(bytes(&scene, &key).len(), size, "open");
    scene.pass(secs(30));
    scene.reach();
    assert_eq!(bytes(&scene, &key).len(), size, "half-open, with a probe out");
}

/// Before each store of the breaker's record another worker is faster, this many times.
fn another_is_faster(scene: &Scene, times: usize) -> Rc<Cell<usize>> {
    let left = Rc::new(Cell::new(times));
    let rival = left.clone();
    scene.before_set(move |data, key| {
        if key.contains("/breaker/") && rival.get() > 0 {
            rival.set(rival.get() - 1);
            let value = data.load(key).map(|(value, _)| value.to_vec());
            data.set(key, value.unwrap_or_default(), 0).expect("cas 0 overwrites");
        }
    });
    left
}

#[test]
fn a_conflict_is_tried_again_and_loses_nothing() {
    let scene = Scene::by_default();
    scene.succeed(1);
    for _ in 0..TRIP {
        another_is_faster(&scene, 2);
        scene.fail(1);
    }
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.count("shared_state_conflicts_total"), 2 * TRIP as u64);
    assert_eq!(scene.changes("closed", "open"), 1);
    assert_eq!(ways(&scene.transitions()), [["closed", "open"]]);
}

#[test]
fn with_retries_used_up_a_closed_breaker_passes_the_call_and_drops_its_outcome() {
    let scene = Scene::by_default();
    scene.succeed(1);
    let rival = another_is_faster(&scene, usize::MAX);
    scene.fail(TRIP * 3);
    assert!(usize::MAX - rival.get() < 20 * TRIP * 3, "a bounded number of tries");
    assert!(scene.count("shared_state_conflicts_total") >= 3 * TRIP as u64);
    scene.clear_faults();
    scene.fail(TRIP - 1);
    assert_eq!(scene.state(), "closed", "those outcomes were dropped");
    scene.fail(1);
    assert_eq!(scene.state(), "open");
}

#[test]
fn with_retries_used_up_an_open_or_half_open_one_rejects() {
    let scene = Scene::opened();
    another_is_faster(&scene, usize::MAX);
    scene.held_back();
    assert_eq!(scene.count("shared_state_conflicts_total"), 0, "a rejection needs no store");
    scene.advance(secs(30));
    assert_eq!(scene.retry_after(), 1, "a probe's lease would");
    assert!(scene.count("shared_state_conflicts_total") > 0);
    scene.clear_faults();
    scene.succeed(1);
    assert_eq!(scene.state(), "closed");
}

#[test]
fn two_that_create_the_record_at_once_lose_no_outcome() {
    let elsewhere = Scene::by_default();
    elsewhere.fail(TRIP - 1);
    let (key, four_failures) = (record_key(&elsewhere), bytes(&elsewhere, &record_key(&elsewhere)));

    let scene = Scene::by_default();
    scene.before_set(move |data, stored| {
        if stored == key {
            // The other worker also saw nothing; whoever comes second must notice.
            let _ = data.set(stored, four_failures.clone(), SENTINEL);
        }
    });
    scene.fail(1);
    assert_eq!(scene.state(), "open");
}

#[test]
fn without_shared_data_all_traffic_passes() {
    let scene = Scene::opened();
    scene.fail_always("proxy_get_shared_data", Status::InternalFailure);
    scene.fail(20);
    scene.pass(secs(2));
    scene.clear_faults();
    scene.held_back();
}
