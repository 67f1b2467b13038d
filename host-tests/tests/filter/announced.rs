//! What an upstream announces (`Retry-After`, `retry-after-ms`, an empty account) is honoured, but
//! not believed without bounds.

use llm_breaker_host_tests::host::Response;
use serde_json::json;

use crate::scene::{Scene, TRIP, completion, secs};

fn limited(header: &str, value: impl AsRef<[u8]>) -> Response {
    Response::status(429).header(header, value)
}

/// How long the breaker opens if the last of five failures carries this.
fn wait_after(last: Response) -> u64 {
    let scene = Scene::by_default();
    scene.fail(TRIP - 1);
    scene.answer(last);
    scene.retry_after()
}

#[test]
fn seconds_milliseconds_and_dates() {
    assert_eq!(wait_after(limited("retry-after", "90")), 90);
    assert_eq!(wait_after(limited("retry-after", "90.5")), 91);
    assert_eq!(wait_after(limited("retry-after-ms", "45000")), 45);
    // The wall clock of the host starts at 2026-01-01T00:00:00Z.
    assert_eq!(wait_after(limited("retry-after", "Thu, 01 Jan 2026 00:02:00 GMT")), 120);
    let both = limited("retry-after", "90").header("retry-after-ms", "45000");
    assert_eq!(wait_after(both), 45, "the finer one counts");
}

#[test]
fn any_failure_may_announce() {
    for status in [429, 500, 503, 529] {
        assert_eq!(wait_after(Response::status(status).header("retry-after", "90")), 90);
    }
}

#[test]
fn an_announcement_never_shortens() {
    assert_eq!(wait_after(limited("retry-after", "1")), 30);
    assert_eq!(wait_after(limited("retry-after", "0")), 30);
}

#[test]
fn nor_is_it_believed_beyond_its_limit() {
    assert_eq!(wait_after(limited("retry-after", "999999999")), 3_600);
    assert_eq!(wait_after(limited("retry-after", "9".repeat(30))), 3_600);
    assert_eq!(wait_after(limited("retry-after", "Tue, 31 Dec 2999 23:59:59 GMT")), 3_600);
}

#[test]
fn nonsense_announces_nothing() {
    for nonsense in ["soon", "-90", "1e9", "", "Thu, 32 Jan 2026 00:02:00 GMT", "90;90"] {
        assert_eq!(wait_after(limited("retry-after", nonsense)), 30, "{nonsense}");
    }
    assert_eq!(wait_after(limited("retry-after", [0xff, 0xfe, b'9'])), 30);
    assert_eq!(wait_after(limited("retry-after", "Thu, 01 Jan 1970 00:02:00 GMT")), 30, "past");
}

#[test]
fn the_longest_in_the_window_counts_wherever_it_was() {
    let scene = Scene::by_default();
    scene.answer(limited("retry-after", "200"));
    scene.pass(secs(10));
    scene.answer(limited("retry-after", "40"));
    scene.fail(TRIP - 2);
    assert_eq!(scene.retry_after(), 190);
    let line = &scene.transitions()[0];
    assert_eq!((&line["announced"], &line["open_seconds"]), (&json!(true), &json!(190.0)));
}

#[test]
fn one_that_left_the_window_does_not() {
    let scene = Scene::by_default();
    scene.answer(limited("retry-after", "200"));
    scene.pass(secs(61));
    scene.fail(TRIP);
    assert_eq!(scene.retry_after(), 30);
}

#[test]
fn a_healthy_answer_announces_nothing() {
    let scene = Scene::by_default();
    scene.answer(completion().header("retry-after", "500"));
    scene.answer(Response::status(400).header("retry-after", "500"));
    scene.fail(TRIP);
    assert_eq!(scene.retry_after(), 30);
}

#[test]
fn an_announced_wait_has_no_jitter() {
    let scene = Scene::configured(1, r#"{"defaults": {"open": {"jitter": 1}}}"#);
    scene.fail(TRIP - 1);
    scene.answer(limited("retry-after", "200"));
    assert_eq!(scene.retry_after(), 200);
}

#[test]
fn an_empty_account_opens_at_once_for_five_minutes() {
    let scene = Scene::by_default();
    scene.answer(Response::status(402));
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.retry_after(), 300);
    assert_eq!(scene.transitions()[0]["category"], "quota_exhausted");
    scene.pass(secs(299));
    scene.held_back();
    scene.pass(secs(1));
    scene.reach();
}

#[test]
fn or_for_as_long_as_it_says() {
    let scene = Scene::by_default();
    scene.answer(Response::status(402).header("retry-after", "1000"));
    assert_eq!(scene.retry_after(), 1_000);
}

#[test]
fn a_single_announced_wait_opens_where_so_configured() {
    let scene = Scene::under(json!({"trip": {"open_on_announced": "60s"}}));
    scene.answer(limited("retry-after", "59"));
    assert_eq!(scene.state(), "closed");
    scene.answer(limited("retry-after", "60"));
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.retry_after(), 60);
    assert_eq!(scene.transitions()[0]["reason"], "announced_reset");
}

#[test]
fn by_default_it_does_not() {
    let scene = Scene::by_default();
    scene.answer(limited("retry-after", "3600"));
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_failed_probe_may_announce() {
    let scene = Scene::half_open();
    scene.answer(limited("retry-after", "500"));
    assert_eq!(scene.retry_after(), 500);
}
