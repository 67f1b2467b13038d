//! Who goes out although everything is open?

use super::*;

/// An open breaker, and the call that borrowed its last resort.
fn lent() -> (Scene, Permit) {
    let mut scene = Scene::open(|policy| policy.open.base = seconds(600.0));
    let permit = scene.borrow().expect("a last resort");
    (scene, permit)
}

fn is_free(scene: &Scene) -> bool {
    scene.breaker.last_resort.is_none()
}

#[test]
fn one_rejected_call_goes_out_and_the_next_does_not() {
    let (mut scene, _permit) = lent();
    assert_eq!(scene.change, Change::Data, "the others must hear of it");
    assert_eq!(scene.borrow(), None);
    assert_eq!(scene.change, Change::Nothing);
}

#[test]
fn it_is_there_whatever_holds_the_calls_back() {
    let mut probing = Scene::half_open(|_| {});
    let _probe = probing.probe();
    let mut ramping = Scene::recovered(|policy| policy.ramp = Some(seconds(60.0)));
    ramping.random = 0.999;
    for mut scene in [Scene::open(|_| {}), probing, ramping] {
        assert!(scene.rejection() > 0.0);
        assert!(scene.borrow().is_some(), "{:?}", scene.state());
        assert_eq!(scene.borrow(), None);
    }
}

#[test]
fn it_takes_no_probes_slot() {
    let mut scene = Scene::half_open(|_| {});
    let _last_resort = scene.borrow();
    assert_eq!(scene.slots_held(), 0);
    assert_eq!(scene.burst(50), 1);
}

#[test]
fn a_mode_that_decides_alone_lends_nothing() {
    for mode in [Mode::ForcedOpen, Mode::Disabled] {
        let mut scene = Scene::open(|_| {});
        scene.reconfigured(|policy| policy.mode = mode);
        assert_eq!(scene.borrow(), None, "{mode:?}");
        assert!(is_free(&scene));
    }
}

#[test]
fn its_end_frees_it_and_moves_nothing() {
    for outcome in [SUCCESS, SLOW, FAILURE, QUOTA_EXHAUSTED, CLIENT_ERROR, CANCELLED_SLOW] {
        let mut scene = Scene::open(|policy| policy.open.base = seconds(600.0));
        let before = scene.breaker.clone();
        let permit = scene.borrow().expect("a last resort");
        scene.ends(permit, outcome);
        assert_eq!(scene.change, Change::Data, "the others must hear of it");
        assert_eq!(scene.breaker, before, "{outcome:?}");
        assert!(scene.borrow().is_some());
    }
}

#[test]
fn in_half_open_it_is_no_probe() {
    for outcome in [SUCCESS, FAILURE, limited_for(500.0)] {
        let mut scene = Scene::half_open(|_| {});
        let before = scene.breaker.clone();
        let permit = scene.borrow().expect("a last resort");
        scene.ends(permit, outcome);
        assert_eq!(scene.breaker, before, "{outcome:?}");
    }
}

#[test]
fn a_reset_that_it_announces_may_lengthen_and_never_shortens() {
    for (announced, open_time) in [(20.0, 30.0), (40.0, 40.0)] {
        for mode in [Mode::Enforce, Mode::Shadow] {
            let mut scene = Scene::open(|policy| policy.mode = mode);
            let permit = scene.borrow().expect("a last resort");
            scene.ends(permit, limited_for(announced));
            assert_eq!(scene.remaining(), open_time, "announced {announced} s in {mode:?}");
        }
    }
}

#[test]
fn unused_it_goes_back() {
    let (mut scene, permit) = lent();
    assert_eq!(scene.breaker.give_back(&permit), Change::Data);
    assert!(is_free(&scene));
    assert_eq!(scene.breaker.give_back(&permit), Change::Nothing, "only once");
}

#[test]
fn it_is_freed_also_after_a_transition() {
    // The open time ends before the lease does.
    let mut scene = Scene::open(|_| {});
    let permit = scene.borrow().expect("a last resort");
    scene.waits_out();
    scene.probe_ends(SUCCESS);
    assert!(!is_free(&scene), "a transition alone frees nothing");
    scene.ends(permit, FAILURE);
    assert_eq!(scene.state(), Closed);
    assert!(is_free(&scene));

    let mut scene = Scene::open(|_| {});
    let permit = scene.borrow().expect("a last resort");
    scene.waits_out();
    assert_eq!(scene.breaker.give_back(&permit), Change::Data);
    assert!(is_free(&scene));
}

#[test]
fn it_is_freed_also_when_the_mode_has_changed() {
    let (mut scene, permit) = lent();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Disabled);
    scene.ticks();
    scene.ends(permit, limited_for(5_000.0));
    assert_eq!(scene.change, Change::Data);
    assert!(is_free(&scene));
    assert_eq!(scene.remaining(), 599.0, "and it lengthens nothing");
}

#[test]
fn one_that_never_ends_holds_it_no_longer_than_its_lease() {
    let (mut scene, _never_ends) = lent();
    scene.after(59.999_999_999);
    scene.ticks();
    assert_eq!(scene.borrow(), None);
    scene.after(0.000_000_001);
    assert!(scene.borrow().is_some(), "and this needs no tick");
}

#[test]
fn a_tick_drops_an_expired_lease_in_every_mode() {
    for mode in [Mode::Enforce, Mode::Shadow, Mode::ForcedOpen, Mode::Disabled] {
        let (mut scene, _never_ends) = lent();
        scene.policy.mode = mode;
        scene.ticks();
        scene.after(60.0);
        scene.ticks();
        assert_eq!(scene.change, Change::Data);
        assert!(is_free(&scene));
        scene.ticks();
        assert_eq!(scene.change, Change::Nothing, "a second worker's tick finds it done");
    }
}

#[test]
fn a_late_end_frees_nobody_elses() {
    let (mut scene, late) = lent();
    scene.after(60.0);
    let _next = scene.borrow().expect("a last resort");
    scene.ends(late, FAILURE);
    assert_eq!(scene.change, Change::Nothing);
    assert_eq!(scene.borrow(), None);
}

#[test]
fn a_fresh_start_that_it_brings_about_is_told() {
    let mut scene = Scene::open(|_| {});
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::ForcedOpen);
    scene.ticks();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Enforce);
    assert!(scene.borrow().is_some());
    assert!(matches!(scene.change, Change::Transition(_)));
}
