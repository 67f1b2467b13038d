//! Which values exclude each other, and which of them is blamed?

use serde_json::json;

use super::{lines, parsed, paths};

#[test]
fn thresholds_that_the_window_can_never_hold_are_refused_where_they_were_given() {
    // In the entry that has the threshold …
    assert_eq!(
        lines(json!({
            "defaults": {"window": {"type": "count", "calls": 50}},
            "breakers": [{"cluster": "a", "trip": {"minimum_calls": 51}}, {"cluster": "b"}],
        })),
        ["breakers[0].trip.minimum_calls: 51 is wrong; allowed: trip.minimum_calls (51) at most \
             window.calls (50)"]
    );
    // … or in the one that has the window, when the threshold comes from a layer below.
    assert_eq!(
        paths(json!({
            "defaults": {"trip": {"minimum_calls": 200}},
            "breakers": [
                {"cluster": "a", "window": {"type": "count", "calls": 4}},
                {"cluster": "b", "window": {"type": "count"}},
            ],
        })),
        ["breakers[0].window.calls", "breakers[0].window.calls", "breakers[1].window.type"]
    );
    // What a layer inherits is reported once, where it stands.
    assert_eq!(
        paths(json!({
            "defaults": {"window": {"type": "count", "calls": 3}, "trip": {"minimum_calls": 3}},
            "breakers": [{"cluster": "a"}, {"cluster": "b", "window": {"max_age": "9s"}}],
        })),
        ["defaults.window.calls"]
    );
    let fits = json!({"defaults": {
        "window": {"type": "count", "calls": 5},
        "trip": {"minimum_calls": 5, "consecutive_failures": 5},
    }});
    assert_eq!(parsed(fits).defaults.trip.minimum_calls, 5);
}

#[test]
fn open_times_that_contradict_each_other_are_refused() {
    assert_eq!(
        lines(json!({
            "defaults": {"open": {"base": "700s", "quota": "3601s"}},
            "breakers": [
                {"cluster": "a", "open": {"max": "20s", "announced_max": "10s"}},
                {"cluster": "b", "open": {"base": "10s"}},
            ],
        })),
        [
            "defaults.open.base: \"700s\" is wrong; allowed: open.base (700s) at most open.max \
             (600s)",
            "defaults.open.quota: \"3601s\" is wrong; allowed: open.quota (3601s) at most \
             open.announced_max (3600s)",
        ]
    );
    assert_eq!(
        paths(json!({"breakers": [
            {"cluster": "a", "open": {"max": "20s", "announced_max": "10s"}},
        ]})),
        ["breakers[0].open.max", "breakers[0].open.announced_max"]
    );
}

#[test]
fn a_wrong_value_is_not_reported_again_as_a_contradiction() {
    assert_eq!(
        paths(json!({"defaults": {
            "window": {"type": "count", "calls": 5000},
            "trip": {"minimum_calls": 500},
            "open": {"base": "700s", "max": 800},
        }})),
        ["defaults.window.calls", "defaults.open.max"]
    );
}

#[test]
fn a_slow_limit_that_a_time_out_forestalls_is_refused_where_it_was_given() {
    assert_eq!(
        lines(json!({"defaults": {
            "slow": {"first_token": "120s", "gap": "9s", "total": "61s"},
            "limits": {"gap": "9.5s", "total": "60s"},
        }})),
        [
            "defaults.slow.first_token: \"120s\" is wrong; allowed: slow.first_token (120s) below \
             limits.first_token (120s)",
            "defaults.slow.total: \"61s\" is wrong; allowed: slow.total (61s) below limits.total \
             (60s)",
        ]
    );
    // A layer that only lowers the time-out is the one to blame.
    assert_eq!(
        paths(json!({
            "defaults": {"slow": {"gap": "5s", "total": "60s"}},
            "breakers": [
                {"cluster": "a", "limits": {"gap": "5s", "total": "61s"}},
                {"cluster": "b", "limits": {"gap": "5.1s"}},
            ],
        })),
        ["breakers[0].limits.gap"]
    );
    // Without a time-out every slow limit can be reached; without a slow limit there is none.
    for policy in [
        json!({"slow": {"first_token": "130s"}, "limits": {"first_token": null}}),
        json!({"slow": {"response_headers": "3600s"}, "limits": {"first_token": "0.1s"}}),
    ] {
        parsed(json!({ "defaults": policy }));
    }
}

#[test]
fn a_key_by_model_needs_models() {
    assert_eq!(
        lines(json!({"defaults": {"key_by": "model"}, "breakers": [{"cluster": "a"}]})),
        ["defaults.key_by: \"model\" is wrong; allowed: key_by (model) with at least one glob in \
          models"]
    );
    // In the entry that says so, or in the one that takes the models away.
    assert_eq!(
        paths(json!({
            "defaults": {"models": ["a"]},
            "breakers": [
                {"cluster": "a", "key_by": "model"},
                {"cluster": "b", "key_by": "model", "models": []},
            ],
        })),
        ["breakers[1].key_by"]
    );
    assert_eq!(
        paths(json!({
            "defaults": {"models": ["a"], "key_by": "model"},
            "breakers": [{"cluster": "a", "models": []}, {"cluster": "b"}],
        })),
        ["breakers[0].models"]
    );
    // Who gave models that are wrong did not mean none.
    assert_eq!(
        paths(json!({"defaults": {"key_by": "model", "models": ["", "other"]}})),
        ["defaults.models[0]", "defaults.models[1]"]
    );
}
