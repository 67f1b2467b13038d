//! What does a breaker make of the words of other proxies?

use super::*;
use crate::breaker::{Before, Gathering, OpenFor, OpenedBy};

fn last_cause(scene: &Scene) -> Option<Cause> {
    scene.transitions.last().map(|it| it.cause)
}

fn last_open_for(scene: &Scene) -> Option<OpenFor> {
    scene.transitions.last().and_then(|it| it.open_for)
}

/// Open because enough others see it fail, for 60 s.
fn opened_by_hint() -> Scene {
    let mut scene = Scene::in_fleet(|_| {});
    scene.hears(scene.corroborated(5, 60.0));
    assert_eq!(scene.state(), Open);
    scene
}

#[test]
fn what_is_announced_to_another_opens_at_once_for_the_remaining_time() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.hears(scene.announced(5, 90.0));
    assert_eq!((scene.state(), scene.rejection()), (Open, 90.0));
    assert_eq!(scene.because(), Some(Category::QuotaExhausted));
    assert_eq!(last_cause(&scene), Some(Cause::FleetAnnounced));
    assert_eq!(last_open_for(&scene), Some(OpenFor::Announced(seconds(90.0))));
}

#[test]
fn what_enough_others_see_opens_it_too() {
    let scene = opened_by_hint();
    assert_eq!(scene.remaining(), 60.0);
    assert_eq!(last_cause(&scene), Some(Cause::FleetCorroborated));
    assert_eq!(last_open_for(&scene), Some(OpenFor::Fleet(seconds(60.0))));
    assert_eq!(scene.breaker.opened_by, Some(Category::Timeout));
}

#[test]
fn the_later_of_the_two_counts_and_is_the_cause() {
    for (announced, corroborated, cause) in [
        (90.0, 60.0, Cause::FleetAnnounced),
        (60.0, 90.0, Cause::FleetCorroborated),
        (90.0, 90.0, Cause::FleetAnnounced),
    ] {
        let mut scene = Scene::in_fleet(|_| {});
        let announced_until = scene.now + seconds(announced);
        scene.hears(Hint { announced_until, ..scene.corroborated(5, corroborated) });
        assert_eq!((scene.remaining(), last_cause(&scene)), (90.0, Some(cause)));
    }
}

#[test]
fn none_is_believed_for_longer_than_the_policy_says() {
    for says in [Scene::announced, Scene::corroborated] {
        let mut scene = Scene::in_fleet(|policy| {
            policy.fleet = Some(Fleet { announced_max: seconds(40.0), ..Fleet::default() });
        });
        scene.hears(says(&scene, 5, 1e9));
        assert_eq!(scene.remaining(), 40.0);
        scene.after(10.0);
        scene.hears(says(&scene, 5, 1e9));
        assert_eq!(scene.remaining(), 30.0, "the same word does not begin again");
        scene.hears(says(&scene, 6, 1e9));
        assert_eq!(scene.remaining(), 40.0);
    }
}

#[test]
fn nor_is_a_probe_elsewhere() {
    let mut scene = opened_by_hint();
    let probed_until = scene.now + seconds(1e9);
    scene.hears(Hint { opened_at: 6, probed_until, ..scene.hint(6) });
    assert_eq!(scene.remaining(), 3600.0);
}

#[test]
fn a_word_that_just_ended_says_nothing() {
    let mut scene = Scene::in_fleet(|_| {});
    for says in [Scene::announced, Scene::corroborated] {
        scene.hears(says(&scene, scene.now.as_nanos(), 0.0));
        assert_eq!((scene.state(), scene.transitions.len()), (Closed, 0));
        let mut half_open = Scene::in_fleet(|_| {});
        half_open.trips();
        half_open.waits_out();
        half_open.hears(says(&half_open, 5, 0.0));
        assert_eq!(half_open.state(), HalfOpen);
        let mut alone = Scene::in_fleet(|_| {});
        alone.trips();
        alone.hears(says(&alone, 5, 0.0));
        alone.hears(alone.working(6));
        assert_eq!(alone.state(), Open, "it is open here alone");
    }
}

