//! Other proxies see failures, fewer of them than it takes: how many in a row open this breaker?

use super::*;
use crate::breaker::{Gathering, OpenFor, OpenedBy};

fn last_cause(scene: &Scene) -> Option<Cause> {
    scene.transitions.last().map(|it| it.cause)
}

const fn suspected(count: u32, threshold: u32) -> Cause {
    Cause::Suspected { count, threshold }
}

/// One other domain sees it fail, for 60 s.
fn suspicious(change: impl FnOnce(&mut Policy)) -> Scene {
    let mut scene = Scene::in_fleet(change);
    scene.hears(scene.suspected(5, 60.0));
    assert_eq!((scene.state(), scene.change), (Closed, Change::Data));
    scene
}

#[test]
fn a_first_failure_opens_it() {
    let mut scene = suspicious(|_| {});
    scene.fails(1);
    assert_eq!(last_cause(&scene), Some(suspected(1, 1)));
    let open_for = scene.transitions.last().and_then(|it| it.open_for);
    assert_eq!(open_for, Some(OpenFor::Backoff(seconds(30.0))));
}

#[test]
fn failures_of_before_are_told_with_it() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.fails(3);
    scene.hears(scene.suspected(5, 60.0));
    assert_eq!(scene.state(), Closed, "what it has seen itself was too little");
    scene.fails(1);
    assert_eq!(last_cause(&scene), Some(suspected(4, 1)));
}

#[test]
fn what_its_own_thresholds_would_open_is_told_as_that() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.fails(4);
    scene.hears(scene.suspected(5, 60.0));
    scene.fails(1);
    assert_eq!(last_cause(&scene), Some(run_of(5)));
    assert_eq!(scene.breaker.standing().opened, OpenedBy::OwnCalls);
    let mut scene = suspicious(|_| {});
    scene.calls_end(1, QUOTA_EXHAUSTED);
    assert_eq!(last_cause(&scene), Some(Cause::Verdict));
    assert_eq!(scene.breaker.standing().opened, OpenedBy::OwnCalls);
}

#[test]
fn only_a_failure_does() {
    for outcome in [SLOW, CLIENT_ERROR, CANCELLED, CANCELLED_SLOW] {
        let mut scene = suspicious(|_| {});
        scene.calls_end(1, outcome);
        assert_eq!(scene.state(), Closed, "{outcome:?}");
    }
    let mut scene = suspicious(|_| {});
    scene.calls_end(3, CLIENT_ERROR);
    scene.fails(1);
    assert_eq!(scene.state(), Open, "what says nothing does not clear it either");
}

#[test]
fn it_ends_with_the_word_that_made_it() {
    for (wait, state) in [(60.0 - 1e-9, Open), (60.0, Closed)] {
        let mut scene = suspicious(|_| {});
        scene.after(wait);
        scene.fails(1);
        assert_eq!(scene.state(), state);
    }
}

#[test]
fn a_further_word_that_is_no_witness_or_no_longer_one_does_not_end_it() {
    let mut scene = suspicious(|_| {});
    let probed_until = scene.now + seconds(90.0);
    scene.hears(Hint { opened_at: 6, probed_until, ..scene.hint(6) });
    scene.hears(scene.suspected(7, 0.0));
    scene.fails(1);
    assert_eq!(last_cause(&scene), Some(suspected(1, 1)));
}

#[test]
fn it_is_believed_for_no_longer_than_the_policy_says() {
    let mut scene = Scene::in_fleet(|policy| {
        policy.fleet = Some(Fleet { announced_max: seconds(40.0), ..Fleet::default() });
    });
    scene.hears(scene.suspected(5, 1e9));
    scene.after(40.0);
    scene.fails(1);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn it_holds_where_failures_in_a_row_open_nothing_otherwise() {
    let mut scene = suspicious(|policy| policy.trip.consecutive_failures = None);
    scene.fails(1);
    assert_eq!(scene.state(), Open);
}

#[test]
fn a_success_of_its_own_calls_says_otherwise() {
    for outcome in [SUCCESS, SLOW] {
        let mut scene = suspicious(|_| {});
        scene.calls_end(1, outcome);
        scene.fails(4);
        assert_eq!(scene.state(), Closed, "{outcome:?}");
        scene.fails(1);
        assert_eq!(last_cause(&scene), Some(run_of(5)));
    }
}

#[test]
fn with_one_from_before_it_takes_three_in_a_row() {
    for outcome in [SUCCESS, SLOW] {
        let mut scene = Scene::in_fleet(|_| {});
        scene.calls_end(1, outcome);
        scene.after(30.0);
        scene.hears(scene.suspected(5, 60.0));
        scene.fails(2);
        assert_eq!(scene.state(), Closed, "{outcome:?}");
        scene.fails(1);
        assert_eq!(last_cause(&scene), Some(suspected(3, 3)));
        assert_eq!(scene.breaker.standing().opened, OpenedBy::Hint);
    }
}

#[test]
fn those_from_before_the_word_are_among_them() {
    for (before, after, count) in [(1, 1, 3), (2, 0, 3), (3, 0, 4)] {
        let mut scene = Scene::in_fleet(|_| {});
        scene.succeeds(20);
        scene.fails(before);
        scene.hears(scene.suspected(5, 60.0));
        scene.fails(after);
        assert_eq!(scene.state(), Closed, "what it has seen itself was too little");
        scene.fails(1);
        assert_eq!(last_cause(&scene), Some(suspected(count, 3)));
    }
}

#[test]
fn a_success_between_two_failures_says_otherwise() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.succeeds(1);
    scene.fails(1);
    scene.after(0.001);
    scene.hears(scene.suspected(5, 60.0));
    scene.fails(1);
    scene.succeeds(1);
    scene.fails(4);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_success_that_the_window_forgot_counts_no_more() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.succeeds(20);
    scene.after(66.0);
    scene.hears(scene.suspected(5, 60.0));
    scene.fails(1);
    assert_eq!(last_cause(&scene), Some(suspected(1, 1)));
}

