//! For how long is a breaker open, and what does it let through?

use super::*;
use crate::breaker::OpenFor;

fn open_for(scene: &Scene) -> Option<OpenFor> {
    scene.transitions.last().and_then(|transition| transition.open_for)
}

fn fully_jittered(policy: &mut Policy) {
    policy.open.jitter = 1.0;
}

/// The open times of so many trips in a row, each after a probe that failed.
fn open_times(scene: &mut Scene, trips: usize) -> Vec<f64> {
    scene.trips();
    let mut times = vec![scene.remaining()];
    while times.len() < trips {
        scene.waits_out();
        scene.probe_ends(FAILURE);
        times.push(scene.remaining());
    }
    times
}

#[test]
fn open_sheds_before_its_deadline_and_probes_at_it() {
    let mut scene = Scene::open(|_| {});
    scene.after(29.999_999_999);
    assert_eq!(scene.burst(50), 0);
    scene.after(0.000_000_001);
    assert_eq!(scene.burst(50), 1);
}

#[test]
fn a_rejection_tells_the_time_really_left() {
    let mut scene = Scene::open(|_| {});
    assert_eq!(scene.rejection(), 30.0);
    scene.after(12.5);
    assert_eq!(scene.rejection(), 17.5);
}

#[test]
fn a_rejection_needs_no_store() {
    let mut scene = Scene::open(|_| {});
    scene.rejection();
    assert_eq!(scene.change, Change::Nothing);

    let mut scene = Scene::half_open(|_| {});
    let _held = scene.probe();
    scene.rejection();
    assert_eq!(scene.change, Change::Nothing);
}

#[test]
fn the_open_time_is_base_times_multiplier_to_the_trips_before_and_capped() {
    let mut scene = Scene::new();
    let times = open_times(&mut scene, 7);
    assert_eq!(times, [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0]);
}

#[test]
fn the_trips_of_a_closed_breaker_go_on_counting_while_it_recovers_only_briefly() {
    let mut scene = Scene::recovered(|_| {});
    scene.trips();
    assert_eq!(scene.remaining(), 60.0);
}

#[test]
fn jitter_only_lengthens() {
    let mut scene = Scene::with(fully_jittered);
    let times = open_times(&mut scene, 40);
    assert!((30.0..=60.0).contains(&times[0]), "{times:?}");
    assert!(times[5..].iter().all(|time| (600.0..=1_200.0).contains(time)), "{times:?}");
    assert!(times[5..].iter().any(|time| *time > 900.0), "the cap does not cap the jitter");
}

#[test]
fn jitter_is_a_pure_function_of_key_epoch_and_node() {
    let mut scene = Scene::with(fully_jittered);
    let mut replayed = Scene::with(fully_jittered);
    replayed.after(12_345.0);
    let times = open_times(&mut scene, 40);
    assert_eq!(times, open_times(&mut replayed, 40));
    assert_ne!(times[20], times[21], "each epoch draws anew");

    let mut elsewhere = Scene::with(fully_jittered);
    elsewhere.jitter = Jitter::of("openai", "node-2");
    assert_ne!(times, open_times(&mut elsewhere, 40));
}

#[test]
fn the_latest_announced_deadline_in_the_window_decides_the_open_time() {
    let mut scene = Scene::new();
    scene.calls_end(1, limited_for(100.0));
    scene.after(10.0);
    scene.calls_end(1, limited_for(80.0));
    scene.fails(3);
    assert_eq!(open_for(&scene), Some(OpenFor::Announced(seconds(90.0))));
    assert_eq!(scene.remaining(), 90.0);
}

#[test]
fn the_failure_that_opens_announces_too() {
    let mut scene = Scene::new();
    scene.fails(4);
    scene.calls_end(1, limited_for(100.0));
    assert_eq!(scene.remaining(), 100.0);
}

#[test]
fn an_announced_reset_no_later_than_the_back_off_decides_nothing() {
    let mut scene = Scene::new();
    scene.calls_end(5, limited_for(30.0));
    assert_eq!(open_for(&scene), Some(OpenFor::Backoff(seconds(30.0))));
}

#[test]
fn an_announcement_that_left_the_window_counts_no_more() {
    let mut scene = Scene::new();
    scene.calls_end(1, limited_for(500.0));
    scene.after(60.0);
    scene.trips();
    assert_eq!(scene.remaining(), 30.0);
}

