//! What the module leaves in shared data, byte for byte. Another version of it may be reading that
//! during an upgrade, so a layout that was released does not change: a new one gets another number.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use crate::scene::{AZURE, OPENAI, Scene, TRIP, chat, defaults, secs};

/// The number that all keys carry. `make golden` writes the file anew.
const LAYOUT: &str = "v1";

/// What lies under each key, in hexadecimal digits.
type Records = BTreeMap<String, String>;

/// Where a breaker may stand when another version of the module comes.
const STANDS: [&str; 3] = ["closed", "open", "half_open"];

/// All that a key may say behind the layout's number.
const KINDS: [&str; 6] = ["allowance", "breaker", "history", "index", "metadata", "profile"];
const AFTER_A_TRIP: [&str; 2] = ["allowance", "history"];

/// Every kind of record is written under it: a target has an allowance, the cluster metadata. All that
/// decides about bytes is said here, so that another default changes nothing.
fn fresh() -> Scene {
    let reroute = json!({
        "kind": "reroute", "header": "x-llm-route", "value": "azure", "cluster": AZURE,
        "provider": "openai", "max_per_minute": 1,
    });
    let policy = json!({
        "mode": "enforce",
        "window": {"type": "time", "duration": "60s", "buckets": 4},
        "trip": {"consecutive_failures": TRIP, "failure_rate": 0.5, "minimum_calls": 10},
        "open": {"base": "30s", "multiplier": 2, "max": "600s", "jitter": 0},
        "half_open": {"probes": 1, "successes": 1, "lease": "60s"},
        "fallback": [reroute, {"kind": "error"}],
    });
    let metadata = json!({"filter_metadata": {"llm_breaker": {"trip": {"minimum_calls": 8}}}});
    Scene::built(1, |world| {
        let world = world.configuration(defaults(policy));
        world.cluster_metadata(OPENAI, metadata).header_route("x-llm-route", "azure", AZURE)
    })
}

/// A breaker that came to stand so.
fn standing(stand: &str) -> Scene {
    let scene = fresh();
    scene.succeed(1);
    scene.fail(TRIP - 2);
    scene.pass(secs(1));
    if stand != "closed" {
        scene.fail(2);
        assert!(scene.send(chat()).is_forwarded(), "rerouted, as often as it may be");
        scene.pass(secs(2));
    }
    if stand == "half_open" {
        scene.pass(secs(30));
        assert!(scene.reach().is_forwarded(), "a probe, which is out still");
    }
    scene
}

fn records(scene: &Scene) -> Records {
    let data = scene.shared_data();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let value = |key: &str| hex(data.load(key).expect("a value").0);
    data.keys().map(|key| (key.to_owned(), value(key))).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
}

fn file() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/filter/golden");
    folder.join(LAYOUT).with_extension("json")
}

fn golden() -> Value {
    let text = fs::read_to_string(file()).expect("the records of this layout: `make golden`");
    serde_json::from_str(&text).expect("JSON")
}

/// A process that finds what another version left there, at the time when it was left.
fn found(stand: &str) -> Scene {
    let (scene, golden) = (fresh(), golden());
    let left_at = golden[stand]["monotonic_ns"].as_u64().expect("a time");
    scene.advance(Duration::from_nanos(left_at - scene.monotonic_ns()));
    for (key, hex) in golden[stand]["records"].as_object().expect("records") {
        let value = bytes(hex.as_str().expect("digits"));
        scene.shared_data_mut().set(key, value, 0).expect("cas 0 overwrites");
    }
    scene
}

#[test]
fn golden_records_are_what_this_layout_has_always_been() {
    let mut written = json!({});
    for stand in STANDS {
        let scene = standing(stand);
        let (left_at, records) = (scene.monotonic_ns(), records(&scene));
        for kind in KINDS.iter().filter(|kind| stand != "closed" || !AFTER_A_TRIP.contains(kind)) {
            let prefix = format!("llm-breaker/{LAYOUT}/{kind}");
            assert!(records.keys().any(|key| key.starts_with(&prefix)), "{stand}: no {kind}");
        }
        written[stand] = json!({"monotonic_ns": left_at, "records": records});
    }
    if std::env::var("GOLDEN").is_ok_and(|wish| wish == "update") {
        let text = serde_json::to_string_pretty(&written).expect("JSON");
        fs::write(file(), text + "\n").expect("a file");
    }
    for stand in STANDS {
        for (key, value) in golden()[stand]["records"].as_object().expect("records") {
            assert_eq!(
                &written[stand]["records"][key], value,
                "{stand}: {key}. If no release has this layout yet, `make golden`; else give \
                 LAYOUT_VERSION another number, here too, and keep this file"
            );
        }
        assert_eq!(written[stand], golden()[stand], "{stand}: more keys, or another time");
    }
}

#[test]
fn golden_records_are_read_as_what_they_are() {
    let scene = found("closed");
    scene.fail(1);
    assert_eq!(scene.state(), "closed");
    scene.fail(1);
    assert_eq!(scene.state(), "open", "with the failures that it found");

    let (scene, same) = (found("open"), standing("open"));
    assert_eq!(scene.retry_after(), same.retry_after());
    scene.advance(secs(28));
    assert!(scene.reach().is_forwarded(), "a probe");

    let scene = found("half_open");
    scene.held_back();
    scene.advance(secs(60));
    assert!(scene.reach().is_forwarded(), "the lease of the probe that was out is over");
    for stand in STANDS {
        let scene = found(stand);
        scene.tick();
        drop(scene.send(chat()));
        scene.pass(secs(2));
        assert_eq!(scene.events("shared_state_reset"), [] as [Value; 0], "{stand}");
        assert_eq!(scene.count("shared_state_resets_total"), 0, "{stand}");
    }
}
