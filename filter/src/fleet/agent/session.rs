//! Is the store heard? Apart, reading all that it holds, opening the watches, connected; and after
//! every end from the beginning again, never on from memory.

use crate::fleet::agent::Agent;
use crate::fleet::agent::records::How;
use crate::fleet::agent::step::Step;
use crate::fleet::agent::sync::Sync;
use crate::fleet::etcd::{self, Happened, Seen};
use crate::fleet::event::Effect;
use crate::fleet::keys::Part;
use crate::stats::{FleetEvent, Ignored};
use crate::time::Instant;
use core::time::Duration;

/// The longest first wait; each further one may be twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A connection that held so long begins to count its failures anew.
const STEADY: Duration = Duration::from_secs(10);

/// How long the store may take to create the watches.
const OPENING_MAX: Duration = Duration::from_secs(10);

/// Where the talk with the store stands.
#[derive(Clone, Debug)]
pub(super) struct Session {
    phase: Phase,
    /// Failures in a row.
    failures: u32,
}

#[derive(Clone, Debug)]
enum Phase {
    /// Nothing is open until then.
    Apart(Instant),
    /// All that the store holds is being read.
    Reading(Sync),
    /// Watches are being created.
    Opening { since: Instant, created: usize },
    /// All are.
    Connected { since: Instant },
}

impl Default for Session {
    fn default() -> Self {
        Self { phase: Phase::Apart(Instant::ZERO), failures: 0 }
    }
}

impl Session {
    pub(super) const fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected { .. })
    }

    pub(super) const fn wakes_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Apart(until) => Some(until),
            _ => None,
        }
    }

    /// What is being read, if it is.
    pub(super) const fn reading(&mut self) -> Option<&mut Sync> {
        match &mut self.phase {
            Phase::Reading(sync) => Some(sync),
            _ => None,
        }
    }

    const fn has_stream(&self) -> bool {
        matches!(self.phase, Phase::Opening { .. } | Phase::Connected { .. })
    }
}

impl Agent {
    /// Time passed.
    pub(super) fn keep_session(&mut self, step: &mut Step<'_>) {
        match self.session.phase {
            Phase::Apart(until) if step.now >= until => {
                self.session.phase = Phase::Reading(Sync::new(&self.keys));
                self.begin_sync(step);
            }
            Phase::Opening { since, .. } if step.now.since(since) >= OPENING_MAX => {
                self.break_off(step);
            }
            Phase::Connected { since } if step.now.since(since) >= STEADY => {
                self.session.failures = 0;
            }
            _ => {}
        }
    }

    /// All was read, as of this revision: from the next one on it is watched.
    pub(super) fn open_watches(&mut self, revision: i64, step: &mut Step<'_>) {
        step.found(FleetEvent::Sync);
        self.session.phase = Phase::Opening { since: step.now, created: 0 };
        step.does(Effect::OpenWatch);
        for part in Part::ALL {
            let span = self.keys.span(part);
            step.does(Effect::Send(etcd::create_watch(&span, revision.saturating_add(1))));
        }
    }

    /// A message came on the stream.
    pub(super) fn watch(&mut self, bytes: &[u8], step: &mut Step<'_>) {
        if !self.session.has_stream() {
            return;
        }
        match etcd::watched(bytes) {
            Some(Seen::Created(_)) => self.note_created(step),
            Some(Seen::Happened(header, happened)) => {
                self.note_revision(&header);
                for it in happened {
                    match it {
                        Happened::Put(record) => self.take_in(&record, How::Watched, step),
                        Happened::Deleted(record) => self.note_deleted(&record.key, step),
                    }
                }
            }
            Some(Seen::Ended) => self.break_off(step),
            None => {
                step.ignores(None, Ignored::Garbled);
                self.break_off(step);
            }
        }
    }

    fn note_created(&mut self, step: &mut Step<'_>) {
        let Phase::Opening { created, .. } = &mut self.session.phase else { return };
        *created += 1;
        if *created == Part::ALL.len() {
            self.session.phase = Phase::Connected { since: step.now };
            step.does(Effect::Connected(true));
            self.hints.repeat_all(self.view.all().map(|(breaker, _)| breaker));
            self.say_again(step);
        }
    }

    /// The stream ended by itself.
    pub(super) fn lose_stream(&mut self, step: &mut Step<'_>) {
        if !self.session.has_stream() {
            return;
        }
        let was_connected = self.session.is_connected();
        self.leave_phase(step);
        self.go_alone(was_connected, step);
    }

    /// Something is wrong with the store or with what it says: end it, and begin anew later.
    pub(super) fn break_off(&mut self, step: &mut Step<'_>) {
        let (was_connected, had_stream) = (self.session.is_connected(), self.session.has_stream());
        self.leave_phase(step);
        if had_stream {
            step.does(Effect::CloseWatch);
        }
        self.go_alone(was_connected, step);
    }

    /// This VM speaks for the proxy no more.
    pub(super) fn part(&mut self, step: &mut Step<'_>) {
        self.break_off(step);
        self.session = Session::default();
    }

    fn leave_phase(&mut self, step: &mut Step<'_>) {
        step.found(FleetEvent::Failed);
        let longest = FIRST_WAIT * 2_u32.saturating_pow(self.session.failures.min(16));
        let wait = step.up_to(longest.min(self.settings.reconnect_max));
        self.session.failures = self.session.failures.saturating_add(1);
        self.session.phase = Phase::Apart(step.now + wait);
    }

    /// What depends on the store does no longer.
    fn go_alone(&mut self, was_connected: bool, step: &mut Step<'_>) {
        self.calls.forget_all();
        self.lookups.forget_all();
        self.view.end_all_waiting();
        self.sayings.wait_for_store(step.now);
        self.orders.wait_for_store();
        for breaker in self.turns.go_alone() {
            step.does(Effect::AwaitTurn { breaker, patience: Duration::ZERO });
        }
        if was_connected {
            step.does(Effect::Connected(false));
        }
    }
}
