//! What do this VM's breakers tell the VM that keeps the connection to the store, and how? Only what
//! their own stores brought about, each through the process's queue.

use crate::admission::{Answer, Question};
use crate::breaker::{Admission, Permit, PermitKind};
use crate::category::Verdict;
use crate::fleet::{self, News, Told};
use crate::plugin::host::{SharedData, queue};
use crate::plugin::stats;
use crate::policy::{Mode, Policy};
use crate::shared::{Backlog, Decided};
use crate::stats::{self as names, Ignored};
use crate::time::Instant;
use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;

/// A breaker whose requests wait for a turn to probe says so no more often.
const SAYS_WANTED: Duration = Duration::from_secs(1);

/// Whoever asks for a turn was refused a request that long ago at most.
const SOON: Duration = Duration::from_secs(5);

/// Where a configuration's breakers leave their news; nowhere if it names no fleet.
#[derive(Clone, Default)]
pub(in crate::plugin) struct Mailbox(Option<Rc<Slot>>);

struct Slot {
    name: String,
    backlog: Backlog,
    /// The queue's number, once it was found.
    queue: Cell<Option<u32>>,
}

impl Mailbox {
    /// That of the fleet of this name.
    pub(super) fn of(fleet: &str) -> Self {
        let name = queue_name(fleet);
        let backlog = Backlog::of(&name);
        Self(Some(Rc::new(Slot { name, backlog, queue: Cell::default() })))
    }

    /// For one more breaker.
    pub(in crate::plugin) fn voice(&self) -> Voice {
        let wanted_at = Cell::new(Instant::ZERO);
        Voice(self.0.as_ref().map(|slot| Speaker { slot: Rc::clone(slot), wanted_at }))
    }

    /// Leave something; whether it was taken.
    pub(in crate::plugin) fn post(&self, told: &Told) -> bool {
        self.0.as_ref().is_some_and(|slot| slot.post(told))
    }
}

/// The name of a fleet's queue.
pub(super) fn queue_name(fleet: &str) -> String {
    format!("llm-breaker/fleet/{fleet}")
}

impl Slot {
    fn post(&self, told: &Told) -> bool {
        let message = told.encode();
        // A breaker with a name that no key of the store has room for is this proxy's own affair.
        if message.is_empty() {
            return false;
        }
        let queue = self.queue.get().or_else(|| queue::resolve(&self.name));
        let is_sent = queue.is_some_and(|queue| {
            self.backlog.admits_one(&SharedData) && queue::send(queue, &message)
        });
        // Should the queue have gone with all VMs but this one, it is looked up again.
        self.queue.set(queue.filter(|_| is_sent));
        if !is_sent {
            stats::count_for_process(&names::fleet_hints_ignored(Ignored::QueueFull));
        }
        is_sent
    }
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
            speaker.tell(breaker, fleet::news_of(transition, standing, policy, mode));
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
            speaker.tell(breaker, speaker.news_of(question, decided, policy, now));
        }
    }
}

impl Speaker {
    fn tell(&self, breaker: &str, news: Option<News>) {
        if let Some(news) = news {
            self.slot.post(&Told { breaker: breaker.to_owned(), news });
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
            (_, Answer::Admission(Admission::Reject { retry_after, .. }, _)) => {
                self.wanted(*retry_after, now)
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
