//! Why is a call rejected? Because of the call that opened the breaker, and how it ended.

use super::*;

#[test]
fn a_rejected_call_is_told_how_the_call_ended_that_opened() {
    let mut scene = Scene::new();
    scene.calls_end(4, limited_for(1.0));
    scene.fails(1);
    assert_eq!(scene.because(), Some(Category::ServerError), "the last of five decides");

    let mut scene = Scene::new();
    scene.calls_end(1, QUOTA_EXHAUSTED);
    assert_eq!(scene.because(), Some(Category::QuotaExhausted));
}

#[test]
fn it_is_still_told_while_probes_are_out() {
    let mut scene = Scene::half_open(|_| {});
    let _held = scene.probe();
    assert_eq!(scene.because(), Some(Category::ServerError));
}

#[test]
fn a_failed_probe_says_it_anew() {
    let mut scene = Scene::half_open(|_| {});
    scene.probe_ends(QUOTA_EXHAUSTED);
    assert_eq!(scene.because(), Some(Category::QuotaExhausted));
}

#[test]
fn a_late_announcement_lengthens_the_wait_and_leaves_the_reason() {
    let mut scene = Scene::new();
    let stale = scene.call();
    scene.trips();
    scene.ends(stale, limited_for(500.0));
    assert_eq!(scene.because(), Some(Category::ServerError));
}

#[test]
fn a_ramp_rejects_because_of_no_call() {
    let mut scene = Scene::recovered(|policy| policy.ramp = Some(seconds(60.0)));
    scene.random = 0.999;
    assert_eq!(scene.because(), None);
}

#[test]
fn forced_open_rejects_because_of_no_call() {
    let mut scene = Scene::open(|_| {});
    scene.reconfigured(|policy| policy.mode = Mode::ForcedOpen);
    assert_eq!(scene.because(), None);
}

#[test]
fn a_fresh_start_forgets_it() {
    let mut scene = Scene::open(|_| {});
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Disabled);
    scene.ticks();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Enforce);
    scene.ticks();
    assert_eq!(scene.breaker.opened_by, None);
}
