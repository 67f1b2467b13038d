//! When is a breaker told what others say of it? When that changes; and again and again, since it may
//! have been in no mood to listen.

use crate::fleet::agent::Agent;
use crate::fleet::agent::step::Step;
use crate::fleet::event::{Effect, Known};
use crate::fleet::round::Round;
use crate::fleet::words::Listener;
use crate::time::Instant;
use std::collections::BTreeSet;

/// Hints that are given in one go at most: each costs a look at a record.
pub(super) const MAX_AT_ONCE: usize = 128;

/// Who is to be told.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints {
    /// Breakers of which something else is said than before.
    changed: BTreeSet<String>,
    /// Those of them that may be open for the whole fleet now: looked at once for all that one event says.
    widened: BTreeSet<String>,
    /// All behind this name are still to be told.
    behind: Option<String>,
    /// Those to whom it is said again.
    repeated: Round,
}

impl Hints {
    pub(super) fn touch(&mut self, breaker: &str) {
        if !self.changed.contains(breaker) {
            self.changed.insert(breaker.to_owned());
        }
    }

    pub(super) fn widen(&mut self, breaker: &str) {
        if !self.widened.contains(breaker) {
            self.widened.insert(breaker.to_owned());
        }
    }

    /// All are to be told, some after the others.
    pub(super) fn repeat_all(&mut self) {
        self.behind = Some(String::new());
    }

    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let are_many = self.changed.len() > MAX_AT_ONCE || self.behind.is_some();
        are_many.then_some(Instant::ZERO)
    }
}

impl Agent {
    /// Time passed: what is said is said again, to some after the others.
    pub(super) fn repeat_hints(&mut self, step: &Step<'_>) {
        let knows = |breaker: &str| step.knows(breaker).is_some();
        let names = self.view.next_names(&mut self.hints.repeated, MAX_AT_ONCE, knows);
        names.iter().for_each(|name| self.hints.touch(name));
    }

    /// Tell those of whom something else is said.
    pub(super) fn tell_hints(&mut self, step: &mut Step<'_>) {
        for breaker in core::mem::take(&mut self.hints.widened) {
            self.note_how_wide(&breaker, step);
        }
        let mut names: Vec<String> = self.hints.changed.iter().take(MAX_AT_ONCE).cloned().collect();
        if let Some(behind) = self.hints.behind.take() {
            let room = MAX_AT_ONCE.saturating_sub(names.len());
            let further = self.view.names_after(&behind, room);
            if further.len() == room {
                self.hints.behind = Some(further.last().cloned().unwrap_or(behind));
            }
            names.extend(further);
        }
        for breaker in names {
            self.hints.changed.remove(&breaker);
            self.tell_hint(breaker, step);
        }
    }

    /// What was said of a breaker, or how it stands here, is another than before.
    pub(super) fn note_how_wide(&mut self, breaker: &str, step: &Step<'_>) {
        if let Some(known) = step.knows(breaker) {
            let mut view = core::mem::take(&mut self.view);
            view.note_how_wide(breaker, self.listener(breaker, known, step.now), step.now);
            self.view = view;
        }
    }

    fn listener(&self, breaker: &str, known: Known, now: Instant) -> Listener<'_> {
        Listener {
            node: &self.ours,
            remembers: self.sayings.remembers(breaker, now),
            corroborate: usize::try_from(self.settings.corroborate).unwrap_or(usize::MAX),
            open_until: self.turns.open_until(breaker),
            grace: known.lease * 2,
        }
    }

    fn tell_hint(&mut self, breaker: String, step: &mut Step<'_>) {
        let Some(known) = step.knows(&breaker) else { return };
        let Some(words) = self.view.of(&breaker).filter(|words| words.is_complete()) else {
            return;
        };
        let hint = words.hint(self.listener(&breaker, known, step.now), self.reading, step.now);
        // Whom others may open leaves probing to them.
        if hint.opened_at > 0 {
            self.be_patient(&breaker, known, step);
        }
        step.does(Effect::Hear { breaker, hint });
    }
}
