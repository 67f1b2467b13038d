//! One breaker as this VM sees it: its key, the policy in force, and the way to its shared record.

use crate::admission::{Answer, Asker, Question};
use crate::breaker::{Breaker, Change, Jitter, StateName, Transition};
use crate::config::LogFormat;
use crate::journal::{self, Line};
use crate::key::Key;
use crate::outcome::Outcome;
use crate::plugin::fleet::Voice;
use crate::plugin::host::{self, Level, SharedData};
use crate::plugin::stats::Stats;
use crate::policy::Policy;
use crate::shared::{Decided, Explains, History, Ledger, Metadata, Noted, Profile};
use crate::stats::Stat;
use crate::time::Instant;
use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;

/// A cluster's metadata is read again after that long at the earliest.
const METADATA_AGE: Duration = Duration::from_secs(10);

/// One breaker.
pub(super) struct Entry {
    pub(super) key: Rc<Key>,
    /// The key's name in shared data.
    pub(super) name: String,
    ledger: Ledger,
    jitter: Jitter,
    pub(super) stats: Stats,
    log_format: LogFormat,
    voice: Voice,
    in_force: RefCell<InForce>,
    /// The policy whose profile this VM left last.
    profiled: RefCell<Option<Rc<Policy>>>,
}

struct InForce {
    policy: Rc<Policy>,
    fingerprint: u64,
    metadata: Metadata,
    metadata_read_at: Option<Instant>,
}

impl Entry {
    /// The breaker of this key under the configured policy; its metadata is not known yet.
    pub(super) fn new(
        key: Key,
        policy: Policy,
        node: &str,
        log_format: LogFormat,
        voice: Voice,
    ) -> Self {
        let name = key.name();
        Self {
            ledger: Ledger::of(&name),
            jitter: Jitter::of(&name, node),
            stats: Stats::of(&key),
            log_format,
            voice,
            in_force: RefCell::new(InForce {
                fingerprint: policy.fingerprint(),
                policy: Rc::new(policy),
                metadata: Metadata::default(),
                metadata_read_at: None,
            }),
            profiled: RefCell::default(),
            key: Rc::new(key),
            name,
        }
    }

    /// Whether the cluster's metadata must be read; it counts as read from then on.
    pub(super) fn metadata_is_due(&self, now: Instant) -> bool {
        let mut in_force = self.in_force.borrow_mut();
        let due = in_force.metadata_read_at.is_none_or(|at| now.since(at) >= METADATA_AGE);
        if due {
            in_force.metadata_read_at = Some(now);
        }
        due
    }

    pub(super) fn policy(&self) -> Rc<Policy> {
        Rc::clone(&self.in_force.borrow().policy)
    }

    /// The policy's fingerprint.
    pub(super) fn fingerprint(&self) -> u64 {
        self.in_force.borrow().fingerprint
    }

    /// What the cluster's metadata said last.
    pub(super) fn metadata(&self) -> Metadata {
        self.in_force.borrow().metadata.clone()
    }

    /// Follow other metadata than before, by the policy that it makes.
    pub(super) fn follow(
        &self,
        metadata: Metadata,
        now: Instant,
        tighten: impl FnOnce(&Metadata) -> Policy,
    ) {
        let mut in_force = self.in_force.borrow_mut();
        if in_force.metadata == metadata {
            return;
        }
        let mut policy = tighten(&metadata);
        // A mode that metadata changes is younger than the configuration.
        if policy.mode != in_force.policy.mode {
            policy.in_force_since = now;
        }
        in_force.fingerprint = policy.fingerprint();
        in_force.policy = Rc::new(policy);
        in_force.metadata = metadata;
    }

    /// Leave what the policy says to those who look at this breaker without having it, once.
    pub(super) fn leave_profile(&self) {
        let policy = self.policy();
        let mut profiled = self.profiled.borrow_mut();
        if profiled.as_ref().is_none_or(|known| !Rc::ptr_eq(known, &policy)) {
            Profile::of(&policy).leave(&SharedData, &self.name);
            *profiled = Some(policy);
        }
    }

    /// Whether an operator put another mode in the policy's place.
    pub(super) fn is_overridden(&self, now: Instant) -> bool {
        let look = |it: &mut Breaker| (it.override_in_force(now).is_some(), Change::Nothing);
        self.decide(now, look).value.unwrap_or_default()
    }

    /// Decide on the shared record, and count and log what that changed.
    pub(super) fn decide<T>(
        &self,
        now: Instant,
        decide: impl FnMut(&mut Breaker) -> (T, Change),
    ) -> Decided<T> {
        let decided = self.ledger.update(&SharedData, now, decide);
        self.tell_of(&decided, now);
        decided
    }

    /// Put a question of a call's to the shared record, and count and log what that changed.
    pub(super) fn ask(
        &self,
        question: &Question<'_>,
        policy: &Policy,
        now: Instant,
    ) -> Decided<Answer> {
        let asker = Asker { policy, now, jitter: self.jitter };
        let decided = question.put_to(&self.ledger, &SharedData, asker);
        self.tell_of(&decided, now);
        if let Some(transition) = &decided.transition {
            let outcome = question.told(decided.value.as_ref());
            self.report(transition, outcome.as_ref(), now);
        }
        self.voice.tell_of_asking(&self.name, question, &decided, policy, now);
        decided
    }

    fn tell_of<T>(&self, decided: &Decided<T>, now: Instant) {
        if decided.transition.is_some() {
            self.voice.tell_of(&self.name, decided, &self.policy(), now);
        }
        self.stats.add(Stat::SharedStateConflicts, decided.conflicts);
        if decided.reset {
            self.stats.count(Stat::SharedStateResets);
            self.log(Level::Warn, &journal::shared_state_reset(&self.key));
        }
        if let Some(ended) = &decided.ended {
            let line = journal::override_ended(&self.key, ended);
            self.tell(Level::Warn, &line, Explains::Nothing, now);
        }
        if let Some(generation) = decided.reset_to {
            let line = journal::reset_generation(&self.key, generation);
            self.tell(Level::Warn, &line, Explains::Nothing, now);
        }
    }

    /// Count and log a transition that this VM's store brought about.
    pub(super) fn report(&self, transition: &Transition, outcome: Option<&Outcome>, now: Instant) {
        self.stats.count(Stat::StateChanges(transition.from, transition.to));
        self.stats.record(Stat::State, transition.to.gauge());
        let open = transition.open_for.map_or(Duration::ZERO, |open_for| open_for.duration());
        self.stats.record(Stat::OpenRemaining, open.as_secs());
        // Istio's default log level hides what is less than a warning.
        let level = if transition.to == StateName::Open { Level::Warn } else { Level::Info };
        let line = journal::transition(&self.key, transition, outcome);
        self.tell(level, &line, Explains::of(transition), now);
    }

    /// Say what the fleet's operators ordered.
    #[cfg(fleet)]
    pub(super) fn tell_of_order(&self, line: &Line, at: Instant) {
        self.tell(Level::Warn, line, Explains::Override, at);
    }

    /// Say what happened, in the log and to those who look at this breaker later.
    fn tell(&self, level: Level, line: &Line, explains: Explains, now: Instant) {
        self.log(level, line);
        let noted = Noted { at: now, explains, text: line.told() };
        History::note(&SharedData, &self.name, &noted);
    }

    fn log(&self, level: Level, line: &Line) {
        host::log(level, &line.text(self.log_format));
    }
}
