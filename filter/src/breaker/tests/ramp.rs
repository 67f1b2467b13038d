//! How is traffic let back gradually?

use super::*;

const RAMP: f64 = 100.0;

fn ramp(policy: &mut Policy) {
    policy.ramp = Some(seconds(RAMP));
}

/// Closed after a half-open period, with a ramp so far on.
fn ramp_after(elapsed: f64) -> Scene {
    let mut scene = Scene::recovered(ramp);
    scene.after(elapsed);
    scene
}

/// The share of the calls that pass: the random number below which they do.
fn share(scene: &mut Scene) -> f64 {
    let passed = (0..1_000).filter(|step| {
        scene.random = f64::from(*step) / 1_000.0;
        matches!(scene.admit(), Admission::Pass(_))
    });
    passed.count() as f64 / 1_000.0
}

fn opened_by(scene: &Scene) -> Option<Cause> {
    scene.transitions.last().map(|transition| transition.cause)
}

#[test]
fn a_ramp_is_off_by_default() {
    let mut scene = Scene::recovered(|_| {});
    assert_eq!(share(&mut scene), 1.0);
}

#[test]
fn a_ramps_share_is_a_tenth_at_first_and_then_grows_with_the_time_elapsed() {
    for (elapsed, expected) in [(0.0, 0.1), (5.0, 0.1), (10.0, 0.1), (25.0, 0.25), (99.0, 0.99)] {
        assert_eq!(share(&mut ramp_after(elapsed)), expected, "after {elapsed} s");
    }
    assert_eq!(share(&mut ramp_after(RAMP)), 1.0);
}

#[test]
fn what_a_ramp_holds_back_is_told_to_wait_a_second() {
    let mut scene = ramp_after(0.0);
    scene.random = 0.999;
    assert_eq!(scene.rejection(), 1.0);
}

#[test]
fn a_breaker_that_was_never_half_open_has_no_ramp() {
    let mut scene = Scene::with(ramp);
    assert_eq!(share(&mut scene), 1.0);
    scene.fails(4);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_ramp_is_closed_state_on_a_fresh_window() {
    let mut scene = ramp_after(0.0);
    assert_eq!(scene.state(), Closed);
    assert_eq!(scene.failures_in_window(), 0);
}

#[test]
fn two_consecutive_failures_end_a_ramp() {
    let mut scene = ramp_after(0.0);
    scene.fails(1);
    assert_eq!(scene.state(), Closed);
    scene.fails(1);
    assert_eq!(opened_by(&scene), Some(run_of(2)));
    assert_eq!(scene.remaining(), 60.0, "the next longer duration");
}

#[test]
fn two_consecutive_failures_end_a_ramp_also_where_no_run_is_configured() {
    let mut scene = Scene::with(|policy| {
        ramp(policy);
        policy.trip.consecutive_failures = None;
    });
    scene.calls_end(1, QUOTA_EXHAUSTED);
    scene.waits_out();
    scene.probe_ends(SUCCESS);
    scene.fails(2);
    assert_eq!(opened_by(&scene), Some(run_of(2)));
}

#[test]
fn a_ramp_never_loosens_what_is_configured() {
    let mut scene = ramp_after(0.0);
    scene.policy.trip.consecutive_failures = Some(1);
    scene.fails(1);
    assert_eq!(scene.state(), Open);

    let mut scene = ramp_after(0.0);
    scene.policy.trip.minimum_calls = 2;
    scene.succeeds(1);
    scene.fails(1);
    assert_eq!(opened_by(&scene), Some(Cause::FailureRate(half(1, 2))));
}

#[test]
fn the_failure_rate_with_five_calls_ends_a_ramp() {
    let mut scene = ramp_after(0.0);
    for outcome in [FAILURE, SUCCESS, FAILURE, SUCCESS, FAILURE] {
        assert_eq!(scene.state(), Closed);
        scene.calls_end(1, outcome);
    }
    assert_eq!(opened_by(&scene), Some(Cause::FailureRate(half(3, 5))));
}

#[test]
fn the_failure_rate_with_four_calls_ends_no_ramp() {
    let mut scene = ramp_after(0.0);
    for outcome in [FAILURE, SUCCESS, SUCCESS, FAILURE] {
        scene.calls_end(1, outcome);
    }
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_verdict_open_ends_a_ramp() {
    let mut scene = ramp_after(0.0);
    scene.calls_end(1, QUOTA_EXHAUSTED);
    assert_eq!(opened_by(&scene), Some(Cause::Verdict));
}

#[test]
fn the_ramps_end_is_no_transition() {
    let mut scene = ramp_after(0.0);
    let transitions = scene.transitions.len();
    let epoch = scene.breaker.epoch;
    scene.fails(1);
    scene.after(RAMP - 50.0);
    scene.succeeds(1);
    scene.after(50.0);
    scene.ticks();
    assert_eq!(scene.change, Change::Nothing);
    assert_eq!(share(&mut scene), 1.0);
    assert_eq!((scene.transitions.len(), scene.breaker.epoch), (transitions, epoch));
}

#[test]
fn after_a_ramp_the_configured_thresholds_hold() {
    let mut scene = ramp_after(RAMP);
    scene.fails(4);
    assert_eq!(scene.state(), Closed);
    scene.fails(1);
    assert_eq!(scene.state(), Open);
}
