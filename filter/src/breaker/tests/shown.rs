//! Those who look see what callers get, and callers are told to wait only where they are held back.

use super::*;

fn shown(scene: &Scene) -> (StateName, Mode, f64) {
    let shown = scene.breaker.shown(&scene.policy, scene.now);
    (shown.state, shown.mode, shown.open_remaining.as_secs_f64())
}

fn wait(scene: &Scene) -> f64 {
    scene.breaker.wait(&scene.policy, scene.now).as_secs_f64()
}

#[test]
fn a_breaker_that_acts_shows_its_state_and_what_is_left_of_its_open_time() {
    let mut scene = Scene::open(|_| {});
    scene.after(10.0);
    assert_eq!((shown(&scene), wait(&scene)), ((Open, Mode::Enforce, 20.0), 20.0));
    scene.waits_out();
    assert_eq!((shown(&scene), wait(&scene)), ((HalfOpen, Mode::Enforce, 0.0), 0.0));
    scene.probe_ends(SUCCESS);
    assert_eq!((shown(&scene), wait(&scene)), ((Closed, Mode::Enforce, 0.0), 0.0));
}

#[test]
fn nobody_waits_for_one_that_only_watches() {
    let scene = Scene::open(|policy| policy.mode = Mode::Shadow);
    assert_eq!((shown(&scene), wait(&scene)), ((Open, Mode::Shadow, 30.0), 0.0));
}

#[test]
fn out_of_service_it_shows_nothing_of_what_it_was() {
    let mut scene = Scene::open(|_| {});
    scene.reconfigured(|policy| policy.mode = Mode::Disabled);
    assert_eq!((shown(&scene), wait(&scene)), ((Closed, Mode::Disabled, 0.0), 0.0));
    scene.reconfigured(|policy| policy.mode = Mode::ForcedOpen);
    assert_eq!((shown(&scene), wait(&scene)), ((Open, Mode::ForcedOpen, 0.0), 30.0));
}

#[test]
fn an_override_is_what_counts_until_it_ends() {
    let mut scene = Scene::open(|_| {});
    scene.overridden(Mode::Disabled, Some(5.0));
    assert_eq!((shown(&scene), wait(&scene)), ((Closed, Mode::Disabled, 0.0), 0.0));
    assert_eq!(scene.breaker.override_in_force(scene.now).map(|it| it.mode), Some(Mode::Disabled));
    scene.overridden(Mode::ForcedOpen, Some(8.0));
    scene.after(3.0);
    assert_eq!((shown(&scene), wait(&scene)), ((Open, Mode::ForcedOpen, 5.0), 5.0));
    scene.after(5.0);
    assert_eq!(scene.breaker.override_in_force(scene.now), None);
    scene.ticks();
    assert_eq!((shown(&scene), wait(&scene)), ((Closed, Mode::Enforce, 0.0), 0.0), "afresh");
}

#[test]
fn one_without_an_end_has_nothing_left_to_tell() {
    let mut scene = Scene::new();
    scene.overridden(Mode::ForcedOpen, None);
    let over = scene.breaker.override_in_force(scene.now).expect("an override");
    assert_eq!(over.remaining(scene.now), None);
    assert_eq!((shown(&scene), wait(&scene)), ((Open, Mode::ForcedOpen, 0.0), 30.0));
}
