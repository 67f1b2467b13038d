//! What happens when? Proxies, their callers, a provider and a store, on virtual time: a queue of
//! happenings, each after a delay that a seed decides.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;

use llm_breaker::fleet::{Effect, Event, MAX_MESSAGE_BYTES, Method, Told};
use llm_breaker::outcome::Outcome;
use llm_breaker::time::Instant;

use crate::etcd::{Etcd, StreamId};
use crate::proxy::{Call, Outside, Proxy};

/// Between a worker and the VM that speaks for its proxy.
const THROUGH_THE_QUEUE: Duration = Duration::from_micros(500);

/// One way between a proxy and the store, at most.
const TO_THE_STORE: Duration = Duration::from_millis(2);

/// After that long Envoy notices that the store does not answer any more: its keep-alive on HTTP/2.
const FROZEN_IS_NOTICED_AFTER: Duration = Duration::from_secs(3);

/// The plugin's period.
const TICK: Duration = Duration::from_secs(1);

/// gRPC statuses that Envoy gives in a store's place.
const UNAVAILABLE: u32 = 14;
const DEADLINE_EXCEEDED: u32 = 4;
const TOO_LONG: u32 = 8;

/// What a provider answers.
pub trait Provider {
    /// A call of this proxy's arrives: what becomes of it, and after how long.
    fn answer(
        &mut self,
        proxy: usize,
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> (Outcome, Duration);
}

/// How the store fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// It answers.
    Up,
    /// Its port refuses.
    Down,
    /// It says nothing.
    Frozen,
}

/// Everything.
pub struct World<P> {
    /// The time.
    pub now: Instant,
    /// The store.
    pub etcd: Etcd,
    /// The proxies.
    pub proxies: Vec<Proxy>,
    /// The provider.
    pub provider: P,
    /// What it saw.
    pub seen: Seen,
    store: Store,
    random: fastrand::Rng,
    queue: BinaryHeap<Reverse<Due>>,
    happenings: u64,
    /// Whose a stream is.
    streams: HashMap<StreamId, usize>,
    /// When each proxy is woken next, beside its ticks.
    woken: Vec<Option<Instant>>,
}

/// What the provider saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Calls.
    pub calls: u64,
    /// Probes among them.
    pub probes: u64,
    /// Probes that are out.
    pub probes_out: u64,
    /// The most that were at once.
    pub probes_at_once: u64,
    /// When each call came, and whether it was a probe, as long as they are noted.
    pub noted: Option<Vec<(Instant, usize, bool)>>,
}

#[derive(Debug)]
struct Due {
    at: Instant,
    number: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Arrives(usize),
    Ends(usize, Call, Outcome),
    Ticks(usize),
    Wakes(usize),
    Told(usize, Told),
    Asked { proxy: usize, call: u32, method: Method, message: Vec<u8> },
    Replied { proxy: usize, call: u32, result: Result<Vec<u8>, u32> },
    Opened { proxy: usize, stream: StreamId, sent: Vec<Vec<u8>> },
    Came { proxy: usize, stream: StreamId, message: Rc<[u8]> },
    Broke { proxy: usize, stream: StreamId },
    Sent { proxy: usize, stream: StreamId, message: Vec<u8> },
}

impl<P: Provider> World<P> {
    /// Proxies whose callers call independently of each other.
    pub fn new(proxies: Vec<Proxy>, provider: P, seed: u64, now: Instant) -> Self {
        let mut world = Self {
            now,
            etcd: Etcd::new(1),
            woken: vec![None; proxies.len()],
            proxies,
            provider,
            seen: Seen::default(),
            store: Store::Up,
            random: fastrand::Rng::with_seed(seed),
            queue: BinaryHeap::new(),
            happenings: 0,
            streams: HashMap::new(),
        };
        for proxy in 0..world.proxies.len() {
            world.expect_call(proxy);
            // Ticks are not in step.
            let tick = world.up_to(TICK);
            world.later(tick, What::Ticks(proxy));
        }
        world
    }

    /// Let time pass.
    pub fn run_until(&mut self, end: Instant) {
        while let Some(Reverse(due)) = self.queue.peek() {
            if due.at > end {
                break;
            }
            let Some(Reverse(due)) = self.queue.pop() else { break };
            self.now = due.at;
            self.happen(due.what);
        }
        self.now = end;
    }

    /// Let so much time pass.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// Let time pass until something holds; whether it came to hold.
    pub fn run_till(&mut self, longest: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + longest;
        while self.now < end {
            if holds(self) {
                return true;
            }
            let next = self.queue.peek().map_or(end, |Reverse(due)| due.at);
            self.run_until(next.min(end));
        }
        holds(self)
    }

