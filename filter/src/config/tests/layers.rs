//! What does a cluster's policy take from which layer?

use core::time::Duration;

use serde_json::json;

use super::{lines, parsed, paths};
use crate::category::{Category, Verdict};
use crate::glob::Glob;
use crate::policy::{FallbackKind, KeyBy, Limits, Mode, Open, Policy, Slow, WindowShape};

fn kinds(policy: &Policy) -> Vec<FallbackKind> {
    policy.fallback.iter().map(|choice| choice.fallback.kind()).collect()
}

#[test]
fn the_first_matching_entry_wins_and_no_match_means_the_defaults() {
    let config = parsed(json!({
        "defaults": {"mode": "shadow"},
        "breakers": [
            {"cluster": "outbound|443||*.openai.com", "mode": "disabled"},
            {"cluster": "outbound|*", "mode": "forced_open"},
        ],
    }));
    assert_eq!(config.policy_for("outbound|443||api.openai.com").mode, Mode::Disabled);
    assert_eq!(config.policy_for("outbound|443||api.anthropic.com").mode, Mode::ForcedOpen);
    assert_eq!(config.policy_for("inbound").mode, Mode::Shadow);
}

#[test]
fn layers_are_merged_field_by_field() {
    let config = parsed(json!({
        "defaults": {"trip": {"failure_rate": 0.2, "minimum_calls": 20}, "ramp": "10s"},
        "breakers": [{"cluster": "a", "trip": {"failure_rate": 0.9}, "open": {"base": "5s"}}],
    }));
    let built_in = Policy::default();
    let policy = config.policy_for("a");
    assert_eq!(policy.trip.failure_rate, Some(0.9));
    assert_eq!(policy.trip.minimum_calls, 20);
    assert_eq!(policy.trip.consecutive_failures, built_in.trip.consecutive_failures);
    assert_eq!(policy.ramp, Some(Duration::from_secs(10)));
    assert_eq!(policy.open, Open { base: Duration::from_secs(5), ..built_in.open });
}

#[test]
fn null_switches_an_optional_field_off_and_leaves_a_required_one() {
    let config = parsed(json!({
        "stop_iteration": true,
        "defaults": {
            "trip": {"consecutive_failures": null, "failure_rate": null, "slow_rate": 0.5,
                     "minimum_calls": 7, "open_on_announced": "5s"},
            "open": {"base": "3s"},
            "ramp": "1s",
            "slow": {"response_headers": "1s", "total": "2s"},
            "limits": {"abandoned": null},
            "fallback": [{"kind": "pass"}],
            "on_failure": true,
            "hold_max": "5s",
        },
        "breakers": [{
            "cluster": "a",
            "mode": null,
            "window": null,
            "trip": {"slow_rate": null, "minimum_calls": null, "open_on_announced": null},
            "open": {"base": null},
            "ramp": null,
            "slow": {"response_headers": null, "total": null},
            "limits": null,
            "fallback": null,
            "on_failure": null,
            "hold_max": null,
        }],
    }));
    assert_eq!(config.defaults.trip.consecutive_failures, None);
    assert_eq!(config.defaults.limits.abandoned, None);
    let policy = config.policy_for("a");
    assert_eq!(policy.trip.slow_rate, None);
    assert_eq!(policy.trip.minimum_calls, 7);
    assert_eq!(policy.trip.open_on_announced, None);
    assert_eq!(policy.open.base, Duration::from_secs(3));
    assert_eq!(policy.ramp, None);
    assert_eq!(policy.slow, Slow::default());
    assert_eq!(policy.limits.abandoned, None);
    assert_eq!(kinds(policy), [FallbackKind::Pass]);
    assert_eq!(policy.hold_max, Duration::from_secs(5));
    assert!(policy.on_failure);
}

#[test]
fn a_window_of_another_type_starts_from_that_types_own_defaults() {
    let config = parsed(json!({
        "defaults": {"window": {"type": "count", "calls": 30}},
        "breakers": [
            {"cluster": "same", "window": {"max_age": "60s"}},
            {"cluster": "named", "window": {"type": "count", "max_age": "60s"}},
            {"cluster": "other", "window": {"type": "time", "buckets": 5}},
        ],
    }));
    let count = |age| WindowShape::Count { calls: 30, max_age: Duration::from_secs(age) };
    assert_eq!(config.defaults.window, count(600));
    assert_eq!(config.policy_for("same").window, count(60));
    assert_eq!(config.policy_for("named").window, count(60));
    let time = WindowShape::Time { duration: Duration::from_secs(60), buckets: 5 };
    assert_eq!(config.policy_for("other").window, time);
    let config = parsed(json!({"defaults": {"window": {"type": "count"}}}));
    let count = WindowShape::Count { calls: 100, max_age: Duration::from_secs(600) };
    assert_eq!(config.defaults.window, count);
}

