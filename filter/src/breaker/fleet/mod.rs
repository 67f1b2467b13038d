//! What do other proxies say of this breaker, and what does it make of it?
//!
//! What they say comes as a [`Hint`]: the levels of the moment, so that hearing the same again
//! changes nothing. What was acted on is known by the store's revision: a breaker that an operator
//! closed, or its own probe, is not opened again by words that it had heard before.

mod hearing;
mod suspicion;
mod turns;

pub(super) use suspicion::longest_run;

use crate::breaker::{Breaker, Cause, State, StateName};
use crate::category::Category;
use crate::time::Instant;
use core::time::Duration;

/// What other proxies say of a breaker, as one reading of the store has it. Words older than the
/// newest `closed` of anybody are no part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// Which store it was read from: another one starts to count its revisions afresh.
    pub store: u64,
    /// The store's revision at which this was so. One that is lower than before tells a store that
    /// was wiped.
    pub revision: u64,
    /// The revision of the newest word that says that the upstream does not work, this proxy's own
    /// among them; zero if there is none.
    pub opened_at: u64,
    /// The revision of the newest word of another proxy that says that it works; zero if there is
    /// none.
    pub closed_at: u64,
    /// Until when what the upstream announced to another proxy holds; [`Instant::ZERO`] here and
    /// below if there is nothing.
    pub announced_until: Instant,
    /// Until when at least [`corroborate`](crate::policy::Fleet::corroborate) failure domains of other
    /// proxies see it fail.
    pub corroborated_until: Instant,
    /// Until when at least one of them does.
    pub suspected_until: Instant,
    /// Until when the whole fleet has it open: what was announced to anybody or as many domains
    /// see, this proxy and its domain among them.
    pub wide_until: Instant,
    /// Until when it is to be left alone because a probe failed elsewhere; counts where the breaker
    /// is open in the whole fleet.
    pub probed_until: Instant,
    /// Which domains those are: a hash of their names, zero for none.
    pub witnesses: u64,
    /// How the calls ended that the newest of the words is about.
    pub because: Option<Category>,
}

/// What a breaker has heard from other proxies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Where it was heard.
    pub store: u64,
    /// Up to which of the store's revisions.
    pub revision: u64,
    /// When.
    pub at: Instant,
    /// Until when fewer failures than otherwise open the breaker, because others see some.
    pub suspected_until: Instant,
    /// Which domains those are.
    pub witnesses: u64,
    /// Whether this proxy's own calls said otherwise since.
    pub refuted: bool,
    /// Who opened it last.
    pub opened: OpenedBy,
    /// Whether it is open in the whole fleet, or was when it opened.
    pub wide: bool,
    /// How long after its time it leaves probing to others; zero if it goes alone.
    pub patience: Duration,
    /// Until when it is this proxy's turn to probe.
    pub turn_until: Instant,
    /// While half-open: from when on it probes again although it is not its turn.
    pub alone_at: Instant,
}

/// Who opened a breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenedBy {
    /// This proxy's own calls, at its own thresholds.
    #[default]
    OwnCalls,
    /// A hint, if only by lowering a threshold.
    Hint,
}

/// How a breaker stands after a transition, or after its open time grew: what others are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub state: StateName,
    /// With `state` open: when a probe may go out.
    pub until: Instant,
    /// How the call ended that opened it last.
    pub because: Option<Category>,
    /// Who opened it last.
    pub opened: OpenedBy,
}

impl Heard {
    /// Up to which revision the store of this hint was listened to: from the beginning on, if it is
    /// another one or was wiped since.
    const fn up_to(&self, hint: &Hint) -> u64 {
        if self.store == hint.store && self.revision <= hint.revision { self.revision } else { 0 }
    }

    /// The breaker starts afresh. What an operator closes is not opened again by what was heard before;
    /// what was out of service hears it again.
    pub(super) fn start_afresh(&mut self, cause: Cause) {
        let Self { store, revision, patience, .. } = *self;
        let (store, revision) =
            if matches!(cause, Cause::ModeChanged) { (0, 0) } else { (store, revision) };
        *self = Self { store, revision, patience, ..Self::default() };
    }

    /// The breaker enters this state: a turn is good for one try, and once it is closed, it is over who
    /// opened it, and how far.
    pub(super) fn enter(&mut self, state: StateName) {
        if state != StateName::HalfOpen {
            self.turn_until = Instant::ZERO;
        }
        if state == StateName::Closed {
            self.opened = OpenedBy::OwnCalls;
            self.wide = false;
        }
    }
}

impl Breaker {
    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            state: self.state.name(),
            until: self.open_until().unwrap_or(Instant::ZERO),
            because: self.opened_by,
            opened: self.fleet.map(|heard| heard.opened).unwrap_or_default(),
        }
    }

    /// While it is open, until when.
    pub(crate) const fn open_until(&self) -> Option<Instant> {
        match self.state {
            State::Open { until, .. } => Some(until),
            State::Closed { .. } | State::HalfOpen { .. } => None,
        }
    }
}
