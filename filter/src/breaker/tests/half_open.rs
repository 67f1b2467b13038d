//! How does a breaker try its upstream again?

use super::*;
use crate::breaker::{Cause, OpenFor};

fn two_probes(policy: &mut Policy) {
    policy.half_open.probes = 2;
}

fn three_successes(policy: &mut Policy) {
    policy.half_open.successes = 3;
}

#[test]
fn when_the_open_time_ends_not_one_probe_more_than_configured_goes_out() {
    for probes in [1, 2, 16] {
        let mut scene = Scene::open(|policy| policy.half_open.probes = probes);
        scene.after(30.0);
        assert_eq!(scene.burst(50), probes as usize);
        assert_eq!(scene.slots_held(), probes as usize);
    }
}

#[test]
fn a_tick_before_the_first_probe_grants_no_second_one() {
    let mut scene = Scene::open(|_| {});
    scene.after(30.0);
    scene.ticks();
    assert_eq!(scene.burst(50), 1);
    scene.ticks();
    assert_eq!(scene.burst(50), 0);
}

#[test]
fn everything_but_the_probes_is_rejected_as_in_open() {
    let mut scene = Scene::half_open(|_| {});
    let _held = scene.probe();
    assert_eq!(scene.rejection(), 1.0);
}

#[test]
fn a_successful_probe_closes() {
    let mut scene = Scene::half_open(|_| {});
    scene.probe_ends(SUCCESS);
    assert_eq!(scene.state(), Closed);
    assert_eq!(scene.burst(50), 50);
}

