//! Which successes may be gathered, and what becomes of them?

use super::*;
use crate::breaker::{Gathered, Gathering};

/// A worker beside the scene's own calls.
struct Worker {
    gathering: Gathering,
}

impl Worker {
    /// A worker that was just asked whether a call may go out, and what it merged first.
    fn asked(scene: &mut Scene) -> Self {
        let mut worker = Self { gathering: Gathering::default() };
        worker.asks(scene);
        worker
    }

    fn asks(&mut self, scene: &mut Scene) -> Option<Gathered> {
        let (gathering, due) =
            self.gathering.at_admission(&scene.breaker, &scene.policy, scene.now);
        self.gathering = gathering;
        if let Some(gathered) = &due {
            let change = scene.breaker.merge(gathered);
            scene.note(change);
        }
        due
    }

    fn takes(&mut self, scene: &Scene, outcome: Outcome) -> bool {
        let permit = Permit { epoch: scene.breaker.epoch, kind: PermitKind::Call };
        self.takes_under(scene, Some(&permit), outcome)
    }

    fn takes_under(&mut self, scene: &Scene, permit: Option<&Permit>, outcome: Outcome) -> bool {
        self.gathering.takes(&scene.policy, scene.now, permit, &outcome)
    }

    fn successes(&self) -> u32 {
        self.gathering.gathered.map_or(0, |gathered| gathered.successes)
    }
}

/// As many calls as a rate asks for.
const ENOUGH: usize = 10;

fn healthy() -> Scene {
    let mut scene = Scene::new();
    scene.succeeds(ENOUGH);
    scene
}

fn takes_a_success(scene: &mut Scene) -> bool {
    Worker::asked(scene).takes(scene, SUCCESS)
}

#[test]
fn only_successes_of_a_healthy_breaker_are_gathered() {
    assert!(takes_a_success(&mut healthy()));
    let mut scene = healthy();
    let mut worker = Worker::asked(&mut scene);
    for outcome in [SLOW, FAILURE, CLIENT_ERROR, CANCELLED, CANCELLED_SLOW, QUOTA_EXHAUSTED] {
        assert!(!worker.takes(&scene, outcome), "{outcome:?}");
    }
}

#[test]
fn only_those_of_calls_of_its_epoch_are_gathered() {
    let mut scene = healthy();
    let mut worker = Worker::asked(&mut scene);
    let epoch = scene.breaker.epoch;
    let follow_up = Permit { epoch, kind: PermitKind::FollowUp };
    let stale = Permit { epoch: epoch - 1, kind: PermitKind::Call };
    for permit in [None, Some(&follow_up), Some(&stale)] {
        assert!(!worker.takes_under(&scene, permit, SUCCESS), "{permit:?}");
    }
}

#[test]
fn with_fewer_calls_than_a_rate_asks_for_each_is_recorded() {
    let mut scene = Scene::new();
    assert!(!takes_a_success(&mut scene));
    scene.succeeds(ENOUGH - 1);
    assert!(!takes_a_success(&mut scene));
}

#[test]
fn while_anything_failed_or_was_slow_each_is_recorded() {
    for outcome in [FAILURE, SLOW, CANCELLED_SLOW] {
        let mut scene = Scene::with(|policy| policy.trip.slow_rate = Some(0.5));
        scene.calls_end(1, outcome);
        scene.succeeds(ENOUGH * 2);
        assert!(!takes_a_success(&mut scene), "{outcome:?}");
    }
}

#[test]
fn in_another_state_in_a_ramp_or_under_an_override_each_is_recorded() {
    let mut ramp = Scene::recovered(|policy| policy.ramp = Some(seconds(20.0)));
    ramp.succeeds(ENOUGH);
    assert!(!takes_a_success(&mut ramp));
    let mut overridden = healthy();
    overridden.overridden(Mode::Shadow, None);
    assert!(!takes_a_success(&mut overridden));
    assert!(!takes_a_success(&mut Scene::half_open(|_| {})));
}

#[test]
fn what_was_found_is_relied_on_for_a_second_and_within_its_bucket() {
    let mut scene = healthy();
    let mut worker = Worker::asked(&mut scene);
    scene.after(0.999);
    assert!(worker.takes(&scene, SUCCESS));
    scene.after(0.001);
    assert!(!worker.takes(&scene, SUCCESS));
    scene.after(4.5);
    let mut worker = Worker::asked(&mut scene);
    assert!(worker.takes(&scene, SUCCESS));
    scene.after(0.5);
    assert!(!worker.takes(&scene, SUCCESS), "a bucket ended, and may take calls with it");
}

