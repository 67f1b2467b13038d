//! What does an operator's order change, for how long, and what is left when it ends?

use super::*;

const OUT_OF_SERVICE: [Mode; 2] = [Mode::Disabled, Mode::ForcedOpen];
const ACTIVE: [Mode; 2] = [Mode::Enforce, Mode::Shadow];

/// Whatever a breaker may be in when an operator steps in.
fn anything() -> [Scene; 4] {
    [Scene::new(), Scene::recovered(|_| {}), Scene::open(|_| {}), Scene::half_open(|_| {})]
}

fn is_fresh(scene: &mut Scene) -> bool {
    let is_closed = scene.state() == Closed && scene.breaker.trips == 0;
    is_closed && scene.failures_in_window() == 0
}

#[test]
fn an_override_beats_the_mode_of_every_policy() {
    for configured in Mode::ALL {
        for ordered in Mode::ALL {
            let mut scene = Scene::with(|policy| policy.mode = configured);
            scene.ticks();
            scene.overridden(ordered, None);
            assert_eq!(scene.mode(), ordered, "over {configured:?}");
            let expected = match ordered {
                Mode::Enforce | Mode::Shadow => 50,
                Mode::Disabled => 50,
                Mode::ForcedOpen => 0,
            };
            assert_eq!(scene.burst(50), expected, "{ordered:?} over {configured:?}");
        }
    }
}

#[test]
fn it_survives_ticks_and_other_policies() {
    let mut scene = Scene::new();
    scene.overridden(Mode::ForcedOpen, None);
    for mode in Mode::ALL {
        scene.after(3600.0);
        scene.reconfigured(|policy| policy.mode = mode);
        scene.ticks();
        assert_eq!(scene.mode(), Mode::ForcedOpen);
        assert_eq!(scene.burst(5), 0);
    }
}

#[test]
fn under_an_override_disabled_neither_admits_nor_records() {
    let mut scene = Scene::open(|_| {});
    scene.overridden(Mode::Disabled, None);
    let before = scene.breaker.clone();
    for _ in 0..20 {
        assert_eq!(scene.admit(), Admission::Untracked);
        scene.ends_without_permit(limited_for(500.0));
        assert_eq!(scene.change, Change::Nothing);
    }
    assert_eq!(scene.breaker, before);
}

#[test]
fn a_configured_disabled_breaker_can_be_put_to_work() {
    let mut scene = Scene::with(|policy| policy.mode = Mode::Disabled);
    scene.ticks();
    scene.overridden(Mode::Enforce, Some(60.0));
    scene.trips();
    scene.waits_out();
    scene.after(30.0);
    assert_eq!(scene.admit(), Admission::Untracked, "its time is over");
}

#[test]
fn while_it_is_forced_open_callers_are_told_the_time_that_is_left() {
    let mut scene = Scene::new();
    scene.overridden(Mode::ForcedOpen, Some(600.0));
    assert_eq!(scene.rejection(), 600.0);
    scene.after(100.0);
    assert_eq!(scene.rejection(), 500.0);
    assert_eq!(scene.breaker.shown(&scene.policy, scene.now).open_remaining, seconds(500.0));
}

#[test]
fn without_an_end_they_are_told_the_base_open_time() {
    let mut scene = Scene::with(|policy| policy.open.base = seconds(45.0));
    scene.overridden(Mode::ForcedOpen, None);
    assert_eq!(scene.rejection(), 45.0);
    assert_eq!(scene.because(), None);
    let shown = scene.breaker.shown(&scene.policy, scene.now);
    assert_eq!((shown.state, shown.open_remaining), (Open, Duration::ZERO));
}

#[test]
fn calls_in_flight_when_it_is_forced_open_are_metrics_only() {
    for outcome in [SUCCESS, FAILURE, QUOTA_EXHAUSTED] {
        let mut scene = Scene::new();
        let in_flight = scene.call();
        scene.overridden(Mode::ForcedOpen, Some(10.0));
        let before = scene.breaker.clone();
        scene.ends(in_flight, outcome);
        assert_eq!(scene.breaker, before);

        let mut scene = Scene::new();
        let in_flight = scene.call();
        scene.overridden(Mode::ForcedOpen, Some(10.0));
        scene.after(10.0);
        scene.ticks();
        scene.ends(in_flight, outcome);
        assert_eq!(scene.state(), Closed, "not when it ended, either");
    }
}

