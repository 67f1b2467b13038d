//! Which past calls count?

use super::*;

fn last_calls(policy: &mut Policy) {
    policy.window = WindowShape::Count { calls: 10, max_age: seconds(600.0) };
    policy.trip.consecutive_failures = None;
}

fn last_minute_in_rates(policy: &mut Policy) {
    policy.trip.consecutive_failures = None;
}

fn every_ten_seconds() -> WindowShape {
    WindowShape::Time { duration: seconds(10.0), buckets: 10 }
}

#[test]
fn failures_that_left_a_window_by_time_are_gone() {
    let mut scene = Scene::with(last_minute_in_rates);
    scene.fails(9);
    scene.after(59.9);
    assert_eq!(scene.failures_in_window(), 9);
    scene.after(0.1);
    assert_eq!(scene.failures_in_window(), 0);
}

#[test]
fn buckets_leave_a_window_one_after_the_other() {
    let mut scene = Scene::with(last_minute_in_rates);
    scene.fails(2);
    scene.after(6.0);
    scene.fails(3);
    scene.after(54.0);
    assert_eq!(scene.failures_in_window(), 3);
    scene.after(6.0);
    assert_eq!(scene.failures_in_window(), 0);
}

#[test]
fn buckets_that_left_the_window_are_gone_also_when_no_call_came_for_a_long_time() {
    let mut scene = Scene::with(last_minute_in_rates);
    scene.fails(9);
    scene.after(7.0 * 86_400.0);
    scene.fails(1);
    assert_eq!(scene.state(), Closed, "one failure, not the tenth");
    assert_eq!(scene.failures_in_window(), 1);
}

#[test]
fn a_success_begins_the_window_of_another_shape_and_counts_in_both() {
    let mut scene = Scene::new();
    scene.succeeds(1);
    scene.reconfigured(|policy| policy.window = every_ten_seconds());
    scene.succeeds(1);
    let windows = scene.breaker.windows.as_slice().iter();
    assert_eq!(windows.map(|it| it.total().calls).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_window_by_count_holds_the_last_calls() {
    let mut scene = Scene::with(last_calls);
    scene.fails(4);
    scene.succeeds(6);
    scene.fails(4);
    assert_eq!(scene.state(), Closed, "the last ten still hold four failures");
    scene.fails(1);
    assert_eq!(scene.state(), Open);
}

#[test]
fn a_window_by_count_is_forgotten_after_max_age_without_a_record() {
    let mut scene = Scene::with(last_calls);
    scene.fails(4);
    scene.after(599.9);
    assert_eq!(scene.failures_in_window(), 4);
    scene.after(599.9);
    assert_eq!(scene.failures_in_window(), 4, "each record counts anew");
    scene.after(600.0);
    assert_eq!(scene.failures_in_window(), 0);
}

#[test]
fn what_is_ignored_is_no_record_that_keeps_a_window_by_count() {
    let mut scene = Scene::with(last_calls);
    scene.fails(4);
    scene.after(300.0);
    scene.calls_end(1, CLIENT_ERROR);
    scene.after(300.0);
    assert_eq!(scene.failures_in_window(), 0);
}

#[test]
fn a_run_in_a_window_by_count_is_forgotten_with_it() {
    let mut scene = Scene::with(|policy| {
        last_calls(policy);
        policy.trip.consecutive_failures = Some(5);
    });
    scene.fails(4);
    scene.after(600.0);
    scene.fails(1);
    assert_eq!(scene.state(), Closed);
    for _ in 0..4 {
        scene.after(599.9);
        scene.fails(1);
    }
    assert_eq!(scene.state(), Open, "within max_age of each other, however old the first");
}

#[test]
fn every_epoch_begins_with_an_empty_window() {
    let mut scene = Scene::with(|policy| policy.trip.minimum_calls = 6);
    scene.succeeds(50);
    scene.trips();
    scene.waits_out();
    scene.probe_ends(SUCCESS);
    assert_eq!(scene.failures_in_window(), 0);
    assert_eq!(scene.breaker.windows.total(scene.policy.window).calls, 1);
}

#[test]
fn another_window_shape_restarts_the_window_only() {
    let mut scene = Scene::recovered(|_| {});
    scene.fails(4);
    let before = scene.breaker.clone();
    scene.reconfigured(|policy| policy.window = every_ten_seconds());
    assert_eq!(scene.failures_in_window(), 0);
    let kept = |breaker: &Breaker| (breaker.epoch, breaker.state, breaker.trips);
    assert_eq!(kept(&scene.breaker), kept(&before));
}

#[test]
fn another_window_shape_keeps_the_deadline_of_an_open_breaker() {
    let mut scene = Scene::open(|_| {});
    scene.after(10.0);
    scene.reconfigured(|policy| policy.window = every_ten_seconds());
    scene.ticks();
    assert_eq!(scene.rejection(), 20.0);
}

#[test]
fn two_policies_in_turns_never_wipe_each_others_window() {
    let mut scene = Scene::with(last_minute_in_rates);
    let minute = scene.policy.window;
    scene.succeeds(1);
    for _ in 0..4 {
        scene.policy.window = every_ten_seconds();
        scene.fails(1);
        scene.policy.window = minute;
        scene.fails(1);
    }
    assert_eq!(scene.failures_in_window(), 8);
    scene.policy.window = every_ten_seconds();
    assert_eq!(scene.failures_in_window(), 8);
}

#[test]
fn changed_thresholds_apply_to_what_was_counted_before() {
    let mut scene = Scene::new();
    scene.fails(3);
    scene.reconfigured(|policy| policy.trip.consecutive_failures = Some(4));
    scene.fails(1);
    assert_eq!(scene.state(), Open);
}

#[test]
fn a_worker_whose_clock_reads_behind_counts_in_the_newest_bucket() {
    let mut scene = Scene::with(last_minute_in_rates);
    scene.fails(4);
    scene.now = scene.now - seconds(0.5);
    scene.fails(4);
    scene.after(0.5);
    assert_eq!(scene.failures_in_window(), 8);
    scene.fails(1);
    assert_eq!(scene.state(), Open);
}
