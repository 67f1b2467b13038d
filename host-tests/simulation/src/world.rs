//! What all workers share: time, the shared data, and the judge who compares every decision with
//! the rules.

use crate::coverage::{Activity, Between, Coverage, Event, Met};
use crate::invariants;
use crate::memory::{Damage, Memory};
use crate::oracle::Oracle;
use crate::step::{Moved, Step};
use crate::truth::Truth;
use crate::vm::Vm;
use core::time::Duration;
use llm_breaker::admission::{Answer, Asker, Question};
use llm_breaker::breaker::{Breaker, Gathered, Permit, PermitKind, StateName};
use llm_breaker::outcome::{Outcome, Verdict};
use llm_breaker::policy::Policy;
use llm_breaker::shared::{Decided, allowance_key, breaker_key, decode};
use llm_breaker::time::Instant;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Weak;

/// Everything outside the workers.
#[derive(Debug)]
pub struct World {
    /// What a worker's clock reads, if it does not read behind.
    pub now: Instant,
    /// The shared data.
    pub memory: Memory,
    /// What the runs came by.
    pub coverage: Coverage,
    /// What the upstream is really like.
    pub truth: Truth,
    /// What the workers counted.
    pub told: Counted,
    /// What they should have.
    pub happened: Counted,
    /// How many calls a minute the spare takes.
    pub per_minute: u32,
    /// The workers' VMs, those that crashed among them.
    pub vms: Vec<Weak<RefCell<Vm>>>,
    breakers: BTreeMap<String, Known>,
    /// When each breaker was last made anew.
    made_at: BTreeMap<String, Instant>,
    /// What the cas was of each value that was damaged last.
    damaged_at: BTreeMap<String, u32>,
    /// What became of each request.
    pub requests: BTreeMap<u32, Life>,
    /// When calls were sent to the spare under its allowance; nothing once the count was lost, for
    /// what comes back from before then frees a place that is another's now.
    sent_to_spare: Option<Vec<Instant>>,
}

/// What is known of a stored breaker.
#[derive(Debug)]
enum Known {
    /// It is what the rules say.
    Whole(Box<Oracle>),
    /// Its bytes are no breaker.
    Damaged,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It came.
    Asked,
    /// It was let through, and its call is watched.
    Forwarded,
    /// It was let through, and nobody watches.
    Passed,
    /// The filter answered.
    Answered,
    /// Its call ended.
    Settled,
    /// Its worker's VM crashed.
    Lost,
}

/// What operators see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Changes of state.
    pub moves: BTreeMap<(&'static str, &'static str), u64>,
    /// Unreadable records that were replaced.
    pub resets: u64,
    /// Stores that met a conflict.
    pub conflicts: u64,
    /// Calls that were settled.
    pub settled: u64,
    /// Requests that were answered in the upstream's place.
    pub blocked: u64,
}

impl Counted {
    /// A breaker changed its state.
    pub fn moved(&mut self, from: StateName, to: StateName) {
        *self.moves.entry((from.as_str(), to.as_str())).or_default() += 1;
    }
}

impl World {
    /// A process that just started.
    #[must_use]
    pub fn new(now: Instant, truth: Truth, per_minute: u32) -> Self {
        Self {
            now,
            memory: Memory::default(),
            coverage: Coverage::default(),
            truth,
            told: Counted::default(),
            happened: Counted::default(),
            per_minute,
            vms: Vec::new(),
            breakers: BTreeMap::new(),
            made_at: BTreeMap::new(),
            damaged_at: BTreeMap::new(),
            requests: BTreeMap::new(),
            sent_to_spare: Some(Vec::new()),
        }
    }

    /// Something became of a request: each is answered once, and what was let through is settled
    /// once.
    pub fn becomes(&mut self, request: u32, life: Life) {
        let before = self.requests.insert(request, life);
        let may = match (before, life) {
            (None, Life::Asked) => true,
            (Some(Life::Asked), next) => next != Life::Asked && next != Life::Settled,
            (Some(Life::Forwarded), next) => matches!(next, Life::Settled | Life::Lost),
            _ => false,
        };
        assert!(may, "request {request} was {before:?} and became {life:?}");
    }

