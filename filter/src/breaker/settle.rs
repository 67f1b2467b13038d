//! What does the outcome of an admitted call change, in the epoch it was admitted in?

use crate::breaker::backoff::open_time;
use crate::breaker::thresholds::Thresholds;
use crate::breaker::{Before, Breaker, Cause, Change, Jitter, OpenFor, PermitKind, State};
use crate::outcome::{Counted, Outcome, Verdict};
use crate::policy::Policy;
use crate::time::Instant;

/// An outcome that is being recorded, and all that its effect depends on but the breaker.
pub(super) struct Settling<'a> {
    pub(super) policy: &'a Policy,
    pub(super) now: Instant,
    pub(super) jitter: Jitter,
    pub(super) outcome: &'a Outcome,
}

impl Settling<'_> {
    /// Record it for a call or probe of the current epoch.
    pub(super) fn settle(&self, breaker: &mut Breaker, kind: PermitKind) -> Change {
        if let (PermitKind::Probe { lease }, State::HalfOpen { leases, .. }) =
            (kind, &mut breaker.state)
        {
            leases.release(lease);
        }
        if kind == PermitKind::FollowUp && self.counted() != Some(Counted::Failure) {
            return Change::Nothing;
        }
        match breaker.state {
            State::Closed { .. } => self.settle_call(breaker),
            State::HalfOpen { .. } => self.settle_probe(breaker),
            // No permit that counts is given while open, and entering it starts a new epoch.
            State::Open { .. } => Change::Nothing,
        }
    }

    /// A reset that a call of no or another epoch announces may lengthen a running open time.
    pub(super) fn lengthen(&self, breaker: &mut Breaker) -> Change {
        match (&mut breaker.state, self.announced_until()) {
            (State::Open { until, .. }, Some(announced))
                if self.now < *until && announced > *until =>
            {
                *until = announced;
                Change::Data
            }
            _ => Change::Nothing,
        }
    }

    fn settle_call(&self, breaker: &mut Breaker) -> Change {
        let Some(counted) = self.counted() else { return Change::Nothing };
        breaker.reserve(self.policy);
        match counted {
            Counted::Failure => breaker.run.push(self.now),
            Counted::Success | Counted::SlowSuccess => {
                breaker.run.clear();
                breaker.refute(self.now);
            }
            Counted::CancelledSlow => {}
        }
        breaker.windows.record(self.policy.window, counted, self.announced_until(), self.now);
        if counted == Counted::Success {
            return Change::Data;
        }
        let thresholds = match breaker.ramp(self.policy, self.now) {
            Some(_) => Thresholds::of_ramp(self.policy),
            None => Thresholds::of(self.policy),
        };
        let reached = thresholds.reached(breaker, self.policy, self.outcome, self.now);
        match reached.or_else(|| self.suspected(breaker)) {
            Some(cause) => self.open(breaker, cause),
            None => Change::Data,
        }
    }

    /// Other proxies see failures, and here is one.
    fn suspected(&self, breaker: &Breaker) -> Option<Cause> {
        let is_failure = self.counted() == Some(Counted::Failure);
        if is_failure { breaker.suspicion(self.policy, self.now) } else { None }
    }

    fn settle_probe(&self, breaker: &mut Breaker) -> Change {
        // Else a breaker that slowness opened would close at the next slow answer, and flap.
        let too_slow = self.outcome.is_slow() && self.policy.trip.slow_rate.is_some();
        match self.outcome.verdict(self.policy) {
            Verdict::Ignore => Change::Data,
            Verdict::Success if !too_slow => self.count_probe_success(breaker),
            Verdict::Success | Verdict::Failure | Verdict::Open => {
                self.open(breaker, Cause::ProbeFailed)
            }
        }
    }

    fn count_probe_success(&self, breaker: &mut Breaker) -> Change {
        if let State::HalfOpen { successes, .. } = &mut breaker.state {
            *successes = successes.saturating_add(1);
            if *successes < self.policy.half_open.successes {
                breaker.note_probe_success(self.now);
                return Change::Data;
            }
        }
        breaker.refute(self.now);
        let closed = State::Closed { since: self.now, after: Before::HalfOpen };
        breaker.enter(closed, Cause::ProbesSucceeded, None)
    }

    fn open(&self, breaker: &mut Breaker, cause: Cause) -> Change {
        breaker.forget_old_trips(self.policy, self.now);
        breaker.note_who_opens(cause);
        breaker.trips = breaker.trips.saturating_add(1);
        breaker.opened_by = Some(self.outcome.category);
        let jitter = self.jitter.unit(breaker.epoch.wrapping_add(1));
        let backoff = open_time(&self.policy.open, breaker.trips, jitter);
        let announced = breaker
            .windows
            .announced_until(self.policy.window)
            .max(self.announced_until().unwrap_or(Instant::ZERO))
            .since(self.now)
            // It may have been noted under another policy, with a higher cap.
            .min(self.policy.open.announced_max);
        let open_for = if announced > backoff {
            OpenFor::Announced(announced)
        } else {
            OpenFor::Backoff(backoff)
        };
        let open = State::Open { since: self.now, until: self.now + open_for.duration() };
        breaker.enter(open, cause, Some(open_for))
    }

    fn counted(&self) -> Option<Counted> {
        self.outcome.counted(self.policy)
    }

    fn announced_until(&self) -> Option<Instant> {
        self.outcome.announced_until(self.policy, self.now)
    }
}
