//! What operators see: each change of state is one counter increment and one log line, whatever
//! the number of workers.

use llm_breaker_host_tests::host::{Level, Metric, Response, Upstream, VmName};
use serde_json::json;

use crate::scene::{
    OPENAI, Scene, TRIP, chat, chat_with, completion, defaults, millis, secs, stat, ways,
};

fn tick_often(scene: &Scene) {
    (0..5).for_each(|_| scene.tick());
}

/// Down and up again, with all workers busy, a probe that is never answered, and many ticks.
fn an_outage_with(workers: usize) -> Scene {
    let scene = Scene::configured(workers, defaults(json!({})));
    let calls: Vec<_> = (0..20).map(|_| scene.reach()).collect();
    for call in calls {
        call.upstream_answers(Response::status(500));
    }
    scene.pass(secs(30));
    (0..workers).for_each(|_| drop(scene.send(chat())));
    scene.pass(secs(60));
    tick_often(&scene);
    scene.succeed(1);
    tick_often(&scene);
    scene
}

#[test]
fn each_change_is_counted_and_logged_once() {
    for workers in [1, 2, 4] {
        let scene = an_outage_with(workers);
        assert_eq!(scene.changes("closed", "open"), 1, "{workers} workers");
        assert_eq!(scene.changes("open", "half_open"), 1, "{workers} workers");
        assert_eq!(scene.changes("half_open", "closed"), 1, "{workers} workers");
        let expected = [["closed", "open"], ["open", "half_open"], ["half_open", "closed"]];
        assert_eq!(ways(&scene.transitions()), expected, "{workers} workers");
    }
}

#[test]
fn a_log_line_says_what_why_and_for_how_long() {
    let scene = Scene::half_open();
    scene.succeed(1);
    let transitions = scene.transitions();
    let epoch = transitions[0]["epoch"].as_u64().expect("an epoch");
    assert_eq!(
        transitions,
        [
            json!({"event": "transition", "breaker": OPENAI, "from": "closed", "to": "open",
                "epoch": epoch, "reason": "consecutive_failures", "measured": 5.0, "threshold": 5.0,
                "category": "server_error", "ended_by": "upstream",
                "open_seconds": 30.0, "announced": false}),
            json!({"event": "transition", "breaker": OPENAI, "from": "open", "to": "half_open",
                "epoch": epoch + 1, "reason": "open_time_ended"}),
            json!({"event": "transition", "breaker": OPENAI, "from": "half_open", "to": "closed",
                "epoch": epoch + 2, "reason": "probes_succeeded",
                "category": "success", "ended_by": "upstream"}),
        ]
    );
    assert_eq!(scene.log_lines().len(), 3, "and nothing else is said: {:?}", scene.log_lines());
    assert_eq!(scene.logged_at(Level::Warn).len(), 1, "that it opened");
    assert_eq!(scene.logged_at(Level::Info).len(), 2);
}

#[test]
fn a_rate_is_logged_with_the_calls_that_make_it() {
    let scene = Scene::under(json!({"trip": {"consecutive_failures": null}}));
    scene.succeed(4);
    scene.fail(6);
    let line = &scene.transitions()[0];
    let numbers = ["reason", "measured", "threshold", "failures", "calls"].map(|it| &line[it]);
    assert_eq!(numbers, [&json!("failure_rate"), &json!(0.6), &json!(0.5), &json!(6), &json!(10)]);
}

#[test]
fn an_announced_reset_is_logged_with_what_was_announced() {
    let scene = Scene::by_default();
    scene.fail(TRIP - 1);
    scene.answer(Response::status(429).header("retry-after", "90"));
    let line = &scene.transitions()[0];
    let said = ["announced", "announced_seconds", "open_seconds"].map(|it| &line[it]);
    assert_eq!(said, [&json!(true), &json!(90.0), &json!(90.0)]);
}

