//! What the end of a call changes: it is counted, and the breaker may open, close, or stay open for
//! longer.

use super::{Oracle, Phase, SECOND};
use crate::step::Moved;
use crate::window::{Window, span};
use core::time::Duration;
use llm_breaker::admission::Asker;
use llm_breaker::breaker::{Permit, PermitKind, StateName};
use llm_breaker::outcome::{Category, Counted, Outcome, Verdict};
use llm_breaker::policy::{Mode, Policy, WindowShape};
use llm_breaker::time::Instant;

impl Oracle {
    pub(super) fn judge_early(
        &mut self,
        permit: &Permit,
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> (Option<Permit>, Option<Moved>) {
        let lifted = self.catch_up(asker.policy, asker.now);
        if !self.mode(asker.policy, asker.now).is_active() {
            return (None, lifted);
        }
        let counts = permit.epoch == self.epoch;
        let (_, moved) = self.record(Some(permit), outcome, asker);
        let works = counts && self.phase.name() != StateName::Open;
        let left = Permit { epoch: self.epoch, kind: PermitKind::FollowUp };
        (works.then_some(left), moved.or(lifted))
    }

    pub(super) fn record(
        &mut self,
        permit: Option<&Permit>,
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> (Category, Option<Moved>) {
        let Asker { policy, now, .. } = asker;
        let mut outcome = *outcome;
        if let Some(since) = outcome.unanswered_since
            && self.answered_at + SECOND <= since
        {
            outcome.category = Category::Timeout;
        }
        let category = outcome.category;
        let kind = permit.map(|permit| permit.kind);
        if let (Some(permit), Some(PermitKind::LastResort { .. })) = (permit, kind) {
            self.free(permit);
        }
        let lifted = self.catch_up(policy, now);
        let mode = self.mode(policy, now);
        if !mode.is_active() {
            return (category, lifted);
        }
        let is_current = permit.is_some_and(|permit| permit.epoch == self.epoch);
        let moved = match kind {
            Some(kind) if is_current && !matches!(kind, PermitKind::LastResort { .. }) => {
                self.settle(permit, kind, &outcome, asker)
            }
            None if mode == Mode::Shadow => None,
            _ => {
                self.lengthen(&outcome, policy, now);
                None
            }
        };
        (category, moved.or(lifted))
    }

    fn lengthen(&mut self, outcome: &Outcome, policy: &Policy, now: Instant) {
        if let Phase::Open { until, .. } = &mut self.phase
            && now < *until
            && let Some(announced) = announced_until(outcome, policy, now)
        {
            *until = announced.max(*until);
        }
    }

    fn settle(
        &mut self,
        permit: Option<&Permit>,
        kind: PermitKind,
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> Option<Moved> {
        if let Some(permit) = permit {
            self.free(permit);
        }
        let verdict = outcome.verdict(asker.policy);
        let fails = matches!(verdict, Verdict::Failure | Verdict::Open);
        if kind == PermitKind::FollowUp && !fails {
            return None;
        }
        match self.phase {
            Phase::Closed { .. } => self.settle_call(verdict, outcome, asker),
            Phase::HalfOpen { .. } => self.settle_probe(verdict, outcome, asker),
            Phase::Open { .. } => None,
        }
    }

    fn settle_call(
        &mut self,
        verdict: Verdict,
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> Option<Moved> {
        let Asker { policy, now, .. } = asker;
        let slow = outcome.is_slow();
        let counted = match verdict {
            Verdict::Failure | Verdict::Open => Counted::Failure,
            Verdict::Success if slow => Counted::SlowSuccess,
            Verdict::Success => Counted::Success,
            Verdict::Ignore if slow && outcome.category == Category::Cancelled => {
                Counted::CancelledSlow
            }
            Verdict::Ignore => return None,
        };
        match verdict {
            Verdict::Failure | Verdict::Open => self.run.push(now),
            Verdict::Success => self.run.clear(),
            Verdict::Ignore => {}
        }
        self.count(counted, announced_until(outcome, policy, now), policy.window, now);
        let cause = self.cause(counted, verdict, outcome, policy, now)?;
        Some(self.open(cause, outcome, asker))
    }

    /// Why it opens, if it does.
    fn cause(
        &self,
        counted: Counted,
        verdict: Verdict,
        outcome: &Outcome,
        policy: &Policy,
        now: Instant,
    ) -> Option<&'static str> {
        let trip = &policy.trip;
        let in_ramp = self.ramp(policy, now).is_some();
        let consecutive = match trip.consecutive_failures {
            it if in_ramp => Some(it.unwrap_or(u32::MAX).min(2)),
            it => it,
        };
        let minimum = if in_ramp { trip.minimum_calls.min(5) } else { trip.minimum_calls };
        let total = self.window(policy.window)?.total();
        let share = |part: u32, whole: u32, minimum: u32, limit: Option<f64>| {
            whole >= minimum.max(1)
                && limit.is_some_and(|limit| f64::from(part) / f64::from(whole) >= limit)
        };
        let failed = share(total.failures, total.calls, minimum, trip.failure_rate);
        let slowed = share(
            total.slow + total.cancelled_slow,
            total.calls + total.cancelled_slow,
            trip.minimum_calls,
            trip.slow_rate,
        );
        let is_failure = counted == Counted::Failure;
        let far = trip.open_on_announced.is_some_and(|far| outcome.announced >= Some(far));
        let in_a_row = self.failures_in_a_row(policy.window, now);
        match counted {
            Counted::Success => None,
            _ if verdict == Verdict::Open => Some("verdict"),
            _ if is_failure && far => Some("announced_reset"),
            _ if is_failure && consecutive.is_some_and(|it| in_a_row >= it as usize) => {
                Some("consecutive_failures")
            }
            Counted::Failure | Counted::SlowSuccess if failed => Some("failure_rate"),
            _ if slowed => Some("slow_rate"),
            _ => None,
        }
    }

    fn settle_probe(
        &mut self,
        verdict: Verdict,
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> Option<Moved> {
        let too_slow = outcome.is_slow() && asker.policy.trip.slow_rate.is_some();
        if verdict == Verdict::Ignore {
            return None;
        }
        if verdict != Verdict::Success || too_slow {
            return Some(self.open("probe_failed", outcome, asker));
        }
        if let Phase::HalfOpen { successes, .. } = &mut self.phase {
            *successes += 1;
            if *successes < asker.policy.half_open.successes {
                return None;
            }
        }
        let closed = Phase::Closed { since: asker.now, recovered: true };
        Some(self.enter(closed, "probes_succeeded"))
    }

    fn open(&mut self, cause: &'static str, outcome: &Outcome, asker: Asker<'_>) -> Moved {
        let Asker { policy, now, jitter } = asker;
        if let Phase::Closed { since, .. } = self.phase
            && now.since(since) >= policy.open.reset_after
        {
            self.trips = 0;
        }
        self.trips += 1;
        self.opened_by = Some(outcome.category);
        let grown = (1..self.trips).fold(policy.open.base.as_secs_f64(), |open_time, _| {
            (open_time * policy.open.multiplier).min(policy.open.max.as_secs_f64())
        });
        let capped = grown.min(policy.open.max.as_secs_f64());
        let lengthened = capped * (1.0 + policy.open.jitter * jitter.unit(self.epoch + 1));
        let in_window = self.window(policy.window).map_or(Instant::ZERO, Window::announced_until);
        let announced = in_window
            .max(announced_until(outcome, policy, now).unwrap_or(Instant::ZERO))
            .since(now)
            .min(policy.open.announced_max);
        let until = now + announced.max(Duration::from_secs_f64(lengthened));
        self.enter(Phase::Open { since: now, until }, cause)
    }

    fn count(
        &mut self,
        counted: Counted,
        announced: Option<Instant>,
        shape: WindowShape,
        now: Instant,
    ) {
        for window in self.used_by(shape, now) {
            window.record(counted, announced, now);
        }
    }

    /// All windows, once a policy of this shape records.
    pub(super) fn used_by(&mut self, shape: WindowShape, now: Instant) -> &mut [Window] {
        self.windows.retain(|it| it.shape == shape || now.since(it.used_at) < span(it.shape));
        if self.window(shape).is_none() {
            self.windows.push(Window::new(shape, now));
        }
        let its = self.windows.iter_mut().filter(|it| it.shape == shape);
        its.for_each(|window| window.used_at = window.used_at.max(now));
        &mut self.windows
    }

    /// The failures in a row that are inside the window.
    fn failures_in_a_row(&self, shape: WindowShape, now: Instant) -> usize {
        let newest_first = self.run.iter().rev();
        match shape {
            WindowShape::Time { duration, .. } => {
                newest_first.take_while(|it| now.since(**it) < duration).count()
            }
            WindowShape::Count { max_age, .. } => {
                let later = core::iter::once(&now).chain(self.run.iter().rev());
                let gaps = newest_first.zip(later).map(|(it, later)| later.since(*it));
                gaps.take_while(|gap| *gap < max_age).count()
            }
        }
    }
}

fn announced_until(outcome: &Outcome, policy: &Policy, now: Instant) -> Option<Instant> {
    if !matches!(outcome.verdict(policy), Verdict::Failure | Verdict::Open) {
        return None;
    }
    let quota = (outcome.category == Category::QuotaExhausted).then_some(policy.open.quota);
    let announced = outcome.announced.max(quota)?;
    Some(now + announced.min(policy.open.announced_max))
}
