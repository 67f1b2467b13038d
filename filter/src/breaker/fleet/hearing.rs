//! What does a hint change?

use super::{Heard, Hint, OpenedBy};
use crate::breaker::{Before, Breaker, Cause, Change, OpenFor, State};
use crate::policy::{Fleet, Policy};
use crate::time::Instant;

impl Hint {
    /// The same, believed for no longer than the policy allows.
    fn within(self, fleet: &Fleet, now: Instant) -> Self {
        let latest = now + fleet.announced_max;
        Self {
            announced_until: self.announced_until.min(latest),
            corroborated_until: self.corroborated_until.min(latest),
            suspected_until: self.suspected_until.min(latest),
            wide_until: self.wide_until.min(latest),
            probed_until: self.probed_until.min(latest),
            ..self
        }
    }

    /// Until when others say that it is to be open.
    fn open_until(&self) -> Instant {
        self.announced_until.max(self.corroborated_until)
    }
}

impl Heard {
    /// This is what was heard last.
    const fn remember(&mut self, hint: &Hint) {
        self.store = hint.store;
        self.revision = hint.revision;
    }
}

impl Breaker {
    /// Hear what other proxies say. Where the mode decides alone, or something else had to be made up
    /// for first, nothing is taken in: what holds is to be repeated, on every tick.
    pub fn hear(&mut self, hint: &Hint, policy: &Policy, now: Instant) -> Change {
        let Some(fleet) = &policy.fleet else { return Change::Nothing };
        let caught_up = self.catch_up(policy, now);
        if matches!(caught_up, Change::Transition(_)) || !self.mode(policy, now).is_active() {
            return caught_up;
        }
        let hint = hint.within(fleet, now);
        let mut heard = self.fleet.unwrap_or_default();
        let known = heard.up_to(&hint);
        let (says_failing, says_working) = (hint.opened_at > known, hint.closed_at > known);
        if !says_failing && !says_working {
            return caught_up;
        }
        heard.remember(&hint);
        if says_working {
            heard.trust();
        }
        if says_failing && now < hint.suspected_until {
            heard.suspect(&hint, policy, now);
        }
        self.fleet = Some(heard);
        let failing = if says_failing { self.hear_failing(&hint, policy, now) } else { None };
        let heard = failing.or_else(|| says_working.then(|| self.hear_working(now)).flatten());
        caught_up.and(Change::Data).and(heard.unwrap_or(Change::Nothing))
    }

    /// What it changes that others say that it fails; `None` if what they say is no reason to be open.
    fn hear_failing(&mut self, hint: &Hint, policy: &Policy, now: Instant) -> Option<Change> {
        let is_wide = self.fleet.is_some_and(|heard| heard.wide);
        let told = hint.open_until();
        match &mut self.state {
            State::Closed { .. } => {
                (now < told).then(|| self.open_as_told(hint, told, policy, now))
            }
            State::HalfOpen { leases, .. } => {
                let is_probing = leases.deadlines().iter().any(|lease| now < *lease);
                let probed_until =
                    if is_wide && !is_probing { hint.probed_until } else { Instant::ZERO };
                let until = told.max(probed_until);
                (now < until).then(|| self.open_as_told(hint, until, policy, now))
            }
            State::Open { until, .. } => {
                let wide_until = told.max(hint.wide_until);
                let is_held = now < wide_until;
                if is_held || is_wide {
                    *until = wide_until.max(hint.probed_until).max(*until);
                }
                self.mark_wide(is_held);
                is_held.then_some(Change::Data)
            }
        }
    }

    /// What it changes that others say that it works: what one proxy alone opened, it closes itself.
    fn hear_working(&mut self, now: Instant) -> Option<Change> {
        let heard = self.fleet?;
        let is_theirs = heard.wide || heard.opened == OpenedBy::Hint;
        let is_closed = matches!(self.state, State::Closed { .. });
        let closed = State::Closed { since: now, after: Before::Fleet };
        (is_theirs && !is_closed).then(|| self.enter(closed, Cause::FleetClosed, None))
    }

    fn open_as_told(
        &mut self,
        hint: &Hint,
        until: Instant,
        policy: &Policy,
        now: Instant,
    ) -> Change {
        let is_announced = until == hint.announced_until;
        let open_for = until.since(now);
        let (cause, open_for) = if is_announced {
            (Cause::FleetAnnounced, OpenFor::Announced(open_for))
        } else {
            (Cause::FleetCorroborated, OpenFor::Fleet(open_for))
        };
        self.forget_old_trips(policy, now);
        let was_closed = matches!(self.state, State::Closed { .. });
        if let Some(heard) = self.fleet.as_mut().filter(|_| was_closed) {
            heard.opened = OpenedBy::Hint;
        }
        self.mark_wide(true);
        self.opened_by = hint.because.or(self.opened_by);
        self.enter(State::Open { since: now, until }, cause, Some(open_for))
    }

    fn mark_wide(&mut self, is_wide: bool) {
        if let Some(heard) = &mut self.fleet {
            heard.wide |= is_wide;
        }
    }
}