    /// Compare what a worker decided, and what it merged before, with what the rules say.
    pub fn judge(
        &mut self,
        name: &str,
        merged: Option<Gathered>,
        step: &Step<'_>,
        asker: Asker<'_>,
        decided: &Decided<Answer>,
    ) {
        let Some(answer) = &decided.value else {
            assert_eq!(decided.transition, None, "{step:?}: not stored, and yet a transition");
            assert!(!decided.reset, "{step:?}: not stored, and yet a reset");
            return;
        };
        let known = self.breakers.remove(name);
        let was_damaged = matches!(known, Some(Known::Damaged));
        assert_eq!(decided.reset, was_damaged, "{step:?}: was an unreadable record replaced?");
        self.happened.resets += u64::from(was_damaged);
        let (met, mut oracle) = match known {
            Some(Known::Whole(oracle)) => (met(&oracle, asker.policy, self.now), *oracle),
            Some(Known::Damaged) | None => (Met::Nothing, Oracle::new(asker.now)),
        };
        if met == Met::Nothing {
            self.made_at.insert(name.to_owned(), asker.now);
        }
        self.coverage.meet(event(step, &oracle, asker), met);
        if let Some(gathered) = merged {
            oracle.merge(&gathered);
        }
        let before = oracle.clone();
        let (expected, moved) = oracle.ask(step, asker);
        self.compare_with_counting_at_once(name, &before, step, asker, moved);
        assert_eq!(*answer, expected, "{step:?} met {before:?} at {:?}", asker.now);
        let told =
            decided.transition.map(|it| Moved { from: it.from, to: it.to, cause: it.cause.name() });
        assert_eq!(told, moved, "{step:?} met {before:?} at {:?}", asker.now);
        if let Some(Moved { from, to, .. }) = moved {
            self.happened.moved(from, to);
            self.truth.moved(name, from, to, self.now);
        }
        let stored = self.stored(name).expect("what was decided is stored");
        assert_eq!(decided.overridden, stored.overridden, "{step:?}: the override that was seen");
        invariants::same(&mut oracle, &stored, asker.now, format_args!("{step:?} met {before:?}"));
        invariants::rules(&before, &stored, step, asker, answer);
        self.breakers.insert(name.to_owned(), Known::Whole(Box::new(oracle)));
    }

    /// Would it have opened, had each success that workers have yet to write been counted at once?
    fn compare_with_counting_at_once(
        &mut self,
        name: &str,
        before: &Oracle,
        step: &Step<'_>,
        asker: Asker<'_>,
        moved: Option<Moved>,
    ) {
        let vms = self.vms.iter().filter_map(Weak::upgrade);
        let unwritten: Vec<Gathered> = vms.filter_map(|vm| vm.borrow().gathered(name)).collect();
        let mut at_once = before.clone();
        unwritten.iter().for_each(|gathered| at_once.merge(gathered));
        let (_, would_have) = at_once.ask(step, asker);
        let opens = |moved: Option<Moved>| moved.is_some_and(|it| it.to == StateName::Open);
        let verdict = &mut self.truth.verdict;
        verdict.early += u64::from(opens(moved) && !opens(would_have));
        verdict.late += u64::from(!opens(moved) && opens(would_have));
    }

    /// Whether it was made anew by who began then.
    #[must_use]
    pub fn is_made_at(&self, name: &str, begun: Instant) -> bool {
        self.made_at.get(name) == Some(&begun)
    }

    /// A breaker as it is stored.
    #[must_use]
    pub fn stored(&self, name: &str) -> Option<Breaker> {
        self.memory.load(&breaker_key(name)).and_then(|(bytes, _)| decode(bytes))
    }

    /// A breaker as the rules say it is; nothing if its record is not readable.
    #[must_use]
    pub fn oracle(&self, name: &str) -> Option<&Oracle> {
        match self.breakers.get(name) {
            Some(Known::Whole(oracle)) => Some(oracle),
            Some(Known::Damaged) | None => None,
        }
    }

    /// The names of all breakers that were ever stored.
    pub fn names(&self) -> Vec<String> {
        self.breakers.keys().cloned().collect()
    }

    /// Note what befell a breaker from outside.
    pub fn befall(&mut self, name: &str, event: Event, policy: &Policy) {
        let now = self.now;
        let met = self.oracle(name).map_or(Met::Nothing, |oracle| met(oracle, policy, now));
        self.coverage.meet(event, met);
    }

    /// Damage a breaker's record.
    pub fn damage_breaker(&mut self, name: &str, damage: Damage, policy: &Policy) {
        let key = breaker_key(name);
        // Damaged twice in the same place, it would be whole again.
        let whole = matches!(self.breakers.get(name), Some(Known::Whole(_)));
        let damage = if whole { damage } else { Damage::Foreign };
        if self.damage(&key, damage) {
            self.befall(name, Event::Damaged, policy);
            self.breakers.insert(name.to_owned(), Known::Damaged);
        }
    }

