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

/// A stream is asked for a sign of life after that long without one. Without it stock etcd also ends
/// connections on which Envoy's keep-alive asks oftener than every 5 s.
const BEAT: Duration = Duration::from_secs(2);

/// A stream that says nothing for so long is dead, also one that was just opened.
const SILENCE_MAX: Duration = Duration::from_secs(4);

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
    Opening { created: usize, pulse: Pulse },
    /// All are.
    Connected { since: Instant, pulse: Pulse },
}

/// Whether a stream lives.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    /// When something came on it last.
    heard: Instant,
    /// When it was asked for a sign of life last.
    asked: Instant,
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

    const fn pulse(&mut self) -> Option<&mut Pulse> {
        match &mut self.phase {
            Phase::Opening { pulse, .. } | Phase::Connected { pulse, .. } => Some(pulse),
            Phase::Apart(_) | Phase::Reading(_) => None,
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
            Phase::Connected { since, .. } if step.now.since(since) >= STEADY => {
                self.session.failures = 0;
            }
            _ => {}
        }
        self.feel_pulse(step);
    }

    fn feel_pulse(&mut self, step: &mut Step<'_>) {
        let now = step.now;
        let Some(pulse) = self.session.pulse() else { return };
        if now.since(pulse.heard) >= SILENCE_MAX {
            return self.break_off(step);
        }
        if now.since(pulse.asked) >= BEAT {
            pulse.asked = now;
            step.does(Effect::Send(etcd::progress()));
        }
    }

    /// All was read, as of this revision: from the next one on it is watched.
    pub(super) fn open_watches(&mut self, revision: i64, step: &mut Step<'_>) {
        step.found(FleetEvent::Sync);
        let pulse = Pulse { heard: step.now, asked: step.now };
        self.session.phase = Phase::Opening { created: 0, pulse };
        step.does(Effect::OpenWatch);
        for part in Part::ALL {
            let span = self.keys.span(part);
            step.does(Effect::Send(etcd::create_watch(&span, revision.saturating_add(1))));
        }
    }

    /// A message came on the stream.
    pub(super) fn watch(&mut self, bytes: &[u8], step: &mut Step<'_>) {
        let Some(pulse) = self.session.pulse() else { return };
        pulse.heard = step.now;
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
        let Phase::Opening { created, pulse } = &mut self.session.phase else { return };
        *created += 1;
        if *created == Part::ALL.len() {
            self.session.phase = Phase::Connected { since: step.now, pulse: *pulse };
            step.does(Effect::Connected(true));
            self.hints.repeat_all();
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
