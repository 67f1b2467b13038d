//! What do the modes change, and what happens on the way from one to another?

use super::*;
use crate::breaker::Lasts;

const OUT_OF_SERVICE: [Mode; 2] = [Mode::Disabled, Mode::ForcedOpen];

/// Everything that happened to a breaker in a given mode, while the same calls were made.
fn story(mode: Mode) -> (Breaker, Vec<Transition>, Vec<usize>) {
    let mut scene = Scene::with(|policy| policy.mode = mode);
    scene.succeeds(3);
    scene.trips();
    let mut passed = vec![scene.burst(50)];
    scene.waits_out();
    scene.probe_ends(FAILURE);
    scene.waits_out();
    passed.push(scene.burst(50));
    scene.after(60.0);
    scene.probe_ends(SUCCESS);
    passed.push(scene.burst(50));
    scene.fails(2);
    (scene.breaker, scene.transitions, passed)
}

/// A breaker with trips, an open time that runs and a window that was used.
fn used() -> Scene {
    let mut scene = Scene::recovered(|_| {});
    scene.fails(4);
    scene
}

fn state_of(scene: &Scene) -> (u64, State, u32) {
    (scene.breaker.epoch, scene.breaker.state, scene.breaker.trips)
}

#[test]
fn shadow_decides_everything_as_enforce_does() {
    assert_eq!(story(Mode::Shadow), story(Mode::Enforce));
}

#[test]
fn what_shadow_would_have_rejected_is_metrics_only() {
    let mut scene = Scene::open(|policy| policy.mode = Mode::Shadow);
    let before = scene.breaker.clone();
    for outcome in [SUCCESS, FAILURE, QUOTA_EXHAUSTED, limited_for(500.0)] {
        assert!(scene.rejection() > 0.0);
        scene.ends_without_permit(outcome);
        assert_eq!(scene.change, Change::Nothing);
    }
    assert_eq!(scene.breaker, before);
}

#[test]
fn in_shadow_a_call_of_an_earlier_epoch_may_still_lengthen() {
    let mut scene = Scene::with(|policy| policy.mode = Mode::Shadow);
    let stale = scene.call();
    scene.trips();
    scene.ends(stale, limited_for(500.0));
    assert_eq!(scene.remaining(), 500.0);
}

#[test]
fn shadow_to_enforce_keeps_the_state() {
    for mut scene in [used(), Scene::open(|_| {}), Scene::half_open(|_| {})] {
        scene.reconfigured(|policy| policy.mode = Mode::Shadow);
        scene.ticks();
        let before = scene.breaker.clone();
        scene.after(1.0);
        scene.reconfigured(|policy| policy.mode = Mode::Enforce);
        scene.ticks();
        assert_eq!(scene.change, Change::Nothing);
        assert_eq!(scene.breaker, before);
    }
}

#[test]
fn disabled_neither_admits_nor_records() {
    let mut scene = Scene::with(|policy| policy.mode = Mode::Disabled);
    let before = scene.breaker.clone();
    for _ in 0..100 {
        assert_eq!(scene.admit(), Admission::Untracked);
        scene.ends_without_permit(FAILURE);
        assert_eq!(scene.change, Change::Nothing);
    }
    assert_eq!(scene.breaker, before);
}

#[test]
fn disabled_and_forced_open_record_nothing_even_before_the_next_tick() {
    for mode in OUT_OF_SERVICE {
        let mut scene = Scene::new();
        let in_flight = scene.call();
        scene.reconfigured(|policy| policy.mode = mode);
        scene.ends(in_flight, QUOTA_EXHAUSTED);
        assert_eq!(scene.change, Change::Nothing);
        assert_eq!(scene.state(), Closed);

        let mut scene = Scene::open(|_| {});
        scene.reconfigured(|policy| policy.mode = mode);
        scene.ends_without_permit(limited_for(500.0));
        assert_eq!(scene.remaining(), 30.0);
    }
}

