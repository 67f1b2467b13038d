//! Which bodies of the admin API are orders, and what is said about the others?

use core::time::Duration;

use crate::breaker::Order;
use crate::config::order::{Action, Ordered};
use crate::policy::Mode;

fn order(action: Action, body: &str) -> Order {
    match Ordered::parse(action, body.as_bytes()) {
        Ok(ordered) => ordered.order(),
        Err(errors) => panic!("{body}: {errors}"),
    }
}

fn refused(action: Action, body: &str) -> Vec<String> {
    match Ordered::parse(action, body.as_bytes()) {
        Ok(ordered) => panic!("{body} was taken as {ordered:?}"),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn each_action_is_its_order() {
    let lasts = Some(Duration::from_secs(90));
    let forced = |lasts| Order::Override { mode: Mode::ForcedOpen, lasts };
    for (action, body, expected) in [
        (Action::Open, "", forced(None)),
        (Action::Open, "{}", forced(None)),
        (Action::Open, r#"{"duration": "90s"}"#, forced(lasts)),
        (Action::Open, r#"{"duration": null}"#, forced(None)),
        (Action::Close, "", Order::Close { kept: None }),
        (Action::Close, r#"{"duration": "90s"}"#, Order::Close { kept: lasts }),
        (Action::Reset, r#"{"user": "ann", "reason": "fixed"}"#, Order::Reset),
        (Action::Mode, r#"{"mode": null}"#, Order::Release),
        (Action::Mode, r#"{"mode": null, "duration": null}"#, Order::Release),
    ] {
        assert_eq!(order(action, body), expected, "{action:?} {body}");
    }
    for mode in Mode::ALL {
        let body = format!(r#"{{"mode": "{}", "duration": "90s"}}"#, mode.name());
        assert_eq!(order(Action::Mode, &body), Order::Override { mode, lasts });
    }
}

#[test]
fn who_and_why_are_kept() {
    let body = r#"{"user": "Ann <ann@example.com>", "reason": "größer als gedacht 🦀"}"#;
    let ordered = Ordered::parse(Action::Open, body.as_bytes()).expect("an order");
    assert_eq!(ordered.user.as_deref(), Some("Ann <ann@example.com>"));
    assert_eq!(ordered.reason.as_deref(), Some("größer als gedacht 🦀"));
    let longest = format!(r#"{{"user": "{}", "reason": "{}"}}"#, "ü".repeat(128), "ü".repeat(512));
    assert!(Ordered::parse(Action::Open, longest.as_bytes()).is_ok());
}

#[test]
fn all_mistakes_are_told_at_once() {
    let body = r#"{"mode": "off", "duration": "0.5s", "user": "", "reason": 7, "force": true}"#;
    let lines = refused(Action::Mode, body);
    assert_eq!(lines.len(), 5, "{lines:?}");
    for (path, allowed) in [
        ("mode", "one of enforce, shadow, disabled, forced_open"),
        ("duration", "a duration such as \"30s\" or \"0.5s\", 1s to 2592000s"),
        ("user", "a text of 1 to 128 characters without control characters"),
        ("reason", "a text of 1 to 512 characters without control characters"),
        ("force", "user, reason, scope, duration, mode"),
    ] {
        let line = lines.iter().find(|line| line.starts_with(&format!("{path}: ")));
        assert!(line.is_some_and(|line| line.ends_with(allowed)), "{path}: {lines:?}");
    }
}

#[test]
fn what_has_no_meaning_is_refused() {
    for (action, body, path) in [
        (Action::Reset, r#"{"duration": "90s"}"#, "duration"),
        (Action::Open, r#"{"mode": "shadow"}"#, "mode"),
        (Action::Mode, "{}", "mode"),
        (Action::Mode, r#"{"mode": null, "duration": "90s"}"#, "duration"),
        (Action::Open, r#"{"duration": "2592001s"}"#, "duration"),
        (Action::Open, r#"{"duration": 90}"#, "duration"),
        (Action::Open, r#"{"user": "a\nb"}"#, "user"),
        (Action::Open, r#"{"scope": "world"}"#, "scope"),
        (Action::Close, r#"{"scope": "fleet"}"#, "scope"),
        (Action::Reset, r#"{"scope": "fleet"}"#, "scope"),
    ] {
        let lines = refused(action, body);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(&format!("{path}: ")), "{lines:?}");
    }
    let too_long = format!(r#"{{"user": "{}"}}"#, "ü".repeat(129));
    assert_eq!(refused(Action::Open, &too_long).len(), 1);
}

#[test]
fn what_is_no_object_is_refused_as_such() {
    let deep = "[".repeat(10_000);
    for body in ["[]", "null", "7", "{", "open", "{\"user\":\"a\",\"user\":\"b\"}", " ", &deep] {
        let lines = refused(Action::Open, body);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].ends_with("; allowed: a JSON object"), "{lines:?}");
    }
    assert!(Ordered::parse(Action::Open, &[b'{', 0xff, b'}']).is_err());
}
