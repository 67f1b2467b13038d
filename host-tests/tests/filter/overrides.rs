//! What an operator put in the policy's place is in force on every worker, ends by itself, and
//! outlives configurations.

use llm_breaker::{
    breaker::{Breaker, Change, Order},
    key::Key,
    policy::Mode,
    shared,
    time::Instant,
};
use llm_breaker_host_tests::host::{Level, Request, Response, Upstream};
use serde_json::{Value, json};

use crate::scene::{OPENAI, Scene, TRIP, chat, completion, defaults, millis, secs, stat};

const STATES_OF: fn(&Scene) -> (u64, u64) =
    |scene| (scene.gauge(&stat(OPENAI, "state", &[])), scene.gauge(&stat(OPENAI, "mode", &[])));

/// An operator's order reaches this breaker's record.
fn order(scene: &Scene, key: &Key, what: Order) -> Change {
    let record = shared::breaker_key(&key.name());
    let now = Instant::from_nanos(scene.monotonic_ns());
    let mut breaker = {
        let data = scene.shared_data();
        let bytes = data.load(&record).map(|(bytes, _)| bytes.to_vec());
        bytes.map_or_else(|| Breaker::new(now), |it| shared::decode(&it).expect("a breaker"))
    };
    let change = breaker.obey(what, now);
    scene.shared_data_mut().set(&record, shared::encode(&breaker), 0).expect("cas 0 overwrites");
    change
}

fn overridden(scene: &Scene, mode: Mode, seconds: Option<u64>) {
    part_overridden(scene, None, mode, seconds);
}

fn part_overridden(scene: &Scene, part: Option<&str>, mode: Mode, seconds: Option<u64>) {
    let key = part.map_or_else(|| Key::of_cluster(OPENAI), |part| Key::of_part(OPENAI, part));
    let _ = order(scene, &key, Order::Override { mode, lasts: seconds.map(secs) });
}

/// Two workers that may hold answers, under this policy.
fn holding(policy: Value) -> Scene {
    let mut configuration = defaults(policy);
    configuration["stop_iteration"] = json!(true);
    Scene::built(2, |world| world.configuration(configuration).allow_on_headers_stop_iteration())
}

fn expiries(scene: &Scene) -> Vec<Value> {
    scene.events("override").into_iter().filter(|line| line["action"] == "expire").collect()
}

#[test]
fn it_is_in_force_on_every_worker_at_once() {
    let scene = Scene::configured(4, defaults(json!({})));
    scene.succeed(4);
    overridden(&scene, Mode::ForcedOpen, None);
    for worker in 0..4 {
        assert!(!scene.worker(worker).request(chat()).is_forwarded(), "worker {worker}");
    }
    overridden(&scene, Mode::Shadow, None);
    scene.succeed(4);
    assert_eq!(scene.count("requests_blocked_total"), 4);
}

#[test]
fn the_access_log_says_that_the_mode_is_an_operators() {
    let scene = Scene::by_default();
    scene.succeed(1);
    overridden(&scene, Mode::ForcedOpen, Some(60));
    let record = || scene.send(chat()).access_log("llm_breaker").expect("a record");
    let said =
        ["admission", "state", "mode", "overridden", "fallback"].map(|it| record()[it].clone());
    assert_eq!(
        said,
        [json!("reject"), json!("open"), json!("forced_open"), json!(true), json!("error")]
    );
    scene.pass(secs(60));
    let call = scene.reach();
    call.upstream_answers(completion());
    let record = call.access_log("llm_breaker").expect("a record");
    assert_eq!((&record["mode"], record.get("overridden")), (&json!("enforce"), None));
}

#[test]
fn the_pass_path_reads_no_more_than_without_it() {
    let reads = |scene: &Scene| {
        scene.succeed(2);
        let before = scene.host_calls("proxy_get_shared_data");
        // Fewer than a rate asks for: each success is recorded, with and without it.
        scene.succeed(5);
        scene.host_calls("proxy_get_shared_data") - before
    };
    let without = reads(&Scene::by_default());
    let scene = Scene::by_default();
    scene.succeed(1);
    overridden(&scene, Mode::Shadow, Some(3600));
    assert_eq!(reads(&scene), without);
}

