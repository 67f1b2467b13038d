//! What is to be done to breakers because of other proxies: of each kind the latest, breaker by breaker,
//! for as long as one callback may take.

use crate::breaker::{Breaker, Change, Hint, Override};
use crate::fleet::{Author, Instruction};
use crate::journal;
use crate::plugin::entry::Entry;
use crate::plugin::fleet::served::Served;
use crate::plugin::host;
use crate::policy::Policy;
use crate::time::Instant;
use core::time::Duration;
use std::collections::BTreeMap;

/// When a callback has lasted so long no further breaker is told: requests wait for their thread.
const MAX_AT_ONCE: Duration = Duration::from_millis(3);

/// All that is to be done.
#[derive(Default)]
pub(super) struct Due(BTreeMap<String, Tidings>);

/// What is to be done to one breaker. All of it is levels: to hear the same again changes nothing.
#[derive(Clone, Default)]
pub(super) struct Tidings {
    pub(super) hint: Option<Hint>,
    /// How long after its time it is to leave probing to others.
    pub(super) patience: Option<Duration>,
    /// Until when it is its turn.
    pub(super) turn: Option<Instant>,
    /// What is ordered for the whole fleet, if anything is.
    pub(super) ordered: Option<Option<Instruction>>,
}

impl Due {
    /// What is known of a breaker so far, to be added to.
    pub(super) fn of(&mut self, breaker: String) -> &mut Tidings {
        self.0.entry(breaker).or_default()
    }

    /// Whether something is left to be done.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Do as much as there is time for in a callback that began then, but something in any. What meets
    /// too many others at the same record stays.
    pub(super) fn carry_out(&mut self, served: &Served, began: Instant) {
        let mut is_first = true;
        let mut left = Vec::new();
        while let Some((name, tidings)) = self.0.pop_first() {
            let now = host::now();
            if now.since(began) >= MAX_AT_ONCE && !is_first {
                left.push((name, tidings));
                break;
            }
            is_first = false;
            let entry = if tidings.may_register(now) {
                served.register_hinted(&name)
            } else {
                served.known_by_name(&name)
            };
            if entry.is_some_and(|entry| !tidings.reach(&entry, now)) {
                left.push((name, tidings));
            }
        }
        for (name, tidings) in left {
            self.0.entry(name).or_insert(tidings);
        }
    }
}

impl Tidings {
    /// Whether a breaker that nobody called here yet is to be there for it.
    fn may_register(&self, now: Instant) -> bool {
        let is_open = |hint: &Hint| {
            let levels = [hint.announced_until, hint.corroborated_until, hint.suspected_until];
            levels.iter().any(|until| now < *until)
        };
        self.hint.as_ref().is_some_and(is_open) || matches!(self.ordered, Some(Some(_)))
    }

    /// Have a breaker's shared record take it in; whether it could.
    fn reach(&self, entry: &Entry, now: Instant) -> bool {
        let policy = entry.policy();
        let decided = entry.decide(now, |breaker| {
            let before = breaker.overridden;
            let change = self.change(breaker, &policy, now);
            ((breaker.shown(&policy, now), [before, breaker.overridden]), change)
        });
        if let Some(transition) = &decided.transition {
            entry.report(transition, None, now);
        }
        let Some((shown, [before, after])) = decided.value else { return false };
        if before != after {
            tell_of_order(entry, before, after, self.author(), now);
        }
        if before != after || decided.transition.is_some() {
            entry.stats.show_gauges(&shown);
        }
        true
    }

    /// Who ordered what is ordered.
    fn author(&self) -> Author {
        self.ordered.iter().flatten().next().map(|it| it.author.clone()).unwrap_or_default()
    }

    fn change(&self, breaker: &mut Breaker, policy: &Policy, now: Instant) -> Change {
        let mut change = Change::Nothing;
        if let Some(ordered) = &self.ordered {
            let order = ordered.as_ref().map(|it| it.order);
            change = change.and(breaker.follow(order, policy, now));
        }
        if let Some(patience) = self.patience {
            change = change.and(breaker.await_turn(patience, now));
        }
        if let Some(hint) = &self.hint {
            change = change.and(breaker.hear(hint, policy, now));
        }
        if let Some(until) = self.turn {
            change = change.and(breaker.take_turn(until));
        }
        change
    }
}

/// Say what the fleet's operators put in the place of a breaker's mode, or took back.
fn tell_of_order(
    entry: &Entry,
    before: Option<Override>,
    after: Option<Override>,
    author: Author,
    now: Instant,
) {
    match (before, after) {
        (_, Some(ordered)) => {
            let Author { user, reason } = author;
            let line = journal::ordered_by_fleet(&entry.key, &ordered, user, reason);
            entry.tell_of_order(&line, ordered.since);
        }
        // That its time was over is told by whoever finds it.
        (Some(ended), None) if ended.holds(now) => {
            entry.tell_of_order(&journal::withdrawn_by_fleet(&entry.key, &ended), now);
        }
        _ => {}
    }
}
