//! The connection to the store, in the one VM of a process that keeps it: what happens is put to the
//! agent, and what the agent wants is done.

use crate::breaker::unit;
use crate::fleet::{
    Agent, CALL_TIMEOUT, Counted, Effect, Event, Known, MAX_MESSAGE_BYTES, Settings, Told,
    WATCH_METHOD, WATCH_SERVICE,
};
use crate::journal;
use crate::plugin::entry::Entry;
use crate::plugin::fleet::due::Due;
use crate::plugin::fleet::mailbox::queue_name;
use crate::plugin::fleet::served::Served;
use crate::plugin::fleet::views::Views;
use crate::plugin::host::queue::{self, Dequeued};
use crate::plugin::host::{self, SharedData, grpc};
use crate::plugin::stats;
use crate::shared::{Backlog, FleetStatus};
use crate::stats::{self as names, Stat};
use crate::time::Instant;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// So soon after this callback goes on what it had no time for.
const SOON: Duration = Duration::from_millis(10);
/// So many messages of the queue are read at once.
const MAX_MESSAGES: u32 = 64;
/// So many host calls in a row may be refused, before the rest is told at the next tick.
const MAX_REFUSED: usize = 16;

/// Among the latest so many counts one of the same is looked for.
const MAX_KINDS: usize = 8;
/// So many breakers are told again in a second that nothing is ordered: by default as many as there may be.
const MAX_REPEATED: usize = 256;

/// gRPC's statuses.
const OK: u32 = 0;
const RESOURCE_EXHAUSTED: u32 = 8;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;

/// One tenure.
pub(super) struct Office {
    fleet: String,
    cluster: String,
    agent: Agent,
    queue: Option<u32>,
    backlog: Backlog,
    stream: Option<u32>,
    /// Which of the agent's calls each of the host's is.
    calls: BTreeMap<u32, u32>,
    /// What came to nothing while it was done, and the agent does not know yet.
    refused: VecDeque<Refused>,
    due: Due,
    status: FleetStatus,
    views: Views,
    /// When both were left last.
    left_at: Instant,
    /// How many were told last that nothing is ordered.
    repeated: usize,
    /// What random numbers are made of.
    seed: u64,
    now: Instant,
}

/// What happened at the store's end.
pub(super) enum Happened {
    Message { token: u32, size: usize },
    Closed { token: u32 },
    Reply { token: u32, status: u32, size: usize },
}

enum Refused {
    Stream,
    Call(u32),
}

impl Office {
    pub(super) fn open(
        fleet: &str,
        context: u32,
        cluster: String,
        settings: Settings,
        served: &Served,
        now: Instant,
    ) -> Self {
        let status = FleetStatus {
            at: now,
            context,
            connected: false,
            scope: settings.scope.clone(),
            domain: settings.domain.clone(),
        };
        let mut due = Due::default();
        // Whoever kept the connection before may have had them wait for others.
        for entry in served.all(now) {
            due.of(entry.name.clone()).patience = Some(Duration::ZERO);
        }
        stats::set_for_process(names::FLEET_CONNECTED, 0);
        let mut office = Self {
            fleet: fleet.to_owned(),
            cluster,
            agent: Agent::new(settings),
            queue: None,
            backlog: Backlog::of(&queue_name(fleet)),
            stream: None,
            calls: BTreeMap::new(),
            refused: VecDeque::new(),
            due,
            status,
            views: Views::default(),
            left_at: Instant::ZERO,
            repeated: 0,
            seed: now.as_nanos(),
            now,
        };
        office.leave_status(now);
        office.register();
        office
    }

    /// Be the one whom the queue wakes: again and again, should another have taken it for a moment.
    pub(super) fn register(&mut self) {
        self.queue = queue::register(&queue_name(&self.fleet));
    }

    /// Another VM keeps the connection already: nothing of this one's is to come any more.
    pub(super) fn close(mut self) {
        self.close_stream();
        self.calls.into_keys().for_each(grpc::cancel);
    }

    /// The tenure is over by itself: until another begins, every breaker goes alone.
    pub(super) fn leave(mut self, served: &Served) {
        let effects = self.agent.stop();
        self.carry_out_all(effects, served);
        self.carry_out(served, host::now());
        self.close();
    }

