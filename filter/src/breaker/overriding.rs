//! What did an operator put in the policy's place, and what happens when that begins and ends?
//!
//! An override is part of the shared record: it is in force for every worker and under every
//! configuration from the moment it is stored.

use crate::breaker::{Admission, Breaker, Cause, Change, Lasts, StateName};
use crate::policy::{Mode, Policy};
use crate::time::Instant;
use core::time::Duration;

/// A mode that an operator put in the place of the policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    /// The mode.
    pub mode: Mode,
    /// When it was ordered.
    pub since: Instant,
    /// When it ends by itself; `None` if it does not.
    pub until: Option<Instant>,
    /// Where it was ordered.
    pub origin: Origin,
}

/// Where an override was ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// At this proxy: nothing that the fleet says comes before it.
    #[default]
    Local,
    /// In the fleet.
    Fleet,
}

/// The mode that the fleet's operators put in the place of every proxy's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetOrder {
    /// The mode.
    pub mode: Mode,
    /// When it ends by itself; `None` if it does not.
    pub until: Option<Instant>,
}

impl Override {
    /// Whether it is in force.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// How long it will last; `None` if it does not end by itself.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.until.map(|until| until.since(now))
    }
}

/// What an operator tells a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Put this mode in the policy's place, for so long or until another order.
    Override {
        /// The mode.
        mode: Mode,
        /// `None` if it does not end by itself.
        lasts: Option<Duration>,
    },
    /// Go by the policy's mode again.
    Release,
    /// Close now, and go by the policy's mode; if a time is given, stay out of the way for so long
    /// first. The back-off goes on from where it was, unless the breaker was out of service.
    Close {
        /// For how long it is kept closed.
        kept: Option<Duration>,
    },
    /// Start afresh, and go by the policy's mode.
    Reset,
}

/// How a breaker shows itself to those who look at it: by what callers get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Open while it is forced open, closed while it is disabled.
    pub state: StateName,
    /// The mode in force.
    pub mode: Mode,
    /// Until when nothing is let through; zero if the end is not known.
    pub open_remaining: Duration,
}

impl Breaker {
    /// The mode in force: that of an override, else the policy's.
    #[must_use]
    pub fn mode(&self, policy: &Policy, now: Instant) -> Mode {
        self.override_in_force(now).map_or(policy.mode, |it| it.mode)
    }

    /// The override, if there is one and it has not ended.
    #[must_use]
    pub fn override_in_force(&self, now: Instant) -> Option<&Override> {
        self.overridden.as_ref().filter(|it| it.holds(now))
    }

    /// What callers get.
    #[must_use]
    pub fn shown(&self, policy: &Policy, now: Instant) -> Shown {
        let mode = self.mode(policy, now);
        let (state, open_remaining) = match mode {
            Mode::Enforce | Mode::Shadow => (self.state.name(), self.open_remaining(now)),
            // What the breaker was before says nothing about what callers get.
            Mode::Disabled => (StateName::Closed, Duration::ZERO),
            Mode::ForcedOpen => (StateName::Open, self.override_remaining(now).unwrap_or_default()),
        };
        Shown { state, mode, open_remaining }
    }

    /// How long a caller must wait at least; for one that only watches nobody waits.
    #[must_use]
    pub fn wait(&self, policy: &Policy, now: Instant) -> Duration {
        match self.mode(policy, now) {
            Mode::Enforce => self.open_remaining(now),
            Mode::Shadow | Mode::Disabled => Duration::ZERO,
            Mode::ForcedOpen => self.override_remaining(now).unwrap_or(policy.open.base),
        }
    }

    /// Go by what the fleet's operators order, or with `None` by nothing of theirs. It is the level of
    /// the moment, to be repeated: where an order at this proxy is in force, that comes first, and the
    /// fleet's once it ended.
    pub fn follow(&mut self, order: Option<FleetOrder>, policy: &Policy, now: Instant) -> Change {
        if policy.fleet.is_none() {
            return Change::Nothing;
        }
        let expired = self.expire_override(now);
        let order = order.filter(|it| it.until.is_none_or(|until| now < until));
        let in_force = self.overridden.map(|it| (it.origin, it.mode, it.until));
        let change = match (in_force, order) {
            (Some((Origin::Local, ..)), _) | (None, None) => Change::Nothing,
            (Some((_, mode, until)), Some(it)) if (mode, until) == (it.mode, it.until) => {
                Change::Nothing
            }
            (_, Some(it)) => self.overrule(it.mode, it.until, Origin::Fleet, now),
            (Some(_), None) => self.end_override(now),
        };
        expired.and(change)
    }

