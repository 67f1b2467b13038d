//! Whose turn is it to probe? One proxy's at a time, while the store that they agree by answers.

use crate::breaker::{Breaker, Change, State};
use crate::policy::Policy;
use crate::time::Instant;
use core::time::Duration;

impl Breaker {
    /// Leave probing to whose turn it is, but go alone so long after this proxy's own time came, and
    /// with zero at once. It holds until another is given.
    pub fn await_turn(&mut self, patience: Duration, now: Instant) -> Change {
        let mut heard = self.fleet.unwrap_or_default();
        if heard.patience == patience {
            return Change::Nothing;
        }
        // One that is half-open already has waited for nobody so far.
        if heard.patience.is_zero() {
            heard.alone_at = now + patience;
        }
        heard.patience = patience;
        self.fleet = Some(heard);
        Change::Data
    }

    /// It is this proxy's turn until then, or with [`Instant::ZERO`] no longer.
    pub fn take_turn(&mut self, until: Instant) -> Change {
        let mut heard = self.fleet.unwrap_or_default();
        if heard.turn_until == until {
            return Change::Nothing;
        }
        heard.turn_until = until;
        self.fleet = Some(heard);
        Change::Data
    }

    /// Whether a probe is due and none is out, but it is not this proxy's turn: calls are refused
    /// until it is.
    #[must_use]
    pub fn awaits_turn(&self, policy: &Policy, now: Instant) -> bool {
        let is_due = match &self.state {
            State::Open { until, .. } => now >= *until,
            State::HalfOpen { leases, .. } => leases.deadlines().iter().all(|it| now >= *it),
            State::Closed { .. } => false,
        };
        is_due && self.leaves_probing(policy, now)
    }

    /// Whether others probe first. Without a fleet nobody does.
    pub(crate) fn leaves_probing(&self, policy: &Policy, now: Instant) -> bool {
        let Some(heard) = self.fleet.filter(|_| policy.fleet.is_some()) else { return false };
        let alone_at = match self.state {
            State::Open { until, .. } => until + heard.patience,
            State::HalfOpen { .. } => heard.alone_at,
            State::Closed { .. } => now,
        };
        !heard.patience.is_zero() && now >= heard.turn_until && now < alone_at
    }

    /// The open time ended, because it is its turn or because it waited long enough.
    pub(crate) fn begin_probing(&mut self, now: Instant) {
        if let Some(heard) = &mut self.fleet {
            let has_turn = now < heard.turn_until;
            heard.alone_at = if has_turn { now + heard.patience } else { now };
        }
    }

    /// A probe goes out: if it says nothing, others come first again.
    pub(crate) fn note_probe(&mut self, now: Instant) {
        if let Some(heard) = &mut self.fleet {
            heard.alone_at = now + heard.patience;
        }
    }

    /// A probe succeeded, and more must: there is nothing to wait for.
    pub(crate) fn note_probe_success(&mut self, now: Instant) {
        if let Some(heard) = &mut self.fleet {
            heard.alone_at = now;
        }
    }
}
