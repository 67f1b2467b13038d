//! What does the VM that speaks for this proxy do? Everything about the fleet but the host calls.
//!
//! Events come in, effects go out; what an event needs beside it, the time, random numbers and which
//! breakers there are, comes with it. Whatever is kept is bounded, and so is what one event does.

mod calls;
mod hints;
mod orders;
mod publish;
mod records;
mod session;
mod step;
mod sync;
mod turns;

#[cfg(test)]
mod tests;

use crate::fleet::etcd::status;
use crate::fleet::event::{Effect, Event, Known, Settings};
use crate::fleet::keys::{Keys, Node};
use crate::fleet::news::{News, Told};
use crate::fleet::ordered::Instruction;
use crate::fleet::view::View;
use crate::fleet::words::{Reading, Says, Words};
use crate::time::Instant;
use calls::{Calls, Purpose};
use core::time::Duration;
use hints::Hints;
use orders::Orders;
use publish::Sayings;
use records::Lookups;
use session::Session;
use step::Step;
use turns::Turns;

/// Breakers of this proxy's own that the agent keeps books of, at most: as many as a process has.
const MAX_BREAKERS: usize = 16_384;

/// Speaks for a proxy, and listens.
#[derive(Clone, Debug)]
pub struct Agent {
    settings: Settings,
    ours: Node,
    keys: Keys,
    session: Session,
    reading: Reading,
    calls: Calls,
    view: View,
    lookups: Lookups,
    hints: Hints,
    sayings: Sayings,
    turns: Turns,
    orders: Orders,
}

/// What is known of a breaker, for those who look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name in shared data.
    pub breaker: String,
    /// What who says of it.
    pub words: Vec<Word>,
    /// Whose turn it is to probe.
    pub probes: Option<Node>,
    /// What an operator ordered for the fleet.
    pub ordered: Option<Instruction>,
}

/// What one proxy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Who.
    pub by: Node,
    /// What.
    pub says: Says,
    /// Until when it holds.
    pub until: Instant,
}

