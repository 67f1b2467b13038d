//! What was sent before a change of state says nothing about the time after it, but for a longer
//! wait that it announces.

use llm_breaker_host_tests::host::{Response, Upstream};

use crate::scene::{Scene, TRIP, completion, secs, ways};

#[test]
fn a_late_success_does_not_close() {
    let scene = Scene::by_default();
    let late: Vec<_> = (0..20).map(|_| scene.reach()).collect();
    scene.fail(TRIP);
    late[0].upstream_answers(completion());
    assert_eq!(scene.state(), "open");
    scene.pass(secs(30));
    late[1].upstream_answers(completion());
    assert_eq!(scene.state(), "half_open");
    assert_eq!(scene.outcomes("success"), 2, "they count in the stats");
}

#[test]
fn a_late_failure_neither_opens_nor_lengthens() {
    let scene = Scene::by_default();
    let late: Vec<_> = (0..20).map(|_| scene.reach()).collect();
    scene.fail(TRIP);
    scene.advance(secs(10));
    late[0].upstream_answers(Response::status(500));
    late[1].upstream(Upstream::RefusesConnection);
    assert_eq!(scene.retry_after(), 20);

    scene.pass(secs(20));
    late[2].upstream_answers(Response::status(500));
    assert_eq!(scene.state(), "half_open");

    scene.succeed(1);
    for call in &late[3..] {
        call.upstream_answers(Response::status(500));
    }
    assert_eq!(scene.state(), "closed");
    let expected = [["closed", "open"], ["open", "half_open"], ["half_open", "closed"]];
    assert_eq!(ways(&scene.transitions()), expected);
}

#[test]
fn a_late_failure_that_announces_more_lengthens_the_wait() {
    let scene = Scene::by_default();
    let late: Vec<_> = (0..4).map(|_| scene.reach()).collect();
    scene.fail(TRIP);
    let announcing = |seconds: &str| Response::status(429).header("retry-after", seconds);
    late[0].upstream_answers(announcing("100"));
    assert_eq!(scene.retry_after(), 100);
    late[1].upstream_answers(announcing("50"));
    assert_eq!(scene.retry_after(), 100, "it never shortens");
    late[2].upstream_answers(announcing("999999"));
    assert_eq!(scene.retry_after(), 3_600, "within its limit");
    assert_eq!(scene.transitions().len(), 1, "which is no change of state");
    scene.pass(secs(3_599));
    scene.held_back();
    scene.pass(secs(1));
    scene.reach();
}

#[test]
fn in_half_open_and_closed_it_moves_nothing() {
    let scene = Scene::by_default();
    let late: Vec<_> = (0..2).map(|_| scene.reach()).collect();
    scene.fail(TRIP);
    scene.pass(secs(30));
    let announcing = || Response::status(429).header("retry-after", "500");
    late[0].upstream_answers(announcing());
    assert_eq!(scene.state(), "half_open");
    scene.succeed(1);
    late[1].upstream_answers(announcing());
    assert_eq!(scene.state(), "closed");
    scene.fail(TRIP);
    assert_eq!(scene.retry_after(), 60, "the second trip, and nothing announced");
}

#[test]
fn a_late_empty_account_lengthens_too() {
    let scene = Scene::by_default();
    let late = scene.reach();
    scene.fail(TRIP);
    late.upstream_answers(Response::status(402));
    assert_eq!(scene.retry_after(), 300);
}

#[test]
fn a_probe_of_an_earlier_half_open_time_does_not_close_a_later_one() {
    let scene = Scene::half_open();
    let old = scene.reach();
    scene.pass(secs(60));
    scene.fail(1);
    scene.pass(secs(60));
    assert_eq!(scene.state(), "half_open");
    old.upstream_answers(completion());
    assert_eq!(scene.state(), "half_open");
    let probe = scene.reach();
    scene.held_back();
    probe.upstream_answers(completion());
    assert_eq!(scene.state(), "closed");
}