    /// Do what an operator says. An order of the fleet is not this proxy's to take back, only to
    /// replace.
    pub fn obey(&mut self, order: Order, now: Instant) -> Change {
        match order {
            Order::Override { mode, lasts } => self.overrule_here(mode, lasts, now),
            Order::Release => self.release(now),
            Order::Close { kept } => {
                let ended = self.release(now);
                let closed = ended.and(self.close(now, Cause::Operator));
                match kept {
                    Some(_) => closed.and(self.overrule_here(Mode::Disabled, kept, now)),
                    None => closed,
                }
            }
            Order::Reset => {
                let ended = self.release(now);
                ended.and(self.start_afresh(now, Cause::Operator))
            }
        }
    }

    /// What the mode decides without asking the state.
    pub(super) fn overruled(&self, policy: &Policy, now: Instant) -> Option<Admission> {
        match self.mode(policy, now) {
            Mode::Enforce | Mode::Shadow => None,
            Mode::Disabled => Some(Admission::Untracked),
            Mode::ForcedOpen => {
                let retry_after = self.wait(policy, now);
                Some(Admission::Reject { retry_after, because: None })
            }
        }
    }

    /// End an override whose time is over.
    pub(super) fn expire_override(&mut self, now: Instant) -> Change {
        match self.overridden {
            Some(it) if !it.holds(now) => self.end_override(now),
            _ => Change::Nothing,
        }
    }

    /// End an order of the fleet for a policy that is in none and came into force after it: nobody would
    /// tell that it was withdrawn. Where another listener is still in the fleet, it is given again, and
    /// holds for both.
    pub(super) fn leave_fleet(&mut self, policy: &Policy, now: Instant) -> Change {
        match self.overridden {
            Some(it)
                if it.origin == Origin::Fleet
                    && policy.fleet.is_none()
                    && policy.in_force_since > it.since =>
            {
                self.end_override(now)
            }
            _ => Change::Nothing,
        }
    }

    fn overrule_here(&mut self, mode: Mode, lasts: Option<Duration>, now: Instant) -> Change {
        self.overrule(mode, lasts.map(|lasts| now + lasts), Origin::Local, now)
    }

    fn overrule(
        &mut self,
        mode: Mode,
        until: Option<Instant>,
        origin: Origin,
        now: Instant,
    ) -> Change {
        // What ended meanwhile ends as it would have without this order.
        let expired = self.expire_override(now);
        let before = self.overridden.map(|it| it.mode);
        self.overridden = Some(Override { mode, since: now, until, origin });
        let was_active = match before {
            Some(mode) => mode.is_active(),
            // Which mode the policies have is not known here, but whether one of them took the
            // breaker out of service is.
            None => self.suspension.lasts == Lasts::Lifted,
        };
        let change = match (was_active, mode.is_active()) {
            (false, true) => self.start_afresh(now, Cause::ModeChanged),
            (true, false) => self.leave_service(),
            (true, true) | (false, false) => Change::Data,
        };
        expired.and(change)
    }

    /// End an override that was ordered here.
    fn release(&mut self, now: Instant) -> Change {
        match self.overridden {
            Some(it) if it.origin == Origin::Fleet => self.expire_override(now),
            _ => self.end_override(now),
        }
    }

    fn end_override(&mut self, now: Instant) -> Change {
        match self.overridden.take() {
            Some(it) if !it.mode.is_active() => self.start_afresh(now, Cause::ModeChanged),
            Some(_) => Change::Data,
            None => Change::Nothing,
        }
    }

    fn override_remaining(&self, now: Instant) -> Option<Duration> {
        self.override_in_force(now)?.remaining(now)
    }
}