#[test]
fn a_disabled_breaker_that_was_open_lets_all_calls_flow() {
    let mut scene = Scene::open(|_| {});
    scene.reconfigured(|policy| policy.mode = Mode::Disabled);
    assert_eq!(scene.admit(), Admission::Untracked);
}

#[test]
fn forced_open_rejects_everything_and_tells_the_base_as_the_wait() {
    let mut scene = Scene::new();
    scene.reconfigured(|policy| policy.mode = Mode::ForcedOpen);
    assert_eq!(scene.burst(50), 0);
    assert_eq!(scene.rejection(), 30.0);
}

#[test]
fn forced_open_never_probes() {
    let mut scene = Scene::open(|_| {});
    scene.reconfigured(|policy| policy.mode = Mode::ForcedOpen);
    for _ in 0..100 {
        scene.after(30.0);
        scene.ticks();
        assert_eq!(scene.burst(1), 0);
    }
    assert_eq!(scene.state(), Open, "nor does it go half-open by itself");
}

#[test]
fn with_forced_open_calls_in_flight_are_metrics_only() {
    for outcome in [SUCCESS, FAILURE, QUOTA_EXHAUSTED] {
        let mut scene = Scene::new();
        let serving = scene.policy.clone();
        let in_flight = scene.call();
        scene.after(1.0);
        scene.reconfigured(|policy| policy.mode = Mode::ForcedOpen);
        scene.ticks();
        // The call ends under the policy that it was admitted under, on a draining listener.
        scene.policy = serving;
        let before = scene.breaker.clone();
        scene.ends(in_flight, outcome);
        assert_eq!(scene.change, Change::Nothing);
        assert_eq!(scene.breaker, before, "{outcome:?}");
    }
}

#[test]
fn leaving_disabled_or_forced_open_starts_afresh() {
    for mode in OUT_OF_SERVICE {
        for mut scene in [used(), Scene::open(|_| {}), Scene::half_open(|_| {})] {
            let epoch = scene.breaker.epoch;
            scene.after(1.0);
            scene.reconfigured(|policy| policy.mode = mode);
            scene.ticks();
            scene.after(1.0);
            scene.reconfigured(|policy| policy.mode = Mode::Enforce);
            scene.ticks();
            assert!(scene.breaker.epoch > epoch, "a new epoch");
            assert_eq!(scene.state(), Closed);
            assert_eq!(scene.breaker.trips, 0);
            assert_eq!(scene.failures_in_window(), 0);
            scene.trips();
            assert_eq!(scene.remaining(), 30.0);
        }
    }
}

#[test]
fn a_fresh_start_needs_no_tick() {
    let mut scene = used();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Disabled);
    scene.ticks();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Enforce);
    scene.fails(4);
    assert_eq!(scene.state(), Closed, "the four failures before count no more");
}

#[test]
fn a_fresh_start_that_an_outcome_brings_about_is_stored_and_told() {
    let starts = [(used(), 0), (Scene::open(|_| {}), 1)];
    for (mut scene, transitions) in starts {
        let before = scene.transitions.len();
        scene.after(1.0);
        scene.reconfigured(|policy| policy.mode = Mode::Disabled);
        scene.ticks();
        scene.after(1.0);
        scene.reconfigured(|policy| policy.mode = Mode::Enforce);
        scene.ends_without_permit(SUCCESS);
        assert_ne!(scene.change, Change::Nothing);
        assert_eq!(scene.transitions.len() - before, transitions);
    }
}

#[test]
fn a_fresh_start_has_no_ramp() {
    let mut scene = Scene::recovered(|policy| policy.ramp = Some(seconds(600.0)));
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Disabled);
    scene.ticks();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Enforce);
    scene.random = 0.999;
    assert_eq!(scene.burst(50), 50);
}