#[test]
fn without_a_fleet_nothing_is_heard() {
    let mut scene = Scene::new();
    let before = scene.breaker.clone();
    for hint in [scene.announced(5, 90.0), scene.corroborated(6, 90.0), scene.suspected(7, 90.0)] {
        scene.hears(hint);
        assert_eq!((&scene.breaker, scene.change), (&before, Change::Nothing));
    }
}

#[test]
fn to_hear_the_same_again_changes_nothing() {
    for says in [Scene::announced, Scene::corroborated, Scene::suspected] {
        let mut scene = Scene::in_fleet(|_| {});
        let hint = says(&scene, 5, 90.0);
        scene.hears(hint);
        let before = scene.breaker.clone();
        scene.after(1.0);
        scene.hears(hint);
        // The store went on, with what is of no interest here.
        scene.hears(Hint { revision: 50, ..hint });
        assert_eq!((scene.breaker, scene.change), (before, Change::Nothing));
    }
}

#[test]
fn an_open_breaker_is_lengthened_and_never_shortened() {
    for says in [Scene::announced, Scene::corroborated] {
        let mut scene = Scene::in_fleet(|_| {});
        scene.trips();
        let (epoch, transitions) = (scene.breaker.epoch, scene.transitions.len());
        scene.hears(says(&scene, 5, 20.0));
        assert_eq!(scene.remaining(), 30.0);
        scene.hears(says(&scene, 6, 45.0));
        assert_eq!((scene.remaining(), scene.change), (45.0, Change::Data));
        scene.hears(says(&scene, 7, 45.0 - 1e-9));
        assert_eq!(scene.remaining(), 45.0);
        assert_eq!((scene.breaker.epoch, scene.transitions.len()), (epoch, transitions));
    }
}

#[test]
fn suspicion_alone_lengthens_nothing() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.trips();
    scene.hears(scene.suspected(5, 90.0));
    assert_eq!(scene.remaining(), 30.0);
}

#[test]
fn a_half_open_breaker_opens_again_and_its_probes_lose_their_say() {
    for says in [Scene::announced, Scene::corroborated] {
        let mut scene = Scene::in_fleet(|_| {});
        scene.trips();
        scene.waits_out();
        let probe = scene.probe();
        scene.hears(says(&scene, 5, 90.0));
        assert_eq!((scene.state(), scene.remaining()), (Open, 90.0));
        scene.ends(probe, SUCCESS);
        assert_eq!(scene.state(), Open);
    }
}

#[test]
fn a_call_of_before_may_still_announce_a_later_reset_and_moves_nothing_else() {
    let mut scene = Scene::in_fleet(|_| {});
    let calls: Vec<_> = (0..3).map(|_| scene.call()).collect();
    scene.hears(scene.announced(5, 90.0));
    let outcomes = [FAILURE, SUCCESS, limited_for(120.0)];
    for ((call, outcome), remaining) in calls.into_iter().zip(outcomes).zip([90.0, 90.0, 120.0]) {
        scene.ends(call, outcome);
        assert_eq!((scene.state(), scene.remaining()), (Open, remaining));
    }
    assert_eq!(scene.breaker.trips, 0, "what others say is no trip of its own");
}

#[test]
fn what_follows_up_a_probe_loses_its_say_too() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.trips();
    scene.waits_out();
    let probe = scene.probe();
    let (change, left) =
        scene.breaker.record_early(&scene.policy, scene.now, &probe, &SUCCESS, scene.jitter);
    scene.note(change);
    let follow_up = left.expect("a permit");
    scene.hears(scene.announced(5, 90.0));
    let before = scene.breaker.clone();
    scene.ends(follow_up, FAILURE);
    assert_eq!((scene.breaker, scene.change), (before, Change::Nothing));
}