#[test]
fn forced_open_never_probes_and_lends_nothing() {
    let mut scene = Scene::open(|_| {});
    scene.overridden(Mode::ForcedOpen, None);
    for _ in 0..100 {
        scene.after(30.0);
        scene.ticks();
        assert_eq!(scene.burst(1), 0);
        assert_eq!(scene.borrow(), None);
    }
    assert!(scene.transitions.iter().all(|it| it.to != HalfOpen));
}

#[test]
fn it_ends_by_itself_at_its_time_whoever_looks_first() {
    let looks: [fn(&mut Scene); 4] = [
        Scene::ticks,
        |scene| assert_eq!(scene.burst(1), 1),
        |scene| scene.ends_without_permit(SUCCESS),
        |scene| assert!(scene.borrow().is_some()),
    ];
    for look in looks {
        let mut scene = Scene::open(|_| {});
        scene.overridden(Mode::ForcedOpen, Some(10.0));
        scene.after(9.999);
        scene.ticks();
        assert_eq!(scene.mode(), Mode::ForcedOpen);
        scene.after(0.001);
        assert_eq!(scene.mode(), Mode::Enforce, "for all, even before it is taken out");
        look(&mut scene);
        assert_ne!(scene.change, Change::Nothing, "that is stored");
        assert_eq!(scene.breaker.overridden, None);
        assert!(is_fresh(&mut scene));
    }
}

#[test]
fn leaving_out_of_service_starts_afresh() {
    for mode in OUT_OF_SERVICE {
        let ways: [fn(&mut Scene); 4] = [
            |scene| scene.after(10.0),
            |scene| scene.obeys(Order::Release),
            |scene| scene.overridden(Mode::Enforce, None),
            |scene| scene.overridden(Mode::Shadow, None),
        ];
        for leave in ways {
            for mut scene in anything() {
                let stale = scene.call_or_none();
                let epoch = scene.breaker.epoch;
                scene.overridden(mode, Some(10.0));
                leave(&mut scene);
                scene.ticks();
                assert!(scene.breaker.epoch > epoch);
                if let Some(stale) = stale {
                    scene.ends(stale, QUOTA_EXHAUSTED);
                }
                assert!(is_fresh(&mut scene), "{mode:?}");
            }
        }
    }
}

#[test]
fn between_modes_in_which_the_breaker_works_the_state_is_kept() {
    for mode in ACTIVE {
        for mut scene in [Scene::open(|_| {}), Scene::half_open(|_| {})] {
            let before = (scene.breaker.epoch, scene.breaker.state, scene.breaker.trips);
            scene.overridden(mode, Some(10.0));
            scene.obeys(Order::Release);
            scene.overridden(Mode::Shadow, None);
            scene.overridden(mode, None);
            scene.obeys(Order::Release);
            let after = (scene.breaker.epoch, scene.breaker.state, scene.breaker.trips);
            assert_eq!(after, before);
        }
    }
}

#[test]
fn a_configuration_that_leaves_disabled_under_an_override_resets_nothing() {
    let mut scene = Scene::with(|policy| policy.mode = Mode::Disabled);
    scene.ticks();
    scene.overridden(Mode::Enforce, Some(60.0));
    scene.trips();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Enforce);
    scene.ticks();
    assert_eq!((scene.state(), scene.remaining()), (Open, 29.0), "it was in service all the time");
    scene.waits_out();
    scene.after(30.0);
    scene.ticks();
    assert_eq!(scene.breaker.overridden, None);
    assert_eq!(scene.state(), HalfOpen, "nor does the end of the override");
}

#[test]
fn one_that_enters_disabled_meanwhile_takes_over_when_the_override_ends() {
    let mut scene = Scene::new();
    scene.overridden(Mode::Enforce, Some(60.0));
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Disabled);
    let in_flight = scene.call();
    scene.after(60.0);
    scene.ticks();
    assert_eq!(scene.admit(), Admission::Untracked);
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Enforce);
    scene.ends(in_flight, QUOTA_EXHAUSTED);
    assert_eq!(scene.state(), Closed, "that call was of the time before");
}