    pub(super) fn tick(&mut self, served: &Served, now: Instant) {
        if let Some(queue) = self.queue {
            self.receive(queue, served, now);
        }
        self.put(Event::Tick, served, now);
        self.carry_out(served, now);
        if now.since(self.left_at) >= Duration::from_secs(1) {
            self.left_at = now;
            let all = served.all(now);
            self.repeat_that_nothing_is_ordered(&all);
            self.views.leave(&self.agent, &all, now);
            self.leave_status(now);
        }
    }

    /// A breaker may still go by an order that was withdrawn while nobody, or another VM, kept the
    /// connection: so that nothing is ordered is told again and again, to some after the others.
    fn repeat_that_nothing_is_ordered(&mut self, all: &[Rc<Entry>]) {
        let first = self.repeated.checked_rem(all.len()).unwrap_or_default();
        for entry in all.iter().cycle().skip(first).take(all.len().min(MAX_REPEATED)) {
            if self.agent.orders_nothing(&entry.name) {
                self.due.of(entry.name.clone()).ordered.get_or_insert(None);
            }
        }
        self.repeated = first.saturating_add(MAX_REPEATED);
    }

    /// When it wants to be ticked next, if sooner than usual.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let rest = !self.due.is_empty() || !self.refused.is_empty();
        let rest = rest.then(|| self.now + SOON);
        [rest, self.agent.wakes_at()].into_iter().flatten().min()
    }

    /// Read what the breakers of the process left.
    pub(super) fn receive(&mut self, queue: u32, served: &Served, now: Instant) {
        if self.queue != Some(queue) {
            return;
        }
        for _ in 0..MAX_MESSAGES {
            match queue::receive(queue) {
                Dequeued::Message(message) => {
                    if let Some(told) = Told::decode(&message) {
                        served.meet(&told.breaker);
                        self.put(Event::Told(told), served, now);
                    }
                }
                // Also where nothing was: what was counted went with a VM that crashed, or a queue.
                Dequeued::Empty => return self.backlog.drained(&SharedData),
                Dequeued::Unavailable => return,
            }
        }
        self.backlog.received(&SharedData, MAX_MESSAGES);
    }

    /// Something of the connection; what is of an earlier one is nobody's.
    pub(super) fn happen(&mut self, happened: Happened, served: &Served, now: Instant) {
        match happened {
            Happened::Message { token, size } if self.stream == Some(token) => {
                match fetched(size) {
                    Ok(message) => self.put(Event::Message(&message), served, now),
                    Err(_) => {
                        self.close_stream();
                        self.put(Event::Closed, served, now);
                    }
                }
            }
            Happened::Closed { token } if self.stream == Some(token) => {
                self.stream = None;
                self.put(Event::Closed, served, now);
            }
            Happened::Reply { token, status, size } => {
                let Some(call) = self.calls.remove(&token) else { return };
                let message = if status == OK { fetched(size) } else { Err(status) };
                let result = message.as_deref().map_err(|status| *status);
                self.put(Event::Reply { call, result }, served, now);
            }
            Happened::Message { .. } | Happened::Closed { .. } => {}
        }
    }

    /// What is due at breakers, as far as there is time in a callback that began then.
    pub(super) fn carry_out(&mut self, served: &Served, began: Instant) {
        self.due.carry_out(served, began);
    }

    /// Put an event to the agent, and then what of its wishes the host refused.
    fn put(&mut self, event: Event<'_>, served: &Served, now: Instant) {
        self.now = now;
        self.ask(event, served, now);
        for _ in 0..MAX_REFUSED {
            match self.refused.pop_front() {
                Some(Refused::Stream) => self.ask(Event::Closed, served, now),
                Some(Refused::Call(call)) => {
                    self.ask(Event::Reply { call, result: Err(UNAVAILABLE) }, served, now);
                }
                None => return,
            }
        }
    }

    fn ask(&mut self, event: Event<'_>, served: &Served, now: Instant) {
        let knows = |name: &str| -> Option<Known> { served.hinted(name) };
        let seed = &mut self.seed;
        let mut random = || {
            *seed = seed.wrapping_add(1);
            unit(*seed)
        };
        let effects = self.agent.on(event, &knows, now, &mut random);
        self.carry_out_all(effects, served);
    }

    /// What is counted more than once in one go is counted at once: each is a host call.
    fn carry_out_all(&mut self, effects: Vec<Effect>, served: &Served) {
        let mut counts: Vec<(Counted, Option<String>, u64)> = Vec::new();
        for effect in effects {
            let Effect::Count { what, by, breaker } = effect else {
                self.carry_out_one(effect, served);
                continue;
            };
            let same = counts.iter_mut().rev().take(MAX_KINDS);
            match same.into_iter().find(|(it, of, _)| *it == what && *of == breaker) {
                Some((_, _, times)) => *times = times.saturating_add(by),
                None => counts.push((what, breaker, by)),
            }
        }
        for (what, breaker, by) in counts {
            let entry = breaker.and_then(|breaker| served.known_by_name(&breaker));
            count(what, by, entry.as_deref());
        }
    }

    fn carry_out_one(&mut self, effect: Effect, served: &Served) {
        match effect {
            Effect::OpenWatch => self.open_stream(),
            Effect::Send(message) => {
                if let Some(stream) = self.stream {
                    grpc::send(stream, &message);
                }
            }
            Effect::CloseWatch => self.close_stream(),
            Effect::Call { call, method, message } => {
                let (service, name) = (method.service(), method.name());
                let to = grpc::Method { cluster: &self.cluster, service, name };
                match grpc::call(to, &message, CALL_TIMEOUT) {
                    Some(token) => drop(self.calls.insert(token, call)),
                    None => self.refused.push_back(Refused::Call(call)),
                }
            }
            Effect::Hear { breaker, hint } => self.due.of(breaker).hint = Some(hint),
            Effect::AwaitTurn { breaker, patience } => {
                self.due.of(breaker).patience = Some(patience);
            }
            Effect::TakeTurn { breaker, until } => self.due.of(breaker).turn = Some(until),
            Effect::Override { breaker, ordered } => {
                self.due.of(breaker).ordered = Some(ordered);
            }
            Effect::Connected(is_connected) => self.note_connected(is_connected, served),
            // Counted together.
            Effect::Count { .. } => {}
        }
    }

    fn open_stream(&mut self) {
        self.close_stream();
        let (service, name) = (WATCH_SERVICE, WATCH_METHOD);
        self.stream = grpc::open_stream(grpc::Method { cluster: &self.cluster, service, name });
        if self.stream.is_none() {
            self.refused.push_back(Refused::Stream);
        }
    }

    fn close_stream(&mut self) {
        if let Some(stream) = self.stream.take() {
            grpc::cancel(stream);
        }
    }

    fn note_connected(&mut self, is_connected: bool, served: &Served) {
        stats::set_for_process(names::FLEET_CONNECTED, u64::from(is_connected));
        if self.status.connected != is_connected {
            self.status.connected = is_connected;
            served.note(&journal::fleet_connection(is_connected));
            self.leave_status(self.now);
        }
    }

    fn leave_status(&mut self, now: Instant) {
        self.status.at = now;
        self.status.leave(&SharedData, &self.fleet);
    }
}

/// A message of this size, unless it is longer than any of ours, and then it does not get into the VM.
fn fetched(size: usize) -> Result<Vec<u8>, u32> {
    if size > MAX_MESSAGE_BYTES {
        return Err(RESOURCE_EXHAUSTED);
    }
    grpc::received(size).ok_or(INTERNAL)
}

/// Which breakers others speak of is theirs to choose: what is about none of this process is counted
/// without it.
fn count(what: Counted, by: u64, breaker: Option<&Entry>) {
    let by = u32::try_from(by).unwrap_or(u32::MAX);
    match (what, breaker) {
        (Counted::Event(direction, event), Some(entry)) => {
            entry.stats.add(Stat::FleetEvents(direction, event), by);
        }
        (Counted::Event(direction, event), None) => {
            stats::add_for_process(&names::fleet_events(direction, event), by);
        }
        (Counted::Ignored(why), Some(entry)) => {
            entry.stats.add(Stat::FleetHintsIgnored(why), by);
        }
        (Counted::Ignored(why), None) => {
            stats::add_for_process(&names::fleet_hints_ignored(why), by);
        }
    }
}
