//! What does a fleet do in an outage? A provider dies, stays dead, and comes back; its callers call as
//! often as they like, some of them seldom.

use core::time::Duration;

use llm_breaker::breaker::{StateName, unit};
use llm_breaker::category::Category;
use llm_breaker::outcome::Outcome;
use llm_breaker::policy::{self, Policy};
use llm_breaker::time::Instant;

use crate::etcd::Asked;
use crate::proxy::Proxy;
use crate::world::{Provider, World};

/// When the world begins: not at the clock's zero.
pub const START: Instant = Instant::from_nanos(1_000_000_000_000);

/// Until all hear the store, and windows hold calls.
const BEFORE: Duration = Duration::from_secs(60);

/// Of the callers' first failures, which no store can spare them.
const FIRST_WAVE: Duration = Duration::from_secs(30);

/// How long an answer takes, and a failure.
const ANSWER: Duration = Duration::from_millis(200);

/// Calls a second of the busiest proxy, and how much seldomer the quietest one calls.
const BUSIEST: f64 = 4.0;
const SPAN: f64 = 80.0;

/// One outage.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// How many proxies there are, each a domain of its own.
    pub proxies: usize,
    /// From how many domains on an observation counts; `None`: they share nothing.
    pub corroborate: Option<u32>,
    /// How long the provider is down.
    pub lasts: Duration,
    /// How long it is watched afterwards.
    pub after: Duration,
    /// Which world it is.
    pub seed: u64,
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Proxies.
    pub proxies: usize,
    /// Calls that reached the provider while it was down: each a failure that a caller paid.
    pub failures: u64,
    /// Those of them in the first 30 s.
    pub first_failures: u64,
    /// Probes while it was down.
    pub probes: u64,
    /// The most of them in one second.
    pub probes_in_a_second: u64,
    /// The most that were out at once.
    pub probes_at_once: u64,
    /// Proxies that wrote a word in the first 30 s.
    pub reporters: usize,
    /// When the last that called was open, after the first failure.
    pub open_after: Vec<Duration>,
    /// When proxies let traffic back, after the end of the outage.
    pub back_after: Vec<Duration>,
    /// Writes of the store, in all, and the most in one second.
    pub writes: u64,
    /// The most writes in one second.
    pub writes_in_a_second: u64,
    /// Events that it sent to watchers, in all.
    pub events: u64,
    /// The most in one second.
    pub events_in_a_second: u64,
    /// Seconds that are watched.
    pub seconds: u64,
}

/// Down for a while.
struct Down {
    from: Instant,
    to: Instant,
    failures: u64,
    first_failures: u64,
}

impl Provider for Down {
    fn answer(
        &mut self,
        _proxy: usize,
        now: Instant,
        _random: &mut fastrand::Rng,
    ) -> (Outcome, Duration) {
        let is_down = self.from <= now && now < self.to;
        if is_down {
            self.failures += 1;
            self.first_failures += u64::from(now < self.from + FIRST_WAVE);
        }
        let category = if is_down { Category::ServerError } else { Category::Success };
        (Outcome::of(category), ANSWER)
    }
}

impl Outage {
    /// Let it happen.
    #[must_use]
    pub fn run(&self) -> Course {
        let (from, to) = (START + BEFORE, START + BEFORE + self.lasts);
        let down = Down { from, to, failures: 0, first_failures: 0 };
        let proxies = (0..self.proxies).map(|number| self.proxy(number)).collect();
        let mut world = World::new(proxies, down, self.seed, START);
        world.run_until(from);
        let mut course = Course { proxies: self.proxies, ..Course::default() };
        let mut before = (world.etcd.asked, world.seen.probes);
        while world.now < to + self.after {
            world.run_for(Duration::from_secs(1));
            course.note_second(before, (world.etcd.asked, world.seen.probes), world.now <= to);
            before = (world.etcd.asked, world.seen.probes);
            if world.now == from + FIRST_WAVE {
                let wrote = world.proxies.iter().filter(|it| it.lived.written > 0);
                course.reporters = wrote.count();
            }
            // What is behind can be watched from no more.
            world.etcd.keep_only(100_000);
        }
        course.failures = world.provider.failures;
        course.first_failures = world.provider.first_failures;
        course.probes_at_once = world.seen.probes_at_once;
        for proxy in &world.proxies {
            course.note_proxy(proxy, from, to);
        }
        course.open_after.sort_unstable();
        course.back_after.sort_unstable();
        course
    }

    fn proxy(&self, number: usize) -> Proxy {
        let merge = |corroborate| policy::Fleet { corroborate, ..policy::Fleet::default() };
        let policy = Policy { fleet: self.corroborate.map(merge), ..Policy::default() };
        let (name, domain) = (format!("node-{number}"), format!("zone-{number}"));
        let scope = self.corroborate.map(|_| "account");
        let mut proxy = Proxy::new(&name, &domain, scope, policy, START);
        // As many of each order of magnitude.
        let seldomer = SPAN.powf(unit(self.seed ^ (number as u64) << 8));
        proxy.between = Duration::from_secs_f64(seldomer / BUSIEST);
        proxy
    }
}

impl Course {
    fn note_second(&mut self, before: (Asked, u64), after: (Asked, u64), is_down: bool) {
        let (writes, events) = (after.0.writes - before.0.writes, after.0.events - before.0.events);
        let probes = after.1 - before.1;
        self.seconds += 1;
        self.writes += writes;
        self.events += events;
        self.writes_in_a_second = self.writes_in_a_second.max(writes);
        self.events_in_a_second = self.events_in_a_second.max(events);
        if is_down {
            self.probes += probes;
            self.probes_in_a_second = self.probes_in_a_second.max(probes);
        }
    }

    fn note_proxy(&mut self, proxy: &Proxy, from: Instant, to: Instant) {
        let all = || proxy.lived.transitions.iter();
        let opened = all().find(|(at, it)| *at >= from && it.to == StateName::Open);
        self.open_after.extend(opened.map(|(at, _)| at.since(from)));
        let back = all().find(|(at, it)| *at >= to && it.to == StateName::Closed);
        self.back_after.extend(back.map(|(at, _)| at.since(to)));
    }

    /// Of sorted times, the one that this share of the proxies has reached; `None` where fewer did.
    #[must_use]
    pub fn reached(&self, times: &[Duration], share: f64) -> Option<Duration> {
        let needed = (self.proxies as f64 * share).ceil() as usize;
        times.get(needed.max(1) - 1).copied()
    }
}
