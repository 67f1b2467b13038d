//! What does one call add, and as what does it count?

use super::*;
use crate::breaker::Tally;
use crate::outcome::Verdict;

fn slow_rate(policy: &mut Policy) {
    policy.trip.slow_rate = Some(0.5);
}

fn counted(scene: &Scene) -> Tally {
    scene.breaker.windows.total(scene.policy.window)
}

/// The client left after the limit of `abandoned`; its call was sent that long ago.
fn abandoned(scene: &Scene, sent: Instant) -> Outcome {
    assert!(scene.now.since(sent) >= seconds(30.0));
    Outcome { unanswered_since: Some(sent), ..CANCELLED }
}

/// The category under which it is recorded that a client left after 30 s without a byte, if some
/// call's answer was seen at this time relative to when the client's call was sent.
fn category_if_answered(at: f64) -> Category {
    let mut scene = Scene::new();
    let reference = scene.now;
    scene.now = if at < 0.0 { reference - seconds(-at) } else { reference + seconds(at) };
    let _ = scene.breaker.note_answer(scene.now);
    scene.now = reference;
    let permit = scene.call();
    scene.after(30.0);
    let outcome = abandoned(&scene, reference);
    scene.breaker.record(&scene.policy, scene.now, Some(&permit), &outcome, scene.jitter).category
}

#[test]
fn each_category_has_its_default_verdict() {
    for category in Category::ALL {
        let expected = match category.name() {
            "success" | "slow" => Verdict::Success,
            "quota_exhausted" => Verdict::Open,
            "authentication" | "content_filtered" | "context_length" | "client_error"
            | "cancelled" | "local" => Verdict::Ignore,
            _ => Verdict::Failure,
        };
        assert_eq!(category.default_verdict(), expected, "{category:?}");
    }
}

#[test]
fn every_failure_of_the_table_opens_a_breaker() {
    for category in Category::ALL {
        if category.default_verdict() == Verdict::Failure {
            let mut scene = Scene::new();
            scene.calls_end(5, Outcome::of(category));
            assert_eq!(scene.state(), Open, "{category:?}");
        }
    }
}

#[test]
fn a_cancelled_call_past_its_slow_limit_adds_one_to_both_sides_of_the_slow_rate_only() {
    let mut scene = Scene::with(slow_rate);
    scene.succeeds(5);
    scene.calls_end(4, CANCELLED_SLOW);
    assert_eq!(counted(&scene).calls, 5);
    assert_eq!(counted(&scene).failures, 0);
    assert_eq!(scene.state(), Closed);
    scene.calls_end(1, CANCELLED_SLOW);
    let cause = scene.transitions.last().map(|last| last.cause);
    assert_eq!(cause, Some(Cause::SlowRate(half(5, 10))));
}

#[test]
fn a_cancelled_call_never_trips_on_the_failures_of_others() {
    let mut scene = Scene::with(|policy| policy.trip.consecutive_failures = None);
    scene.fails(9);
    scene.succeeds(1);
    scene.calls_end(100, CANCELLED_SLOW);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn nothing_else_that_is_ignored_counts_as_slow() {
    let mut scene = Scene::with(slow_rate);
    for category in [Category::Authentication, Category::ClientError, Category::Local] {
        scene.calls_end(100, Outcome { slow: true, ..Outcome::of(category) });
    }
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_slow_failure_counts_as_a_failure_alone() {
    let mut scene = Scene::with(slow_rate);
    scene.calls_end(1, Outcome { slow: true, ..FAILURE });
    assert_eq!(counted(&scene), Tally { calls: 1, failures: 1, ..Tally::default() });
}

#[test]
fn a_client_that_left_after_abandoned_while_nobody_got_a_byte_is_a_time_out() {
    assert_eq!(category_if_answered(-60.0), Category::Timeout);
    assert_eq!(category_if_answered(-1.0), Category::Timeout);
}

#[test]
fn a_client_that_left_while_another_call_got_an_answer_is_cancelled() {
    assert_eq!(category_if_answered(0.0), Category::Cancelled);
    assert_eq!(category_if_answered(29.0), Category::Cancelled);
}

#[test]
fn an_answer_too_soon_after_the_last_noted_one_to_be_noted_is_allowed_for() {
    // An answer after the call was sent would not have been noted then.
    assert_eq!(category_if_answered(-0.9), Category::Cancelled);
}

#[test]
fn answers_are_noted_once_a_second() {
    let mut scene = Scene::new();
    assert_eq!(scene.breaker.note_answer(scene.now), Change::Data);
    scene.after(0.9);
    assert_eq!(scene.breaker.note_answer(scene.now), Change::Nothing);
    scene.after(0.1);
    assert_eq!(scene.breaker.note_answer(scene.now), Change::Data);
}

#[test]
fn abandoned_calls_open_as_time_outs_do() {
    let mut scene = Scene::new();
    let sent = scene.now;
    let permits: Vec<Permit> = (0..5).map(|_| scene.call()).collect();
    scene.after(30.0);
    for permit in permits {
        let outcome = abandoned(&scene, sent);
        scene.ends(permit, outcome);
    }
    assert_eq!(scene.state(), Open);
}

#[test]
fn only_a_cancelled_call_is_judged_anew() {
    for category in Category::ALL {
        let judged = Outcome { unanswered_since: Some(Scene::new().now), ..Outcome::of(category) }
            .judged(Instant::ZERO);
        let expected = if category == Category::Cancelled { Category::Timeout } else { category };
        assert_eq!(judged.category, expected);
    }
}

/// The default policy, but for this verdict.
fn judging(category: Category, verdict: Verdict) -> impl FnOnce(&mut Policy) {
    move |policy| {
        let mut verdicts = policy.verdicts.iter_mut();
        *verdicts.find(|(known, _)| *known == category).expect("all are there").1 = verdict;
    }
}

#[test]
fn an_operators_verdict_counts_in_place_of_the_default() {
    let mut scene = Scene::with(judging(Category::ServerError, Verdict::Ignore));
    scene.fails(50);
    assert_eq!((scene.state(), counted(&scene).calls), (Closed, 0));

    let mut scene = Scene::with(judging(Category::ClientError, Verdict::Open));
    scene.calls_end(1, CLIENT_ERROR);
    assert_eq!(scene.state(), Open);

    let mut scene = Scene::half_open(judging(Category::ClientError, Verdict::Success));
    scene.probe_ends(CLIENT_ERROR);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn what_is_no_failure_announces_nothing() {
    let mut scene = Scene::with(judging(Category::RateLimited, Verdict::Ignore));
    scene.calls_end(1, limited_for(200.0));
    scene.trips();
    assert_eq!(scene.remaining(), 30.0);
}