#[test]
fn that_it_works_closes_what_a_hint_opened() {
    for wait in [0.0, 60.0] {
        let mut scene = opened_by_hint();
        scene.after(wait);
        scene.ticks();
        scene.hears(scene.working(6));
        assert_eq!((scene.state(), last_cause(&scene)), (Closed, Some(Cause::FleetClosed)));
        assert_eq!(scene.breaker.opened_by, None);
    }
}

#[test]
fn what_one_proxy_opened_alone_it_closes_itself() {
    for wait in [0.0, 30.0] {
        let mut scene = Scene::in_fleet(|_| {});
        scene.trips();
        scene.hears(scene.suspected(5, 90.0));
        scene.after(wait);
        scene.ticks();
        let state = scene.state();
        scene.hears(scene.working(6));
        assert_eq!(scene.state(), state);
    }
}

#[test]
fn what_is_open_in_the_whole_fleet_is_closed_with_it_whoever_opened_it() {
    for says in [Scene::announced, Scene::corroborated] {
        let mut scene = Scene::in_fleet(|_| {});
        scene.trips();
        scene.hears(says(&scene, 5, 1.0));
        scene.hears(scene.working(6));
        assert_eq!(scene.state(), Closed);
    }
    // With its own trip it is one of as many as it takes, though others alone would be too few.
    let mut scene = Scene::in_fleet(|_| {});
    scene.trips();
    let wide_until = scene.now + seconds(40.0);
    scene.hears(Hint { wide_until, ..scene.suspected(5, 60.0) });
    assert_eq!(scene.remaining(), 40.0);
    scene.after(41.0);
    scene.ticks();
    scene.probe_ends(FAILURE);
    scene.hears(scene.working(6));
    assert_eq!(scene.state(), Closed, "it was when it opened");
}

#[test]
fn what_was_open_in_the_whole_fleet_before_is_opened_alone_the_next_time() {
    let mut scene = opened_by_hint();
    scene.hears(scene.working(6));
    scene.after(31.0);
    scene.trips();
    scene.hears(scene.working(7));
    assert_eq!(scene.state(), Open);
    assert_eq!(scene.breaker.standing().opened, OpenedBy::OwnCalls);
}

#[test]
fn its_own_probe_closes_what_a_hint_opened() {
    let mut scene = opened_by_hint();
    scene.waits_out();
    scene.probe_ends(SUCCESS);
    assert_eq!((scene.state(), last_cause(&scene)), (Closed, Some(Cause::ProbesSucceeded)));
    scene.hears(Hint { revision: 9, ..scene.corroborated(5, 60.0) });
    assert_eq!(scene.state(), Closed, "it has heard that before");
}

#[test]
fn a_probe_that_fails_counts_as_the_first_trip() {
    let mut scene = opened_by_hint();
    scene.waits_out();
    scene.probe_ends(FAILURE);
    assert_eq!((scene.remaining(), scene.breaker.trips), (30.0, 1));
    assert_eq!(scene.breaker.standing().opened, OpenedBy::Hint);
}

#[test]
fn the_count_of_trips_starts_again_where_a_hint_opens_what_was_closed_for_long() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.trips();
    scene.waits_out();
    scene.probe_ends(SUCCESS);
    scene.after(600.0);
    scene.hears(scene.corroborated(5, 60.0));
    scene.waits_out();
    scene.probe_ends(FAILURE);
    assert_eq!(scene.remaining(), 30.0);
}

#[test]
fn a_probe_that_failed_elsewhere_lengthens_only_what_is_open_in_the_whole_fleet() {
    let probed = |scene: &Scene| Hint {
        opened_at: 6,
        probed_until: scene.now + seconds(90.0),
        ..scene.hint(6)
    };
    let mut wide = opened_by_hint();
    wide.hears(probed(&wide));
    assert_eq!(wide.remaining(), 90.0);
    let mut alone = Scene::in_fleet(|_| {});
    alone.trips();
    alone.hears(probed(&alone));
    assert_eq!(alone.remaining(), 30.0);
    let mut closed = Scene::in_fleet(|_| {});
    closed.hears(probed(&closed));
    assert_eq!(closed.state(), Closed);
}