impl Agent {
    /// An agent that has not spoken to anybody yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            ours: Node { domain: settings.domain.clone(), name: settings.node.clone() },
            keys: Keys::new(&settings.prefix, &settings.scope),
            settings,
            session: Session::default(),
            reading: Reading::default(),
            calls: Calls::default(),
            view: View::default(),
            lookups: Lookups::default(),
            hints: Hints::default(),
            sayings: Sayings::default(),
            turns: Turns::default(),
            orders: Orders::default(),
        }
    }

    /// Something happened: what is to be done? `knows` says whether this proxy's configuration has a
    /// breaker of that name, also for names that come from the store; `random` gives numbers from 0
    /// to below 1.
    pub fn on(
        &mut self,
        event: Event<'_>,
        knows: &dyn Fn(&str) -> Option<Known>,
        now: Instant,
        random: &mut dyn FnMut() -> f64,
    ) -> Vec<Effect> {
        let mut step = Step { now, knows, random, effects: Vec::new() };
        match event {
            Event::Tick => self.pass_time(&mut step),
            Event::Told(told) => self.be_told(told, &mut step),
            Event::Message(bytes) => self.watch(bytes, &mut step),
            Event::Closed => self.lose_stream(&mut step),
            Event::Reply { call, result } => self.take_reply(call, result, &mut step),
        }
        self.carry_on(&mut step);
        step.effects
    }

    /// When a tick is wanted, if one is.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Instant> {
        let session = self.session.wakes_at();
        if !self.session.is_connected() || !self.calls.has_room() {
            return session.into_iter().chain(self.hints.wakes_at()).min();
        }
        let all = [self.sayings.wakes_at(), self.turns.wakes_at(), self.hints.wakes_at(), session];
        all.into_iter().flatten().min()
    }

    /// This VM speaks for the proxy no more: another does, or none.
    pub fn stop(&mut self) -> Vec<Effect> {
        let mut random = || 0.0;
        let mut step =
            Step { now: Instant::ZERO, knows: &|_| None, random: &mut random, effects: Vec::new() };
        self.part(&mut step);
        step.effects
    }

    /// Whether it is known that nothing is ordered for the fleet: a breaker that still goes by what was
    /// ordered once has missed that it was withdrawn, for nobody spoke for this proxy then.
    #[must_use]
    pub fn orders_nothing(&self, breaker: &str) -> bool {
        self.session.is_connected() && self.orders.are_none_of(breaker)
    }

    /// What is known of a breaker; `None` if nothing is.
    #[must_use]
    pub fn seen_of(&self, breaker: &str, now: Instant) -> Option<Seen> {
        let words = self.view.of(breaker).into_iter().flat_map(Words::all);
        let words = words.filter(|(_, word)| now < word.until).map(|(by, word)| {
            let (by, says, until) = (by.clone(), word.says, word.until);
            Word { by, says, until }
        });
        let words: Vec<Word> = words.collect();
        let (probes, ordered) =
            (self.turns.holder(breaker).cloned(), self.orders.of(breaker).cloned());
        let is_known = !words.is_empty() || probes.is_some() || ordered.is_some();
        is_known.then(|| Seen { breaker: breaker.to_owned(), words, probes, ordered })
    }

    fn pass_time(&mut self, step: &mut Step<'_>) {
        for call in self.calls.overdue(step.now) {
            self.take_reply(call, Err(status::UNAVAILABLE), step);
        }
        self.view.forget(step.now);
        self.sayings.forget(step.now);
        self.turns.forget(step.now);
        self.orders.forget(step.now);
        self.keep_session(step);
        self.repeat_hints(step);
        self.repeat_orders(step);
        self.repeat_patience(step);
    }

    /// What is due, as far as the store can be reached and calls may go out.
    fn carry_on(&mut self, step: &mut Step<'_>) {
        self.ask_times(step);
        if self.session.is_connected() {
            self.say_what_is_due(step);
            self.ask_for_turns(step);
            self.send_orders(step);
        }
        self.tell_hints(step);
    }

    fn be_told(&mut self, told: Told, step: &mut Step<'_>) {
        let Told { breaker, news } = told;
        let Some(known) = step.knows(&breaker) else { return };
        match news {
            News::Opened { basis, reason, until } => {
                self.note_opened(&breaker, known, until, step);
                if let Some(basis) = basis {
                    self.mean_to_say_open(&breaker, basis, reason, until, false, step);
                }
            }
            News::ProbeFailed { basis, reason, until } => {
                self.note_opened(&breaker, known, until, step);
                self.mean_to_say_open(&breaker, basis, reason, until, true, step);
            }
            News::Closed { proven } => {
                self.turns.note_open_until(&breaker, Instant::ZERO);
                if proven {
                    self.mean_to_say_closed(&breaker, step);
                } else {
                    self.sayings.take_back(&breaker);
                    self.give_back_turn(&breaker, step);
                }
            }
            News::Wanted => self.want_turn(&breaker, known, step),
            News::ProbeReturned => self.give_back_turn(&breaker, step),
            order @ (News::Ordered { .. } | News::Withdrawn) => {
                self.orders.mean(breaker, order, step.now);
            }
        }
    }

    fn note_opened(&mut self, breaker: &str, known: Known, until: Instant, step: &mut Step<'_>) {
        self.turns.note_open_until(breaker, until);
        self.note_how_wide(breaker, step);
        self.be_patient(breaker, known, step);
    }

    fn take_reply(&mut self, call: u32, result: Result<&[u8], u32>, step: &mut Step<'_>) {
        let Some(purpose) = self.calls.end(call) else { return };
        match purpose {
            Purpose::Page => self.take_page(result, step),
            Purpose::TimeToLive(unsure) => self.take_time_to_live(unsure, result, step),
            Purpose::LeaseOfWord { breaker, serial } => {
                self.take_lease_of_word(&breaker, serial, result, step);
            }
            Purpose::Word { breaker, serial, lease } => {
                self.take_word_written(&breaker, serial, lease, result, step);
            }
            Purpose::LeaseOfTurn { breaker, asked_at } => {
                self.take_lease_of_turn(breaker, asked_at, result, step);
            }
            Purpose::Turn { breaker, asked_at, lease } => {
                self.take_turn_answer(&breaker, asked_at, lease, result, step);
            }
            Purpose::LeaseOfOrder { breaker } => self.take_lease_of_order(breaker, result, step),
            Purpose::Order { breaker } => self.take_order_written(&breaker, result, step),
            Purpose::Revocation => {}
        }
    }
}

/// How much later than others a proxy asks, at random, so that not all ask at once.
const SPREAD: Duration = Duration::from_millis(200);
