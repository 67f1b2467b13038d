//! Shadow, disabled, forced open: what each does to traffic, and what is left when it ends.

use llm_breaker_host_tests::host::{Response, Upstream};
use serde_json::{Value, json};

use crate::scene::{
    AZURE, OPENAI, Scene, TRIP, chat, chat_with, completion, defaults, millis, secs, stat,
};

impl Scene {
    /// From now on this policy is in force.
    fn goes_over_to(&self, policy: Value) {
        self.advance(millis(1));
        self.reconfigure(defaults(policy)).expect("a good configuration");
    }

    fn calls_so_far(&self) -> u64 {
        ["success", "server_error", "cancelled", "local"]
            .map(|name| self.outcomes(name))
            .iter()
            .sum()
    }
}

fn in_mode(mode: &str) -> Value {
    json!({ "mode": mode })
}

#[test]
fn shadow_blocks_nothing_and_counts_what_it_would_have_blocked() {
    let scene = Scene::under(in_mode("shadow"));
    for _ in 0..100 {
        let answer = scene.answer(Response::status(500));
        assert_eq!((answer.status, answer.header("x-llm-breaker")), (500, None));
    }
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.count("requests_would_block_total"), 95);
    assert_eq!(scene.count("requests_blocked_total"), 0);
    assert_eq!(scene.count("failures_total"), 100);
    assert_eq!(scene.changes("closed", "open"), 1);
    assert_eq!(scene.transitions().len(), 1);
}

#[test]
fn shadow_probes_and_recovers_as_it_would() {
    let scene = Scene::opened_under(in_mode("shadow"));
    scene.pass(secs(30));
    let probe = scene.reach();
    scene.succeed(10);
    assert_eq!(scene.state(), "half_open", "those had no permit");
    assert_eq!(scene.count("requests_would_block_total"), 10);
    assert_eq!(scene.count("half_open_requests_total"), 1);
    probe.upstream_answers(completion());
    assert_eq!(scene.state(), "closed");
}

#[test]
fn what_shadow_let_through_announces_nothing() {
    let scene = Scene::opened_under(in_mode("shadow"));
    scene.answer(Response::status(429).header("retry-after", "900"));
    scene.pass(secs(30));
    assert_eq!(scene.state(), "half_open", "in enforce mode that call had not gone out");
}

#[test]
fn from_shadow_to_enforce_the_state_is_kept() {
    let scene = Scene::opened_under(in_mode("shadow"));
    scene.goes_over_to(in_mode("enforce"));
    scene.held_back();
    scene.goes_over_to(in_mode("shadow"));
    scene.reach();
    assert_eq!(scene.transitions().len(), 1);
}

#[test]
fn disabled_neither_admits_nor_records() {
    let scene = Scene::opened();
    let before = scene.calls_so_far();
    scene.goes_over_to(in_mode("disabled"));
    scene.fail(100);
    scene.succeed(100);
    scene.pass(secs(5));
    scene.fail(100);
    assert_eq!(scene.calls_so_far(), before);
    assert_eq!(scene.count("requests_blocked_total"), 0);
    assert_eq!(scene.transitions().len(), 1);
}

#[test]
fn disabled_from_the_start_leaves_no_trace() {
    let scene = Scene::under(in_mode("disabled"));
    scene.fail(100);
    scene.pass(secs(5));
    assert_eq!(scene.metrics(), []);
    assert_eq!(scene.shared_data().keys().count(), 0);
    assert_eq!(scene.log_lines(), []);
}

#[test]
fn forced_open_rejects_everything_and_never_probes() {
    let scene = Scene::under(json!({"mode": "forced_open", "open": {"base": "45s"}}));
    for _ in 0..20 {
        assert_eq!(scene.retry_after(), 45);
        scene.pass(secs(60));
        assert_eq!(scene.state(), "open");
    }
    assert_eq!(scene.count("half_open_requests_total"), 0);
    assert_eq!(scene.count("requests_blocked_total"), 20);
}

#[test]
fn calls_in_flight_when_it_is_forced_open_are_for_the_stats_only() {
    let scene = Scene::by_default();
    let calls: Vec<_> = (0..10).map(|_| scene.reach()).collect();
    scene.goes_over_to(in_mode("forced_open"));
    scene.pass(secs(2));
    for call in calls {
        call.upstream_answers(Response::status(500));
    }
    assert_eq!(scene.count("failures_total"), 10);
    assert_eq!(scene.transitions(), [] as [Value; 0]);
    scene.goes_over_to(in_mode("enforce"));
    scene.pass(secs(2));
    assert_eq!(scene.state(), "closed");
    scene.succeed(1);
}