#[test]
fn an_announcement_survives_a_success_while_it_is_in_the_window() {
    let mut scene = Scene::new();
    scene.calls_end(1, limited_for(500.0));
    scene.succeeds(1);
    scene.after(50.0);
    scene.trips();
    assert_eq!(scene.remaining(), 450.0);
}

#[test]
fn an_announcement_pushed_out_of_a_window_by_count_counts_no_more() {
    for (calls, open_time) in [(7, 500.0), (6, 30.0)] {
        let mut scene = Scene::with(|policy| {
            policy.window = WindowShape::Count { calls, max_age: seconds(600.0) };
            policy.trip.failure_rate = None;
        });
        scene.calls_end(1, limited_for(500.0));
        scene.succeeds(1);
        scene.trips();
        assert_eq!(scene.remaining(), open_time, "the first of seven calls, in the last {calls}");
    }
}

#[test]
fn an_announcement_of_an_earlier_closed_epoch_decides_nothing() {
    let mut scene = Scene::with(|policy| policy.open.announced_max = seconds(40.0));
    scene.calls_end(5, limited_for(3_000.0));
    scene.waits_out();
    scene.probe_ends(FAILURE);
    assert_eq!(open_for(&scene), Some(OpenFor::Backoff(seconds(60.0))));
}

#[test]
fn an_announced_open_time_is_capped_by_its_own_limit_and_has_no_jitter() {
    let mut scene = Scene::with(fully_jittered);
    scene.calls_end(5, limited_for(86_400.0));
    assert_eq!(open_for(&scene), Some(OpenFor::Announced(seconds(3_600.0))));

    let mut scene = Scene::with(fully_jittered);
    scene.calls_end(5, limited_for(700.0));
    assert_eq!(scene.remaining(), 700.0, "longer than open.max, which caps the back-off alone");
}

#[test]
fn an_announcement_is_capped_by_the_policy_that_opens() {
    let mut scene = Scene::new();
    scene.calls_end(1, limited_for(3_000.0));
    scene.reconfigured(|policy| policy.open.announced_max = seconds(300.0));
    scene.fails(4);
    assert_eq!(scene.remaining(), 300.0);
}

#[test]
fn the_quota_minimum_counts_as_announced() {
    let mut scene = Scene::with(fully_jittered);
    scene.calls_end(1, QUOTA_EXHAUSTED);
    assert_eq!(open_for(&scene), Some(OpenFor::Announced(seconds(300.0))));
}

#[test]
fn an_exhausted_quota_that_announces_more_than_the_minimum_is_believed() {
    for (announced, open_time) in [(20.0, 300.0), (1_000.0, 1_000.0)] {
        let mut scene = Scene::new();
        let announced = Some(seconds(announced));
        scene.calls_end(1, Outcome { announced, ..QUOTA_EXHAUSTED });
        assert_eq!(scene.remaining(), open_time);
    }
}

#[test]
fn only_failures_announce() {
    for outcome in [SUCCESS, SLOW, CLIENT_ERROR, CANCELLED_SLOW] {
        let mut scene = Scene::new();
        scene.calls_end(1, Outcome { announced: Some(seconds(500.0)), ..outcome });
        scene.trips();
        assert_eq!(scene.remaining(), 30.0, "{outcome:?}");
    }
}

#[test]
fn closed_for_reset_after_the_count_of_trips_starts_again() {
    for (closed_for, open_time) in [(599.9, 60.0), (600.0, 30.0)] {
        let mut scene = Scene::recovered(|_| {});
        scene.after(closed_for);
        scene.trips();
        assert_eq!(scene.remaining(), open_time, "closed for {closed_for} s");
    }
}

#[test]
fn neither_open_nor_half_open_is_time_closed() {
    let mut scene = Scene::with(|policy| policy.open.reset_after = seconds(25.0));
    scene.trips();
    scene.waits_out();
    scene.after(3_000.0);
    scene.probe_ends(FAILURE);
    assert_eq!(scene.remaining(), 60.0);
}

#[test]
fn an_open_breaker_goes_half_open_with_no_traffic() {
    let mut scene = Scene::open(|_| {});
    scene.after(29.9);
    scene.ticks();
    assert_eq!(scene.change, Change::Nothing);
    scene.after(0.1);
    scene.ticks();
    assert!(matches!(scene.change, Change::Transition(_)));
    assert_eq!(scene.state(), HalfOpen);
    scene.ticks();
    assert_eq!(scene.change, Change::Nothing, "a second worker's tick finds it done");
}