    /// The store fares otherwise from now on.
    pub fn set_store(&mut self, store: Store) {
        let was = core::mem::replace(&mut self.store, store);
        if was == store {
            return;
        }
        let after = match store {
            Store::Up => return,
            Store::Down => Duration::ZERO,
            Store::Frozen => FROZEN_IS_NOTICED_AFTER,
        };
        self.etcd.close_all();
        self.break_streams(after);
    }

    /// All that watch it lose it.
    pub fn break_streams(&mut self, after: Duration) {
        for proxy in 0..self.proxies.len() {
            if let Some(stream) = self.proxies.get(proxy).and_then(|it| it.stream) {
                self.later(after, What::Broke { proxy, stream });
            }
        }
    }

    /// A proxy's callers stop: it has no traffic, but ticks.
    pub fn silence(&mut self, proxy: usize) {
        let queue = core::mem::take(&mut self.queue);
        let is_other =
            |Reverse(due): &Reverse<Due>| !matches!(due.what, What::Arrives(it) if it == proxy);
        self.queue = queue.into_iter().filter(is_other).collect();
    }

    /// A proxy begins anew.
    pub fn restart(&mut self, proxy: usize, fresh: Proxy) {
        if let Some(it) = self.proxies.get_mut(proxy) {
            if let Some(stream) = it.stream {
                self.etcd.close(stream);
            }
            it.restart(fresh);
        }
        let queue = core::mem::take(&mut self.queue);
        let is_other = |Reverse(due): &Reverse<Due>| match &due.what {
            What::Ends(it, ..) | What::Told(it, _) | What::Wakes(it) => *it != proxy,
            What::Asked { proxy: it, .. }
            | What::Replied { proxy: it, .. }
            | What::Opened { proxy: it, .. } => *it != proxy,
            _ => true,
        };
        self.queue = queue.into_iter().filter(is_other).collect();
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Arrives(proxy) => {
                self.arrive(proxy);
                self.expect_call(proxy);
            }
            What::Ends(proxy, call, outcome) => {
                if call.is_probe {
                    self.seen.probes_out -= 1;
                }
                self.with(proxy, |it, now| it.record(&call, &outcome, now));
            }
            What::Ticks(proxy) => {
                self.with(proxy, Proxy::tick);
                self.later(TICK, What::Ticks(proxy));
            }
            What::Wakes(proxy) => {
                if let Some(woken) = self.woken.get_mut(proxy) {
                    *woken = None;
                }
                self.with(proxy, |it, now| it.hear(Event::Tick, now));
            }
            What::Told(proxy, told) => self.with(proxy, |it, now| it.hear(Event::Told(told), now)),
            What::Asked { proxy, call, method, message } => {
                self.be_asked(proxy, call, method, &message);
            }
            What::Replied { proxy, call, result } => self.with(proxy, |it, now| {
                let result = result.as_deref().map_err(|status| *status);
                it.hear(Event::Reply { call, result }, now)
            }),
            What::Opened { proxy, stream, sent } => self.be_opened(proxy, stream, &sent),
            What::Sent { proxy, stream, message } => {
                self.be_opened(proxy, stream, core::slice::from_ref(&message));
            }
            What::Came { proxy, stream, message } => {
                if self.proxies.get(proxy).is_some_and(|it| it.stream == Some(stream)) {
                    self.with(proxy, |it, now| it.hear(Event::Message(&message), now));
                }
            }
            What::Broke { proxy, stream } => {
                if let Some(it) = self.proxies.get_mut(proxy).filter(|it| it.stream == Some(stream))
                {
                    it.stream = None;
                    self.with(proxy, |it, now| it.hear(Event::Closed, now));
                }
            }
        }
        self.spread();
    }

    fn arrive(&mut self, proxy: usize) {
        let now = self.now;
        let Some(it) = self.proxies.get_mut(proxy) else { return };
        let (call, outside) = it.admit(now);
        self.see_to(proxy, outside);
        let Some(call) = call else { return };
        let (outcome, lasts) = self.provider.answer(proxy, now, &mut self.random);
        self.seen.calls += 1;
        if let Some(noted) = &mut self.seen.noted {
            noted.push((now, proxy, call.is_probe));
        }
        if call.is_probe {
            self.seen.probes += 1;
            self.seen.probes_out += 1;
            self.seen.probes_at_once = self.seen.probes_at_once.max(self.seen.probes_out);
        }
        self.later(lasts, What::Ends(proxy, call, outcome));
    }

    fn with(&mut self, proxy: usize, does: impl FnOnce(&mut Proxy, Instant) -> Vec<Outside>) {
        let now = self.now;
        let Some(it) = self.proxies.get_mut(proxy) else { return };
        let outside = does(it, now);
        self.see_to(proxy, outside);
        let wakes_at = self.proxies.get(proxy).and_then(Proxy::wakes_at);
        let woken = self.woken.get(proxy).copied().flatten();
        if let Some(at) = wakes_at.filter(|at| woken.is_none_or(|woken| *at < woken)) {
            // The plugin's shortest period.
            let at = at.max(now + Duration::from_millis(10));
            if let Some(woken) = self.woken.get_mut(proxy) {
                *woken = Some(at);
            }
            self.later(at.since(now), What::Wakes(proxy));
        }
    }

    fn see_to(&mut self, proxy: usize, outside: Vec<Outside>) {
        let mut opening: Option<(StreamId, Vec<Vec<u8>>)> = None;
        for what in outside {
            match what {
                Outside::Told(told) => self.later(THROUGH_THE_QUEUE, What::Told(proxy, told)),
                Outside::Effect(Effect::OpenWatch) => {
                    let stream = self.etcd.open();
                    if let Some(it) = self.proxies.get_mut(proxy) {
                        it.stream = Some(stream);
                    }
                    self.streams.insert(stream, proxy);
                    opening = Some((stream, Vec::new()));
                }
                Outside::Effect(Effect::Send(message)) => match &mut opening {
                    Some((_, sent)) => sent.push(message),
                    None => {
                        let delay = self.up_to(TO_THE_STORE);
                        let stream = self.proxies.get(proxy).and_then(|it| it.stream);
                        if let Some(stream) = stream {
                            self.later(delay, What::Sent { proxy, stream, message });
                        }
                    }
                },
                Outside::Effect(Effect::CloseWatch) => {
                    let stream = self.proxies.get_mut(proxy).and_then(|it| it.stream.take());
                    stream.into_iter().for_each(|stream| self.etcd.close(stream));
                }
                Outside::Effect(Effect::Call { call, method, message }) => {
                    if method == Method::Put {
                        self.proxies
                            .get_mut(proxy)
                            .into_iter()
                            .for_each(|it| it.lived.written += 1);
                    }
                    let delay = self.up_to(TO_THE_STORE);
                    self.later(delay, What::Asked { proxy, call, method, message });
                }
                Outside::Effect(_) => {}
            }
        }
        if let Some((stream, sent)) = opening {
            let delay = self.up_to(TO_THE_STORE);
            self.later(delay, What::Opened { proxy, stream, sent });
        }
    }

    fn be_asked(&mut self, proxy: usize, call: u32, method: Method, message: &[u8]) {
        let (result, delay) = match self.store {
            Store::Up => (self.etcd.call(method, message, self.now), self.up_to(TO_THE_STORE)),
            Store::Down => (Err(UNAVAILABLE), Duration::ZERO),
            Store::Frozen => (Err(DEADLINE_EXCEEDED), llm_breaker::fleet::CALL_TIMEOUT),
        };
        let result = result.and_then(|bytes| {
            if bytes.len() > MAX_MESSAGE_BYTES { Err(TOO_LONG) } else { Ok(bytes) }
        });
        self.later(delay, What::Replied { proxy, call, result });
    }

    fn be_opened(&mut self, proxy: usize, stream: StreamId, sent: &[Vec<u8>]) {
        match self.store {
            Store::Up => sent.iter().for_each(|message| self.etcd.ask(stream, message)),
            Store::Down => self.later(Duration::ZERO, What::Broke { proxy, stream }),
            Store::Frozen => self.later(FROZEN_IS_NOTICED_AFTER, What::Broke { proxy, stream }),
        }
    }

    /// What the store sends goes out, in order on each stream.
    fn spread(&mut self) {
        if self.store == Store::Up {
            self.etcd.pass_time(self.now);
        }
        for (stream, message) in self.etcd.take_sent() {
            let Some(proxy) = self.streams.get(&stream).copied() else { continue };
            if message.len() > MAX_MESSAGE_BYTES {
                self.later(Duration::ZERO, What::Broke { proxy, stream });
                continue;
            }
            // The same for all messages of a stream, so that none overtakes another.
            let share = (stream % 97) as f64 / 97.0;
            self.later(TO_THE_STORE.mul_f64(share), What::Came { proxy, stream, message });
        }
    }

    /// The next call comes whenever it likes: at the same rate at any time.
    fn expect_call(&mut self, proxy: usize) {
        let between = self.proxies.get(proxy).map_or(Duration::MAX, |it| it.between);
        let wait = between.mul_f64((-(1.0 - self.random.f64()).ln()).min(20.0));
        self.later(wait, What::Arrives(proxy));
    }

    fn later(&mut self, delay: Duration, what: What) {
        self.happenings += 1;
        let at = self.now + delay;
        self.queue.push(Reverse(Due { at, number: self.happenings, what }));
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.random.f64())
    }
}

/// By time, and what was planned first comes first.
impl Ord for Due {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}
