//! Does the breaker keep its rules? One test for each sentence of the rules, told as scenes.

mod because;
mod closed;
mod epoch;
mod fleet_orders;
mod follow_up;
mod gathered;
mod half_open;
mod hints;
mod histories;
mod jitter;
mod last_resort;
mod modes;
mod names;
mod one_outcome;
mod open;
mod overrides;
mod ramp;
mod resets;
mod shown;
mod suspicion;
mod turns;
mod window;

use crate::breaker::{
    Admission, Breaker, Cause, Change, Hint, Jitter, Order, Permit, PermitKind, Share, State,
    StateName, StateName::*, Transition,
};
use crate::outcome::{Category, Outcome};
use crate::policy::{Fleet, Mode, Policy, WindowShape};
use crate::time::Instant;
use core::time::Duration;

/// A run that is just long enough.
const fn run_of(count: u32) -> Cause {
    Cause::ConsecutiveFailures { count, threshold: count }
}

/// So many of so many calls, where half of them open the breaker.
const fn half(part: u32, calls: u32) -> Share {
    Share { part, calls, threshold: 0.5 }
}

const SUCCESS: Outcome = Outcome::of(Category::Success);
const SLOW: Outcome = Outcome::of(Category::Slow);
const FAILURE: Outcome = Outcome::of(Category::ServerError);
const QUOTA_EXHAUSTED: Outcome = Outcome::of(Category::QuotaExhausted);
const CLIENT_ERROR: Outcome = Outcome::of(Category::ClientError);
const CANCELLED: Outcome = Outcome::of(Category::Cancelled);
/// The client left, after longer than a slow limit allows.
const CANCELLED_SLOW: Outcome = Outcome { slow: true, ..CANCELLED };

