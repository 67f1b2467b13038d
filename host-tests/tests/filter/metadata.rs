//! A cluster's own metadata may tighten its policy, and can do no harm.

use llm_breaker_host_tests::host::{Level, Request};
use serde_json::{Value, json};

use crate::scene::{AZURE, OPENAI, Scene, TRIP, chat, completion, defaults, secs, stat};

/// The cluster's owner says this, and the configuration that.
fn with_metadata(metadata: Value, policy: Value) -> Scene {
    Scene::built(2, |world| {
        let metadata = json!({"filter_metadata": {"llm_breaker": metadata}});
        world.configuration(defaults(policy)).cluster_metadata(OPENAI, metadata)
    })
}

fn ignored(scene: &Scene) -> Vec<String> {
    let events = scene.events("metadata_ignored");
    let list = |event: &Value| event["ignored"].as_array().expect("a list").clone();
    let text = |value: Value| value.as_str().expect("text").to_owned();
    events.iter().flat_map(list).map(text).collect()
}

#[test]
fn it_tightens() {
    let scene = with_metadata(json!({"trip": {"consecutive_failures": 2}}), json!({}));
    scene.fail(2);
    assert_eq!(scene.state(), "open");
    assert_eq!(ignored(&scene), [] as [String; 0]);
}

#[test]
fn it_sets_what_is_absent_since_absent_is_infinite() {
    let metadata = json!({"slow": {"total": "5s"}, "trip": {"slow_rate": 0.5, "minimum_calls": 2}});
    let scene = with_metadata(metadata, json!({}));
    for _ in 0..2 {
        let call = scene.reach();
        scene.advance(secs(6));
        call.upstream_answers(completion());
    }
    assert_eq!(scene.state(), "open");
}

#[test]
fn it_never_loosens() {
    let metadata = json!({
        "trip": {"consecutive_failures": 50, "failure_rate": 0.9},
        "limits": {"abandoned": "3000s"},
        "mode": "disabled",
    });
    let scene = with_metadata(metadata, json!({}));
    scene.fail(TRIP);
    scene.held_back();
    let ignored = ignored(&scene);
    assert_eq!(ignored.len(), 4, "{ignored:?}");
    for path in ["trip.consecutive_failures", "trip.failure_rate", "limits.abandoned", "mode"] {
        assert!(ignored.iter().any(|line| line.starts_with(path)), "{path} in {ignored:?}");
    }
}

#[test]
fn it_may_set_every_limit_and_switch_ending_a_hung_call_on() {
    let metadata = json!({
        "slow": {"first_token": "1s", "gap": "1s"},
        "limits": {"first_token": "60s", "gap": "30s", "total": "600s", "abort": true},
    });
    let scene = with_metadata(metadata, json!({}));
    scene.succeed(1);
    scene.pass(secs(1));
    assert_eq!(ignored(&scene), [] as [String; 0]);
}

#[test]
fn it_may_restate_a_boolean_and_not_switch_it_off() {
    let abort = |flag: bool| json!({"limits": {"abort": flag}});
    for (says, configured, warned) in
        [(false, false, 0), (true, true, 0), (true, false, 0), (false, true, 1)]
    {
        let scene = with_metadata(abort(says), abort(configured));
        scene.succeed(1);
        scene.pass(secs(1));
        let ignored = ignored(&scene);
        assert_eq!(ignored.len(), warned, "{says} over {configured}: {ignored:?}");
        assert!(ignored.iter().all(|line| line.starts_with("limits.abort: false")), "{ignored:?}");
    }
}

#[test]
fn shadow_is_the_one_mode_that_it_may_set() {
    for configured in ["enforce", "disabled"] {
        let breakers = json!([{"cluster": "*", "mode": configured}]);
        let metadata = json!({"filter_metadata": {"llm_breaker": {"mode": "shadow"}}});
        let scene = Scene::built(2, |world| {
            let world = world.configuration(json!({ "breakers": breakers }));
            world.cluster_metadata(OPENAI, metadata)
        });
        scene.fail(TRIP + 3);
        assert_eq!(scene.count("requests_would_block_total"), 3, "{configured}");
        scene.pass(secs(2));
        assert_eq!(scene.gauge(&stat(OPENAI, "mode", &[])), 1, "{configured}");
    }
    let scene = with_metadata(json!({"mode": "shadow"}), json!({"mode": "forced_open"}));
    scene.held_back();
    assert_eq!(ignored(&scene).len(), 1);
}

#[test]
fn a_shadow_over_disabled_keeps_its_state_through_an_update_and_a_crash() {
    let scene = with_metadata(json!({"mode": "shadow"}), json!({"mode": "disabled"}));
    scene.fail(TRIP);
    assert_eq!(scene.state(), "open");
    scene.advance(secs(1));
    scene.crash(0);
    scene.worker(0).request(chat());
    scene.pass(secs(1));
    scene.succeed(2);
    assert_eq!(scene.count("requests_would_block_total"), 2, "after the crash");

    scene.advance(secs(1));
    let update = json!({"mode": "disabled", "trip": {"consecutive_failures": 3}});
    scene.reconfigure(defaults(update)).expect("a good configuration");
    scene.pass(secs(1));
    scene.succeed(2);
    assert_eq!(scene.count("requests_would_block_total"), 4, "after the update");
    assert_eq!(scene.transitions().len(), 1);
}

