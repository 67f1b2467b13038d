//! What is there in place of a fleet in a module that has no room for one: nothing, in the same words.

use crate::admission::{Answer, Question};
use crate::config::Config;
use crate::plugin::breakers::Breakers;
use crate::policy::Policy;
use crate::shared::Decided;
use crate::time::Instant;
use core::time::Duration;
use std::rc::Rc;

/// Nobody's.
#[derive(Clone, Debug, Default)]
pub(in crate::plugin) struct Mailbox;

impl Mailbox {
    pub(in crate::plugin) const fn voice(&self) -> Voice {
        Voice
    }
}

/// A breaker that nobody hears.
#[derive(Debug)]
pub(in crate::plugin) struct Voice;

impl Voice {
    pub(in crate::plugin) const fn tell_of<T>(
        &self,
        _: &str,
        _: &Decided<T>,
        _: &Policy,
        _: Instant,
    ) {
    }

    pub(in crate::plugin) const fn tell_of_asking(
        &self,
        _: &str,
        _: &Question<'_>,
        _: &Decided<Answer>,
        _: &Policy,
        _: Instant,
    ) {
    }
}

/// No fleet.
#[derive(Debug)]
pub(in crate::plugin) struct Fleet;

impl Fleet {
    pub(in crate::plugin) const fn none() -> Self {
        Self
    }

    pub(in crate::plugin) const fn of(_: &Config, _: &str, _: u32, _: Instant) -> Self {
        Self
    }

    pub(in crate::plugin) const fn mailbox(&self) -> Mailbox {
        Mailbox
    }

    pub(in crate::plugin) const fn first_tick(&self, usual: Duration) -> Duration {
        usual
    }

    pub(in crate::plugin) const fn is_due(&self, _: Instant) -> bool {
        true
    }

    pub(in crate::plugin) const fn tick(&self, _: &Rc<Breakers>, _: Instant) {}

    pub(in crate::plugin) const fn stream_begins(&self, _: u32) {}

    pub(in crate::plugin) const fn leave(&self, _: &Breakers) {}
}
