//! May this call go out, and what does that outcome change? The three states and all their rules.
//!
//! Everything here is a function of its arguments: the time, a random number and the jitter are
//! passed in, so that tests, benchmarks and a replay run exactly what Envoy runs.

mod backoff;
mod fleet;
mod flow;
mod gathered;
mod last_resort;
mod leases;
mod overriding;
mod run;
mod settle;
mod state;
mod suspension;
mod tally;
mod thresholds;
mod window;
mod windows;

#[cfg(test)]
mod tests;

pub use backoff::{Jitter, unit};
pub use fleet::{Heard, Hint, OpenedBy, Standing};
pub use gathered::{Gathered, Gathering};
pub use leases::{Leases, MAX_PROBES};
pub use overriding::{FleetOrder, Order, Origin, Override, Shown};
pub use run::Run;
pub use state::{
    Admission, Before, Cause, Change, OpenFor, Permit, PermitKind, Share, State, StateName,
    Transition,
};
pub use suspension::{Lasts, Suspension};
pub use tally::Tally;
pub use window::{Bucket, Window, WindowHead};
pub use windows::{MAX_WINDOWS, Windows};

use crate::outcome::{ANSWER_RESOLUTION, Category, Outcome};
use crate::policy::{Mode, Policy};
use crate::time::Instant;
use core::time::Duration;
use settle::Settling;

/// What a caller is told to wait when the end of the wait is not known: while probes are out, and
/// while a ramp holds back a share.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// The smallest share of the calls that a ramp lets through.
const RAMP_FLOOR: f64 = 0.1;

/// One breaker's whole state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Counts transitions; the outcome of a call that was admitted in another epoch moves nothing.
    pub epoch: u64,
    /// The state.
    pub state: State,
    /// How the call ended that opened it last; `None` once it closed.
    pub opened_by: Option<Category>,
    /// How often in a row it opened.
    pub trips: u32,
    /// When an upstream's answer was last seen to begin, give or take [`ANSWER_RESOLUTION`].
    pub answered_at: Instant,
    /// Until when the way through of a last resort is taken.
    pub last_resort: Option<Instant>,
    /// Whether a policy took the breaker out of service.
    pub suspension: Suspension,
    /// The mode that an operator put in the policy's place.
    pub overridden: Option<Override>,
    /// The highest generation that a policy had so far: a policy with a higher one starts the
    /// breaker afresh, once.
    pub reset_generation: u64,
    /// The latest failures in a row.
    pub run: Run,
    /// The recent calls.
    pub windows: Windows,
    /// What other proxies say; `None` where none ever said anything.
    pub fleet: Option<Heard>,
}

/// What recording an outcome did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded {
    /// What changed.
    pub change: Change,
    /// The category that was recorded: a client's leaving may turn out to be a time-out.
    pub category: Category,
}

