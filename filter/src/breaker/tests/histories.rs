//! What holds after any history? Random calls at random times, seen by workers whose clocks may
//! read behind.

use super::*;
use crate::breaker::unit;

/// A history that is the same for the same seed.
struct History {
    seed: u64,
    drawn: u64,
    scene: Scene,
    in_flight: Vec<Permit>,
}

impl History {
    fn new(seed: u64) -> Self {
        let scene = Scene::with(|policy| {
            policy.half_open.probes = 2;
            policy.half_open.successes = 2;
            policy.ramp = Some(seconds(20.0));
            policy.trip.slow_rate = Some(0.5);
            policy.trip.open_on_announced = Some(seconds(300.0));
            if seed % 2 == 1 {
                policy.window = WindowShape::Count { calls: 20, max_age: seconds(50.0) };
            }
        });
        Self { seed, drawn: 0, scene, in_flight: Vec::new() }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.drawn += 1;
        (unit(self.seed * 1_000_003 + self.drawn) * below as f64) as usize
    }

    fn outcome(&mut self) -> Outcome {
        let outcomes = [
            SUCCESS,
            SUCCESS,
            SUCCESS,
            SUCCESS,
            SUCCESS,
            SLOW,
            FAILURE,
            QUOTA_EXHAUSTED,
            CLIENT_ERROR,
            CANCELLED_SLOW,
            limited_for(100.0),
            Outcome { announced: Some(Duration::MAX), ..FAILURE },
            Outcome { unanswered_since: Some(self.scene.now - seconds(40.0)), ..CANCELLED },
        ];
        outcomes[self.draw(outcomes.len())]
    }

    /// One random event; the change that it is said to have made. One in eight happens in a worker
    /// that took its time before it came to the breaker.
    fn step(&mut self) -> Change {
        let behind = if self.draw(8) == 0 { seconds(2.0) } else { Duration::ZERO };
        self.scene.now = self.scene.now - behind;
        let change = self.event();
        self.scene.now = self.scene.now + behind;
        change
    }

    fn event(&mut self) -> Change {
        self.scene.change = Change::Nothing;
        match self.draw(21) {
            0..8 => {
                self.scene.random = unit(self.drawn);
                if let Admission::Pass(permit) | Admission::Probe(permit) = self.scene.admit() {
                    self.in_flight.push(permit);
                }
            }
            8..15 if !self.in_flight.is_empty() => {
                let ended = self.draw(self.in_flight.len());
                let permit = self.in_flight.swap_remove(ended);
                let outcome = self.outcome();
                self.scene.ends(permit, outcome);
            }
            15 => {
                let outcome = self.outcome();
                self.scene.ends_without_permit(outcome);
            }
            16 => self.scene.ticks(),
            17 => {
                let change = self.scene.breaker.note_answer(self.scene.now);
                self.scene.note(change);
            }
            18 => {
                let wait = [0.5, 5.0, 30.0, 100.0, 4_000.0][self.draw(5)];
                self.scene.after(wait);
            }
            19 => self.in_flight.extend(self.scene.borrow()),
            _ => self.scene.after(0.1),
        }
        self.scene.change
    }
}

#[test]
fn what_says_it_changed_nothing_changed_nothing_and_only_a_transition_changes_the_state() {
    let mut visited = [0; 3];
    for seed in 0..100 {
        let mut history = History::new(seed);
        let mut before = history.scene.breaker.clone();
        for _ in 0..1_000 {
            let change = history.step();
            let after = &history.scene.breaker;
            match change {
                Change::Nothing => assert_eq!(*after, before),
                Change::Data => {
                    assert_eq!(after.epoch, before.epoch);
                    assert_eq!(after.state.name(), before.state.name());
                }
                Change::Transition(transition) => {
                    assert_eq!(transition.from, before.state.name());
                    assert_eq!(transition.to, after.state.name());
                    assert_eq!(transition.epoch, after.epoch);
                    assert_eq!(after.epoch, before.epoch + 1);
                    visited[transition.to.gauge() as usize] += 1;
                }
            }
            before = after.clone();
        }
    }
    assert!(visited.iter().all(|times| *times > 100), "{visited:?}");
}

#[test]
fn never_are_more_probes_out_than_configured() {
    let mut probed = false;
    for seed in 0..100 {
        let mut history = History::new(seed);
        for _ in 0..1_000 {
            let _ = history.step();
            if let State::HalfOpen { leases, .. } = &history.scene.breaker.state {
                assert!(leases.deadlines().len() <= 2);
                probed |= leases.deadlines().len() == 2;
            }
        }
    }
    assert!(probed);
}

#[test]
fn no_open_time_exceeds_its_caps() {
    for seed in 0..100 {
        let mut history = History::new(seed);
        for _ in 0..1_000 {
            let _ = history.step();
            assert!(history.scene.remaining() <= 3_600.0);
        }
    }
}