#[test]
fn a_log_can_be_in_logfmt_and_a_name_stays_one_value_there() {
    for (cluster, written) in [
        (OPENAI, OPENAI.to_owned()),
        ("a b=\"c\" level=error", r#""a b=\"c\" level=error""#.to_owned()),
        ("line\nbreak", r#""line\nbreak""#.to_owned()),
    ] {
        let scene = Scene::configured(1, json!({"log_format": "logfmt"}));
        for _ in 0..TRIP {
            scene.send(chat_with(cluster)).upstream_answers(Response::status(500));
        }
        let lines = scene.logged_at(Level::Warn);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let start = format!("event=transition breaker={written} from=closed to=open epoch=");
        assert!(lines[0].starts_with(&start), "{}", lines[0]);
        let why = " reason=consecutive_failures measured=5.0 threshold=5.0 category=server_error \
                   ended_by=upstream open_seconds=";
        assert!(lines[0].contains(why), "{}", lines[0]);
        assert!(lines[0].ends_with(" announced=false"), "{}", lines[0]);
        assert!(!lines[0].contains('\n'));
    }
}

#[test]
fn a_log_line_says_whose_patience_ended() {
    for (end, ended_by) in [(Upstream::TimesOut, "envoy"), (Upstream::Closes, "upstream")] {
        let scene = Scene::by_default();
        for _ in 0..TRIP {
            scene.reach().upstream(end);
        }
        assert_eq!(scene.transitions()[0]["ended_by"], ended_by);
    }
}

#[test]
fn healthy_traffic_says_nothing() {
    let scene = Scene::by_default();
    for _ in 0..100 {
        scene.succeed(1);
        scene.pass(secs(1));
    }
    assert_eq!(scene.log_lines(), []);
}

#[test]
fn state_changes_and_blocked_calls_are_seen_at_once() {
    let scene = Scene::by_default();
    scene.fail(TRIP);
    assert_eq!(scene.state(), "open", "without a tick");
    assert_eq!(scene.changes("closed", "open"), 1);
    scene.held_back();
    assert_eq!(scene.count("requests_blocked_total"), 1);
}

#[test]
fn a_breaker_shows_its_stats_from_its_first_call_on() {
    let scene = Scene::by_default();
    assert_eq!(scene.metrics(), [], "no breaker, no stats");
    let call = scene.reach();
    for gauge in ["state", "mode", "open_remaining_seconds"] {
        assert_eq!(scene.metric(&stat(OPENAI, gauge, &[])), Some(Metric::Gauge(0)), "{gauge}");
    }
    for counter in [
        "successes_total",
        "failures_total",
        "requests_blocked_total",
        "requests_would_block_total",
        "half_open_requests_total",
    ] {
        let counter = stat(OPENAI, counter, &[]);
        assert_eq!(scene.metric(&counter), Some(Metric::Counter(0)), "{counter}");
    }
    call.upstream_answers(completion());
    assert_eq!(scene.count("successes_total"), 1);
}

#[test]
fn every_stat_names_its_breaker_and_has_no_labels_of_a_clients_choice() {
    let scene = an_outage_with(2);
    scene.send(chat().header("x-team", "secret").header("x-model", "secret"));
    let labelled = format!(".llm_cluster=.={OPENAI};.;");
    for (name, _) in scene.metrics() {
        assert!(name.starts_with("llm_circuit_breaker_"), "{name}");
        assert!(name.contains(&labelled), "{name}");
        assert!(!name.contains("secret"), "{name}");
    }
}

#[test]
fn durations_are_milliseconds_by_result() {
    let scene = Scene::by_default();
    for (status, took) in [(204, 1_500), (500, 20), (404, 7)] {
        let call = scene.reach();
        scene.advance(millis(took));
        call.upstream_answers(Response::status(status));
    }
    let durations =
        |result| scene.samples(&stat(OPENAI, "call_duration_milliseconds", &[("result", result)]));
    assert_eq!(durations("success"), [1_500]);
    assert_eq!(durations("failure"), [20]);
    assert_eq!(durations("ignored"), [7]);
}

#[test]
fn the_main_threads_tick_alone_refreshes_gauges() {
    let scene = Scene::opened();
    let left = || scene.gauge(&stat(OPENAI, "open_remaining_seconds", &[]));
    scene.advance(secs(10));
    scene.tick_on(VmName::Worker(0));
    scene.tick_on(VmName::Worker(1));
    assert_eq!(left(), 30);
    scene.tick_on(VmName::MainThread);
    assert_eq!(left(), 20);
}

#[test]
fn a_tick_twice_over_changes_nothing() {
    let scene = Scene::opened();
    scene.advance(secs(30));
    scene.tick();
    let before = (scene.metrics(), scene.log_lines());
    tick_often(&scene);
    assert_eq!((scene.metrics(), scene.log_lines()), before);
}

#[test]
fn the_mode_is_shown() {
    for (number, mode) in ["enforce", "shadow", "disabled", "forced_open"].into_iter().enumerate() {
        let breakers = json!([{"cluster": "*", "mode": mode}]);
        let scene = Scene::configured(1, json!({ "breakers": breakers }));
        scene.send(chat());
        scene.pass(secs(1));
        assert_eq!(scene.gauge(&stat(OPENAI, "mode", &[])), number as u64, "{mode}");
    }
}
