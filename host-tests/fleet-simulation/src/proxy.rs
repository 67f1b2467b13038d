//! What does one proxy do? The breaker and the agent that the filter runs, and what the plugin does
//! between them: worker and owner are one here.

use core::time::Duration;

use llm_breaker::breaker::{
    Admission, Breaker, Cause, Change, Jitter, Permit, Standing, StateName, Transition,
};
use llm_breaker::category::Category;
use llm_breaker::fleet::{
    Agent, Effect, Event, Known, News, Settings, Told, news_of, news_of_lengthening,
};
use llm_breaker::outcome::{Outcome, Verdict};
use llm_breaker::policy::Policy;
use llm_breaker::time::Instant;

/// The one breaker that every proxy has.
pub const BREAKER: &str = "openai";

/// A worker tells so often at most that a call was refused.
const WANTED_EVERY: Duration = Duration::from_secs(1);

/// One proxy.
pub struct Proxy {
    /// Its breaker.
    pub breaker: Breaker,
    /// What its breaker goes by.
    pub policy: Policy,
    /// What became of its calls.
    pub lived: Lived,
    /// The stream of watches that it has open.
    pub stream: Option<u64>,
    /// Between two of its calls, on average.
    pub between: Duration,
    /// Whether it said that it hears the store.
    pub is_connected: bool,
    agent: Option<Agent>,
    jitter: Jitter,
    random: fastrand::Rng,
    wanted_at: Option<Instant>,
}

/// What became of a proxy's calls.
#[derive(Clone, Debug, Default)]
pub struct Lived {
    /// Transitions, as they came.
    pub transitions: Vec<(Instant, Transition)>,
    /// Calls that were refused.
    pub refused: u64,
    /// Calls that went out and failed, probes among them.
    pub failures: u64,
    /// Probes that went out.
    pub probes: u64,
    /// Words that it wrote into the store.
    pub written: u64,
}

/// A call that went out.
#[derive(Debug)]
pub struct Call {
    permit: Permit,
    /// Whether it is a probe.
    pub is_probe: bool,
}

/// What is to happen outside.
#[derive(Debug)]
pub enum Outside {
    /// The agent wants it.
    Effect(Effect),
    /// The owner is told it, by way of the queue.
    Told(Told),
}

impl Proxy {
    /// A proxy of this name in this domain; without a scope it goes alone.
    #[must_use]
    pub fn new(
        name: &str,
        domain: &str,
        scope: Option<&str>,
        policy: Policy,
        now: Instant,
    ) -> Self {
        let merge = policy.fleet.unwrap_or_default();
        let agent = scope.map(|scope| {
            Agent::new(Settings {
                scope: scope.to_owned(),
                prefix: "/llm-breaker/".to_owned(),
                domain: domain.to_owned(),
                node: name.to_owned(),
                corroborate: merge.corroborate,
                announced_max: merge.announced_max,
                reconnect_max: Duration::from_secs(30),
            })
        });
        let jitter = Jitter::of(BREAKER, name);
        Self {
            breaker: Breaker::new(now),
            policy,
            lived: Lived::default(),
            stream: None,
            between: Duration::from_millis(250),
            is_connected: false,
            agent,
            jitter,
            random: fastrand::Rng::with_seed((jitter.unit(0) * 1e15) as u64),
            wanted_at: None,
        }
    }

    /// Its process begins anew: nothing is left but its name and what it goes by.
    pub fn restart(&mut self, fresh: Self) {
        let (lived, between) = (core::mem::take(&mut self.lived), self.between);
        *self = Self { lived, between, ..fresh };
    }

    /// A call arrives: does it go out?
    pub fn admit(&mut self, now: Instant) -> (Option<Call>, Vec<Outside>) {
        let before = self.breaker.standing();
        let random = self.random.f64();
        let (admission, change) = self.breaker.admit(&self.policy, now, random);
        let mut outside = self.follow_up(change, &before, now);
        match admission {
            Admission::Pass(permit) => (Some(Call { permit, is_probe: false }), outside),
            Admission::Probe(permit) => {
                self.lived.probes += 1;
                (Some(Call { permit, is_probe: true }), outside)
            }
            Admission::Reject { .. } => {
                self.lived.refused += 1;
                let is_due = self.wanted_at.is_none_or(|at| now.since(at) >= WANTED_EVERY);
                if is_due && self.breaker.awaits_turn(&self.policy, now) {
                    self.wanted_at = Some(now);
                    outside.push(told(News::Wanted));
                }
                (None, outside)
            }
            Admission::Untracked => (None, outside),
        }
    }

