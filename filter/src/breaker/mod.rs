//! May this call go out, and what does that outcome change? The three states and all their rules.
//!
//! Everything here is a function of its arguments: the time, a random number and the jitter are
//! passed in, so that tests, benchmarks and a replay run exactly what Envoy runs.

mod backoff;
mod leases;
mod run;
mod state;
mod tally;
mod thresholds;
mod window;
mod windows;

#[cfg(test)]
mod tests;

pub use backoff::{Jitter, unit};
pub use leases::{Leases, MAX_PROBES};
pub use run::Run;
pub use state::{
    Admission, Before, Cause, Change, OpenFor, Permit, PermitKind, State, StateName, Transition,
};
pub use tally::{Counted, Tally};
pub use window::{Bucket, Window};
pub use windows::{MAX_WINDOWS, Windows};

use crate::outcome::{Category, Outcome, Verdict};
use crate::policy::{Mode, Policy};
use crate::time::Instant;
use core::time::Duration;
use thresholds::Thresholds;

/// What a caller is told to wait when the end of the wait is not known: while probes are out, and
/// while a ramp holds back a share.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// An answer is noted at most this often, so that a busy breaker is not stored for every first
/// byte. Whoever asks "did anyone get an answer since?" allows for it.
pub const ANSWER_RESOLUTION: Duration = Duration::from_secs(1);

/// The smallest share of the calls that a ramp lets through.
const RAMP_FLOOR: f64 = 0.1;

/// One breaker's whole state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Counts transitions; the outcome of a call that was admitted in another epoch moves nothing.
    pub epoch: u64,
    /// The state.
    pub state: State,
    /// How often in a row it opened.
    pub trips: u32,
    /// When an upstream's answer was last seen to begin, give or take [`ANSWER_RESOLUTION`].
    pub answered_at: Instant,
    /// Whether a policy took the breaker out of service.
    pub suspension: Suspension,
    /// The latest failures in a row.
    pub run: Run,
    /// The recent calls.
    pub windows: Windows,
}

/// Whether a policy with mode `disabled` or `forced_open` took the breaker out of service.
///
/// Such a policy leaves a mark, dated by when it came into force. The first active policy that is
/// younger starts the breaker afresh; an older one (a draining listener, another listener) goes on
/// as before, so that two listeners of different modes do not reset each other's breaker in turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suspension {
    /// When the latest such policy came into force.
    pub since: Instant,
    /// Whether no younger active policy has been seen yet.
    pub lasts: Lasts,
}

