//! Whose turn is it to probe, and what becomes of those who wait?

use super::*;

const PATIENCE: f64 = 70.0;

/// Open for 30 s, and it leaves probing to whose turn it is.
fn patient() -> Scene {
    let mut scene = Scene::in_fleet(|_| {});
    scene.trips();
    scene.awaits(PATIENCE);
    scene
}

impl Scene {
    fn awaits(&mut self, patience: f64) {
        let change = self.breaker.await_turn(seconds(patience), self.now);
        self.note(change);
    }

    /// It is this proxy's turn for so many seconds.
    fn takes_turn(&mut self, lasts: f64) {
        let change = self.breaker.take_turn(self.now + seconds(lasts));
        self.note(change);
    }

    /// The turn is another proxy's before its time was over.
    fn loses_turn(&mut self) {
        let change = self.breaker.take_turn(Instant::ZERO);
        self.note(change);
    }

    fn awaits_turn(&self) -> bool {
        self.breaker.awaits_turn(&self.policy, self.now)
    }
}

#[test]
fn one_that_waits_for_its_turn_stays_open_and_says_so() {
    let mut scene = patient();
    scene.after(30.0 - 1e-9);
    assert!(!scene.awaits_turn(), "no probe is due");
    for wait in [1e-9, 1.0, PATIENCE - 1.0 - 1e-6] {
        scene.after(wait);
        scene.ticks();
        assert_eq!((scene.state(), scene.change), (Open, Change::Nothing));
        assert_eq!((scene.rejection(), scene.awaits_turn()), (1.0, true));
    }
}

