//! What can be changed, by whom, and what is left of it?

use super::*;
use crate::admin::BODY_LIMIT;
use crate::breaker::StateName;
use crate::config::LogFormat;
use crate::policy::Mode;
use serde_json::json;

fn code(reply: &Reply) -> (u32, Value) {
    (reply.status, body(reply)["error"]["code"].clone())
}

#[test]
fn an_order_is_answered_with_the_breaker_as_it_is_now() {
    let process = Process::open();
    let order = r#"{"duration": "600s", "user": "ann", "reason": "provider is lying"}"#;
    let Obeyed { reply, done } = process.post("open", order);
    assert_eq!(reply.status, 200);
    let seen = body(&reply);
    assert_eq!(seen, process.breaker());
    assert_eq!(
        seen["override"],
        json!({
            "mode": "forced_open", "scope": "local", "since": "2026-11-28T16:40:00.123Z",
            "until": "2026-11-28T16:50:00.123Z", "remaining_seconds": 600.0,
            "user": "ann", "reason": "provider is lying",
        })
    );
    assert_eq!(
        (&seen["mode"], &seen["configured_mode"]),
        (&json!("forced_open"), &json!("enforce"))
    );
    assert_eq!((&seen["state"], &seen["open_remaining_seconds"]), (&json!("open"), &json!(600.0)));
    assert_eq!(
        seen["events"][0],
        json!({
            "at": "2026-11-28T16:40:00.123Z", "kind": "override", "action": "open",
            "mode": "forced_open", "duration_seconds": 600.0, "user": "ann",
            "reason": "provider is lying",
        })
    );
    let done = done.expect("it was carried out");
    assert_eq!((done.shown.mode, done.shown.state), (Mode::ForcedOpen, StateName::Open));
    assert!(done.transition.is_none());
}

#[test]
fn it_is_audited_on_one_line_whatever_its_texts() {
    let process = Process::open();
    let order = r#"{"user": "a\"b=c", "reason": "\u2028 {\"event\":\"transition\"} <b>"}"#;
    let done = process.post("close", order).done.expect("it was carried out");
    for format in [LogFormat::Json, LogFormat::Logfmt] {
        let text = done.ordered.text(format);
        assert!(!text.contains(['\n', '\r', '\u{2028}']), "{text:?}");
    }
    let line: Value = serde_json::from_str(&done.ordered.text(LogFormat::Json)).expect("JSON");
    assert_eq!(line["event"], "override");
    assert_eq!(line["user"], "a\"b=c");
}