#[test]
fn so_many_successes_close_and_not_one_fewer() {
    let mut scene = Scene::half_open(three_successes);
    scene.probe_ends(SUCCESS);
    scene.probe_ends(SUCCESS);
    assert_eq!(scene.state(), HalfOpen);
    scene.probe_ends(SUCCESS);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_successful_probe_frees_its_slot() {
    let mut scene = Scene::half_open(three_successes);
    scene.probe_ends(SUCCESS);
    assert_eq!(scene.slots_held(), 0);
    assert_eq!(scene.burst(50), 1);
}

#[test]
fn a_probe_that_never_goes_out_gives_its_slot_back_but_none_of_another_epochs() {
    let mut scene = Scene::half_open(|_| {});
    let permit = scene.probe();
    let earlier = Permit { epoch: permit.epoch - 1, kind: permit.kind };
    assert_eq!(scene.breaker.give_back(&earlier), Change::Nothing);
    assert_eq!(scene.slots_held(), 1);
    assert_eq!(scene.breaker.give_back(&permit), Change::Data);
    assert_eq!(scene.slots_held(), 0);
    assert_eq!(scene.burst(50), 1);
}

#[test]
fn one_failure_opens_again_with_the_next_longer_duration() {
    let mut scene = Scene::half_open(three_successes);
    scene.probe_ends(SUCCESS);
    scene.probe_ends(SUCCESS);
    scene.probe_ends(FAILURE);
    assert_eq!(scene.state(), Open);
    assert_eq!(scene.remaining(), 60.0);
    assert_eq!(scene.transitions.last().map(|last| last.cause), Some(Cause::ProbeFailed));
}

#[test]
fn successes_before_a_failed_probe_count_no_more_in_the_next_half_open_period() {
    let mut scene = Scene::half_open(three_successes);
    scene.probe_ends(SUCCESS);
    scene.probe_ends(SUCCESS);
    scene.probe_ends(FAILURE);
    scene.waits_out();
    scene.probe_ends(SUCCESS);
    assert_eq!(scene.state(), HalfOpen);
}

#[test]
fn a_failed_probe_that_announces_a_later_reset_decides_the_open_time() {
    let mut scene = Scene::half_open(|_| {});
    scene.probe_ends(limited_for(500.0));
    assert_eq!(scene.remaining(), 500.0);

    let mut scene = Scene::half_open(|_| {});
    scene.probe_ends(QUOTA_EXHAUSTED);
    let open_for = scene.transitions.last().and_then(|last| last.open_for);
    assert_eq!(open_for, Some(OpenFor::Announced(seconds(300.0))));
}

#[test]
fn a_probe_that_ends_as_ignore_frees_its_slot_at_once_and_changes_nothing_else() {
    for ignored in [CLIENT_ERROR, CANCELLED, CANCELLED_SLOW, Outcome::of(Category::Local)] {
        let mut scene = Scene::half_open(|policy| policy.trip.slow_rate = Some(0.5));
        let before = scene.breaker.clone();
        scene.probe_ends(ignored);
        assert_eq!(scene.change, Change::Data, "the freed slot must be stored");
        assert_eq!(scene.breaker, before, "{ignored:?}");
        assert_eq!(scene.burst(50), 1);
    }
}

#[test]
fn an_ignored_probe_leaves_the_back_off_as_it_was() {
    let mut scene = Scene::half_open(|_| {});
    scene.probe_ends(CLIENT_ERROR);
    scene.probe_ends(FAILURE);
    assert_eq!(scene.remaining(), 60.0);
}

#[test]
fn an_expired_lease_frees_the_slot_and_no_more() {
    let mut scene = Scene::half_open(|_| {});
    let before = scene.breaker.clone();
    let _never_ends = scene.probe();
    scene.after(59.999_999_999);
    assert_eq!(scene.burst(50), 0);
    scene.after(0.000_000_001);
    scene.ticks();
    assert_eq!(scene.change, Change::Data);
    assert_eq!(scene.breaker, before);
    scene.ticks();
    assert_eq!(scene.change, Change::Nothing, "a second worker's tick finds it done");
}

#[test]
fn an_expired_lease_needs_no_tick_for_the_next_probe() {
    let mut scene = Scene::half_open(|_| {});
    let _never_ends = scene.probe();
    scene.after(60.0);
    assert_eq!(scene.burst(50), 1);
}

#[test]
fn a_late_success_after_the_lease_still_closes() {
    let mut scene = Scene::half_open(|_| {});
    let late = scene.probe();
    scene.after(61.0);
    let _next = scene.probe();
    scene.ends(late, SUCCESS);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_late_failure_after_the_lease_opens() {
    let mut scene = Scene::half_open(|_| {});
    let late = scene.probe();
    scene.after(61.0);
    scene.ticks();
    scene.ends(late, FAILURE);
    assert_eq!(scene.state(), Open);
    assert_eq!(scene.remaining(), 60.0);
}

#[test]
fn a_late_ignore_after_the_lease_frees_nobody_elses_slot() {
    let mut scene = Scene::half_open(|_| {});
    let late = scene.probe();
    scene.after(61.0);
    let _next = scene.probe();
    scene.ends(late, CLIENT_ERROR);
    assert_eq!(scene.burst(50), 0);
}

#[test]
fn each_of_several_leases_ends_by_itself() {
    let mut scene = Scene::half_open(two_probes);
    let first = scene.probe();
    scene.after(30.0);
    let _second = scene.probe();
    scene.after(30.0);
    assert_eq!(scene.burst(50), 1, "the first lease ended, the second did not");
    scene.ends(first, CLIENT_ERROR);
    assert_eq!(scene.burst(50), 0);
}

#[test]
fn probes_with_the_same_deadline_are_each_freed_once() {
    let mut scene = Scene::half_open(two_probes);
    let (first, _second) = (scene.probe(), scene.probe());
    scene.ends(first, CLIENT_ERROR);
    assert_eq!(scene.slots_held(), 1);
}

#[test]
fn a_probe_of_an_earlier_half_open_period_frees_no_slot_of_this_one() {
    let mut scene = Scene::half_open(|policy| {
        two_probes(policy);
        policy.half_open.lease = seconds(120.0);
    });
    let (stale, failing) = (scene.probe(), scene.probe());
    scene.ends(failing, FAILURE);
    scene.waits_out();
    // Its lease ends when the stale one's does, so that only the epoch tells them apart.
    scene.policy.half_open.lease = seconds(60.0);
    let _held = scene.probe();
    scene.ends(stale, CLIENT_ERROR);
    assert_eq!(scene.slots_held(), 1);
}

#[test]
fn with_a_slow_rate_a_slow_probe_is_a_failure() {
    let mut scene = Scene::half_open(|policy| policy.trip.slow_rate = Some(0.5));
    scene.probe_ends(SLOW);
    assert_eq!(scene.state(), Open);
    assert_eq!(scene.remaining(), 60.0);
}

#[test]
fn without_a_slow_rate_a_slow_probe_is_a_success() {
    let mut scene = Scene::half_open(|_| {});
    scene.probe_ends(SLOW);
    assert_eq!(scene.state(), Closed);
}