#[test]
fn it_never_takes_more_than_the_policy_says() {
    for (configured, count, cause) in [
        (Some(1), 1, run_of(1)),
        (Some(2), 2, run_of(2)),
        (Some(3), 3, run_of(3)),
        (Some(4), 3, suspected(3, 3)),
        (None, 3, suspected(3, 3)),
    ] {
        let mut scene = Scene::in_fleet(|policy| policy.trip.consecutive_failures = configured);
        scene.succeeds(1);
        scene.after(0.001);
        scene.hears(scene.suspected(5, 60.0));
        scene.fails(count);
        assert_eq!(last_cause(&scene), Some(cause), "{configured:?}");
    }
}

#[test]
fn one_bad_node_does_not_make_it_suspicious_again_and_again() {
    let mut scene = suspicious(|_| {});
    scene.succeeds(1);
    for (revision, wait) in [(6, 60.0), (7, 120.0), (8, 240.0)] {
        scene.after(60.0);
        scene.hears(scene.suspected(revision, wait));
        scene.fails(1);
        assert_eq!(scene.state(), Closed, "revision {revision}");
    }
    // Another domain is new, and so is the same one long after.
    let mut another = scene.breaker.clone();
    let hint = Hint { witnesses: 2, ..scene.suspected(9, 60.0) };
    let _ = another.hear(&hint, &scene.policy, scene.now);
    assert!(another.fleet.is_some_and(|heard| heard.suspects(scene.now)));
    scene.after(240.0 + 600.0);
    scene.hears(scene.suspected(10, 60.0));
    scene.fails(1);
    assert_eq!(scene.state(), Open);
}

#[test]
fn that_it_works_again_ends_it_and_what_its_own_calls_said() {
    let mut scene = suspicious(|_| {});
    scene.hears(scene.working(6));
    scene.fails(4);
    assert_eq!(scene.state(), Closed);
    scene.succeeds(1);
    scene.hears(scene.suspected(7, 60.0));
    scene.fails(3);
    assert_eq!(scene.state(), Open, "that is another failure of theirs");
}

#[test]
fn what_it_opened_others_close_and_no_probe_elsewhere_lengthens() {
    let mut scene = suspicious(|_| {});
    scene.fails(1);
    assert_eq!(scene.breaker.standing().opened, OpenedBy::Hint);
    let probed_until = scene.now + seconds(90.0);
    scene.hears(Hint { opened_at: 6, probed_until, ..scene.hint(6) });
    assert_eq!(scene.remaining(), 30.0);
    scene.hears(scene.working(7));
    assert_eq!((scene.state(), last_cause(&scene)), (Closed, Some(Cause::FleetClosed)));
}

#[test]
fn its_own_probe_says_otherwise_too() {
    let mut scene = suspicious(|_| {});
    scene.fails(1);
    scene.waits_out();
    scene.probe_ends(SUCCESS);
    scene.fails(1);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn a_policy_that_hears_nothing_is_not_suspicious() {
    let mut scene = suspicious(|_| {});
    scene.reconfigured(|policy| policy.fleet = None);
    scene.fails(4);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn in_a_ramp_it_takes_one_failure_instead_of_two() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.hears(scene.corroborated(5, 60.0));
    scene.hears(scene.working(6));
    scene.hears(scene.suspected(7, 60.0));
    scene.fails(1);
    assert_eq!(last_cause(&scene), Some(suspected(1, 1)));
}

/// A worker that was just asked whether a call may go out, and whether it gathers successes.
fn gathers(scene: &Scene) -> (Gathering, bool) {
    let (gathering, _) =
        Gathering::default().at_admission(&scene.breaker, &scene.policy, scene.now);
    (gathering, gathering.healthy.is_some())
}

#[test]
fn while_it_is_suspicious_each_success_is_recorded() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.succeeds(20);
    assert!(gathers(&scene).1);
    scene.hears(scene.suspected(5, 60.0));
    assert!(!gathers(&scene).1);
    scene.succeeds(1);
    assert!(gathers(&scene).1, "its own calls said otherwise");
}

#[test]
fn of_what_was_gathered_only_what_came_after_the_word_says_otherwise() {
    for (late, state) in [(false, Open), (true, Closed)] {
        let mut scene = Scene::in_fleet(|_| {});
        scene.succeeds(20);
        let (mut worker, _) = gathers(&scene);
        let permit = Permit { epoch: scene.breaker.epoch, kind: PermitKind::Call };
        let mut takes = |scene: &Scene| {
            assert!(worker.takes(&scene.policy, scene.now, Some(&permit), &SUCCESS));
            worker.gathered.expect("one")
        };
        let mut gathered = takes(&scene);
        scene.after(0.1);
        scene.hears(scene.suspected(5, 60.0));
        scene.after(0.1);
        if late {
            gathered = takes(&scene);
        }
        let change = scene.breaker.merge(&gathered);
        scene.note(change);
        scene.fails(3);
        assert_eq!(scene.state(), state);
    }
}
