//! What opens a closed breaker, and what does not?

use super::*;

fn opened_by(scene: &Scene) -> Option<Cause> {
    scene.transitions.last().map(|transition| transition.cause)
}

fn rates_only(policy: &mut Policy) {
    policy.trip.consecutive_failures = None;
}

fn slow_rate(policy: &mut Policy) {
    rates_only(policy);
    policy.trip.slow_rate = Some(0.5);
}

#[test]
fn a_new_breaker_is_closed_and_lets_calls_flow() {
    let mut scene = Scene::new();
    assert_eq!(scene.state(), Closed);
    assert_eq!(scene.burst(100), 100);
}

#[test]
fn consecutive_failures_open_at_their_threshold() {
    let mut scene = Scene::new();
    scene.fails(4);
    assert_eq!(scene.state(), Closed);
    scene.fails(1);
    assert_eq!(scene.state(), Open);
    assert_eq!(opened_by(&scene), Some(run_of(5)));
}

#[test]
fn a_success_breaks_a_run() {
    let mut scene = Scene::new();
    scene.fails(4);
    scene.succeeds(1);
    scene.fails(4);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_run_is_in_the_order_of_recording() {
    let mut scene = Scene::new();
    let success = scene.call();
    scene.fails(4);
    scene.ends(success, SUCCESS);
    scene.fails(1);
    assert_eq!(scene.state(), Closed, "the success was admitted first, but ended in between");
}

#[test]
fn ignore_neither_extends_nor_breaks_a_run() {
    let mut scene = Scene::new();
    scene.fails(4);
    for ignored in [CLIENT_ERROR, CANCELLED, CANCELLED_SLOW] {
        scene.calls_end(2, ignored);
    }
    assert_eq!(scene.state(), Closed);
    scene.fails(1);
    assert_eq!(scene.state(), Open);
}

#[test]
fn a_run_counts_only_what_is_still_inside_the_window() {
    let mut scene = Scene::new();
    scene.fails(4);
    scene.after(60.0);
    scene.fails(1);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn the_oldest_failures_of_a_run_age_out_one_by_one() {
    let mut scene = Scene::new();
    for _ in 0..4 {
        scene.fails(1);
        scene.after(15.0);
    }
    scene.fails(1);
    assert_eq!(scene.state(), Closed, "the first of five is a minute old");
    scene.after(14.9);
    scene.fails(1);
    assert_eq!(scene.state(), Open, "the second is not, and makes five with the newest four");
}

#[test]
fn the_failure_rate_opens_at_its_threshold_with_the_minimum_of_calls() {
    let mut scene = Scene::with(rates_only);
    scene.succeeds(5);
    scene.fails(4);
    assert_eq!(scene.state(), Closed);
    scene.fails(1);
    assert_eq!(opened_by(&scene), Some(Cause::FailureRate(half(5, 10))));
}

#[test]
fn a_failure_rate_below_its_minimum_of_calls_opens_nothing() {
    let mut scene = Scene::with(rates_only);
    scene.fails(9);
    assert_eq!(scene.state(), Closed);
    scene.fails(1);
    assert_eq!(opened_by(&scene), Some(Cause::FailureRate(half(10, 10))));
}

#[test]
fn a_failure_rate_below_its_threshold_opens_nothing() {
    let mut scene = Scene::with(rates_only);
    scene.succeeds(51);
    scene.fails(50);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn the_slow_rate_has_the_same_minimum() {
    let mut scene = Scene::with(slow_rate);
    scene.calls_end(9, SLOW);
    assert_eq!(scene.state(), Closed);
    scene.calls_end(1, SLOW);
    assert_eq!(opened_by(&scene), Some(Cause::SlowRate(half(10, 10))));
}

#[test]
fn the_slow_rate_opens_at_its_threshold() {
    let mut scene = Scene::with(slow_rate);
    scene.succeeds(6);
    scene.calls_end(5, SLOW);
    assert_eq!(scene.state(), Closed);
    scene.calls_end(1, SLOW);
    assert_eq!(opened_by(&scene), Some(Cause::SlowRate(half(6, 12))));
}

#[test]
fn without_a_slow_rate_slow_successes_open_nothing() {
    let mut scene = Scene::new();
    scene.calls_end(100, SLOW);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_slow_success_is_a_success() {
    let mut scene = Scene::new();
    scene.fails(4);
    scene.calls_end(1, SLOW);
    scene.fails(1);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn trips_are_evaluated_when_a_failure_or_a_slow_call_is_recorded() {
    for evaluated in [FAILURE, SLOW] {
        let mut scene = Scene::with(rates_only);
        scene.fails(9);
        scene.succeeds(1);
        assert_eq!(scene.state(), Closed, "a success never opens, whatever it completes");
        scene.calls_end(1, evaluated);
        assert_eq!(scene.state(), Open);
    }
}

#[test]
fn whichever_threshold_comes_first_opens() {
    let mut run_first = Scene::new();
    run_first.succeeds(3);
    run_first.fails(5);
    assert_eq!(opened_by(&run_first), Some(run_of(5)));

    let mut rate_first = Scene::new();
    rate_first.fails(4);
    rate_first.succeeds(5);
    rate_first.fails(1);
    assert_eq!(opened_by(&rate_first), Some(Cause::FailureRate(half(5, 10))));
}

#[test]
fn an_outcome_whose_verdict_is_open_opens_at_once() {
    let mut scene = Scene::new();
    scene.succeeds(100);
    scene.calls_end(1, QUOTA_EXHAUSTED);
    assert_eq!(opened_by(&scene), Some(Cause::Verdict));
}

#[test]
fn a_single_limit_announced_far_enough_away_opens_if_so_configured() {
    let mut scene = Scene::with(|policy| policy.trip.open_on_announced = Some(seconds(20.0)));
    scene.calls_end(1, limited_for(19.9));
    assert_eq!(scene.state(), Closed);
    scene.calls_end(1, limited_for(20.0));
    assert_eq!(opened_by(&scene), Some(Cause::AnnouncedReset));
}

#[test]
fn by_default_a_single_limit_opens_nothing_however_far_its_reset() {
    let mut scene = Scene::new();
    scene.calls_end(1, limited_for(86_400.0));
    assert_eq!(scene.state(), Closed);
}

#[test]
fn the_callers_own_mistakes_never_open_a_breaker_for_others() {
    let mut scene = Scene::with(|policy| policy.trip.slow_rate = Some(0.01));
    for category in
        [Category::Authentication, Category::ClientError, Category::Cancelled, Category::Local]
    {
        scene.calls_end(100, Outcome::of(category));
    }
    assert_eq!(scene.state(), Closed);
    assert_eq!(scene.breaker.windows.as_slice(), [], "nor are they counted at all");
}
