//! What takes a breaker out of service, and what an operator puts in the policy's place.

use super::{Oracle, Phase};
use crate::step::Moved;
use core::time::Duration;
use llm_breaker::breaker::{Order, Origin, Override, StateName};
use llm_breaker::policy::{Mode, Policy};
use llm_breaker::time::Instant;

impl Oracle {
    pub(super) fn suspend(&mut self, policy: &Policy) {
        let (since, lasts) = self.suspended;
        if since >= policy.in_force_since {
            return;
        }
        self.suspended = (policy.in_force_since, true);
        if !lasts {
            self.leave_service();
        }
    }

    fn leave_service(&mut self) {
        self.new_epoch();
        if let Phase::HalfOpen { leases, .. } = &mut self.phase {
            leases.clear();
        }
    }

    /// The mode in force.
    #[must_use]
    pub fn mode(&self, policy: &Policy, now: Instant) -> Mode {
        let holds = |it: &&Override| it.until.is_none_or(|until| now < until);
        self.overridden.as_ref().filter(holds).map_or(policy.mode, |it| it.mode)
    }

    pub(super) fn obey(&mut self, order: Order, now: Instant) -> Option<Moved> {
        match order {
            Order::Override { mode, lasts } => self.overrule(mode, lasts, now),
            Order::Release => self.release(now),
            Order::Close { kept } => {
                let released = self.release(now);
                let closed = self.close("operator", now);
                if kept.is_some() {
                    self.overrule(Mode::Disabled, kept, now);
                }
                closed.or(released)
            }
            Order::Reset => {
                let released = self.release(now);
                self.start_afresh("operator", now).or(released)
            }
        }
    }

    fn overrule(&mut self, mode: Mode, lasts: Option<Duration>, now: Instant) -> Option<Moved> {
        let expired = self.expire(now);
        let was_active = self.overridden.map_or(!self.suspended.1, |it| it.mode.is_active());
        let (until, origin) = (lasts.map(|it| now + it), Origin::Local);
        self.overridden = Some(Override { mode, since: now, until, origin });
        if was_active && !mode.is_active() {
            self.leave_service();
        }
        let afresh = !was_active && mode.is_active();
        let moved = afresh.then(|| self.start_afresh("mode_changed", now)).flatten();
        moved.or(expired)
    }

    /// An override that took the breaker out of service ends: all begins anew.
    fn release(&mut self, now: Instant) -> Option<Moved> {
        let ended = self.overridden.take()?;
        if ended.mode.is_active() { None } else { self.start_afresh("mode_changed", now) }
    }

    fn expire(&mut self, now: Instant) -> Option<Moved> {
        let until = self.overridden?.until?;
        if now < until { None } else { self.release(now) }
    }

    /// What comes before anything else.
    pub(super) fn catch_up(&mut self, policy: &Policy, now: Instant) -> Option<Moved> {
        let expired = self.expire(now);
        let mut reset = None;
        if policy.reset_generation > self.generation {
            self.generation = policy.reset_generation;
            reset = self.start_afresh("reset_generation", now);
        }
        let active = self.mode(policy, now).is_active();
        let lifted = if active { self.lift(policy, now) } else { None };
        expired.or(reset).or(lifted)
    }

    pub(super) fn start_afresh(&mut self, cause: &'static str, now: Instant) -> Option<Moved> {
        self.trips = 0;
        self.close(cause, now)
    }

    fn close(&mut self, cause: &'static str, now: Instant) -> Option<Moved> {
        let was_closed = self.phase.name() == StateName::Closed;
        let moved = self.enter(Phase::Closed { since: now, recovered: false }, cause);
        (!was_closed).then_some(moved)
    }

    fn lift(&mut self, policy: &Policy, now: Instant) -> Option<Moved> {
        let (since, lasts) = self.suspended;
        if !lasts || policy.in_force_since <= since {
            return None;
        }
        self.suspended.1 = false;
        // Under an operator's mode it was in service all the time.
        if self.overridden.is_some() { None } else { self.start_afresh("mode_changed", now) }
    }
}