impl Breaker {
    /// A breaker that has seen nothing: closed.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            // Not a constant: should the record be lost, no earlier permit fits the next one.
            epoch: now.as_nanos(),
            state: State::Closed { since: now, after: Before::Nothing },
            opened_by: None,
            trips: 0,
            answered_at: Instant::ZERO,
            last_resort: None,
            suspension: Suspension::default(),
            overridden: None,
            reset_generation: 0,
            run: Run::default(),
            windows: Windows::default(),
            fleet: None,
        }
    }

    /// May a call go out now? `random`, from 0 to below 1, decides while a ramp passes a share.
    #[inline]
    pub fn admit(&mut self, policy: &Policy, now: Instant, random: f64) -> (Admission, Change) {
        if self.flows(policy, now) {
            return (self.pass(), Change::Nothing);
        }
        self.admit_with_care(policy, now, random)
    }

    fn admit_with_care(
        &mut self,
        policy: &Policy,
        now: Instant,
        random: f64,
    ) -> (Admission, Change) {
        let mut change = self.catch_up(policy, now);
        if let Some(admission) = self.overruled(policy, now) {
            return (admission, change);
        }
        let admission = match self.state {
            State::Closed { since, .. } => match self.ramp(policy, now) {
                Some(ramp) if random >= ramp_share(now.since(since), ramp) => {
                    self.reject(SHORT_WAIT)
                }
                _ => self.pass(),
            },
            State::Open { until, .. } if now < until => self.reject(until.since(now)),
            State::Open { .. } | State::HalfOpen { .. } if self.leaves_probing(policy, now) => {
                self.reject(SHORT_WAIT)
            }
            State::Open { .. } => {
                change = change.and(self.half_open(now));
                self.lease_probe(policy, now)
            }
            State::HalfOpen { .. } => {
                let admission = self.lease_probe(policy, now);
                if matches!(admission, Admission::Probe(_)) {
                    change = change.and(Change::Data);
                }
                admission
            }
        };
        (admission, change)
    }

    /// A permit goes back unused: the slot that a probe held is free again, or the last resort's
    /// way through.
    pub fn give_back(&mut self, permit: &Permit) -> Change {
        match (&mut self.state, permit.kind) {
            (_, PermitKind::LastResort { .. }) => self.end_last_resort(permit),
            (State::HalfOpen { leases, .. }, PermitKind::Probe { lease })
                if permit.epoch == self.epoch =>
            {
                leases.release(lease);
                Change::Data
            }
            _ => Change::Nothing,
        }
    }

    /// A call ended. Without a permit, or with one of another epoch, the outcome is for the stats
    /// only, but a reset that it announces may lengthen an open time that is running, unless it was
    /// shadow mode that let the call pass.
    #[inline]
    pub fn record(
        &mut self,
        policy: &Policy,
        now: Instant,
        permit: Option<&Permit>,
        outcome: &Outcome,
        jitter: Jitter,
    ) -> Recorded {
        // Every transition begins an epoch: in a call's own it is still closed.
        if self.is_its_call(permit)
            && self.goes_by_its_state(policy)
            && outcome.is_plain_success(policy)
        {
            self.count_success(policy, now);
            return Recorded { change: Change::Data, category: outcome.category };
        }
        self.record_with_care(policy, now, permit, outcome, jitter)
    }

    fn record_with_care(
        &mut self,
        policy: &Policy,
        now: Instant,
        permit: Option<&Permit>,
        outcome: &Outcome,
        jitter: Jitter,
    ) -> Recorded {
        let outcome = outcome.judged(self.answered_at);
        let category = outcome.category;
        let freed = permit.map_or(Change::Nothing, |permit| self.end_last_resort(permit));
        let caught_up = self.catch_up(policy, now).and(freed);
        let mode = self.mode(policy, now);
        if !mode.is_active() {
            return Recorded { change: caught_up, category };
        }
        let settling = Settling { policy, now, jitter, outcome: &outcome };
        let change = match permit {
            Some(Permit { kind: PermitKind::LastResort { .. }, .. }) => settling.lengthen(self),
            Some(permit) if permit.epoch == self.epoch => settling.settle(self, permit.kind),
            // In enforce mode this call would not have gone out, nor have announced anything.
            None if mode == Mode::Shadow => Change::Nothing,
            _ => settling.lengthen(self),
        };
        Recorded { change: caught_up.and(change), category }
    }

    /// A probe went well so far, and is judged now rather than at its end. With it comes what is
    /// left of its permit, if the outcome counted: good for a failure in the epoch that is current
    /// from now on.
    pub fn record_early(
        &mut self,
        policy: &Policy,
        now: Instant,
        permit: &Permit,
        outcome: &Outcome,
        jitter: Jitter,
    ) -> (Change, Option<Permit>) {
        let caught_up = self.catch_up(policy, now);
        if !self.mode(policy, now).is_active() {
            return (caught_up, None);
        }
        let counts = permit.epoch == self.epoch;
        let Recorded { change, .. } =
            self.record_with_care(policy, now, Some(permit), outcome, jitter);
        let change = caught_up.and(change);
        let works = counts && self.state.name() != StateName::Open;
        let follow_up = Permit { epoch: self.epoch, kind: PermitKind::FollowUp };
        (change, works.then_some(follow_up))
    }

    /// What time alone changes: the open time, leases and overrides end, a suspension is lifted or
    /// marked. Doing it twice changes nothing.
    pub fn tick(&mut self, policy: &Policy, now: Instant) -> Change {
        let caught_up = self.catch_up(policy, now).and(self.expire_last_resort(now));
        if !self.mode(policy, now).is_active() {
            return caught_up.and(self.step_aside(policy));
        }
        let is_due = self.open_until().is_some_and(|until| now >= until);
        let probes = is_due && !self.leaves_probing(policy, now);
        let timed = match &mut self.state {
            State::Open { .. } if probes => self.half_open(now),
            State::HalfOpen { leases, .. } => Change::data_if(leases.expire(now)),
            State::Open { .. } | State::Closed { .. } => Change::Nothing,
        };
        caught_up.and(timed)
    }

    /// An upstream began to answer some call.
    pub fn note_answer(&mut self, now: Instant) -> Change {
        if now < self.answered_at + ANSWER_RESOLUTION {
            return Change::Nothing;
        }
        self.answered_at = now;
        Change::Data
    }

    /// How long the breaker will stay open; zero if it is not.
    #[must_use]
    pub const fn open_remaining(&self, now: Instant) -> Duration {
        match self.state {
            State::Open { until, .. } => until.since(now),
            State::Closed { .. } | State::HalfOpen { .. } => Duration::ZERO,
        }
    }

    /// What comes before anything else is decided: an override ends whose time is over or whose fleet
    /// was left, a reset that the configuration asks for is made, a suspension that is over is lifted.
    #[inline]
    fn catch_up(&mut self, policy: &Policy, now: Instant) -> Change {
        if self.has_missed(policy) { self.make_up_for(policy, now) } else { Change::Nothing }
    }

    #[inline]
    fn has_missed(&self, policy: &Policy) -> bool {
        self.overridden.is_some()
            || policy.reset_generation > self.reset_generation
            || self.suspension.lasts == Lasts::Lasting
    }

    #[cold]
    fn make_up_for(&mut self, policy: &Policy, now: Instant) -> Change {
        let expired = self.expire_override(now).and(self.leave_fleet(policy, now));
        let reset = self.reset_if_told(policy, now);
        let lifted = if self.mode(policy, now).is_active() {
            self.lift_suspension(policy, now)
        } else {
            Change::Nothing
        };
        expired.and(reset).and(lifted)
    }

    fn reset_if_told(&mut self, policy: &Policy, now: Instant) -> Change {
        if policy.reset_generation <= self.reset_generation {
            return Change::Nothing;
        }
        self.reset_generation = policy.reset_generation;
        self.start_afresh(now, Cause::ResetGeneration)
    }

    fn lease_probe(&mut self, policy: &Policy, now: Instant) -> Admission {
        self.reserve(policy);
        if let State::HalfOpen { leases, .. } = &mut self.state {
            leases.expire(now);
            let slots = usize::try_from(policy.half_open.probes).unwrap_or(MAX_PROBES);
            if leases.deadlines().len() < slots.min(MAX_PROBES) {
                let lease = now + policy.half_open.lease;
                leases.take(lease);
                self.note_probe(now);
                return Admission::Probe(Permit {
                    epoch: self.epoch,
                    kind: PermitKind::Probe { lease },
                });
            }
        }
        self.reject(SHORT_WAIT)
    }

    /// Closed for long enough without a trip, the next trip is the first again.
    fn forget_old_trips(&mut self, policy: &Policy, now: Instant) {
        if let State::Closed { since, .. } = self.state
            && now.since(since) >= policy.open.reset_after
        {
            self.trips = 0;
        }
    }

    const fn reject(&self, retry_after: Duration) -> Admission {
        Admission::Reject { retry_after, because: self.opened_by }
    }

    fn half_open(&mut self, now: Instant) -> Change {
        self.begin_probing(now);
        let half_open = State::HalfOpen { since: now, successes: 0, leases: Leases::default() };
        self.enter(half_open, Cause::OpenTimeEnded, None)
    }

    fn start_afresh(&mut self, now: Instant, cause: Cause) -> Change {
        self.trips = 0;
        self.close(now, cause)
    }

    /// Closed on an empty window; from closed it is no transition, but an epoch of its own.
    fn close(&mut self, now: Instant, cause: Cause) -> Change {
        if let Some(heard) = &mut self.fleet {
            heard.start_afresh(cause);
        }
        let was_closed = self.state.name() == StateName::Closed;
        let closed = State::Closed { since: now, after: Before::Nothing };
        let change = self.enter(closed, cause, None);
        if was_closed { Change::Data } else { change }
    }

    fn enter(&mut self, state: State, cause: Cause, open_for: Option<OpenFor>) -> Change {
        let from = self.state.name();
        self.state = state;
        if matches!(self.state, State::Closed { .. }) {
            self.opened_by = None;
        }
        if let Some(heard) = &mut self.fleet {
            heard.enter(self.state.name());
        }
        self.start_epoch();
        let to = self.state.name();
        Change::Transition(Transition { from, to, epoch: self.epoch, cause, open_for })
    }

    fn start_epoch(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.windows.clear();
        self.run.clear();
    }

    fn ramp(&self, policy: &Policy, now: Instant) -> Option<Duration> {
        let State::Closed { since, after } = self.state else { return None };
        let ramp = match after {
            Before::Nothing => None,
            Before::HalfOpen => policy.ramp,
            Before::Fleet => policy.fleet.map(|fleet| fleet.ramp),
        };
        ramp.filter(|ramp| now.since(since) < *ramp)
    }
}

fn ramp_share(elapsed: Duration, ramp: Duration) -> f64 {
    (elapsed.as_secs_f64() / ramp.as_secs_f64()).max(RAMP_FLOOR)
}
