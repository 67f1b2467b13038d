//! When does the configuration's number start a breaker afresh?

use super::*;

#[test]
fn a_higher_generation_starts_afresh_once() {
    for mut scene in [Scene::recovered(|_| {}), Scene::open(|_| {}), Scene::half_open(|_| {})] {
        let stale = Permit { epoch: scene.breaker.epoch, kind: PermitKind::Call };
        scene.reconfigured(|policy| policy.reset_generation = 1);
        scene.ticks();
        assert_ne!(scene.change, Change::Nothing);
        scene.ends(stale, QUOTA_EXHAUSTED);
        assert_eq!((scene.state(), scene.breaker.trips), (Closed, 0));
        assert_eq!(scene.failures_in_window(), 0);
        scene.trips();
        scene.ticks();
        assert_eq!(scene.state(), Open, "once");
        assert_eq!(scene.remaining(), 30.0);
    }
}

#[test]
fn it_needs_no_tick() {
    let mut scene = Scene::open(|_| {});
    scene.reconfigured(|policy| policy.reset_generation = 1);
    assert_eq!(scene.burst(50), 50);
    assert_eq!(scene.transitions.last().map(|it| it.cause), Some(Cause::ResetGeneration));
}

#[test]
fn a_draining_listener_with_a_lower_generation_resets_nothing() {
    let mut scene = Scene::new();
    let draining = scene.policy.clone();
    scene.reconfigured(|policy| policy.reset_generation = 7);
    scene.trips();
    let serving = scene.policy.clone();
    for policy in [&draining, &serving, &draining, &serving] {
        scene.policy = policy.clone();
        scene.ticks();
        assert_eq!(scene.state(), Open);
    }
}

#[test]
fn a_number_that_goes_down_resets_nothing_until_it_is_higher_than_ever() {
    let mut scene = Scene::open(|policy| policy.reset_generation = 7);
    for generation in [0, 6, 7] {
        scene.reconfigured(|policy| policy.reset_generation = generation);
        scene.ticks();
        assert_eq!(scene.state(), Open);
    }
    scene.reconfigured(|policy| policy.reset_generation = 8);
    scene.ticks();
    assert_eq!(scene.state(), Closed);
}

#[test]
fn an_override_stays() {
    for mode in Mode::ALL {
        let mut scene = Scene::open(|_| {});
        scene.overridden(mode, Some(600.0));
        let overridden = scene.breaker.overridden;
        scene.reconfigured(|policy| policy.reset_generation = 1);
        scene.ticks();
        assert_eq!(scene.breaker.overridden, overridden);
        assert_eq!((scene.state(), scene.breaker.trips), (Closed, 0));
    }
}
