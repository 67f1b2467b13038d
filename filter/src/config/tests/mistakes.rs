//! What is said about a mistake, and where?

use serde_json::json;

use super::{Config, lines, parse, parsed, paths};

#[test]
fn four_mistakes_are_four_messages_each_with_path_value_and_what_is_allowed() {
    let lines = lines(json!({
        "max_breakers": 0,
        "defaults": {"mode": "off", "open": {"base": 30}},
        "breakers": [{"cluster": "a", "trip": {"failure_rate": 1.5}}],
    }));
    assert_eq!(
        lines,
        [
            "max_breakers: 0 is wrong; allowed: a whole number from 1 to 16384",
            "defaults.mode: \"off\" is wrong; allowed: one of enforce, shadow, disabled, \
             forced_open",
            "defaults.open.base: 30 is wrong; allowed: a duration such as \"30s\" or \"0.5s\", \
             0.1s to 86400s",
            "breakers[0].trip.failure_rate: 1.5 is wrong; allowed: a number above 0 and up to 1",
        ]
    );
}

#[test]
fn an_unknown_field_is_refused_with_the_names_that_are_known_there() {
    assert_eq!(
        lines(json!({"defaults": {"half_open": {"probe": 2}}, "default": {}})),
        [
            "defaults.half_open.probe: unknown field, given 2; allowed: probes, successes, lease",
            "default: unknown field, given {}; allowed: config_version, role, admin, \
             max_breakers, stop_iteration, log_format, access_log, fleet, \
             defaults, breakers",
        ]
    );
}

#[test]
fn an_unknown_version_is_the_only_error() {
    for version in [json!(2), json!("2"), json!(0), json!(1.5)] {
        let lines = lines(json!({"config_version": version, "nonsense": 1, "max_breakers": -1}));
        assert_eq!(
            lines,
            [format!(
                "config_version: {version} is wrong; allowed: 1, the only version there is so far"
            )]
        );
    }
    assert_eq!(parsed(json!({"config_version": 1.0})), Config::default());
    assert_eq!(parsed(json!({"config_version": null})), Config::default());
}

#[test]
fn a_windows_field_that_belongs_to_the_other_type_is_refused() {
    assert_eq!(
        lines(json!({"defaults": {"window": {"calls": 50, "bucket": 1}}})),
        [
            "defaults.window.calls: 50 is wrong; allowed: only in a window of type count",
            "defaults.window.bucket: unknown field, given 1; allowed: type, duration, buckets",
        ]
    );
    // What the other fields mean depends on the type: no more is said about them.
    assert_eq!(
        paths(json!({"defaults": {"window": {"type": "calls", "calls": 5}}})),
        ["defaults.window.type"]
    );
}

#[test]
fn an_entry_must_name_a_cluster_that_no_entry_before_it_named() {
    assert_eq!(
        lines(json!({"breakers": [
            {"cluster": "a*"}, {"mode": "shadow"}, {"cluster": "a*"}, {"cluster": ""},
            {"cluster": null}, {"cluster": "a*"}, 7,
        ]})),
        [
            "breakers[1].cluster: missing; allowed: a glob of 1 to 512 bytes, `*` and `?` over \
             the whole name",
            "breakers[2].cluster: \"a*\" is wrong; allowed: a glob that breakers[0].cluster does \
             not have already",
            "breakers[3].cluster: \"\" is wrong; allowed: a glob of 1 to 512 bytes, `*` and `?` \
             over the whole name",
            "breakers[4].cluster: missing; allowed: a glob of 1 to 512 bytes, `*` and `?` over \
             the whole name",
            "breakers[5].cluster: \"a*\" is wrong; allowed: a glob that breakers[0].cluster does \
             not have already",
            "breakers[6]: 7 is wrong; allowed: an object",
        ]
    );
    let entries = |count| json!({"breakers": vec![json!({}); count]});
    assert_eq!(paths(entries(1025)), ["breakers"]);
    assert_eq!(parse(&entries(1024)).unwrap_err().len(), 1024);
}

#[test]
fn a_verdict_is_on_a_known_category_and_a_known_one() {
    let found = lines(json!({"defaults": {"verdicts": {"timeout": "fail", "tired": "open"}}}));
    assert_eq!(found.len(), 2, "{found:?}");
    for (name, allowed) in [
        ("defaults.verdicts.timeout", "one of success, failure, ignore, open"),
        ("defaults.verdicts.tired", "server_error"),
    ] {
        let line = found.iter().find(|line| line.contains(name));
        assert!(line.is_some_and(|line| line.contains(allowed)), "{found:?}");
    }
}

#[test]
fn the_limits_of_durations_bodies_and_flags_are_named() {
    assert_eq!(
        lines(json!({
            "stop_iteration": "true",
            "log_format": "text",
            "defaults": {
                "provider": "azure",
                "slow": {"first_token": "0.0009s", "gap": "3601s"},
                "limits": {"first_token": "0.09s", "gap": 5, "total": "86401s", "abort": 1},
                "body_limit": 1023,
            },
            "breakers": [{"cluster": "a", "body_limit": 1_048_577}],
        })),
        [
            "stop_iteration: \"true\" is wrong; allowed: true or false",
            "log_format: \"text\" is wrong; allowed: one of json, logfmt",
            "defaults.provider: \"azure\" is wrong; allowed: one of auto, openai, anthropic, gemini, \
             bedrock, generic",
            "defaults.slow.first_token: \"0.0009s\" is wrong; allowed: a duration such as \"30s\" or \
             \"0.5s\", 0.001s to 3600s",
            "defaults.slow.gap: \"3601s\" is wrong; allowed: a duration such as \"30s\" or \"0.5s\", \
             0.001s to 3600s",
            "defaults.limits.first_token: \"0.09s\" is wrong; allowed: a duration such as \"30s\" or \
             \"0.5s\", 0.1s to 3600s",
            "defaults.limits.gap: 5 is wrong; allowed: a duration such as \"30s\" or \"0.5s\", 0.1s \
             to 3600s",
            "defaults.limits.total: \"86401s\" is wrong; allowed: a duration such as \"30s\" or \
             \"0.5s\", 0.1s to 86400s",
            "defaults.limits.abort: 1 is wrong; allowed: true or false",
            "defaults.body_limit: 1023 is wrong; allowed: a whole number from 1024 to 1048576",
            "breakers[0].body_limit: 1048577 is wrong; allowed: a whole number from 1024 to 1048576",
        ]
    );
}
