//! What does the agent have at hand while it takes in one event?

use crate::fleet::event::{Counted, Effect, Known};
use crate::fleet::ordered::Instruction;
use crate::stats::{Direction, FleetEvent, Ignored};
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

    /// Something about a breaker went to others.
    pub(super) fn sent(&mut self, breaker: &str, event: FleetEvent) {
        self.counts(Some(breaker), Counted::Event(Direction::Sent, event));
    }

    /// Something about a breaker came from others.
    pub(super) fn received(&mut self, breaker: &str, event: FleetEvent) {
        self.counts(Some(breaker), Counted::Event(Direction::Received, event));
    }

    /// Something happened to the talk with the store itself.
    pub(super) fn found(&mut self, event: FleetEvent) {
        self.counts(None, Counted::Event(Direction::Received, event));
    }

    /// What an operator ordered for the fleet, for a breaker that this proxy has.
    pub(super) fn orders(&mut self, breaker: String, ordered: Option<Instruction>) {
        if self.knows(&breaker).is_some() {
            self.does(Effect::Override { breaker, ordered });
        }
    }

    /// Something about a breaker, or about none, is left aside.
    pub(super) fn ignores(&mut self, breaker: Option<&str>, why: Ignored) {
        self.counts(breaker, Counted::Ignored(why));
    }

    fn counts(&mut self, breaker: Option<&str>, what: Counted) {
        // Which breakers others speak of is theirs to choose: it must not become a label.
        let ours = breaker.filter(|breaker| self.knows(breaker).is_some());
        self.does(Effect::Count { breaker: ours.map(str::to_owned), what, by: 1 });
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
