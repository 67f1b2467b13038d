//! What may the result of a call still change that was admitted in an earlier epoch, or without a
//! permit?

use super::*;

/// A breaker in each state, with the permit of a call that was admitted in an earlier epoch.
fn with_a_stale_permit(state: StateName) -> (Scene, Permit) {
    let mut scene = Scene::new();
    let stale = scene.call();
    scene.trips();
    if state != Open {
        scene.waits_out();
    }
    if state == Closed {
        scene.probe_ends(SUCCESS);
    }
    assert_eq!(scene.state(), state);
    (scene, stale)
}

#[test]
fn every_transition_starts_a_new_epoch() {
    let mut scene = Scene::new();
    let mut epochs = vec![scene.breaker.epoch];
    scene.trips();
    epochs.push(scene.breaker.epoch);
    scene.waits_out();
    epochs.push(scene.breaker.epoch);
    scene.probe_ends(SUCCESS);
    epochs.push(scene.breaker.epoch);
    let first = epochs[0];
    assert_eq!(epochs, [first, first + 1, first + 2, first + 3]);
    let told: Vec<_> = scene.transitions.iter().map(|one| (one.from, one.to)).collect();
    assert_eq!(told, [(Closed, Open), (Open, HalfOpen), (HalfOpen, Closed)]);
    assert!(scene.transitions.iter().map(|one| one.epoch).eq(epochs[1..].iter().copied()));
}

#[test]
fn a_result_of_an_earlier_epoch_is_metrics_only() {
    for state in [Closed, Open, HalfOpen] {
        for outcome in [SUCCESS, SLOW, FAILURE, CLIENT_ERROR, CANCELLED_SLOW] {
            let (mut scene, stale) = with_a_stale_permit(state);
            let before = scene.breaker.clone();
            scene.ends(stale, outcome);
            assert_eq!(scene.change, Change::Nothing);
            assert_eq!(scene.breaker, before, "{outcome:?} in {state:?}");
        }
    }
}

#[test]
fn a_probe_of_an_earlier_epoch_closes_nothing() {
    let mut scene = Scene::half_open(|policy| policy.half_open.probes = 2);
    let (stale, failing) = (scene.probe(), scene.probe());
    scene.ends(failing, FAILURE);
    scene.ends(stale, SUCCESS);
    assert_eq!(scene.state(), Open);
}

#[test]
fn an_old_epochs_announcement_lengthens_but_never_shortens() {
    for (announced, open_time) in [(20.0, 30.0), (30.0, 30.0), (40.0, 40.0)] {
        let (mut scene, stale) = with_a_stale_permit(Open);
        let (epoch, trips) = (scene.breaker.epoch, scene.breaker.trips);
        scene.ends(stale, limited_for(announced));
        assert_eq!(scene.remaining(), open_time, "announced {announced} s");
        assert_eq!((scene.breaker.epoch, scene.breaker.trips), (epoch, trips));
    }
}

#[test]
fn an_old_epochs_announcement_counts_from_when_it_came() {
    let (mut scene, stale) = with_a_stale_permit(Open);
    scene.after(25.0);
    scene.ends(stale, limited_for(20.0));
    assert_eq!(scene.remaining(), 20.0);
    assert_eq!(scene.breaker.state.since(), scene.now - seconds(25.0));
}

#[test]
fn a_lengthened_open_time_must_be_stored_and_is_no_transition() {
    let (mut scene, stale) = with_a_stale_permit(Open);
    scene.ends(stale, limited_for(40.0));
    assert_eq!(scene.change, Change::Data);
}

#[test]
fn one_that_announces_the_end_that_is_known_changes_nothing() {
    let mut scene = Scene::open(|_| {});
    scene.ends_without_permit(limited_for(30.0));
    assert_eq!((scene.change, scene.remaining()), (Change::Nothing, 30.0));
}

#[test]
fn an_old_epochs_announcement_lengthens_within_the_cap() {
    let (mut scene, stale) = with_a_stale_permit(Open);
    scene.ends(stale, limited_for(86_400.0));
    assert_eq!(scene.remaining(), 3_600.0);
}

#[test]
fn an_old_epochs_exhausted_quota_announces_its_minimum() {
    let (mut scene, stale) = with_a_stale_permit(Open);
    scene.ends(stale, QUOTA_EXHAUSTED);
    assert_eq!(scene.remaining(), 300.0);
}

#[test]
fn an_open_time_that_ended_is_not_lengthened() {
    let (mut scene, stale) = with_a_stale_permit(Open);
    scene.after(30.0);
    scene.ends(stale, limited_for(500.0));
    assert_eq!(scene.change, Change::Nothing);
    assert_eq!(scene.burst(50), 1);
}

#[test]
fn in_half_open_and_closed_an_old_epochs_announcement_moves_nothing() {
    for state in [HalfOpen, Closed] {
        let (mut scene, stale) = with_a_stale_permit(state);
        let before = scene.breaker.clone();
        scene.ends(stale, limited_for(500.0));
        assert_eq!(scene.change, Change::Nothing);
        assert_eq!(scene.breaker, before, "in {state:?}");
    }
}

#[test]
fn failures_that_announce_nothing_never_lengthen() {
    let mut scene = Scene::new();
    let stragglers: Vec<Permit> = (0..100).map(|_| scene.call()).collect();
    scene.trips();
    scene.after(10.0);
    for straggler in stragglers {
        scene.ends(straggler, FAILURE);
    }
    assert_eq!(scene.remaining(), 20.0);
    scene.after(20.0);
    scene.probe_ends(FAILURE);
    assert_eq!(scene.remaining(), 60.0, "nor do they count as trips");
}

#[test]
fn without_a_permit_an_outcome_is_metrics_only() {
    for outcome in [SUCCESS, SLOW, FAILURE, CANCELLED_SLOW] {
        for mut scene in [Scene::new(), Scene::open(|_| {}), Scene::half_open(|_| {})] {
            let before = scene.breaker.clone();
            scene.ends_without_permit(outcome);
            assert_eq!(scene.change, Change::Nothing);
            assert_eq!(scene.breaker, before, "{outcome:?} in {:?}", scene.state());
        }
    }
}

#[test]
fn without_a_permit_an_announced_reset_may_lengthen() {
    let mut scene = Scene::open(|_| {});
    scene.ends_without_permit(limited_for(20.0));
    assert_eq!(scene.remaining(), 30.0);
    scene.ends_without_permit(limited_for(40.0));
    assert_eq!(scene.remaining(), 40.0);
}
