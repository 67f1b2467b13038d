//! One run: from a seed, who goes next, how much time passes, and what befalls the process.

use crate::coverage::{Activity, Between, Coverage, Event};
use crate::port::{Stop, Trouble};
use crate::prelude::{Beginning, lead, prepare};
use crate::scenario::{self, SPARE, Scenario};
use crate::truth::{Tripped, Truth, Weather};
use crate::window::span;
use crate::worker::{Job, Order, Worker};
use crate::world::{Life, World};
use core::time::Duration;
use fastrand::Rng;
use llm_breaker::breaker::{self, StateName};
use llm_breaker::policy::Policy;
use llm_breaker::shared::{allowance_key, breaker_key, index_key};
use llm_breaker::time::Instant;
use std::cell::RefCell;
use std::rc::Rc;

/// The parts of a run, each of which begins in a state that is drawn.
const PARTS: u32 = 6;
/// The states, the shorter-lived ones more often.
const BEGINNINGS: [Beginning; 8] = [
    Beginning::AsItIs,
    Beginning::Open,
    Beginning::Due,
    Beginning::HalfOpen,
    Beginning::HalfOpen,
    Beginning::Closed,
    Beginning::Closed,
    Beginning::Healthy,
];
/// What happens in each of them.
const EVENTS: u32 = 136;

/// What one run showed.
#[derive(Debug, Default)]
pub struct Shown {
    /// What it came by.
    pub coverage: Coverage,
    /// How well the breakers told.
    pub tripped: Tripped,
    /// What happened.
    pub events: u64,
    /// How long after the upstream was healthy again all breakers had closed.
    pub recovery: Duration,
}

/// One run at work.
pub struct Run {
    /// What is drawn.
    pub rng: Rng,
    /// What it is about.
    pub scenario: Scenario,
    /// What all workers share.
    pub world: Rc<RefCell<World>>,
    /// The workers.
    pub workers: Vec<Worker>,
    events: u32,
    requests: u32,
}