/// Leaving this mode starts afresh: closed, with an empty window and no trips.
fn leaving_starts_afresh(mode: &str, meanwhile: impl Fn(&Scene)) {
    let scene = Scene::half_open();
    scene.fail(1); // The second trip: 60 s.
    scene.goes_over_to(in_mode(mode));
    meanwhile(&scene);
    scene.goes_over_to(in_mode("enforce"));
    scene.fail(TRIP - 1);
    scene.pass(secs(1));
    assert_eq!(scene.state(), "closed", "{mode}");
    scene.fail(1);
    assert_eq!(scene.retry_after(), 30, "{mode}: no trips");
}

#[test]
fn leaving_disabled_or_forced_open_starts_afresh() {
    for mode in ["disabled", "forced_open"] {
        leaving_starts_afresh(mode, |scene| scene.pass(secs(5)));
    }
}

#[test]
fn even_between_two_ticks() {
    for mode in ["disabled", "forced_open"] {
        leaving_starts_afresh(mode, |_| ());
    }
}

#[test]
fn a_closed_breaker_forgets_its_window_too() {
    for mode in ["disabled", "forced_open"] {
        let scene = Scene::by_default();
        let in_flight = scene.reach();
        scene.fail(TRIP - 1);
        scene.goes_over_to(in_mode(mode));
        scene.goes_over_to(in_mode("enforce"));
        in_flight.upstream_answers(Response::status(500));
        assert_eq!(scene.state(), "closed", "{mode}: that call was of an earlier epoch");
        scene.fail(TRIP - 1);
        assert_eq!(scene.state(), "closed", "{mode}");
        scene.fail(1);
        assert_eq!(scene.state(), "open", "{mode}");
    }
}

#[test]
fn leaving_it_while_open_is_a_change_of_state_counted_and_logged_once() {
    let scene = Scene::opened();
    scene.goes_over_to(in_mode("forced_open"));
    scene.pass(secs(3));
    scene.goes_over_to(in_mode("enforce"));
    scene.pass(secs(3));
    assert_eq!(scene.state(), "closed");
    assert_eq!(scene.changes("open", "closed"), 1);
    let transitions = scene.transitions();
    assert_eq!(transitions.len(), 2);
    assert_eq!(transitions[1]["reason"], "mode_changed");
}

#[test]
fn two_listeners_of_different_modes_do_not_reset_each_other() {
    let scene = Scene::by_default();
    for mode in ["disabled", "forced_open", "shadow"] {
        scene.advance(millis(1));
        let listener = scene.listen(defaults(in_mode(mode))).expect("a good configuration");
        let other = |number| scene.worker(number).listener(listener).request(chat());
        scene.pass(secs(2));
        scene.fail(2);
        other(0);
        other(1);
        scene.pass(secs(2));
        scene.fail(TRIP - 3);
        assert_eq!(scene.transitions(), [] as [Value; 0], "{mode}");
        scene.succeed(1);
    }
    scene.fail(TRIP);
    scene.pass(secs(2));
    scene.held_back();
    assert_eq!(scene.transitions().len(), 1);
}

#[test]
fn a_listener_for_other_clusters_leaves_a_breaker_alone() {
    let scene = Scene::opened();
    let others = json!({"defaults": {"mode": "disabled"}, "breakers": [{"cluster": AZURE}]});
    scene.listen(others).expect("a good configuration");
    scene.pass(secs(2));
    scene.reconfigure(defaults(json!({"open": {"jitter": 0}}))).expect("a good configuration");
    scene.pass(secs(2));
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.gauge(&stat(OPENAI, "mode", &[])), 0);
    scene.held_back();
}

#[test]
fn one_breaker_alone_can_be_forced_open() {
    let breakers = json!([{"cluster": OPENAI, "mode": "forced_open"}]);
    let scene = Scene::configured(2, json!({ "breakers": breakers }));
    scene.held_back();
    let azure = scene.send(chat_with(AZURE));
    azure.upstream(Upstream::Closes);
    assert_eq!(scene.counter(&stat(AZURE, "failures_total", &[])), 1);
}