    /// Damage another value.
    pub fn damage_other(&mut self, key: &str, damage: Damage) {
        // Damaged several times, it could be whole again, and say what nobody wrote.
        let damage = if self.is_damaged(key) { Damage::Foreign } else { damage };
        self.damage(key, damage);
        if key == allowance_key(crate::scenario::SPARE) {
            self.sent_to_spare = None;
        }
    }

    fn damage(&mut self, key: &str, damage: Damage) -> bool {
        let is_stored = self.memory.damage(key, damage);
        if let Some((_, cas)) = self.memory.load(key) {
            self.damaged_at.insert(key.to_owned(), cas);
        }
        is_stored
    }

    /// The last VM of the process went.
    pub fn lose(&mut self) {
        self.memory.lose();
        self.breakers.clear();
        self.sent_to_spare = None;
    }

    /// A call was sent to the spare, by a worker whose clock read this when it began.
    pub fn send_to_spare(&mut self, begun: Instant) {
        let (stall, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        // A worker that stood still for longer counted its call in a second that is long over.
        let Some(sent) = self.sent_to_spare.as_mut().filter(|_| self.now.since(begun) <= stall)
        else {
            return;
        };
        sent.push(self.now);
        let lately = |it: &&Instant| self.now.since(**it) < minute - stall;
        let (sent, allowed) = (sent.iter().filter(lately).count(), self.per_minute);
        assert!(sent <= allowed as usize, "{sent} calls in a minute, {allowed} allowed");
    }

    /// Whether the last that happened to a value was damage.
    #[must_use]
    pub fn is_damaged(&self, key: &str) -> bool {
        let cas = self.memory.load(key).map(|(_, cas)| cas);
        cas.is_some() && self.damaged_at.get(key).copied() == cas
    }

    /// Note what happened between a worker's load and its store.
    pub fn pass(&mut self, activity: Activity, between: Between) {
        if activity != Activity::Look {
            self.coverage.pass(activity, between);
        }
    }
}

fn met(oracle: &Oracle, policy: &Policy, now: Instant) -> Met {
    match oracle.phase.name() {
        StateName::Closed if oracle.ramp(policy, now).is_some() => Met::Ramp,
        StateName::Closed => Met::Closed,
        StateName::Open if oracle.remaining(now).is_zero() => Met::Due,
        StateName::Open => Met::Open,
        StateName::HalfOpen => {
            let out = oracle.probes_out(now);
            if out < policy.half_open.probes as usize { Met::Room } else { Met::Full }
        }
    }
}

fn event(step: &Step<'_>, oracle: &Oracle, asker: Asker<'_>) -> Event {
    let question = match step {
        Step::Tick => return Event::Tick,
        Step::Obey(_) => return Event::Ordered,
        Step::Asked(question) => question,
    };
    match question {
        Question::Admit { .. } => Event::Admit,
        Question::GiveBack(_) => Event::GiveBack,
        Question::NoteAnswer => Event::NoteAnswer,
        Question::Lend => Event::Lend,
        Question::Wait => Event::Wait,
        Question::JudgeEarly { permit, .. } if permit.epoch == oracle.epoch => Event::JudgedEarly,
        Question::JudgeEarly { .. } => Event::JudgedEarlyStale,
        Question::Record { permit: None, .. } => Event::OutcomeWithoutPermit,
        Question::Record { permit: Some(permit), outcome } => {
            ending(permit, outcome, oracle, asker.policy)
        }
    }
}

fn ending(permit: &Permit, outcome: &Outcome, oracle: &Oracle, policy: &Policy) -> Event {
    let verdict = outcome.verdict(policy);
    let fails = matches!(verdict, Verdict::Failure | Verdict::Open);
    match verdict {
        _ if is_last_resort(permit) => Event::LastResortEnds,
        _ if permit.epoch != oracle.epoch => Event::StaleOutcome,
        _ if permit.kind == PermitKind::FollowUp && fails => Event::FollowUpFailure,
        _ if permit.kind == PermitKind::FollowUp => Event::FollowUpOther,
        Verdict::Open => Event::VerdictOpen,
        Verdict::Failure if outcome.announced.is_some() => Event::AnnouncedReset,
        Verdict::Failure => Event::Failure,
        Verdict::Success if outcome.is_slow() => Event::SlowSuccess,
        Verdict::Success => Event::Success,
        Verdict::Ignore if outcome.is_slow() => Event::LeftSlow,
        Verdict::Ignore => Event::Ignored,
    }
}

const fn is_last_resort(permit: &Permit) -> bool {
    matches!(permit.kind, PermitKind::LastResort { .. })
}