/// A 429 that asks not to be called for so many seconds.
fn limited_for(wait: f64) -> Outcome {
    Outcome { announced: Some(seconds(wait)), ..Outcome::of(Category::RateLimited) }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A breaker, the policy that looks at it, and the time. The policy is the default one, but
/// without jitter, so that open times are whole numbers.
struct Scene {
    policy: Policy,
    breaker: Breaker,
    now: Instant,
    jitter: Jitter,
    /// What a ramp draws.
    random: f64,
    /// What the latest event changed.
    change: Change,
    transitions: Vec<Transition>,
}

impl Scene {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Policy)) -> Self {
        // Long after the clock's zero, and where a bucket of a minute's window begins.
        let now = Instant::from_nanos(600_000_000_000_000);
        let mut policy = Policy::default();
        policy.open.jitter = 0.0;
        policy.in_force_since = now;
        change(&mut policy);
        let jitter = Jitter::of("openai", "node-1");
        Self {
            policy,
            breaker: Breaker::new(now),
            now,
            jitter,
            random: 0.0,
            change: Change::Nothing,
            transitions: Vec::new(),
        }
    }

    /// One that listens to a fleet.
    fn in_fleet(change: impl FnOnce(&mut Policy)) -> Self {
        Self::with(|policy| {
            policy.fleet = Some(Fleet::default());
            change(policy);
        })
    }

    /// Open, by the default's five failures in a row.
    fn open(change: impl FnOnce(&mut Policy)) -> Self {
        let mut scene = Self::with(change);
        scene.trips();
        scene
    }

    /// Half-open, no probe out.
    fn half_open(change: impl FnOnce(&mut Policy)) -> Self {
        let mut scene = Self::open(change);
        scene.waits_out();
        scene
    }

    /// Closed after a half-open period.
    fn recovered(change: impl FnOnce(&mut Policy)) -> Self {
        let mut scene = Self::half_open(change);
        scene.probe_ends(SUCCESS);
        assert_eq!(scene.state(), Closed);
        scene
    }

    fn after(&mut self, wait: f64) {
        self.now = self.now + seconds(wait);
    }

    /// Another policy comes into force, here and now.
    fn reconfigured(&mut self, change: impl FnOnce(&mut Policy)) {
        change(&mut self.policy);
        self.policy.in_force_since = self.now;
    }

    fn admit(&mut self) -> Admission {
        let (admission, change) = self.breaker.admit(&self.policy, self.now, self.random);
        self.note(change);
        admission
    }

    fn call(&mut self) -> Permit {
        match self.admit() {
            Admission::Pass(permit) => permit,
            other => panic!("expected a pass, not {other:?}"),
        }
    }

    fn probe(&mut self) -> Permit {
        match self.admit() {
            Admission::Probe(permit) => permit,
            other => panic!("expected a probe, not {other:?}"),
        }
    }

    /// How long a rejected call is told to wait, in seconds.
    fn rejection(&mut self) -> f64 {
        match self.admit() {
            Admission::Reject { retry_after, .. } => retry_after.as_secs_f64(),
            other => panic!("expected a rejection, not {other:?}"),
        }
    }

    /// Why a rejected call is rejected.
    fn because(&mut self) -> Option<Category> {
        match self.admit() {
            Admission::Reject { because, .. } => because,
            other => panic!("expected a rejection, not {other:?}"),
        }
    }

    /// How many of so many calls at once go out.
    fn burst(&mut self, calls: usize) -> usize {
        (0..calls).filter(|_| !matches!(self.admit(), Admission::Reject { .. })).count()
    }

    /// The last resort of a call that was rejected, if it is free.
    fn borrow(&mut self) -> Option<Permit> {
        let (permit, change) = self.breaker.lend(&self.policy, self.now);
        self.note(change);
        permit
    }

    fn ends(&mut self, permit: Permit, outcome: Outcome) {
        self.record(Some(&permit), outcome);
    }

    fn ends_without_permit(&mut self, outcome: Outcome) {
        self.record(None, outcome);
    }

    fn record(&mut self, permit: Option<&Permit>, outcome: Outcome) {
        let recorded = self.breaker.record(&self.policy, self.now, permit, &outcome, self.jitter);
        self.note(recorded.change);
    }

    fn ticks(&mut self) {
        let change = self.breaker.tick(&self.policy, self.now);
        self.note(change);
    }

    fn obeys(&mut self, order: Order) {
        let change = self.breaker.obey(order, self.now);
        self.note(change);
    }

    /// An operator puts this mode in the policy's place, for so many seconds if any are given.
    fn overridden(&mut self, mode: Mode, lasts: Option<f64>) {
        self.obeys(Order::Override { mode, lasts: lasts.map(seconds) });
    }

    /// What others say, as the store has it at this revision, where all of it is new.
    fn hint(&self, revision: u64) -> Hint {
        Hint { store: 1, revision, ..Hint::default() }
    }

    /// The newest word of it: the upstream announced to another proxy that it will not work for so
    /// many seconds.
    fn announced(&self, revision: u64, wait: f64) -> Hint {
        let until = self.now + seconds(wait);
        Hint {
            opened_at: revision,
            announced_until: until,
            wide_until: until,
            because: Some(Category::QuotaExhausted),
            ..self.hint(revision)
        }
    }

    /// Enough other domains see it fail for so many seconds.
    fn corroborated(&self, revision: u64, wait: f64) -> Hint {
        let until = self.now + seconds(wait);
        Hint {
            opened_at: revision,
            corroborated_until: until,
            suspected_until: until,
            wide_until: until,
            witnesses: 12,
            because: Some(Category::Timeout),
            ..self.hint(revision)
        }
    }

    /// One other domain does.
    fn suspected(&self, revision: u64, wait: f64) -> Hint {
        let suspected_until = self.now + seconds(wait);
        Hint { opened_at: revision, suspected_until, witnesses: 1, ..self.hint(revision) }
    }

    /// Another proxy found that it works.
    fn working(&self, revision: u64) -> Hint {
        Hint { closed_at: revision, ..self.hint(revision) }
    }

    fn hears(&mut self, hint: Hint) {
        let change = self.breaker.hear(&hint, &self.policy, self.now);
        self.note(change);
    }

    fn mode(&self) -> Mode {
        self.breaker.mode(&self.policy, self.now)
    }

    fn note(&mut self, change: Change) {
        self.change = change;
        if let Change::Transition(transition) = change {
            self.transitions.push(transition);
        }
    }

    /// So many calls, one after the other, that all end like this.
    fn calls_end(&mut self, calls: usize, outcome: Outcome) {
        for _ in 0..calls {
            let permit = self.call();
            self.ends(permit, outcome);
        }
    }

    fn fails(&mut self, calls: usize) {
        self.calls_end(calls, FAILURE);
    }

    fn succeeds(&mut self, calls: usize) {
        self.calls_end(calls, SUCCESS);
    }

    fn probe_ends(&mut self, outcome: Outcome) {
        let permit = self.probe();
        self.ends(permit, outcome);
    }

    fn trips(&mut self) {
        self.fails(5);
        assert_eq!(self.state(), Open);
    }

    fn waits_out(&mut self) {
        self.now = self.now + self.breaker.open_remaining(self.now);
        self.ticks();
        assert_eq!(self.state(), HalfOpen);
    }

    fn state(&self) -> StateName {
        self.breaker.state.name()
    }

    fn remaining(&self) -> f64 {
        self.breaker.open_remaining(self.now).as_secs_f64()
    }

    fn slots_held(&self) -> usize {
        match &self.breaker.state {
            State::HalfOpen { leases, .. } => leases.deadlines().len(),
            other => panic!("expected half-open, not {other:?}"),
        }
    }

    /// The failures that the policy's window holds, once a success was recorded now.
    fn failures_in_window(&mut self) -> u32 {
        self.succeeds(1);
        self.breaker.windows.total(self.policy.window).failures
    }
}