#[test]
fn close_closes_now_and_goes_on_with_the_back_off() {
    for mut scene in [Scene::open(|_| {}), Scene::half_open(|_| {})] {
        let epoch = scene.breaker.epoch;
        scene.obeys(Order::Close { kept: None });
        assert_eq!(scene.transitions.last().map(|it| it.cause), Some(Cause::Operator));
        assert_eq!((scene.state(), scene.breaker.trips), (Closed, 1));
        assert!(scene.breaker.epoch > epoch);
        scene.trips();
        assert_eq!(scene.remaining(), 60.0);
    }
}

#[test]
fn close_on_a_closed_breaker_empties_its_window_and_is_no_transition() {
    let mut scene = Scene::new();
    scene.fails(4);
    let stale = scene.call();
    scene.obeys(Order::Close { kept: None });
    assert_eq!(scene.change, Change::Data);
    scene.ends(stale, FAILURE);
    scene.fails(4);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn close_has_no_ramp() {
    let mut scene = Scene::half_open(|policy| policy.ramp = Some(seconds(600.0)));
    scene.obeys(Order::Close { kept: None });
    scene.random = 0.999;
    assert_eq!(scene.burst(50), 50);
}

#[test]
fn close_ends_an_override_and_with_a_time_keeps_it_closed_for_so_long() {
    let mut scene = Scene::new();
    scene.overridden(Mode::ForcedOpen, None);
    scene.obeys(Order::Close { kept: None });
    assert_eq!((scene.mode(), scene.state()), (Mode::Enforce, Closed));

    let mut scene = Scene::open(|_| {});
    scene.obeys(Order::Close { kept: Some(seconds(90.0)) });
    assert_eq!(scene.mode(), Mode::Disabled);
    for _ in 0..20 {
        assert_eq!(scene.admit(), Admission::Untracked);
        scene.ends_without_permit(FAILURE);
    }
    scene.after(90.0);
    scene.trips();
    assert_eq!(scene.remaining(), 30.0);
}

#[test]
fn reset_ends_an_override_and_starts_afresh() {
    for mode in Mode::ALL {
        for mut scene in anything() {
            let stale = scene.call_or_none();
            scene.overridden(mode, None);
            scene.obeys(Order::Reset);
            assert_ne!(scene.change, Change::Nothing);
            if let Some(stale) = stale {
                scene.ends(stale, QUOTA_EXHAUSTED);
            }
            assert_eq!(scene.mode(), Mode::Enforce);
            assert!(is_fresh(&mut scene));
        }
    }
}

#[test]
fn release_without_an_override_changes_nothing() {
    let mut scene = Scene::open(|_| {});
    scene.obeys(Order::Release);
    assert_eq!(scene.change, Change::Nothing);
}

#[test]
fn an_order_that_comes_after_the_end_of_another_finds_it_ended() {
    let mut scene = Scene::open(|_| {});
    scene.overridden(Mode::ForcedOpen, Some(10.0));
    scene.after(11.0);
    scene.overridden(Mode::Shadow, None);
    assert!(is_fresh(&mut scene));
    assert_eq!(scene.mode(), Mode::Shadow);
}

#[test]
fn a_time_that_runs_backwards_neither_ends_nor_lengthens_it() {
    let mut scene = Scene::new();
    scene.overridden(Mode::ForcedOpen, Some(10.0));
    let ends = scene.breaker.overridden;
    scene.now = scene.now - seconds(5.0);
    scene.ticks();
    assert_eq!(scene.burst(5), 0);
    assert_eq!(scene.breaker.overridden, ends);
}

impl Scene {
    /// A call, if one may go out.
    fn call_or_none(&mut self) -> Option<Permit> {
        match self.admit() {
            Admission::Pass(permit) | Admission::Probe(permit) => Some(permit),
            Admission::Reject { .. } | Admission::Untracked => None,
        }
    }
}