#[test]
fn each_action_does_what_it_says() {
    let process = Process::open();
    let mode = |seen: &Reply| body(seen)["mode"].clone();
    let closed = process.post("close", "");
    assert_eq!(body(&closed.reply)["state"], "closed");
    assert_eq!(body(&closed.reply)["trips"], 1, "the back-off goes on");
    let transition = closed.done.expect("carried out").transition.expect("a change of state").0;
    assert_eq!((transition.from, transition.to), (StateName::Open, StateName::Closed));
    assert_eq!(mode(&process.post("mode", r#"{"mode": "shadow"}"#).reply), "shadow");
    assert_eq!(mode(&process.post("mode", r#"{"mode": null}"#).reply), "enforce");
    assert_eq!(mode(&process.post("close", r#"{"duration": "90s"}"#).reply), "disabled");
    let reset = process.post("reset", "{}").reply;
    assert_eq!((mode(&reset), &body(&reset)["trips"]), (json!("enforce"), &json!(0)));
    let events = body(&reset)["events"].clone();
    let actions: Vec<&Value> =
        events.as_array().expect("a list").iter().map(|it| &it["action"]).collect();
    assert_eq!(json!(actions), json!(["reset", "close", "mode", "mode", null, "close", null]));
}

#[test]
fn who_and_why_are_shown_as_long_as_the_override_is_in_force() {
    let mut process = Process::open();
    process.post("mode", r#"{"mode": "shadow", "user": "ann", "reason": "watch it"}"#);
    let mut policy = Policy { mode: Mode::Shadow, ..Policy::default() };
    policy.open.jitter = 0.0;
    for _ in 0..20 {
        process.now += 2_000.0;
        process.fails(OPENAI, &policy, 1);
    }
    let seen = process.breaker();
    assert_eq!(seen["events"].as_array().map(Vec::len), Some(16));
    assert_eq!(
        (&seen["override"]["user"], &seen["override"]["reason"]),
        (&json!("ann"), &json!("watch it"))
    );
    process.post("mode", r#"{"mode": "enforce"}"#);
    assert_eq!(process.breaker()["override"]["user"], json!(null), "nobody said so");
}

#[test]
fn everything_wrong_with_a_body_is_told_at_once() {
    let process = Process::open();
    let before = process.breaker();
    let reply =
        process.post("mode", r#"{"mode": "off", "duration": "1h", "force": {"a": 1}}"#).reply;
    assert_eq!(code(&reply), (400, json!("invalid")));
    let details = body(&reply)["error"]["details"].clone();
    let paths: Vec<&Value> =
        details.as_array().expect("a list").iter().map(|it| &it["path"]).collect();
    assert_eq!(json!(paths), json!(["duration", "mode", "force"]));
    assert_eq!((&details[1]["value"], &details[2]["value"]), (&json!("off"), &json!("{\"a\": …}")));
    assert_eq!(process.breaker(), before);
}

#[test]
fn without_the_token_nothing_changes() {
    let process = Process::open();
    let before = process.breaker();
    let path = format!("{OPENAI_PATH}/open");
    for (authorization, expected) in
        [(None, "unauthorized"), (Some("Bearer wrong-horse-battery-staple"), "unauthorized")]
    {
        let more: Vec<_> = authorization.map(|it| ("authorization", it)).into_iter().collect();
        let Heard::Answer(reply) = process.console().hear(&head("POST", &path, &more), false)
        else {
            panic!("{authorization:?} was let through");
        };
        assert_eq!(code(&reply), (401, json!(expected)));
        assert_eq!(header(&reply, "www-authenticate"), Some("Bearer"));
    }
    assert_eq!(process.breaker(), before);
}

#[test]
fn without_a_configured_token_nobody_changes_anything() {
    let process = Process { token: None, ..Process::open() };
    assert_eq!(code(&process.post("open", "").reply), (403, json!("writes_disabled")));
}

#[test]
fn another_sites_order_is_refused_though_it_has_the_token() {
    let process = Process::open();
    let path = format!("{OPENAI_PATH}/open");
    let origin = [("origin", "https://evil.example")];
    assert_eq!(code(&process.send(&path, "{}", &origin).reply), (403, json!("cross_site")));
    let own = [("origin", "http://127.0.0.1:9902"), ("sec-fetch-site", "same-origin")];
    assert_eq!(process.send(&path, "{}", &own).reply.status, 200);
}

#[test]
fn a_body_is_json_short_and_readable() {
    let process = Process::open();
    let path = format!("{OPENAI_PATH}/open");
    let long = [("content-length", "20000")];
    assert_eq!(code(&process.send(&path, "{}", &long).reply), (413, json!("too_large")));
    let long = format!("{{{}}}", " ".repeat(BODY_LIMIT));
    assert_eq!(code(&process.send(&path, &long, &[]).reply), (413, json!("too_large")));
    let two_types = [("content-type", "text/plain")];
    assert_eq!(
        code(&process.send(&path, "{}", &two_types).reply),
        (415, json!("unsupported_media_type"))
    );
    let deaf = Process { reads_bodies: false, ..Process::open() };
    assert_eq!(code(&deaf.post("open", "{}").reply), (501, json!("bodies_unreadable")));
    assert_eq!(deaf.post("open", "").reply.status, 200, "none is needed");
}

#[test]
fn a_breaker_that_is_not_there_is_not_made() {
    let process = Process::open();
    let reply = process.send("/api/v1/breakers/azure/open", "{}", &[]).reply;
    assert_eq!(code(&reply), (404, json!("unknown_breaker")));
    assert_eq!(
        body(&process.get("/api/v1/breakers"))["breakers"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn an_order_that_a_crowd_keeps_out_is_not_said_to_be_done() {
    let process = Process::open();
    let rival = crate::shared::encode(&Breaker::new(at(0.0)));
    process.data.rivals.borrow_mut().extend(vec![rival; 100]);
    let Obeyed { reply, done } = process.post("open", "");
    assert_eq!(code(&reply), (503, json!("busy")));
    assert!(done.is_none());
}

#[test]
fn other_methods_are_refused_with_those_that_are_there() {
    let process = Process::open();
    for (method, path, allow) in [
        ("PUT", OPENAI_PATH.to_owned(), "GET, HEAD"),
        ("DELETE", "/".to_owned(), "GET, HEAD"),
        ("OPTIONS", format!("{OPENAI_PATH}/open"), "POST"),
        ("GET", format!("{OPENAI_PATH}/open"), "POST"),
    ] {
        let Heard::Answer(reply) = process.console().hear(&head(method, &path, &[]), true) else {
            panic!("{method} {path} was let through");
        };
        assert_eq!(code(&reply), (405, json!("method_not_allowed")));
        assert_eq!(header(&reply, "allow"), Some(allow));
    }
}

#[test]
fn an_override_that_ended_unnoticed_is_told_before_the_order_that_finds_it_so() {
    for (action, order) in [
        ("open", ""),
        ("close", ""),
        ("reset", "{}"),
        ("mode", r#"{"mode": "shadow"}"#),
        ("mode", r#"{"mode": null}"#),
    ] {
        for (seconds, is_over) in [(59.0, false), (60.0, true)] {
            let mut process = Process::open();
            process.post("open", r#"{"duration": "60s"}"#);
            process.now += seconds;
            let done = process.post(action, order).done.expect("it was carried out");
            assert_eq!(done.expired.is_some(), is_over, "{action} {order} after {seconds} s");
            let events = process.breaker()["events"].clone();
            let actions = events.as_array().expect("a list").iter().map(|it| &it["action"]);
            let actions: Vec<&Value> = actions.filter(|it| it.is_string()).collect();
            let expected =
                if is_over { vec![action, "expire", "open"] } else { vec![action, "open"] };
            assert_eq!(json!(actions), json!(expected), "{order}");
        }
    }
}

#[test]
fn bytes_that_were_no_breaker_are_replaced_and_that_is_told() {
    let process = Process::open();
    assert!(process.post("close", "").done.expect("carried out").reset.is_none());
    process.data.put(&crate::shared::breaker_key(OPENAI), b"somebody else's");
    let Obeyed { reply, done } = process.post("open", "");
    assert_eq!(body(&reply)["mode"], "forced_open");
    let line = done.expect("carried out").reset.expect("a line");
    assert!(line.text(LogFormat::Json).contains("shared_state_reset"));
}

#[test]
fn every_order_that_the_runbook_shows_is_carried_out() {
    let runbook = include_str!("../../../../docs/runbook.md");
    let shown = runbook.lines().filter_map(|line| line.strip_prefix("breaker ")?.split_once('\''));
    let orders: Vec<(&str, &str)> =
        shown.map(|(action, order)| (action.trim(), order.trim_end_matches('\''))).collect();
    assert!(orders.len() >= 5, "it shows them in another way");
    for (action, order) in orders {
        let reply = Process::open().post(action, order).reply;
        assert_eq!(reply.status, 200, "{action} {order}: {}", body(&reply));
    }
}
