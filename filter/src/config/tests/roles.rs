//! Which fields does each role have, and does its secret stay one?

use serde_json::{Value, json};

use super::{lines, parsed};
use crate::config::{LogFormat, Role};

const TOKEN: &str = "correct-horse-battery-staple";

#[test]
fn an_admin_has_a_token_or_only_reads() {
    for admin in [json!({"role": "admin"}), json!({"role": "admin", "admin": {"token": null}})] {
        assert_eq!(parsed(admin).role, Role::Admin { token: None });
    }
    let document = json!({
        "config_version": 1, "role": "admin", "admin": {"token": TOKEN},
        "log_format": "logfmt", "stop_iteration": true, "fleet": null, "breakers": null,
    });
    let config = parsed(document);
    let Role::Admin { token: Some(token) } = &config.role else { panic!("{config:?}") };
    assert!(token.is(TOKEN.as_bytes()));
    assert_eq!((config.log_format, config.stop_iteration), (LogFormat::Logfmt, true));
    assert!(!format!("{config:?}").contains(TOKEN));
}

#[test]
fn traffic_is_the_role_of_who_says_nothing() {
    for document in [json!({}), json!({"role": "traffic"}), json!({"role": null, "admin": null})] {
        assert_eq!(parsed(document).role, Role::Traffic);
    }
}

#[test]
fn what_belongs_to_the_other_role_is_refused() {
    let of_traffic = json!({"role": "admin", "max_breakers": 9, "access_log": true, "defaults": {}, "breakers": [{"cluster": "a"}]});
    for (document, paths) in [
        (of_traffic, vec!["max_breakers", "access_log", "defaults", "breakers"]),
        (json!({"admin": {"token": TOKEN}}), vec!["admin"]),
        (json!({"role": "traffic", "admin": {}}), vec!["admin"]),
    ] {
        assert_paths(document, &paths);
    }
}

#[test]
fn a_role_that_is_none_is_the_only_mistake_it_makes() {
    let document = json!({"role": "adminn", "admin": {"token": TOKEN}, "defaults": {}});
    assert_paths(document, &["role"]);
}

#[test]
fn a_token_is_long_enough_and_can_stand_in_a_header() {
    let too_long = "x".repeat(257);
    let bad = [
        "",
        "0123456789abcde",
        &too_long,
        "with a space in between",
        "ümlaut-0123456789",
        "line\nbreak-0123456789",
    ];
    for token in
        bad.map(Value::from).into_iter().chain([json!(1234567890123456_u64), json!([TOKEN])])
    {
        assert_paths(json!({"role": "admin", "admin": {"token": token}}), &["admin.token"]);
    }
    for token in ["0123456789abcdef", &"~".repeat(256)] {
        parsed(json!({"role": "admin", "admin": {"token": token}}));
    }
}

#[test]
fn no_error_repeats_what_may_be_the_secret() {
    for document in [
        json!({"admin": TOKEN}),
        json!({"role": "admin", "admin": TOKEN}),
        json!({"role": "admin", "admin": [TOKEN]}),
        json!({"role": "admin", "admin": {"tokn": TOKEN}}),
        json!({"role": "admin", "admin": {"token": format!("{TOKEN} ")}}),
        json!({"role": "admin", "admin": {"token": {"value": TOKEN}}}),
        json!({"role": "traffic", "admin": {"token": TOKEN}}),
    ] {
        let lines = lines(document.clone());
        assert!(!lines.is_empty());
        assert!(!lines.join("\n").contains(TOKEN), "{document}: {lines:?}");
    }
}

fn assert_paths(document: Value, paths: &[&str]) {
    let lines = lines(document);
    assert_eq!(lines.len(), paths.len(), "{lines:?}");
    for path in paths {
        assert!(
            lines.iter().any(|line| line.starts_with(&format!("{path}: "))),
            "{path}: {lines:?}"
        );
    }
}
