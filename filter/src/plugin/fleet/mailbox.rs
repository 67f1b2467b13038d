//! What do this VM's breakers tell the VM that keeps the connection to the store, and how? Only what
//! their own stores brought about, each through the process's queue.

use crate::admission::{Answer, Question};
use crate::breaker::{Admission, Permit, PermitKind, StateName};
use crate::category::Verdict;
use crate::fleet::{self, News, Told};
use crate::plugin::host::{SharedData, queue};
use crate::plugin::stats;
use crate::policy::{Mode, Policy};
use crate::shared::{Backlog, Decided};
use crate::stats::{self as names, Ignored};
use crate::time::Instant;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// A breaker whose requests wait for a turn to probe says so no more often.
const SAYS_WANTED: Duration = Duration::from_secs(1);

/// Whoever asks for a turn was refused a request that long ago at most.
const SOON: Duration = Duration::from_secs(5);

/// News that no queue is there for wait as long: by then somebody has taken over, or nobody will.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// So many wait at most.
const MAX_KEPT: usize = 64;

/// Where a configuration's breakers leave their news; nowhere if it names no fleet.
#[derive(Clone, Default)]
pub(in crate::plugin) struct Mailbox(Option<Rc<Slot>>);

struct Slot {
    name: String,
    backlog: Backlog,
    /// The queue's number, once it was found.
    queue: Cell<Option<u32>>,
    /// What could not be sent yet, with the time since when: before the first VM keeps the connection
    /// there is no queue.
    kept: RefCell<VecDeque<(Instant, Vec<u8>)>>,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Posted {
    Sent,
    /// As many wait as may.
    Full,
    /// There is no queue, or the host does not take it.
    NoQueue,
}

impl Mailbox {
    /// That of the fleet of this name.
    pub(super) fn of(fleet: &str) -> Self {
        let name = queue_name(fleet);
        let backlog = Backlog::of(&name);
        let (queue, kept) = (Cell::default(), RefCell::default());
        Self(Some(Rc::new(Slot { name, backlog, queue, kept })))
    }

    /// For one more breaker.
    pub(in crate::plugin) fn voice(&self) -> Voice {
        let wanted_at = Cell::new(Instant::ZERO);
        Voice(self.0.as_ref().map(|slot| Speaker { slot: Rc::clone(slot), wanted_at }))
    }

    /// Leave something now or never; whether it was taken.
    pub(in crate::plugin) fn post(&self, told: &Told) -> bool {
        let message = told.encode();
        let is_sent = |slot: &Rc<Slot>| slot.post(&message) == Posted::Sent;
        !message.is_empty() && self.0.as_ref().is_some_and(is_sent)
    }

    /// Time passed: what could not be left before is left now, or never.
    pub(super) fn post_kept(&self, now: Instant) {
        if let Some(slot) = &self.0 {
            slot.post_kept(now);
        }
    }
}

/// The name of a fleet's queue.
pub(super) fn queue_name(fleet: &str) -> String {
    format!("llm-breaker/fleet/{fleet}")
}

impl Slot {
    /// Send it behind what waits, or have it wait.
    fn tell(&self, told: &Told, now: Instant) {
        let message = told.encode();
        // A breaker with a name that no key of the store has room for is this proxy's own affair.
        if message.is_empty() {
            return;
        }
        self.post_kept(now);
        let posted =
            if self.kept.borrow().is_empty() { self.post(&message) } else { Posted::NoQueue };
        match posted {
            Posted::Sent => {}
            Posted::Full => count_lost(Ignored::QueueFull),
            Posted::NoQueue => self.keep(message, now),
        }
    }

    fn keep(&self, message: Vec<u8>, now: Instant) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= MAX_KEPT {
            kept.pop_front();
            count_lost(Ignored::NoQueue);
        }
        kept.push_back((now, message));
    }

    fn post_kept(&self, now: Instant) {
        let mut kept = self.kept.borrow_mut();
        while let Some((since, message)) = kept.front() {
            if now.since(*since) >= KEPT_FOR {
                count_lost(Ignored::NoQueue);
            } else {
                match self.post(message) {
                    Posted::Sent => {}
                    Posted::Full => count_lost(Ignored::QueueFull),
                    Posted::NoQueue => return,
                }
            }
            kept.pop_front();
        }
    }

