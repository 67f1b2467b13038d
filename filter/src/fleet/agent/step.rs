//! What does the agent have at hand while it takes in one event?

use crate::fleet::counted::{Counted, Reason};
use crate::fleet::event::{Effect, Known};
use crate::time::Instant;
use core::time::Duration;

/// One event being taken in: what it depends on, and what is to be done about it.
pub(super) struct Step<'a> {
    pub(super) now: Instant,
    pub(super) knows: &'a dyn Fn(&str) -> Option<Known>,
    pub(super) random: &'a mut dyn FnMut() -> f64,
    pub(super) effects: Vec<Effect>,
}

impl Step<'_> {
    pub(super) fn does(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn counts(&mut self, what: Counted) {
        self.does(Effect::Count { what, by: 1 });
    }

    pub(super) fn ignores(&mut self, reason: Reason) {
        self.counts(Counted::Ignored(reason));
    }

    pub(super) fn knows(&self, breaker: &str) -> Option<Known> {
        (self.knows)(breaker)
    }

    /// A time from zero to this.
    pub(super) fn up_to(&mut self, longest: Duration) -> Duration {
        let random = (self.random)();
        let share = if random.is_finite() { random.clamp(0.0, 1.0) } else { 0.5 };
        longest.mul_f64(share)
    }
}