#[test]
fn a_permit_from_before_disabled_is_stale_afterwards() {
    let mut scene = Scene::new();
    let stale = scene.call();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Disabled);
    scene.ticks();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::Enforce);
    scene.ticks();
    scene.ends(stale, QUOTA_EXHAUSTED);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_fresh_start_from_open_or_half_open_is_a_transition_and_from_closed_is_none() {
    let starts = [(used(), 0), (Scene::open(|_| {}), 1), (Scene::half_open(|_| {}), 1)];
    for (mut scene, transitions) in starts {
        let before = scene.transitions.len();
        scene.after(1.0);
        scene.reconfigured(|policy| policy.mode = Mode::ForcedOpen);
        scene.ticks();
        assert_eq!(scene.change, Change::Data);
        scene.after(1.0);
        scene.reconfigured(|policy| policy.mode = Mode::Enforce);
        scene.ticks();
        assert_ne!(scene.change, Change::Nothing);
        assert_eq!(scene.transitions.len() - before, transitions);
    }
}

#[test]
fn two_listeners_with_different_modes_do_not_reset_each_other_in_turns() {
    for mode in OUT_OF_SERVICE {
        for enforcing_is_younger in [false, true] {
            let mut scene = Scene::new();
            let mut suspending = scene.policy.clone();
            suspending.mode = mode;
            scene.after(1.0);
            match enforcing_is_younger {
                true => scene.policy.in_force_since = scene.now,
                false => suspending.in_force_since = scene.now,
            }
            let enforcing = scene.policy.clone();
            let take_turns = |scene: &mut Scene| {
                for policy in [&suspending, &enforcing] {
                    scene.policy = policy.clone();
                    scene.ticks();
                }
            };
            take_turns(&mut scene);
            for _ in 0..4 {
                scene.fails(1);
                take_turns(&mut scene);
            }
            scene.fails(1);
            take_turns(&mut scene);
            assert_eq!(scene.state(), Open, "the five failures were all remembered");
        }
    }
}

#[test]
fn a_draining_listener_does_not_lift_what_its_successor_suspended() {
    let mut scene = Scene::open(|_| {});
    let draining = scene.policy.clone();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::ForcedOpen);
    scene.ticks();
    let before = state_of(&scene);
    scene.policy = draining;
    scene.ticks();
    assert!(scene.rejection() > 0.0);
    assert_eq!(state_of(&scene), before);
}

#[test]
fn a_probe_that_lost_its_say_holds_no_slot() {
    let mut scene = Scene::half_open(|_| {});
    let draining = scene.policy.clone();
    let _in_flight = scene.probe();
    scene.after(1.0);
    scene.reconfigured(|policy| policy.mode = Mode::ForcedOpen);
    scene.ticks();
    scene.policy = draining;
    assert_eq!(scene.burst(50), 1);
}

#[test]
fn each_time_out_of_service_ends_with_a_fresh_start() {
    let mut scene = Scene::new();
    for mode in [Mode::Disabled, Mode::ForcedOpen, Mode::Disabled] {
        scene.trips();
        scene.after(1.0);
        scene.reconfigured(|policy| policy.mode = mode);
        scene.ticks();
        scene.ticks();
        assert_eq!(scene.change, Change::Nothing, "doing it twice changes nothing");
        scene.after(1.0);
        scene.reconfigured(|policy| policy.mode = Mode::Enforce);
        scene.ticks();
        assert_eq!(scene.state(), Closed);
        scene.ticks();
        assert_eq!(scene.change, Change::Nothing);
    }
}

#[test]
fn only_a_policy_that_takes_it_out_of_service_marks_it_and_only_where_no_operator_decided() {
    let out = Policy { mode: Mode::Disabled, ..Policy::default() };
    let mark = |scene: &mut Scene, policy: &Policy| {
        let policy = Policy { in_force_since: scene.now, ..policy.clone() };
        (scene.breaker.step_aside(&policy), scene.breaker.suspension.lasts)
    };
    let nothing = (Change::Nothing, Lasts::Lifted);
    assert_eq!(mark(&mut Scene::new(), &Policy::default()), nothing);
    let mut overridden = Scene::new();
    overridden.overridden(Mode::Enforce, None);
    assert_eq!(mark(&mut overridden, &out), nothing);
    assert_eq!(mark(&mut Scene::new(), &out), (Change::Data, Lasts::Lasting));
}