#[test]
fn forced_open_tells_callers_the_time_that_is_left_and_the_gauges_show_it() {
    let scene = Scene::by_default();
    scene.succeed(1);
    overridden(&scene, Mode::ForcedOpen, Some(600));
    scene.pass(secs(1));
    assert_eq!(STATES_OF(&scene), (1, 3));
    assert_eq!(scene.gauge(&stat(OPENAI, "open_remaining_seconds", &[])), 599);
    assert_eq!(scene.retry_after(), 599);
    scene.pass(secs(539));
    assert_eq!(scene.retry_after(), 60);
    overridden(&scene, Mode::ForcedOpen, None);
    assert_eq!(scene.retry_after(), 30, "the base open time, where no end is known");
    assert_eq!(scene.transitions(), [] as [Value; 0]);
}

#[test]
fn it_ends_by_itself_and_that_is_told_once() {
    let scene = Scene::configured(4, defaults(json!({})));
    scene.fail(TRIP);
    overridden(&scene, Mode::ForcedOpen, Some(60));
    scene.pass(secs(59));
    scene.held_back();
    scene.pass(secs(1));
    assert_eq!(STATES_OF(&scene), (0, 0));
    scene.succeed(8);
    scene.pass(secs(2));
    let expected = json!([{"event": "override", "breaker": OPENAI, "action": "expire",
                           "mode": "forced_open"}]);
    assert_eq!(json!(expiries(&scene)), expected);
    assert_eq!(scene.transitions().last().expect("one")["reason"], "mode_changed");
    assert_eq!(scene.changes("open", "closed"), 1);
}

#[test]
fn it_ends_at_its_time_even_between_two_ticks() {
    let scene = Scene::by_default();
    scene.succeed(1);
    overridden(&scene, Mode::ForcedOpen, Some(60));
    scene.advance(millis(59_999));
    scene.held_back();
    scene.advance(millis(1));
    scene.succeed(4);
    assert_eq!(expiries(&scene).len(), 1);
}

#[test]
fn leaving_forced_open_starts_afresh() {
    let scene = Scene::half_open();
    scene.fail(1);
    scene.pass(secs(60));
    let probe = scene.reach();
    overridden(&scene, Mode::ForcedOpen, Some(10));
    scene.pass(secs(10));
    probe.upstream_answers(Response::status(500));
    scene.fail(TRIP - 1);
    assert_eq!(scene.state(), "closed", "that probe was of the time before");
    scene.fail(1);
    assert_eq!(scene.retry_after(), 30, "no trips");
}

#[test]
fn configurations_come_and_go_beneath_it() {
    let scene = Scene::by_default();
    scene.succeed(1);
    overridden(&scene, Mode::ForcedOpen, Some(600));
    for mode in ["enforce", "shadow", "disabled", "forced_open", "enforce"] {
        scene.advance(secs(1));
        scene.reconfigure(defaults(json!({ "mode": mode }))).expect("a good configuration");
        scene.held_back();
        scene.tick();
        scene.held_back();
    }
    scene.crash(0);
    scene.worker(0).request(chat());
    scene.held_back();
    scene.held_back();
    scene.pass(secs(600));
    scene.succeed(1);
}

#[test]
fn a_breaker_that_is_configured_as_disabled_can_be_put_to_work() {
    let breakers = json!([{"cluster": OPENAI, "mode": "disabled", "open": {"jitter": 0}}]);
    let scene = Scene::configured(2, json!({ "breakers": breakers }));
    scene.fail(2 * TRIP);
    assert_eq!(scene.count("failures_total"), 0);
    overridden(&scene, Mode::Enforce, Some(600));
    scene.fail(TRIP);
    assert_eq!(scene.retry_after(), 30);
    scene.pass(secs(1));
    assert_eq!(STATES_OF(&scene), (1, 0));
    scene.pass(secs(599));
    scene.fail(2 * TRIP);
    assert_eq!(STATES_OF(&scene), (0, 2));
    assert_eq!(scene.count("failures_total"), TRIP as u64);
}

#[test]
fn one_that_is_configured_as_forced_open_can_be_let_go() {
    let scene = Scene::under(json!({"mode": "forced_open"}));
    scene.held_back();
    overridden(&scene, Mode::Enforce, None);
    scene.succeed(4);
    let _ = order(&scene, &Key::of_cluster(OPENAI), Order::Release);
    scene.held_back();
}

#[test]
fn disabled_by_an_override_neither_admits_nor_records() {
    let scene = Scene::opened();
    let before = scene.count("failures_total");
    overridden(&scene, Mode::Disabled, None);
    scene.fail(20);
    scene.pass(secs(1));
    assert_eq!(STATES_OF(&scene), (0, 2));
    assert_eq!(scene.count("failures_total"), before);
}

