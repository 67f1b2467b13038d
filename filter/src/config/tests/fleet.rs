//! What does a document say of its fleet, and who listens to it?

use serde_json::{Value, json};

use super::{lines, parsed, paths};
use crate::config::{Config, Fleet, Role};
use crate::policy;

#[test]
fn two_fields_are_enough_and_every_policy_listens() {
    let config = parsed(json!({
        "fleet": {"cluster": "etcd", "scope": "acme"},
        "breakers": [{"cluster": "a", "mode": "shadow"}],
    }));
    let fleet = config.fleet.as_ref().expect("a fleet");
    let expected = Fleet { cluster: "etcd".into(), scope: "acme".into(), ..Fleet::default() };
    assert_eq!(*fleet, expected);
    for cluster in ["a", "b"] {
        assert_eq!(config.policy_for(cluster).fleet, Some(policy::Fleet::default()), "{cluster}");
    }
}

#[test]
fn without_one_nobody_does() {
    for document in [json!({}), json!({"fleet": null})] {
        let config = parsed(document);
        assert_eq!((config.fleet, config.defaults.fleet), (None, None));
    }
}

#[test]
fn the_admin_page_may_name_it_too() {
    let document = json!({"role": "admin", "fleet": {"cluster": "etcd", "scope": "acme"}});
    let Config { role, fleet, .. } = parsed(document);
    assert_eq!(role, Role::Admin { token: None });
    assert!(fleet.is_some());
}

#[test]
fn the_cluster_and_the_scope_must_be_given() {
    assert_eq!(paths(json!({"fleet": {}})), ["fleet.cluster", "fleet.scope"]);
    let nulls = json!({"fleet": {"cluster": null, "scope": null}});
    let lines = lines(nulls);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains(": missing; allowed: ")), "{lines:?}");
}

#[test]
fn every_mistake_is_told_with_its_path() {
    let wrong = json!({"fleet": {
        "cluster": "etcd*", "scope": "a\nb", "prefix": "llm-breaker", "corroborate": 0,
        "domain": "", "announced_max": "0s", "ramp": null, "reconnect_max": "2h", "scpoe": "a",
    }});
    assert_eq!(
        paths(wrong),
        [
            "fleet.cluster",
            "fleet.scope",
            "fleet.prefix",
            "fleet.corroborate",
            "fleet.domain",
            "fleet.announced_max",
            "fleet.reconnect_max",
            "fleet.scpoe",
        ]
    );
    for wrong in [json!("etcd"), json!([]), json!(true)] {
        assert_eq!(paths(json!({"fleet": wrong})), ["fleet"]);
    }
}

#[test]
fn values_at_their_bounds_are_taken() {
    let with = |name: &str, value: Value| {
        let mut fleet = json!({"cluster": "etcd", "scope": "acme"});
        fleet[name] = value;
        paths(json!({ "fleet": fleet }))
    };
    let right = [
        ("cluster", json!("x".repeat(125))),
        ("scope", json!("x".repeat(128))),
        ("prefix", json!("/")),
        ("prefix", json!(format!("{}/", "x".repeat(255)))),
        ("corroborate", json!(1)),
        ("corroborate", json!("16")),
        ("domain", json!("eu-west-1/rack 7")),
        ("announced_max", json!("604800s")),
        ("reconnect_max", json!("0.1s")),
    ];
    for (name, value) in right {
        assert_eq!(with(name, value.clone()), [""; 0], "{name}: {value}");
    }
    let wrong = [
        ("cluster", json!("x".repeat(126))),
        ("scope", json!("x".repeat(129))),
        ("prefix", json!("")),
        ("prefix", json!("/a b/")),
        ("prefix", json!("/\u{e9}/")),
        ("prefix", json!(format!("{}/", "x".repeat(256)))),
        ("corroborate", json!(17)),
        ("corroborate", json!(1.5)),
        ("announced_max", json!("604801s")),
        ("ramp", json!("0.05s")),
        ("reconnect_max", json!("0.09s")),
    ];
    for (name, value) in wrong {
        assert_eq!(with(name, value.clone()), [format!("fleet.{name}")], "{name}: {value}");
    }
}