#[test]
fn it_opens_a_half_open_one_again_that_has_no_probe_out() {
    for (sent_before, state) in [(Some(0.0), HalfOpen), (Some(40.0), Open), (None, Open)] {
        let mut scene = opened_by_hint();
        scene.policy.half_open.lease = seconds(40.0);
        scene.waits_out();
        if let Some(before) = sent_before {
            let _out = scene.probe();
            scene.after(before);
        }
        let probed_until = scene.now + seconds(90.0);
        scene.hears(Hint { opened_at: 6, probed_until, ..scene.hint(6) });
        assert_eq!(scene.state(), state);
    }
}

#[test]
fn it_closes_through_the_fleets_ramp_whatever_the_policys_is() {
    for ramp in [None, Some(seconds(1.0))] {
        let mut scene = Scene::in_fleet(|policy| policy.ramp = ramp);
        scene.hears(scene.corroborated(5, 60.0));
        scene.hears(scene.working(6));
        let State::Closed { after, .. } = scene.breaker.state else { panic!("closed") };
        assert_eq!(after, Before::Fleet);
        scene.after(15.0);
        for (random, passes) in [(0.499, 1), (0.5, 0)] {
            scene.random = random;
            assert_eq!(scene.burst(1), passes);
        }
        scene.after(15.0);
        assert_eq!(scene.burst(1), 1, "it is over");
        assert_eq!(scene.change, Change::Nothing);
    }
}

#[test]
fn in_that_ramp_it_opens_again_sooner_and_after_it_successes_are_gathered() {
    let mut scene = opened_by_hint();
    scene.hears(scene.working(6));
    scene.fails(2);
    assert_eq!(last_cause(&scene), Some(run_of(2)));
    let mut scene = opened_by_hint();
    scene.hears(scene.working(6));
    scene.after(30.0);
    scene.succeeds(10);
    let gathering = Gathering::default();
    let (known, _) = gathering.at_admission(&scene.breaker, &scene.policy, scene.now);
    assert!(known.healthy.is_some());
    scene.fails(4);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_policy_that_hears_nothing_knows_no_ramp_of_the_fleets() {
    let mut scene = opened_by_hint();
    scene.hears(scene.working(6));
    scene.reconfigured(|policy| policy.fleet = None);
    scene.random = 0.99;
    assert_eq!(scene.burst(3), 3);
}

#[test]
fn the_newest_word_counts_where_both_are_new() {
    // It failed, worked, and fails again.
    let mut scene = opened_by_hint();
    scene.hears(Hint { closed_at: 7, ..scene.announced(8, 120.0) });
    assert_eq!((scene.state(), scene.remaining()), (Open, 120.0));
    assert_eq!(scene.transitions.len(), 1);
    // It failed, worked, and one domain sees it fail again: it closes, and is suspicious.
    let mut scene = opened_by_hint();
    scene.hears(Hint { closed_at: 7, ..scene.suspected(8, 120.0) });
    assert_eq!(scene.state(), Closed);
    scene.random = 0.0;
    scene.fails(1);
    assert_eq!(last_cause(&scene), Some(Cause::Suspected { count: 1, threshold: 1 }));
}

#[test]
fn an_old_word_that_it_works_closes_nothing_that_opened_since() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.hears(Hint { closed_at: 4, ..scene.announced(5, 60.0) });
    assert_eq!(scene.state(), Open);
    scene.hears(Hint { closed_at: 4, revision: 9, ..scene.hint(9) });
    assert_eq!(scene.state(), Open, "that a word ended is no word that it works");
}

#[test]
fn what_an_operator_closed_is_not_opened_by_what_was_heard_before() {
    for order in [Order::Close { kept: None }, Order::Reset] {
        let mut scene = opened_by_hint();
        scene.obeys(order);
        scene.hears(scene.corroborated(5, 60.0));
        assert_eq!(scene.state(), Closed);
        scene.fails(4);
        assert_eq!(scene.state(), Closed, "nor is it suspicious");
        scene.hears(scene.corroborated(6, 60.0));
        assert_eq!(scene.state(), Open, "but by what is said since");
    }
}