#[test]
fn bad_metadata_is_warned_about_once_per_process() {
    let metadata = json!({"trip": {"consecutive_failures": "many", "typo": 1}, "open": {}});
    let scene = with_metadata(metadata, json!({}));
    for _ in 0..50 {
        scene.succeed(2);
        scene.pass(secs(1));
    }
    assert_eq!(scene.events("metadata_ignored").len(), 1, "{:?}", scene.log_lines());
    assert_eq!(scene.logged_at(Level::Warn).len(), 1);
    let ignored = ignored(&scene);
    for path in ["trip.consecutive_failures", "trip.typo", "open"] {
        assert!(ignored.iter().any(|line| line.starts_with(path)), "{path} in {ignored:?}");
    }
}

#[test]
fn no_metadata_harms_traffic() {
    for value in [
        json!(null),
        json!(true),
        json!("text"),
        json!(17),
        json!([1, 2]),
        json!({}),
        json!({"trip": null}),
        json!({"trip": "text", "slow": 7, "limits": []}),
        json!({"trip": {"consecutive_failures": null, "failure_rate": {}, "slow_rate": []}}),
        json!({"trip": {"consecutive_failures": -1, "failure_rate": 0, "minimum_calls": 0.5}}),
        json!({"trip": {"consecutive_failures": 0}, "slow": {"total": "0s"}}),
        json!({"limits": {"abort": 1, "gap": true, "total": "0.05s", "first_token": [0.1]}}),
        json!({"mode": 3, "slow": {"total": "x".repeat(100_000)}}),
    ] {
        let shown = value.to_string().chars().take(80).collect::<String>();
        let scene = with_metadata(value, json!({}));
        scene.succeed(10);
        scene.pass(secs(11));
        scene.fail(TRIP - 1);
        assert_eq!(scene.state(), "closed", "{shown}");
        scene.fail(1);
        assert_eq!(scene.state(), "open", "{shown}");
    }
}

#[test]
fn one_clusters_metadata_is_not_anothers() {
    let scene = with_metadata(json!({"trip": {"consecutive_failures": 2}}), json!({}));
    for _ in 0..TRIP - 1 {
        let call = scene.send(crate::scene::chat_with(AZURE));
        call.upstream_answers(llm_breaker_host_tests::host::Response::status(500));
    }
    assert_eq!(scene.state_of(AZURE), "closed");
}

const METADATA: [&str; 4] = ["xds", "cluster_metadata", "filter_metadata", "llm_breaker"];

/// A call by which the cluster's metadata can be read to say so many failures in a row.
fn chat_saying(consecutive_failures: f64) -> Request {
    let field = [&METADATA[..], &["trip", "consecutive_failures"]].concat();
    let empty_map = 0_u32.to_le_bytes();
    chat().property(&METADATA, empty_map).property(&field, consecutive_failures.to_le_bytes())
}

#[test]
fn it_is_read_again_after_ten_seconds() {
    let scene = Scene::configured(1, defaults(json!({})));
    scene.send(chat()).upstream_answers(completion());
    scene.advance(secs(9));
    scene.send(chat_saying(2.0)).upstream_answers(completion());
    scene.fail(2);
    assert_eq!(scene.state(), "closed", "not yet");
    scene.advance(secs(1));
    scene.send(chat_saying(2.0)).upstream_answers(completion());
    scene.fail(2);
    assert_eq!(scene.state(), "open");
}

#[test]
fn taken_away_the_configured_policy_is_back() {
    let scene = Scene::configured(1, defaults(json!({})));
    scene.send(chat_saying(2.0)).upstream_answers(completion());
    scene.advance(secs(10));
    scene.fail(TRIP - 1);
    assert_eq!(scene.state(), "closed");
    scene.fail(1);
    assert_eq!(scene.state(), "open");
}

#[test]
fn what_one_worker_read_the_others_follow_within_a_tick() {
    let scene = Scene::configured(2, defaults(json!({})));
    scene.worker(1).request(chat()).upstream_answers(completion());
    scene.worker(0).request(chat_saying(2.0)).upstream_answers(completion());
    scene.pass(secs(1));
    for _ in 0..2 {
        let call = scene.worker(1).request(chat());
        call.upstream_answers(llm_breaker_host_tests::host::Response::status(500));
    }
    assert_eq!(scene.state(), "open");
}

#[test]
fn between_two_readings_a_call_costs_few_host_calls() {
    let scene = Scene::configured(1, defaults(json!({})));
    let properties = || scene.host_calls("proxy_get_property");
    scene.succeed(1);
    let before = properties();
    scene.succeed(1);
    assert!(properties() - before <= 3, "{} property reads", properties() - before);
}