    fn post(&self, message: &[u8]) -> Posted {
        let Some(queue) = self.queue.get().or_else(|| queue::resolve(&self.name)) else {
            return Posted::NoQueue;
        };
        if !self.backlog.admits_one(&SharedData) {
            return Posted::Full;
        }
        let is_sent = queue::send(queue, message);
        // Should the queue have gone with all VMs but this one, it is looked up again.
        self.queue.set(Some(queue).filter(|_| is_sent));
        if is_sent {
            return Posted::Sent;
        }
        self.backlog.received(&SharedData, 1);
        Posted::NoQueue
    }
}

fn count_lost(why: Ignored) {
    stats::count_for_process(&names::fleet_hints_ignored(why));
}

/// What one breaker tells.
pub(in crate::plugin) struct Voice(Option<Speaker>);

struct Speaker {
    slot: Rc<Slot>,
    /// When it was last said that requests wait for a probe.
    wanted_at: Cell<Instant>,
}

impl Voice {
    /// Of a change of state.
    pub(in crate::plugin) fn tell_of<T>(
        &self,
        breaker: &str,
        decided: &Decided<T>,
        policy: &Policy,
        now: Instant,
    ) {
        let Some(speaker) = &self.0 else { return };
        if let (Some(transition), Some(standing)) = (&decided.transition, &decided.standing) {
            let mode = decided.mode(policy, now);
            speaker.tell(breaker, fleet::news_of(transition, standing, policy, mode), now);
        }
    }

    /// Of what else came of a call's question.
    pub(in crate::plugin) fn tell_of_asking(
        &self,
        breaker: &str,
        question: &Question<'_>,
        decided: &Decided<Answer>,
        policy: &Policy,
        now: Instant,
    ) {
        let Some(speaker) = &self.0 else { return };
        if decided.transition.is_none() && decided.mode(policy, now) == Mode::Enforce {
            speaker.tell(breaker, speaker.news_of(question, decided, policy, now), now);
        }
    }
}

impl Speaker {
    fn tell(&self, breaker: &str, news: Option<News>, now: Instant) {
        if let Some(news) = news {
            self.slot.tell(&Told { breaker: breaker.to_owned(), news }, now);
        }
    }

    fn news_of(
        &self,
        question: &Question<'_>,
        decided: &Decided<Answer>,
        policy: &Policy,
        now: Instant,
    ) -> Option<News> {
        match (question, decided.value.as_ref()?) {
            // A ramp refuses, too, and whoever has the turn changes nothing about that.
            (_, Answer::Admission(Admission::Reject { retry_after, .. }, _)) => {
                let may_probe = decided.state.is_some_and(|state| state != StateName::Closed);
                if may_probe { self.wanted(*retry_after, now) } else { None }
            }
            (Question::GiveBack(permit), _) => is_probe(permit).then_some(News::ProbeReturned),
            (Question::Record { permit: Some(permit), .. }, Answer::Recorded(category))
                if is_probe(permit) && policy.verdicts.on(*category) == Verdict::Ignore =>
            {
                Some(News::ProbeReturned)
            }
            // A late answer may have announced that it takes longer.
            (Question::Record { .. }, _) => {
                let standing = decided.standing.as_ref()?;
                fleet::news_of_lengthening(Instant::ZERO, standing, policy, Mode::Enforce)
            }
            _ => None,
        }
    }

    /// A request was refused that would have gone out as a probe soon: somebody would probe if it
    /// were this proxy's turn.
    fn wanted(&self, retry_after: Duration, now: Instant) -> Option<News> {
        let is_soon = retry_after <= SOON && now.since(self.wanted_at.get()) >= SAYS_WANTED;
        is_soon.then(|| {
            self.wanted_at.set(now);
            News::Wanted
        })
    }
}

const fn is_probe(permit: &Permit) -> bool {
    matches!(permit.kind, PermitKind::Probe { .. })
}
