//! What may a probe still say that was judged before its end?

use super::*;
use crate::breaker::PermitKind;

impl Scene {
    /// A probe that goes out now shows at once that the upstream works.
    fn probe_works(&mut self, outcome: Outcome) -> Option<Permit> {
        let probe = self.probe();
        self.works_so_far(&probe, outcome)
    }

    fn works_so_far(&mut self, permit: &Permit, outcome: Outcome) -> Option<Permit> {
        let (change, follow_up) =
            self.breaker.record_early(&self.policy, self.now, permit, &outcome, self.jitter);
        self.note(change);
        follow_up
    }
}

fn two_successes(policy: &mut Policy) {
    policy.half_open.successes = 2;
}

#[test]
fn a_probe_that_began_well_closes_at_once_and_its_failure_is_one_of_the_closed_breaker() {
    let mut scene = Scene::half_open(|_| {});
    let follow_up = scene.probe_works(SUCCESS).expect("a follow-up");
    assert_eq!((scene.state(), follow_up.epoch), (Closed, scene.breaker.epoch));
    scene.ends(follow_up, FAILURE);
    assert_eq!(scene.state(), Closed);
    scene.fails(3);
    assert_eq!(scene.state(), Closed);
    scene.fails(1);
    assert_eq!(scene.transitions.last().map(|it| it.cause), Some(run_of(5)));
}

#[test]
fn it_may_open_at_once_as_any_failure_may() {
    let mut scene = Scene::half_open(|_| {});
    let follow_up = scene.probe_works(SUCCESS).expect("a follow-up");
    scene.ends(follow_up, QUOTA_EXHAUSTED);
    assert_eq!((scene.state(), scene.remaining()), (Open, 300.0));
}

#[test]
fn it_holds_no_slot_and_counts_no_second_success() {
    let mut scene = Scene::half_open(two_successes);
    let follow_up = scene.probe_works(SUCCESS).expect("a follow-up");
    assert_eq!((scene.state(), scene.slots_held()), (HalfOpen, 0));
    for outcome in [SUCCESS, SLOW, CANCELLED, CANCELLED_SLOW, CLIENT_ERROR] {
        let again = Permit { epoch: follow_up.epoch, kind: PermitKind::FollowUp };
        scene.ends(again, outcome);
        assert_eq!(scene.change, Change::Nothing, "{outcome:?}");
    }
    assert_eq!(scene.state(), HalfOpen);
    scene.probe_ends(SUCCESS);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn in_half_open_its_failure_is_a_probes() {
    let mut scene = Scene::half_open(two_successes);
    let follow_up = scene.probe_works(SUCCESS).expect("a follow-up");
    let held = scene.probe();
    scene.ends(follow_up, FAILURE);
    assert_eq!(scene.transitions.last().map(|it| it.cause), Some(Cause::ProbeFailed));
    scene.ends(held, SUCCESS);
    assert_eq!(scene.state(), Open);
}

#[test]
fn its_failure_in_a_later_epoch_moves_nothing() {
    let mut scene = Scene::half_open(|_| {});
    let follow_up = scene.probe_works(SUCCESS).expect("a follow-up");
    scene.trips();
    let remaining = scene.remaining();
    scene.ends(follow_up, FAILURE);
    assert_eq!((scene.change, scene.remaining()), (Change::Nothing, remaining));
}

#[test]
fn a_success_that_came_too_late_leaves_no_permit() {
    let mut scene = Scene::half_open(|policy| policy.half_open.probes = 2);
    let (late, failing) = (scene.probe(), scene.probe());
    scene.ends(failing, FAILURE);
    assert_eq!(scene.works_so_far(&late, SUCCESS), None);
    assert_eq!(scene.state(), Open);
}

#[test]
fn where_slowness_opens_a_slow_beginning_opens_again() {
    let mut scene = Scene::half_open(|policy| policy.trip.slow_rate = Some(0.5));
    assert_eq!(scene.probe_works(SLOW), None);
    assert_eq!(scene.state(), Open);
}

#[test]
fn a_breaker_out_of_service_leaves_no_permit() {
    let mut scene = Scene::half_open(|_| {});
    let probe = scene.probe();
    scene.reconfigured(|policy| policy.mode = Mode::Disabled);
    assert_eq!(scene.works_so_far(&probe, SUCCESS), None);
}