#[test]
fn they_are_merged_after_a_second_at_the_latest() {
    let mut scene = healthy();
    let mut worker = Worker::asked(&mut scene);
    assert!(worker.takes(&scene, SUCCESS));
    scene.after(0.5);
    assert_eq!(worker.asks(&mut scene), None);
    assert!(worker.takes(&scene, SUCCESS));
    scene.after(0.5);
    assert!(!worker.takes(&scene, SUCCESS), "the first of them is old");
    assert_eq!(worker.asks(&mut scene).map(|it| it.successes), Some(2));
    assert_eq!(scene.breaker.windows.total(scene.policy.window).calls, 12);
    assert_eq!(worker.successes(), 0);
}

#[test]
fn they_are_merged_as_soon_as_another_worker_recorded_a_failure() {
    let mut scene = healthy();
    let mut worker = Worker::asked(&mut scene);
    assert!(worker.takes(&scene, SUCCESS));
    scene.after(0.1);
    scene.fails(1);
    assert_eq!(worker.asks(&mut scene).map(|it| it.successes), Some(1));
    assert!(!worker.takes(&scene, SUCCESS));
}

#[test]
fn a_run_goes_on_with_the_failures_after_them() {
    let mut scene = healthy();
    let mut worker = Worker::asked(&mut scene);
    scene.fails(1);
    scene.after(0.1);
    assert!(worker.takes(&scene, SUCCESS));
    scene.after(0.1);
    scene.fails(2);
    let _ = worker.asks(&mut scene);
    assert_eq!(scene.breaker.run.times().len(), 2);
    scene.fails(2);
    assert_eq!(scene.state(), Closed);
    scene.fails(1);
    assert_eq!(scene.state(), Open);
}

#[test]
fn a_run_ends_with_the_latest_of_them() {
    let mut scene = healthy();
    let mut worker = Worker::asked(&mut scene);
    assert!(worker.takes(&scene, SUCCESS));
    scene.after(0.1);
    scene.fails(2);
    scene.after(0.1);
    assert!(worker.takes(&scene, SUCCESS));
    let _ = worker.asks(&mut scene);
    assert_eq!(scene.breaker.run.times().len(), 0);
}

#[test]
fn none_is_gathered_where_a_bucket_just_ended_whose_clock_ever_is_behind() {
    let mut scene = healthy();
    scene.after(6.0);
    let mut worker = Worker::asked(&mut scene);
    scene.now = scene.now - seconds(0.001);
    assert!(!worker.takes(&scene, SUCCESS));
}

#[test]
fn those_of_another_epoch_move_nothing() {
    let mut scene = healthy();
    let mut worker = Worker::asked(&mut scene);
    assert!(worker.takes(&scene, SUCCESS));
    scene.obeys(Order::Reset);
    let before = scene.breaker.clone();
    assert!(worker.asks(&mut scene).is_some(), "and they are gone");
    assert_eq!((scene.breaker, scene.change), (before, Change::Nothing));
}

#[test]
fn in_a_window_by_count_each_is_recorded() {
    let mut scene = Scene::with(|policy| {
        policy.window = WindowShape::Count { calls: 20, max_age: seconds(600.0) };
    });
    scene.succeeds(15);
    assert!(!takes_a_success(&mut scene), "late, it would push out what came meanwhile");
}

#[test]
fn they_are_counted_in_the_bucket_that_they_ended_in() {
    let mut scene = healthy();
    let mut worker = Worker::asked(&mut scene);
    scene.after(5.9);
    let _ = worker.asks(&mut scene);
    (0..100).for_each(|_| assert!(worker.takes(&scene, SUCCESS)));
    scene.after(0.2);
    scene.fails(1);
    assert_eq!(worker.asks(&mut scene).map(|it| it.successes), Some(100));
    let total = |scene: &Scene| scene.breaker.windows.total(scene.policy.window).calls;
    assert_eq!(total(&scene), 10 + 100 + 1);
    // A window of 60 s in 10 buckets lets go of the first of them, and of nothing that came later.
    scene.after(54.0);
    scene.fails(1);
    assert_eq!(total(&scene), 2);
}