#[test]
fn nothing_is_heard_where_the_mode_decides_alone_and_all_of_it_after() {
    for mode in [Mode::Disabled, Mode::ForcedOpen] {
        let mut scene = Scene::in_fleet(|_| {});
        let hint = scene.corroborated(5, 60.0);
        scene.overridden(mode, Some(10.0));
        let before = scene.breaker.clone();
        scene.hears(hint);
        assert_eq!((&scene.breaker, scene.change), (&before, Change::Nothing));
        scene.after(10.0);
        scene.hears(hint);
        scene.hears(hint);
        assert_eq!((scene.state(), scene.remaining()), (Open, 50.0), "{mode:?}");
    }
}

#[test]
fn what_was_out_of_service_hears_again_what_still_holds() {
    for mode in [Mode::Disabled, Mode::ForcedOpen] {
        let mut scene = opened_by_hint();
        let hint = scene.corroborated(5, 60.0);
        scene.overridden(mode, Some(10.0));
        scene.after(10.0);
        scene.ticks();
        assert_eq!(scene.state(), Closed);
        scene.hears(hint);
        assert_eq!((scene.state(), scene.remaining()), (Open, 50.0), "{mode:?}");
    }
}

#[test]
fn a_reset_is_made_first_and_told_as_what_it_is() {
    let mut scene = opened_by_hint();
    scene.reconfigured(|policy| policy.reset_generation = 1);
    scene.hears(scene.corroborated(6, 60.0));
    assert_eq!((scene.state(), last_cause(&scene)), (Closed, Some(Cause::ResetGeneration)));
    scene.hears(scene.corroborated(6, 60.0));
    assert_eq!(scene.state(), Open, "it was not taken in then");
}

#[test]
fn in_shadow_it_is_heard_like_anything_else() {
    let mut scene = Scene::in_fleet(|policy| policy.mode = Mode::Shadow);
    scene.hears(scene.announced(5, 60.0));
    assert_eq!(scene.state(), Open);
}

#[test]
fn another_store_or_one_that_was_wiped_counts_from_the_beginning() {
    let after_operator = || {
        let mut scene = Scene::in_fleet(|_| {});
        scene.hears(scene.corroborated(50, 60.0));
        scene.obeys(Order::Close { kept: None });
        scene
    };
    let mut scene = after_operator();
    scene.hears(Hint { revision: 90, ..scene.corroborated(3, 60.0) });
    assert_eq!(scene.state(), Closed, "the same store");
    scene.hears(scene.corroborated(3, 60.0));
    assert_eq!(scene.state(), Open, "its revisions went back");
    let mut scene = after_operator();
    scene.hears(Hint { store: 2, revision: 90, ..scene.corroborated(3, 60.0) });
    assert_eq!(scene.state(), Open, "another store");
}

#[test]
fn a_word_at_the_very_revision_that_was_heard_is_not_new() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.hears(Hint { revision: 8, ..scene.suspected(5, 60.0) });
    scene.hears(Hint { revision: 9, ..scene.corroborated(8, 60.0) });
    assert_eq!(scene.state(), Closed);
    scene.hears(Hint { revision: 9, ..scene.corroborated(9, 60.0) });
    assert_eq!(scene.state(), Open);
    scene.hears(Hint { closed_at: 9, ..scene.hint(10) });
    assert_eq!(scene.state(), Open, "nor is one that it works");
    scene.hears(scene.working(10));
    assert_eq!(scene.state(), Closed);
}

#[test]
fn the_last_resort_is_lent_by_what_a_hint_opened() {
    let mut scene = opened_by_hint();
    let permit = scene.borrow().expect("free");
    scene.ends(permit, SUCCESS);
    assert_eq!(scene.state(), Open);
}