/// Run a seed; panics if anything does not hold.
#[must_use]
pub fn run(seed: u64) -> Shown {
    let mut run = Run::new(seed);
    for _ in 0..PARTS {
        let beginning = BEGINNINGS[run.rng.usize(..BEGINNINGS.len())];
        prepare(&mut run, beginning);
        let end = run.events + EVENTS;
        while run.events < end {
            run.step();
        }
    }
    run.finish();
    let recovery = crate::recovery::recover(&mut run);
    run.audit();
    let world = run.world.borrow();
    Shown {
        coverage: world.coverage.clone(),
        tripped: world.truth.verdict,
        events: u64::from(run.events),
        recovery,
    }
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let scenario = Scenario::draw(&mut rng);
        let now = Instant::from_nanos(1_000_000_000_000 + rng.u64(..1_000_000_000));
        let memory = span(scenario.policies[0].window);
        let world = World::new(now, Truth::new(now, memory), scenario.per_minute);
        let world = Rc::new(RefCell::new(world));
        let behind = [0, 0, 1, 50].map(Duration::from_millis);
        let workers = (0..scenario.workers)
            .map(|worker| Worker::new(&world, scenario.policies[0].clone(), behind[worker]))
            .collect();
        Self { rng, scenario, world, workers, events: 0, requests: 0 }
    }

    fn step(&mut self) {
        match self.rng.u32(..1_000) {
            0..2 => self.crash(),
            2 if self.rng.bool() => self.lose_everything(),
            3..6 => self.damage_something(),
            6..30 => self.change_weather(),
            30..200 => self.wait(),
            _ => self.work(),
        }
    }

    /// Some worker goes on to its next load or store, or begins something.
    fn work(&mut self) {
        let at = self.rng.usize(..self.workers.len());
        let worker = &mut self.workers[at];
        if worker.held > 0 {
            worker.held -= 1;
            return;
        }
        if worker.is_idle() {
            let job = self.job(at);
            self.order(at, job);
        } else {
            worker.go_on();
        }
        self.meddle(at);
    }

    /// What may befall a worker where it stopped. What it seldom does is disturbed more often, so
    /// that all is.
    fn meddle(&mut self, at: usize) {
        let (activity, key) = match &self.workers[at].stop {
            Stop::Idle => return,
            Stop::Load(activity, key) | Stop::Store(activity, key) => (*activity, key.clone()),
        };
        let is_load = matches!(self.workers[at].stop, Stop::Load(..));
        let worker = &mut self.workers[at];
        let seldom = weight(activity) >= SELDOM;
        match self.rng.u32(..2_000) / weight(activity) {
            0..4 => worker.held = self.rng.u32(..40),
            4..12 if is_load && seldom => self.overtake(at, &key),
            12..16 if is_load => worker.trouble.set(Trouble::LoadRefused),
            12..16 => worker.trouble.set(Trouble::StoreRefused),
            16..20 => self.damage(&key),
            20..24 if is_load => self.damage(&key),
            20..26 => self.crash_worker(at),
            26 => worker.trouble.set(Trouble::Crowd),
            _ => {}
        }
    }

    /// While a worker stands still before a load, others bring its breaker somewhere else.
    fn overtake(&mut self, at: usize, key: &str) {
        let names = self.scenario.names();
        let name = names.into_iter().find(|name| breaker_key(name) == key);
        let other = (0..self.workers.len()).find(|other| self.workers[*other].is_idle());
        if let (Some(name), Some(other)) = (name, other.filter(|other| *other != at)) {
            let beginning = BEGINNINGS[self.rng.usize(1..BEGINNINGS.len())];
            lead(self, other, &name, beginning);
        }
    }

    fn job(&mut self, worker: usize) -> Job {
        let proceeding = self.workers[worker].vm.borrow().proceeding(self.world.borrow().now);
        match self.rng.u32(..100) {
            0 => {
                let policy = self.rng.choice(&self.scenario.policies).cloned();
                Job::Configure(Box::new(policy.unwrap_or_default()))
            }
            1 => {
                let names = self.scenario.names();
                let name = names[self.rng.usize(..names.len())].clone();
                Job::Obey(name, scenario::order(&mut self.rng))
            }
            2..10 => Job::Tick,
            10..12 if self.requests > 0 => self.late_callback(),
            12..55 => Job::Request(self.request()),
            // The latest more often, so that some calls are over while their breaker is as it was.
            rest => match proceeding.last().filter(|_| rest < 80) {
                Some(latest) => Job::Proceed(*latest),
                None => match self.rng.choice(&proceeding) {
                    Some(any) => Job::Proceed(*any),
                    None => Job::Request(self.request()),
                },
            },
        }
    }

    /// Another request.
    pub fn request(&mut self) -> scenario::Request {
        let weather = self.world.borrow().truth.weather;
        self.requests += 1;
        self.scenario.request(&mut self.rng, self.requests, weather)
    }

    /// `on_log` and `on_done` come for every stream, settled or not.
    fn late_callback(&mut self) -> Job {
        let request = self.rng.u32(1..=self.requests);
        let over = [Life::Settled, Life::Answered, Life::Passed];
        let life = self.world.borrow().requests.get(&request).copied();
        match life {
            Some(life) if over.contains(&life) => Job::LateCallback(request),
            _ => Job::Tick,
        }
    }

    /// A worker begins something.
    pub fn order(&mut self, worker: usize, job: Job) {
        self.events += 1;
        let now = self.world.borrow().now;
        // No two of them begin in the same nanosecond.
        self.world.borrow_mut().now = now + Duration::from_micros(1);
        let worker = &mut self.workers[worker];
        worker.trouble.set(Trouble::None);
        worker.begin(Order { job, now: now - worker.behind });
    }

    /// A worker comes to the end of what it is about.
    pub fn complete(&mut self, worker: usize) {
        while !self.workers[worker].is_idle() {
            self.workers[worker].go_on();
        }
    }

    /// Every worker does.
    pub fn finish(&mut self) {
        (0..self.workers.len()).for_each(|worker| self.complete(worker));
    }

    fn wait(&mut self) {
        let deadline = if self.rng.u32(..5) == 0 { self.next_deadline() } else { None };
        let later = self.world.borrow().now + scenario::pause(&mut self.rng);
        self.world.borrow_mut().now = deadline.unwrap_or(later);
    }

    /// To the nanosecond, so that what happens just then is what the rules say.
    fn next_deadline(&mut self) -> Option<Instant> {
        let world = self.world.borrow();
        let names = self.scenario.names();
        let deadlines: Vec<Instant> = names
            .iter()
            .filter_map(|name| world.oracle(name))
            .flat_map(|oracle| oracle.deadlines())
            .filter(|deadline| *deadline > world.now)
            .collect();
        deadlines.into_iter().min()
    }

    /// The upstream recovers mostly while it is probed, and fails mostly while calls flow: so a run
    /// sees all of a breaker's life, and not only its long quiet times.
    fn change_weather(&mut self) {
        use Weather::{Down, Healthy, Limited, OutOfQuota, Shaky, Slow};
        let names = self.scenario.names();
        let name = &names[self.rng.usize(..names.len())];
        let policy = &self.scenario.policies[0];
        let mut world = self.world.borrow_mut();
        let now = world.now;
        let choices: &[Weather] = match world.oracle(name) {
            Some(oracle) if oracle.ramp(policy, now).is_some() => {
                &[Healthy, Down, Limited, OutOfQuota, Slow, Slow, Slow, Shaky]
            }
            Some(oracle) if oracle.phase.name() != StateName::Closed => &[
                Healthy, Shaky, Shaky, Slow, Slow, Slow, Slow, Slow, Slow, Limited, OutOfQuota,
                Down,
            ],
            _ => &[Down, Down, Limited, OutOfQuota, Shaky, Slow, Healthy],
        };
        world.truth.becomes(choices[self.rng.usize(..choices.len())], now);
    }

    fn crash(&mut self) {
        self.events += 1;
        let worker = self.rng.usize(..self.workers.len());
        self.crash_worker(worker);
    }

    fn crash_worker(&mut self, worker: usize) {
        let worker = &mut self.workers[worker];
        if let Stop::Store(activity, key) = worker.stop.clone() {
            let mut world = self.world.borrow_mut();
            world.pass(activity, Between::Crash);
            let names = self.scenario.names();
            if let Some(name) = names.iter().find(|name| breaker_key(name) == key) {
                let policy = worker.vm.borrow().policy();
                world.befall(name, Event::CrashedMidUpdate, &policy);
            }
        }
        worker.crash(&self.world);
    }

    /// The last VM that holds the shared data goes.
    fn lose_everything(&mut self) {
        self.events += 1;
        (0..self.workers.len()).for_each(|worker| self.crash_worker(worker));
        self.world.borrow_mut().lose();
    }

    fn damage_something(&mut self) {
        let names = self.scenario.names();
        let key = match self.rng.u32(..6) {
            0 => index_key(),
            1 => allowance_key(SPARE),
            _ => breaker_key(&names[self.rng.usize(..names.len())]),
        };
        self.damage(&key);
    }

    fn damage(&mut self, key: &str) {
        self.events += 1;
        let damage = scenario::damage(&mut self.rng);
        let names = self.scenario.names();
        let policy = self.workers[0].vm.borrow().policy();
        let mut world = self.world.borrow_mut();
        match names.iter().find(|name| breaker_key(name) == key) {
            // Made anew twice by one callback, at one time, it would have the same epoch twice.
            Some(name) if self.workers.iter().any(|it| world.is_made_at(name, it.begun)) => {}
            Some(name) => world.damage_breaker(name, damage, &policy),
            None => world.damage_other(key, damage),
        }
    }

    /// Everything was counted once.
    fn audit(&self) {
        let world = self.world.borrow();
        let lives =
            |life: Life| world.requests.values().filter(|became| **became == life).count() as u64;
        let mut happened = world.happened.clone();
        happened.settled = lives(Life::Settled);
        happened.blocked = lives(Life::Answered);
        assert_eq!(world.told, happened, "the counters tell something else than what happened");
        assert_eq!(lives(Life::Asked), 0, "requests without an answer");
    }

    /// The first configuration, to every worker, and no override.
    pub fn reconfigure(&mut self) {
        for worker in 0..self.workers.len() {
            let policy: Policy = self.scenario.policies[0].clone();
            self.order(worker, Job::Configure(Box::new(policy)));
            self.complete(worker);
        }
        for name in self.scenario.names() {
            self.order(0, Job::Obey(name, breaker::Order::Release));
            self.complete(0);
        }
    }
}

/// From this weight on, others may overtake it.
const SELDOM: u32 = 12;

/// How much more often than the most usual activity one is disturbed.
const fn weight(activity: Activity) -> u32 {
    match activity {
        Activity::Admit | Activity::NoteAnswer => 2,
        Activity::Record => 6,
        Activity::Tick | Activity::TakeAllowance | Activity::Register => 8,
        Activity::Obey => 14,
        Activity::Lend | Activity::Look => SELDOM,
        Activity::GiveBack | Activity::JudgeEarly | Activity::GiveAllowanceBack => 32,
    }
}
