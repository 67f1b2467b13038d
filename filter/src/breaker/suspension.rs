//! Does another policy keep the breaker out of service, and what happens when it no longer does?

use crate::breaker::{Breaker, Cause, Change, Leases, State};
use crate::policy::Policy;
use crate::time::Instant;

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

impl Breaker {
    /// The mode of this policy takes the breaker out of service, unless an operator put another in its
    /// place. That is no transition, and nothing else is made up for here.
    pub fn step_aside(&mut self, policy: &Policy) -> Change {
        // What an operator took out of service starts afresh when that ends, in any case.
        if policy.mode.is_active() || self.overridden.is_some() {
            return Change::Nothing;
        }
        self.suspend(policy)
    }

    /// Mark that this policy takes the breaker out of service. Calls in flight lose their say,
    /// also if another policy keeps the breaker going.
    fn suspend(&mut self, policy: &Policy) -> Change {
        if self.suspension.since >= policy.in_force_since {
            return Change::Nothing;
        }
        let lasted = self.suspension.lasts;
        self.suspension = Suspension { since: policy.in_force_since, lasts: Lasts::Lasting };
        // The same policy in a fresh VM, or its successor: those who kept the breaker going despite
        // it lose nothing again.
        if lasted == Lasts::Lasting { Change::Data } else { self.leave_service() }
    }

    /// Calls in flight lose their say, and probes their slots.
    pub(super) fn leave_service(&mut self) -> Change {
        self.start_epoch();
        if let State::HalfOpen { leases, .. } = &mut self.state {
            *leases = Leases::default();
        }
        Change::Data
    }

    /// Start afresh if a younger policy than the one that suspended the breaker is active.
    pub(super) fn lift_suspension(&mut self, policy: &Policy, now: Instant) -> Change {
        if self.suspension.lasts == Lasts::Lifted || policy.in_force_since <= self.suspension.since
        {
            return Change::Nothing;
        }
        self.suspension.lasts = Lasts::Lifted;
        // Under an operator's mode it was in service all the time.
        if self.overridden.is_some() {
            return Change::Data;
        }
        self.start_afresh(now, Cause::ModeChanged)
    }
}