/// Whether a suspension lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lasts {
    /// It was lifted, or there never was one.
    #[default]
    Lifted,
    /// It lasts.
    Lasting,
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
            trips: 0,
            answered_at: Instant::ZERO,
            suspension: Suspension::default(),
            run: Run::default(),
            windows: Windows::default(),
        }
    }

    /// May a call go out now? `random`, from 0 to below 1, decides while a ramp passes a share.
    pub fn admit(&mut self, policy: &Policy, now: Instant, random: f64) -> (Admission, Change) {
        if let Some(admission) = overruled(policy) {
            return (admission, Change::Nothing);
        }
        let mut change = self.lift_suspension(policy, now);
        let admission = match &mut self.state {
            State::Closed { since, .. } => {
                let since = *since;
                match self.ramp(policy, now) {
                    Some(ramp) if random >= ramp_share(now.since(since), ramp) => {
                        Admission::Reject { retry_after: SHORT_WAIT }
                    }
                    _ => Admission::Pass(Permit { epoch: self.epoch, kind: PermitKind::Call }),
                }
            }
            State::Open { until, .. } if now < *until => {
                Admission::Reject { retry_after: until.since(now) }
            }
            State::Open { .. } => {
                change = self.half_open(now);
                self.lease_probe(policy, now)
            }
            State::HalfOpen { .. } => {
                let admission = self.lease_probe(policy, now);
                if matches!(admission, Admission::Probe(_)) {
                    change = Change::Data;
                }
                admission
            }
        };
        (admission, change)
    }

    /// A call ended. Without a permit, or with one of another epoch, the outcome is for the stats
    /// only, but a reset that it announces may lengthen an open time that is running, unless it was
    /// shadow mode that let the call pass.
    pub fn record(
        &mut self,
        policy: &Policy,
        now: Instant,
        permit: Option<&Permit>,
        outcome: &Outcome,
        jitter: Jitter,
    ) -> Recorded {
        let outcome = outcome.judged(self.answered_at);
        let category = outcome.category;
        if !policy.mode.is_active() {
            return Recorded { change: Change::Nothing, category };
        }
        let lifted = self.lift_suspension(policy, now);
        let change = match permit {
            Some(permit) if permit.epoch == self.epoch => {
                self.settle(policy, now, permit.kind, &outcome, jitter)
            }
            // In enforce mode this call would not have gone out, nor have announced anything.
            None if policy.mode == Mode::Shadow => Change::Nothing,
            _ => self.lengthen(policy, now, &outcome),
        };
        let change = if change == Change::Nothing { lifted } else { change };
        Recorded { change, category }
    }

    /// What time alone changes: the open time ends, leases expire, a suspension is lifted or
    /// marked. Doing it twice changes nothing.
    pub fn tick(&mut self, policy: &Policy, now: Instant) -> Change {
        if !policy.mode.is_active() {
            return self.suspend(policy);
        }
        let lifted = self.lift_suspension(policy, now);
        match &mut self.state {
            State::Open { until, .. } if now >= *until => self.half_open(now),
            State::HalfOpen { leases, .. } => {
                if leases.expire(now) {
                    Change::Data
                } else {
                    lifted
                }
            }
            State::Open { .. } | State::Closed { .. } => lifted,
        }
    }

    /// An upstream began to answer some call.
    pub fn note_answer(&mut self, now: Instant) -> Change {
        if now.since(self.answered_at) < ANSWER_RESOLUTION {
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

    fn settle(
        &mut self,
        policy: &Policy,
        now: Instant,
        kind: PermitKind,
        outcome: &Outcome,
        jitter: Jitter,
    ) -> Change {
        if let (PermitKind::Probe { lease }, State::HalfOpen { leases, .. }) =
            (kind, &mut self.state)
        {
            leases.release(lease);
        }
        match self.state {
            State::Closed { .. } => self.settle_call(policy, now, outcome, jitter),
            State::HalfOpen { .. } => self.settle_probe(policy, now, outcome, jitter),
            // No permit is given while open, and entering it starts a new epoch.
            State::Open { .. } => Change::Nothing,
        }
    }

    fn settle_call(
        &mut self,
        policy: &Policy,
        now: Instant,
        outcome: &Outcome,
        jitter: Jitter,
    ) -> Change {
        let Some(counted) = outcome.counted() else { return Change::Nothing };
        let announced_until = outcome.announced_until(policy, now);
        self.run.reserve(Thresholds::longest_run(policy));
        match counted {
            Counted::Failure => self.run.push(now),
            Counted::Success | Counted::SlowSuccess => self.run.clear(),
            Counted::CancelledSlow => {}
        }
        self.windows.record(policy.window, counted, announced_until, now);
        if counted == Counted::Success {
            return Change::Data;
        }
        let thresholds = match self.ramp(policy, now) {
            Some(_) => Thresholds::of_ramp(policy),
            None => Thresholds::of(policy),
        };
        match thresholds.reached(self, policy, outcome, now) {
            Some(cause) => self.open(policy, now, cause, announced_until, jitter),
            None => Change::Data,
        }
    }

    fn settle_probe(
        &mut self,
        policy: &Policy,
        now: Instant,
        outcome: &Outcome,
        jitter: Jitter,
    ) -> Change {
        // Else a breaker that slowness opened would close at the next slow answer, and flap.
        let too_slow = outcome.slow && policy.trip.slow_rate.is_some();
        match outcome.category.verdict() {
            Verdict::Ignore => Change::Data,
            Verdict::Success if !too_slow => self.count_probe_success(policy, now),
            Verdict::Success | Verdict::Failure | Verdict::Open => {
                let announced_until = outcome.announced_until(policy, now);
                self.open(policy, now, Cause::ProbeFailed, announced_until, jitter)
            }
        }
    }

    fn count_probe_success(&mut self, policy: &Policy, now: Instant) -> Change {
        if let State::HalfOpen { successes, .. } = &mut self.state {
            *successes = successes.saturating_add(1);
            if *successes < policy.half_open.successes {
                return Change::Data;
            }
        }
        let closed = State::Closed { since: now, after: Before::HalfOpen };
        self.enter(closed, Cause::ProbesSucceeded, None)
    }

    fn lengthen(&mut self, policy: &Policy, now: Instant, outcome: &Outcome) -> Change {
        match (&mut self.state, outcome.announced_until(policy, now)) {
            (State::Open { until, .. }, Some(announced)) if now < *until && announced > *until => {
                *until = announced;
                Change::Data
            }
            _ => Change::Nothing,
        }
    }

    fn lease_probe(&mut self, policy: &Policy, now: Instant) -> Admission {
        if let State::HalfOpen { leases, .. } = &mut self.state {
            leases.expire(now);
            let slots = usize::try_from(policy.half_open.probes).unwrap_or(MAX_PROBES);
            if leases.deadlines().len() < slots.min(MAX_PROBES) {
                let lease = now + policy.half_open.lease;
                leases.take(lease);
                return Admission::Probe(Permit {
                    epoch: self.epoch,
                    kind: PermitKind::Probe { lease },
                });
            }
        }
        Admission::Reject { retry_after: SHORT_WAIT }
    }

    fn open(
        &mut self,
        policy: &Policy,
        now: Instant,
        cause: Cause,
        announced_until: Option<Instant>,
        jitter: Jitter,
    ) -> Change {
        if let State::Closed { since, .. } = self.state
            && now.since(since) >= policy.open.reset_after
        {
            self.trips = 0;
        }
        self.trips = self.trips.saturating_add(1);
        let jitter = jitter.unit(self.epoch.wrapping_add(1));
        let backoff = backoff::open_time(&policy.open, self.trips, jitter);
        let announced = self
            .windows
            .announced_until(policy.window)
            .max(announced_until.unwrap_or(Instant::ZERO))
            .since(now)
            // It may have been noted under another policy, with a higher cap.
            .min(policy.open.announced_max);
        let open_for = if announced > backoff {
            OpenFor::Announced(announced)
        } else {
            OpenFor::Backoff(backoff)
        };
        let open = State::Open { since: now, until: now + open_for.duration() };
        self.enter(open, cause, Some(open_for))
    }

    fn half_open(&mut self, now: Instant) -> Change {
        let half_open = State::HalfOpen { since: now, successes: 0, leases: Leases::default() };
        self.enter(half_open, Cause::OpenTimeEnded, None)
    }

    fn enter(&mut self, state: State, cause: Cause, open_for: Option<OpenFor>) -> Change {
        let from = self.state.name();
        self.state = state;
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
        match self.state {
            State::Closed { since, after: Before::HalfOpen } => {
                policy.ramp.filter(|ramp| now.since(since) < *ramp)
            }
            _ => None,
        }
    }

    /// Mark that this policy takes the breaker out of service. Calls in flight lose their say,
    /// also if another policy keeps the breaker going.
    fn suspend(&mut self, policy: &Policy) -> Change {
        if self.suspension.since >= policy.in_force_since {
            return Change::Nothing;
        }
        self.suspension = Suspension { since: policy.in_force_since, lasts: Lasts::Lasting };
        self.start_epoch();
        if let State::HalfOpen { leases, .. } = &mut self.state {
            *leases = Leases::default();
        }
        Change::Data
    }

    fn lift_suspension(&mut self, policy: &Policy, now: Instant) -> Change {
        if self.suspension.lasts == Lasts::Lifted || policy.in_force_since <= self.suspension.since
        {
            return Change::Nothing;
        }
        self.suspension.lasts = Lasts::Lifted;
        self.trips = 0;
        let was_closed = self.state.name() == StateName::Closed;
        let closed = State::Closed { since: now, after: Before::Nothing };
        let change = self.enter(closed, Cause::ModeChanged, None);
        if was_closed { Change::Data } else { change }
    }
}

/// What the mode decides without asking the breaker.
#[must_use]
pub fn overruled(policy: &Policy) -> Option<Admission> {
    match policy.mode {
        Mode::Enforce | Mode::Shadow => None,
        Mode::Disabled => Some(Admission::Untracked),
        Mode::ForcedOpen => Some(Admission::Reject { retry_after: policy.open.base }),
    }
}

fn ramp_share(elapsed: Duration, ramp: Duration) -> f64 {
    (elapsed.as_secs_f64() / ramp.as_secs_f64()).max(RAMP_FLOOR)
}