#[test]
fn a_list_of_fallbacks_replaces_the_lower_layers() {
    let config = parsed(json!({
        "defaults": {"fallback": [{"kind": "last_resort"}, {"kind": "pass"}]},
        "breakers": [{"cluster": "a", "fallback": [{"kind": "error"}]}, {"cluster": "b"}],
    }));
    assert_eq!(kinds(config.policy_for("a")), [FallbackKind::Error]);
    assert_eq!(kinds(config.policy_for("b")), [FallbackKind::LastResort, FallbackKind::Pass]);
    assert_eq!(
        lines(json!({"defaults": {"fallback": []}})),
        ["defaults.fallback: [] is wrong; allowed: a list of 1 to 16 objects"]
    );
    assert_eq!(
        paths(json!({"defaults": {"fallback": [{}, {"kind": "x"}, {"knd": "error"}]}})),
        [
            "defaults.fallback[0].kind",
            "defaults.fallback[1].kind",
            "defaults.fallback[2].kind",
            "defaults.fallback[2].knd",
        ]
    );
}

#[test]
fn verdicts_are_layered_category_by_category() {
    let config = parsed(json!({
        "defaults": {"verdicts": {"rate_limited": "ignore", "timeout": "open"}},
        "breakers": [{"cluster": "a", "verdicts": {"timeout": "success", "slow": null}}],
    }));
    let on = |cluster: &str, category| config.policy_for(cluster).verdicts.on(category);
    assert_eq!(on("a", Category::RateLimited), Verdict::Ignore);
    assert_eq!(on("a", Category::Timeout), Verdict::Success);
    assert_eq!(on("b", Category::Timeout), Verdict::Open);
    assert_eq!(on("a", Category::Slow), Verdict::Success);
    assert_eq!(on("a", Category::ServerError), Verdict::Failure);
}

#[test]
fn keys_and_matchers_are_values_that_a_layer_replaces_as_a_whole() {
    let config = parsed(json!({
        "defaults": {
            "key_by": {"header": "x-team", "values": ["a", "b"]},
            "models": ["gpt*"],
            "model_header": "x-model",
            "provider_wide": ["rate_limited"],
            "matchers": [{"status": 403, "category": "quota_exhausted"}],
        },
        "breakers": [
            {"cluster": "same", "key_by": null, "models": null, "matchers": null},
            {"cluster": "other", "key_by": {"header": "x-tenant", "values": ["c"]},
             "models": ["claude*"], "matchers": [{"status": 418, "category": "overloaded"}]},
            {"cluster": "none", "key_by": "cluster", "models": [], "model_header": null,
             "provider_wide": [], "matchers": []},
        ],
    }));
    assert_eq!(*config.policy_for("same"), config.defaults);
    let other = config.policy_for("other");
    let (name, values) = ("x-tenant".into(), vec!["c".into()]);
    assert_eq!(other.key_by, KeyBy::Header { name, values });
    assert_eq!(other.models, [Glob::new("claude*")]);
    assert_eq!(other.matchers.len(), 1);
    assert_eq!(other.matchers[0].status, Some(418));
    assert_eq!(*config.policy_for("none"), Policy::default());
}

#[test]
fn limits_are_layered_one_by_one() {
    let config = parsed(json!({
        "defaults": {"limits": {"gap": "10s", "abort": true}, "slow": {"gap": "5s"}},
        "breakers": [
            {"cluster": "a", "limits": {"total": "86400s", "first_token": null, "abort": false}},
            {"cluster": "b", "limits": {"gap": null, "abort": null}, "slow": {"gap": "0.001s"}},
        ],
    }));
    let (a, b) = (config.policy_for("a"), config.policy_for("b"));
    let seconds = |count| Some(Duration::from_secs(count));
    let built_in = Policy::default().limits;
    let of_a = Limits { first_token: None, gap: seconds(10), total: seconds(86_400), ..built_in };
    assert_eq!(a.limits, of_a);
    assert_eq!(b.limits, Limits { abort: true, ..built_in });
    assert_eq!((a.slow.gap, b.slow.gap), (seconds(5), Some(Duration::from_millis(1))));
}