#[test]
fn in_its_turn_it_probes_once_its_time_came() {
    let mut scene = patient();
    scene.takes_turn(60.0);
    assert_eq!(scene.rejection(), 30.0);
    scene.after(30.0);
    assert!(!scene.awaits_turn());
    let probe = scene.probe();
    assert_eq!((scene.state(), scene.burst(3)), (HalfOpen, 0));
    scene.ends(probe, SUCCESS);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_tick_ends_the_open_time_in_its_turn_only() {
    let mut scene = patient();
    scene.after(30.0);
    scene.ticks();
    assert_eq!(scene.state(), Open);
    scene.takes_turn(60.0);
    scene.ticks();
    assert_eq!(scene.state(), HalfOpen);
}

#[test]
fn a_turn_ends_at_its_time_and_when_it_is_taken_back() {
    for taken_back in [false, true] {
        let mut scene = patient();
        scene.after(30.0);
        scene.takes_turn(5.0);
        if taken_back {
            scene.loses_turn();
        } else {
            scene.after(5.0);
        }
        assert_eq!(scene.rejection(), 1.0);
        assert!(scene.awaits_turn());
    }
}

#[test]
fn whoever_has_waited_long_enough_goes_alone() {
    for by_tick in [false, true] {
        let mut scene = patient();
        scene.after(30.0 + PATIENCE);
        if by_tick {
            scene.ticks();
            assert_eq!(scene.state(), HalfOpen);
        }
        assert!(!scene.awaits_turn());
        scene.probe_ends(SUCCESS);
        assert_eq!(scene.state(), Closed);
    }
}

#[test]
fn who_is_given_less_patience_meanwhile_goes_sooner() {
    let mut scene = patient();
    scene.awaits(10.0);
    scene.after(40.0);
    scene.ticks();
    drop(scene.probe());
}

#[test]
fn whoever_has_waited_long_enough_goes_alone_though_its_turn_ends_just_then() {
    let mut scene = patient();
    scene.takes_turn(30.0 + PATIENCE);
    scene.after(30.0 + PATIENCE);
    scene.ticks();
    drop(scene.probe());
}

#[test]
fn whoever_lost_its_turn_before_it_probed_waits_from_then_on() {
    let mut scene = patient();
    scene.after(30.0);
    scene.takes_turn(60.0);
    scene.ticks();
    scene.loses_turn();
    scene.after(PATIENCE - 1e-6);
    assert_eq!((scene.state(), scene.rejection(), scene.awaits_turn()), (HalfOpen, 1.0, true));
    scene.after(1e-6);
    drop(scene.probe());
}

#[test]
fn patience_counts_from_the_deadline_also_from_a_later_one() {
    let mut scene = Scene::in_fleet(|_| {});
    let late = scene.call();
    scene.trips();
    scene.awaits(PATIENCE);
    scene.ends(late, limited_for(300.0));
    scene.after(300.0 + PATIENCE - 1e-6);
    assert_eq!(scene.rejection(), 1.0);
    scene.after(1e-6);
    drop(scene.probe());
}

#[test]
fn without_patience_it_goes_alone_at_once() {
    let mut scene = patient();
    scene.after(30.0);
    assert_eq!(scene.rejection(), 1.0);
    scene.awaits(0.0);
    assert!(!scene.awaits_turn());
    drop(scene.probe());
}

#[test]
fn a_policy_without_a_fleet_waits_for_nobody() {
    let mut scene = patient();
    scene.reconfigured(|policy| policy.fleet = None);
    scene.after(30.0);
    assert!(!scene.awaits_turn());
    drop(scene.probe());
}

#[test]
fn a_probe_that_says_nothing_leaves_the_slot_to_who_has_the_turn() {
    let mut scene = patient();
    scene.after(30.0);
    scene.takes_turn(60.0);
    scene.probe_ends(CLIENT_ERROR);
    assert_eq!(scene.state(), HalfOpen);
    scene.probe_ends(CLIENT_ERROR);
    scene.loses_turn();
    assert_eq!((scene.rejection(), scene.awaits_turn()), (1.0, true));
    scene.after(PATIENCE - 1e-6);
    assert_eq!(scene.rejection(), 1.0);
    scene.after(1e-6);
    scene.probe_ends(SUCCESS);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn so_does_one_that_is_given_back() {
    let mut scene = patient();
    scene.after(30.0);
    scene.takes_turn(60.0);
    let probe = scene.probe();
    let change = scene.breaker.give_back(&probe);
    scene.note(change);
    drop(scene.probe());
}

#[test]
fn while_its_own_probe_is_out_it_asks_for_no_turn() {
    let mut scene = patient();
    scene.after(30.0);
    scene.takes_turn(60.0);
    let probe = scene.probe();
    scene.after(59.0);
    assert_eq!((scene.burst(1), scene.awaits_turn()), (0, false));
    scene.after(1.0);
    assert_eq!((scene.burst(1), scene.awaits_turn()), (0, true), "the lease and the turn ended");
    scene.ends(probe, SUCCESS);
    assert_eq!(scene.state(), Closed, "a late success counts");
}

#[test]
fn one_that_went_alone_waits_again_after_its_probe() {
    let mut scene = patient();
    scene.after(30.0 + PATIENCE);
    scene.probe_ends(CLIENT_ERROR);
    assert_eq!((scene.burst(1), scene.awaits_turn()), (0, true));
    scene.after(PATIENCE);
    assert_eq!(scene.burst(1), 1);
}

#[test]
fn more_probes_follow_one_that_succeeded() {
    let mut scene = Scene::in_fleet(|policy| policy.half_open.successes = 3);
    scene.trips();
    scene.awaits(PATIENCE);
    scene.after(30.0 + PATIENCE);
    for _ in 0..3 {
        scene.probe_ends(SUCCESS);
    }
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_turn_is_good_for_one_try() {
    let mut scene = patient();
    scene.after(30.0);
    scene.takes_turn(600.0);
    scene.probe_ends(FAILURE);
    assert_eq!((scene.state(), scene.remaining()), (Open, 60.0));
    scene.after(60.0);
    assert_eq!(scene.rejection(), 1.0);
    assert!(scene.awaits_turn());
}

#[test]
fn a_turn_shortens_no_open_time() {
    let mut scene = patient();
    scene.takes_turn(10.0);
    assert_eq!(scene.rejection(), 30.0);
}

#[test]
fn one_that_is_half_open_when_the_store_comes_back_waits_from_then_on() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.trips();
    scene.waits_out();
    scene.awaits(PATIENCE);
    assert_eq!((scene.burst(1), scene.awaits_turn()), (0, true));
    scene.after(PATIENCE);
    assert_eq!(scene.burst(1), 1);
}

#[test]
fn a_closed_breaker_is_not_touched_by_any_of_it() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.awaits(PATIENCE);
    scene.takes_turn(60.0);
    assert_eq!((scene.burst(5), scene.awaits_turn()), (5, false));
    assert_eq!(scene.change, Change::Nothing);
}

#[test]
fn to_say_the_same_again_changes_nothing() {
    let mut scene = patient();
    scene.takes_turn(60.0);
    assert_eq!(scene.change, Change::Data);
    scene.takes_turn(60.0);
    assert_eq!(scene.change, Change::Nothing);
    scene.awaits(PATIENCE);
    assert_eq!(scene.change, Change::Nothing);
    let mut fresh = Scene::in_fleet(|_| {});
    fresh.awaits(0.0);
    assert_eq!((fresh.change, fresh.breaker.fleet), (Change::Nothing, None));
}

#[test]
fn who_starts_afresh_is_as_patient_as_before() {
    for order in [Order::Close { kept: None }, Order::Reset] {
        let mut scene = patient();
        scene.obeys(order);
        scene.trips();
        scene.now = scene.now + scene.breaker.open_remaining(scene.now);
        assert_eq!((scene.rejection(), scene.awaits_turn()), (1.0, true), "{order:?}");
    }
}

#[test]
fn another_mode_and_what_an_operator_says_come_first() {
    let mut scene = patient();
    scene.after(30.0);
    scene.obeys(Order::Close { kept: None });
    assert_eq!(scene.burst(3), 3);
    let mut scene = patient();
    scene.after(30.0);
    scene.overridden(Mode::Disabled, None);
    assert_eq!(scene.admit(), Admission::Untracked);
}
