//! What is to be seen?

use super::*;
use crate::breaker::Order;
use crate::policy::{Mode, WindowShape};
use serde_json::json;

#[test]
fn the_page_says_what_a_browser_may_do_with_it() {
    let page = Process::new().get("/");
    assert_eq!(page.status, 200);
    assert_eq!(header(&page, "content-type"), Some("text/html; charset=utf-8"));
    let policy = header(&page, "content-security-policy").expect("a policy");
    for part in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "sha256-"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(page.body.starts_with(b"<!doctype html>") || page.body.starts_with(b"<!DOCTYPE html>"));
}

#[test]
fn every_answer_stays_where_it_belongs() {
    let process = Process::open();
    for path in ["/", "/healthz", "/api/v1/schema", "/api/v1/breakers", OPENAI_PATH, "/nothing"] {
        let reply = process.get(path);
        assert_eq!(header(&reply, "cache-control"), Some("no-store"), "{path}");
        assert_eq!(header(&reply, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&reply, "referrer-policy"), Some("no-referrer"), "{path}");
        let policy = header(&reply, "content-security-policy").expect("a policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(reply.grpc_status, None);
    }
}

#[test]
fn health_and_schema_need_no_breaker() {
    let process = Process { token: None, ..Process::new() };
    let health = process.get("/healthz");
    assert_eq!((health.status, &*health.body), (200, &b"ok"[..]));
    let schema = process.get("/api/v1/schema");
    let schema: Value = serde_json::from_slice(&schema.body).expect("JSON");
    assert!(schema["$defs"]["breaker"].is_object());
}

#[test]
fn a_process_without_breakers_has_an_empty_list() {
    let list = body(&Process::new().get("/api/v1/breakers"));
    assert_eq!(
        list,
        json!({
            "node": "edge-7", "generated_at": "2026-11-28T16:40:00.123Z", "writes": "token",
            "breakers": [],
        })
    );
    let read_only = Process { token: None, ..Process::new() };
    assert_eq!(body(&read_only.get("/api/v1/breakers"))["writes"], "disabled");
}

#[test]
fn an_open_breaker_tells_since_when_why_what_callers_get_and_when_it_probes() {
    let mut process = Process::open();
    process.now = 22.5;
    let epoch = 1_000_000_000_001_u64;
    assert_eq!(
        process.breaker(),
        json!({
            "fleet": null, "key": OPENAI, "cluster": OPENAI, "model": null,
            "state": "open", "mode": "enforce", "configured_mode": "enforce", "override": null,
            "since": "2026-11-28T16:39:47.623Z", "since_seconds": 12.5,
            "reason": {"cause": "consecutive_failures", "measured": 5.0, "threshold": 5.0,
                       "category": "server_error", "ended_by": "upstream", "announced": false},
            "next_probe_at": "2026-11-28T16:40:17.623Z", "open_remaining_seconds": 17.5,
            "probes_in_flight": 0, "trips": 1,
            "window": {"calls": 0, "failures": 0, "slow": 0, "seconds": 60.0, "max_calls": null},
            "consecutive_failures": 0, "callers_get": ["error"],
            "requests_blocked": 95, "requests_would_block": 7,
            "events": [{
                "at": "2026-11-28T16:39:47.623Z", "kind": "transition", "from": "closed",
                "to": "open", "epoch": epoch, "reason": "consecutive_failures", "measured": 5.0,
                "threshold": 5.0, "category": "server_error", "ended_by": "upstream",
                "open_seconds": 30.0, "announced": false,
            }],
        })
    );
}

#[test]
fn the_window_is_as_it_is_now_not_as_it_was_when_a_call_last_ended() {
    let policy = Policy::default();
    let mut process = Process::with(OPENAI, &policy);
    process.fails(OPENAI, &policy, 3);
    process.now = 30.0;
    let seen = process.breaker();
    assert_eq!(seen["window"]["failures"], 3);
    assert_eq!(seen["consecutive_failures"], 3);
    process.now = 90.0;
    let later = process.breaker();
    assert_eq!(
        (&later["window"]["failures"], &later["consecutive_failures"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(later["since_seconds"], 90.0);
}

#[test]
fn a_window_by_count_says_so() {
    let window = WindowShape::Count { calls: 50, max_age: Duration::from_secs(600) };
    let policy = Policy { window, ..Policy::default() };
    let process = Process::with(OPENAI, &policy);
    process.fails(OPENAI, &policy, 2);
    let expected = json!({"calls": 2, "failures": 2, "slow": 0, "seconds": null, "max_calls": 50});
    assert_eq!(process.breaker()["window"], expected);
}

#[test]
fn probes_in_flight_are_counted_as_long_as_their_leases_run() {
    let mut process = Process::open();
    process.now = 41.0;
    process.changes(OPENAI, |breaker| {
        let _ = breaker.admit(&Policy::default(), at(41.0), 0.0);
    });
    let seen = process.breaker();
    assert_eq!((&seen["state"], &seen["probes_in_flight"]), (&json!("half_open"), &json!(1)));
    assert_eq!(
        (&seen["next_probe_at"], &seen["open_remaining_seconds"]),
        (&json!(null), &json!(0.0))
    );
    assert_eq!(seen["reason"]["cause"], "consecutive_failures", "why it opened");
    process.now = 101.0;
    assert_eq!(process.breaker()["probes_in_flight"], 0);
}

#[test]
fn an_override_whose_time_is_over_is_none_even_before_it_is_taken_out() {
    let mut process = Process::open();
    let order = Order::Override { mode: Mode::ForcedOpen, lasts: Some(Duration::from_secs(60)) };
    process.changes(OPENAI, |breaker| {
        let _ = breaker.obey(order, at(10.0));
    });
    process.now = 69.0;
    assert_eq!(process.breaker()["override"]["remaining_seconds"], 1.0);
    process.now = 70.0;
    let seen = process.breaker();
    assert_eq!((&seen["override"], &seen["mode"]), (&json!(null), &json!("enforce")));
}

#[test]
fn what_is_configured_out_of_service_is_so_since_the_configuration_came() {
    for (mode, state) in [(Mode::ForcedOpen, "open"), (Mode::Disabled, "closed")] {
        let in_force_since = at(7.0);
        let mut process =
            Process::with(OPENAI, &Policy { mode, in_force_since, ..Policy::default() });
        process.now = 10.0;
        let seen = process.breaker();
        assert_eq!((&seen["state"], &seen["since_seconds"]), (&json!(state), &json!(3.0)));
        assert_eq!(seen["configured_mode"], mode.name());
        assert_eq!(seen["reason"], json!(null));
    }
}

#[test]
fn a_part_is_found_by_its_name() {
    let process = Process::with("a/b\u{1f}gpt-4.1*", &Policy::default());
    let seen = body(&process.get("/api/v1/breakers/a%2Fb%1Fgpt-4.1*"));
    assert_eq!((&seen["cluster"], &seen["model"]), (&json!("a/b"), &json!("gpt-4.1*")));
}

#[test]
fn names_are_texts_whatever_they_look_like() {
    let name = "<img src=x onerror=alert(1)>";
    let process = Process::with(name, &Policy::default());
    let list = process.get("/api/v1/breakers");
    assert_eq!(body(&list)["breakers"][0]["key"], name);
    let path = "/api/v1/breakers/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E";
    assert_eq!(body(&process.get(path))["cluster"], name);
}

#[test]
fn what_lies_damaged_in_shared_data_is_shown_as_unknown() {
    let process = Process::open();
    for key in ["breaker", "history", "profile"] {
        process.data.put(&format!("llm-breaker/v1/{key}/{OPENAI}"), b"garbage");
    }
    let seen = process.breaker();
    assert_eq!((&seen["state"], &seen["configured_mode"]), (&json!("closed"), &json!(null)));
    assert_eq!((&seen["events"], &seen["window"]), (&json!([]), &json!(null)));
}

#[test]
fn a_clock_beyond_all_calendars_is_no_trap() {
    let process = Process::open();
    for seconds in [0, 253_402_300_800, u64::MAX / 2] {
        let wall = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let Some(wall) = wall else { continue };
        let console = Console { clock: Clock { now: at(11.0), wall }, ..process.console() };
        let Heard::Answer(reply) = console.hear(&head("GET", OPENAI_PATH, &[]), false) else {
            panic!("not answered");
        };
        assert_eq!(reply.status, 200);
        body(&reply);
    }
}

#[test]
fn what_is_not_there_is_said_to_be_not_there() {
    let process = Process::open();
    for (path, code) in [
        ("/api/v1/breakers/azure", "unknown_breaker"),
        ("/api/v1/breakers/%ff", "not_found"),
        ("/metrics", "not_found"),
    ] {
        let reply = process.get(path);
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(body(&reply)["error"]["code"], code, "{path}");
    }
}