#[test]
fn shadow_by_an_override_changes_no_answer() {
    let scene = holding(json!({
        "on_failure": true, "append_stream_error": true,
        "limits": {"total": "1s", "abort": true},
    }));
    scene.fail(TRIP);
    overridden(&scene, Mode::Shadow, None);
    for _ in 0..5 {
        let answer = scene.answer(Response::status(500));
        assert_eq!((answer.status, answer.header("x-llm-breaker")), (500, None));
    }
    let hanging = scene.reach();
    scene.pass(secs(3));
    assert!(!hanging.is_done(), "nor is one that hangs ended");
    assert_eq!(scene.count("requests_would_block_total"), 6);
    assert_eq!(scene.count("requests_blocked_total"), 0);
}

#[test]
fn enforce_over_shadow_replaces_answers_from_the_next_call_on() {
    let scene = holding(json!({"mode": "shadow", "on_failure": true}));
    let before = scene.reach();
    overridden(&scene, Mode::Enforce, None);
    assert_eq!(before.upstream_answers(Response::status(500)).header("x-llm-breaker"), None);
    let after = scene.answer(Response::status(500));
    assert_eq!(after.header("x-llm-breaker"), Some("fallback"));
}

#[test]
fn a_fallback_for_forced_open_is_used_for_an_override_too() {
    let fallback = json!([{"kind": "error", "when": ["forced_open"], "message": "By hand."}]);
    let scene = Scene::under(json!({ "fallback": fallback }));
    scene.succeed(1);
    overridden(&scene, Mode::ForcedOpen, None);
    assert!(scene.held_back().text().contains("By hand."));
}

#[test]
fn a_last_resort_never_goes_to_a_target_that_is_forced_open() {
    let scene = Scene::under(json!({ "fallback": [{"kind": "last_resort"}] }));
    scene.fail(TRIP);
    scene.reach().upstream(Upstream::Closes);
    overridden(&scene, Mode::ForcedOpen, None);
    scene.held_back();
}

#[test]
fn closed_by_hand_it_goes_on_with_its_back_off() {
    let scene = Scene::opened();
    let change = order(&scene, &Key::of_cluster(OPENAI), Order::Close { kept: None });
    assert!(matches!(change, Change::Transition(_)));
    scene.succeed(2);
    scene.fail(TRIP);
    assert_eq!(scene.retry_after(), 60);
}