    /// A call ended.
    pub fn record(&mut self, call: &Call, outcome: &Outcome, now: Instant) -> Vec<Outside> {
        if outcome.category != Category::ConnectionFailed {
            // Of a short answer that is when it ends.
            let _ = self.breaker.note_answer(now);
        }
        let before = self.breaker.standing();
        let recorded =
            self.breaker.record(&self.policy, now, Some(&call.permit), outcome, self.jitter);
        let verdict = outcome.verdict(&self.policy);
        if matches!(verdict, Verdict::Failure | Verdict::Open) {
            self.lived.failures += 1;
        }
        let mut outside = self.follow_up(recorded.change, &before, now);
        if call.is_probe && verdict == Verdict::Ignore {
            outside.push(told(News::ProbeReturned));
        }
        outside
    }

    /// Time passed.
    pub fn tick(&mut self, now: Instant) -> Vec<Outside> {
        let before = self.breaker.standing();
        let change = self.breaker.tick(&self.policy, now);
        let mut outside = self.follow_up(change, &before, now);
        outside.extend(self.hear(Event::Tick, now));
        if self.agent.as_ref().is_some_and(|agent| agent.orders_nothing(BREAKER)) {
            let change = self.breaker.follow(None, &self.policy, now);
            let before = self.breaker.standing();
            outside.extend(self.follow_up(change, &before, now));
        }
        outside
    }

    /// Something happened to the agent.
    pub fn hear(&mut self, event: Event<'_>, now: Instant) -> Vec<Outside> {
        let lease = self.policy.half_open.lease;
        let knows = |breaker: &str| (breaker == BREAKER).then_some(Known { lease, is_here: true });
        let mut effects = match &mut self.agent {
            Some(agent) => agent.on(event, &knows, now, &mut || self.random.f64()),
            None => return Vec::new(),
        };
        let mut outside = Vec::new();
        while !effects.is_empty() {
            let mut next = Vec::new();
            for effect in effects {
                self.carry_out(effect, now, &mut outside).into_iter().for_each(|told| {
                    if let Some(agent) = &mut self.agent {
                        let event = Event::Told(told);
                        next.extend(agent.on(event, &knows, now, &mut || self.random.f64()));
                    }
                });
            }
            effects = next;
        }
        outside
    }

    /// When it wants a tick.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Instant> {
        self.agent.as_ref().and_then(Agent::wakes_at)
    }

    /// The agent's own books.
    #[must_use]
    pub fn agent(&self) -> Option<&Agent> {
        self.agent.as_ref()
    }

    /// When it opened first, and why.
    pub fn opened(&self) -> impl Iterator<Item = (Instant, Cause)> {
        let opened = self.lived.transitions.iter().filter(|(_, it)| it.to == StateName::Open);
        opened.map(|(at, transition)| (*at, transition.cause))
    }

    fn carry_out(
        &mut self,
        effect: Effect,
        now: Instant,
        outside: &mut Vec<Outside>,
    ) -> Option<Told> {
        let change = match effect {
            Effect::Hear { hint, .. } => self.breaker.hear(&hint, &self.policy, now),
            Effect::AwaitTurn { patience, .. } => self.breaker.await_turn(patience, now),
            Effect::TakeTurn { until, .. } => self.breaker.take_turn(until),
            Effect::Override { ordered, .. } => {
                let order = ordered.map(|it| it.order);
                self.breaker.follow(order, &self.policy, now)
            }
            Effect::Connected(is_connected) => {
                self.is_connected = is_connected;
                return None;
            }
            Effect::Count { .. } => return None,
            other => {
                outside.push(Outside::Effect(other));
                return None;
            }
        };
        let Change::Transition(transition) = change else { return None };
        self.lived.transitions.push((now, transition));
        let mode = self.breaker.mode(&self.policy, now);
        let news = news_of(&transition, &self.breaker.standing(), &self.policy, mode)?;
        Some(Told { breaker: BREAKER.to_owned(), news })
    }

    fn follow_up(&mut self, change: Change, before: &Standing, now: Instant) -> Vec<Outside> {
        let mode = self.breaker.mode(&self.policy, now);
        let standing = self.breaker.standing();
        let news = match change {
            Change::Nothing => None,
            Change::Data => news_of_lengthening(before.until, &standing, &self.policy, mode)
                .filter(|_| before.state == StateName::Open),
            Change::Transition(transition) => {
                self.lived.transitions.push((now, transition));
                news_of(&transition, &standing, &self.policy, mode)
            }
        };
        news.map(told).into_iter().collect()
    }
}

fn told(news: News) -> Outside {
    Outside::Told(Told { breaker: BREAKER.to_owned(), news })
}