#[test]
fn what_ended_is_said_as_a_warning() {
    let scene = Scene::by_default();
    scene.succeed(1);
    overridden(&scene, Mode::Shadow, Some(1));
    scene.pass(secs(1));
    let warnings = scene.logged_at(Level::Warn);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

// Two levels.

fn by_model() -> Scene {
    Scene::under(json!({"key_by": "model", "models": ["o3"], "model_header": "x-model"}))
}

fn o3() -> Request {
    chat().header("x-model", "o3")
}

fn reach_o3(scene: &Scene, answer: Response) {
    let call = scene.send(o3());
    assert!(call.is_forwarded());
    call.upstream_answers(answer);
}

fn of_part(scene: &Scene, part: Option<&str>, name: &str) -> u64 {
    let label = part.map(|part| ("llm_model", part));
    scene.counter(&stat(OPENAI, name, label.as_slice()))
}

fn is_held_back(scene: &Scene, request: Request) -> Option<u64> {
    let call = scene.send(request);
    if call.is_forwarded() {
        call.upstream_answers(completion());
        return None;
    }
    Some(call.answer().header("retry-after")?.parse().expect("whole seconds"))
}

#[test]
fn each_level_goes_by_its_own_mode() {
    let scene = by_model();
    reach_o3(&scene, completion());
    part_overridden(&scene, Some("o3"), Mode::ForcedOpen, Some(50));
    assert_eq!(is_held_back(&scene, o3()), Some(50));
    assert_eq!(is_held_back(&scene, chat()), None, "other models are not concerned");
    part_overridden(&scene, None, Mode::ForcedOpen, Some(70));
    assert_eq!(is_held_back(&scene, o3()), Some(70), "the longer wait");
    assert_eq!(is_held_back(&scene, chat()), Some(70));
    part_overridden(&scene, None, Mode::Disabled, None);
    assert_eq!(is_held_back(&scene, o3()), Some(50));
    part_overridden(&scene, Some("o3"), Mode::Disabled, None);
    assert_eq!(is_held_back(&scene, o3()), None);
}

#[test]
fn a_level_that_only_watches_lets_pass_and_counts_what_it_would_have_blocked() {
    let scene = by_model();
    (0..TRIP).for_each(|_| reach_o3(&scene, Response::status(500)));
    part_overridden(&scene, Some("o3"), Mode::Shadow, None);
    (0..3).for_each(|_| reach_o3(&scene, completion()));
    assert_eq!(of_part(&scene, Some("o3"), "requests_would_block_total"), 3);
    // The provider's goes on deciding, and hears of these calls.
    reach_o3(&scene, Response::status(402));
    assert!(is_held_back(&scene, o3()).is_some());
    assert_eq!(of_part(&scene, None, "requests_blocked_total"), 1);
    assert_eq!(of_part(&scene, Some("o3"), "requests_would_block_total"), 5);
}

#[test]
fn a_provider_that_is_disabled_has_no_say_and_hears_nothing() {
    let scene = by_model();
    reach_o3(&scene, completion());
    part_overridden(&scene, None, Mode::Disabled, None);
    (0..3 * TRIP).for_each(|_| reach_o3(&scene, Response::status(402)));
    assert_eq!(is_held_back(&scene, o3()), None);
    (0..TRIP).for_each(|_| reach_o3(&scene, Response::status(500)));
    assert!(is_held_back(&scene, o3()).is_some(), "the model's has");
}

#[test]
fn a_part_of_a_disabled_cluster_is_told_by_the_body_once_it_is_overridden() {
    let policy = json!({"key_by": "model", "models": ["o3"], "mode": "enforce"});
    let mut configuration = defaults(policy);
    configuration["stop_iteration"] = json!(true);
    configuration["breakers"] = json!([{"cluster": OPENAI}]);
    let scene = Scene::built(2, |world| {
        world.configuration(configuration.clone()).allow_on_headers_stop_iteration()
    });
    let body = r#"{"model":"o3"}"#;
    let send = || {
        let request = chat().without_upload().header("content-length", body.len().to_string());
        let call = scene.send(request);
        let was_held = call.is_paused();
        call.finish_upload(body);
        (was_held, call.is_forwarded())
    };
    assert_eq!(send(), (true, true));
    configuration["breakers"] = json!([{"cluster": OPENAI, "mode": "disabled"}]);
    scene.advance(millis(1));
    scene.reconfigure(configuration).expect("a good configuration");
    assert_eq!(send(), (false, true), "it is none of the breaker's business");
    part_overridden(&scene, Some("o3"), Mode::ForcedOpen, None);
    assert_eq!(send(), (true, false));
}

#[test]
fn nobody_waits_for_a_level_that_only_watches() {
    let scene = by_model();
    reach_o3(&scene, Response::status(402));
    assert!(is_held_back(&scene, o3()) > Some(100), "the provider's quota");
    part_overridden(&scene, None, Mode::Shadow, None);
    part_overridden(&scene, Some("o3"), Mode::ForcedOpen, Some(50));
    assert_eq!(is_held_back(&scene, o3()), Some(50));
}

// What the configuration asks for.

#[test]
fn a_reset_generation_resets_each_breaker_once() {
    let scene = Scene::opened();
    scene.advance(millis(1));
    let configuration = defaults(json!({"reset_generation": 1}));
    scene.reconfigure(configuration.clone()).expect("a good configuration");
    scene.fail(TRIP);
    assert_eq!(scene.retry_after(), 30, "no trips");
    scene.advance(millis(1));
    scene.reconfigure(configuration).expect("a good configuration");
    scene.pass(secs(2));
    scene.held_back();
    assert_eq!(scene.events("reset_generation").len(), 1);
    assert_eq!(scene.transitions()[1]["reason"], "reset_generation");
    assert_eq!(scene.transitions().len(), 3);
}

#[test]
fn a_new_breaker_takes_the_number_without_a_word() {
    let scene = Scene::under(json!({"reset_generation": 9}));
    scene.fail(TRIP);
    scene.held_back();
    assert_eq!(scene.events("reset_generation"), [] as [Value; 0]);
}

#[test]
fn a_reset_that_comes_with_disabled_is_counted_and_logged_like_any_other() {
    let scene = Scene::configured(2, json!({"breakers": [{"cluster": OPENAI}]}));
    scene.fail(TRIP);
    scene.advance(millis(1));
    let breakers = json!([{"cluster": OPENAI, "mode": "disabled", "reset_generation": 1}]);
    scene.reconfigure(json!({ "breakers": breakers })).expect("a good configuration");
    scene.pass(secs(2));
    assert_eq!(STATES_OF(&scene), (0, 2));
    assert_eq!(scene.events("reset_generation").len(), 1);
    assert_eq!((scene.changes("open", "closed"), scene.transitions().len()), (1, 2));
}
