//! One proxy under one configuration: its shared data, its breakers, and the calls on their way.
//!
//! Its time is that of the calls. Between two admissions everything happens that falls due: calls are
//! settled, and open times end at a tick as they do live.

use crate::breaker::{
    Admission, Breaker, Change, Jitter, Permit, PermitKind, StateName, Transition, unit,
};
use crate::category::{Category, Verdict};
use crate::config::Config;
use crate::key::{self, Key};
use crate::level::Level;
use crate::outcome::Outcome;
use crate::policy::{KeyBy, Mode, Policy};
use crate::replay::call::{Call, Ended, Fate, Source};
use crate::replay::rejudge;
use crate::shared::{Cell, Ledger, Loaded, Stored, breaker_key, encode};
use crate::time::Instant;
use core::cmp::{Ordering, Reverse};
use core::time::Duration;
use std::cell::RefCell;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// Time-driven changes are at most this late, as in Envoy.
const TICK: Duration = Duration::from_secs(1);

/// Two epochs of one record are not that far apart: a fresh one begins at the clock's nanoseconds.
const FRESH_EPOCH: u64 = 1_000_000_000;

/// Calls on their way at most; beyond it the one that would end first is settled early.
const MAX_IN_FLIGHT: usize = 1 << 18;

/// What happened to a breaker, for whoever keeps the findings.
pub(super) trait Witness {
    /// A breaker of this process was seen for the first time; it gets a number by which the others
    /// name it.
    fn met(&mut self, source: &Source, key: &Key) -> usize;

    /// Its state changed.
    fn turned(
        &mut self,
        breaker: usize,
        at: Instant,
        unix_ns: u64,
        transition: &Transition,
        category: Option<Category>,
    );

    /// It started afresh, because its process did.
    fn restarted(&mut self);
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    /// The breakers that were asked, by number: the finer one first.
    pub(super) asked: [Option<usize>; 2],
    /// The one that refused, if one did.
    pub(super) refused_by: Option<usize>,
    /// What its end really means to the policy; `None` if nobody knows.
    pub(super) verdict: Option<Verdict>,
    /// It succeeded, and would have been called a time-out.
    pub(super) is_timed_out_success: bool,
    /// There was no room for its breaker.
    pub(super) is_beyond_room: bool,
}

/// One proxy under one configuration.
pub(super) struct Process {
    source: Arc<Source>,
    memory: Memory,
    breakers: Vec<Entry>,
    by_name: HashMap<String, usize>,
    clusters: HashMap<Arc<str>, Arc<ClusterPolicy>>,
    now: Instant,
    in_flight: BinaryHeap<Reverse<Due>>,
    /// Breakers that are open, by the tick at which that may end.
    ticks: BinaryHeap<Reverse<(Instant, usize)>>,
    began: Instant,
    sequence: u64,
}

struct ClusterPolicy {
    policy: Policy,
    fingerprint: u64,
    is_named: bool,
}

/// One breaker.
struct Entry {
    number: usize,
    name: String,
    ledger: Ledger,
    jitter: Jitter,
    cluster: Arc<ClusterPolicy>,
    /// The latest epoch of a live permit.
    live_epoch: Option<u64>,
    /// When answers began that nobody asked about yet.
    answers: BinaryHeap<Reverse<Instant>>,
}

/// A call that is to be settled.
struct Due {
    at: Instant,
    sequence: u64,
    shares: Vec<Share>,
    step: Step,
}

enum Step {
    /// Its probe is judged by how it went so far; then it goes on to its end.
    Early(Outcome, Instant, Outcome),
    End(Outcome),
}

struct Share {
    level: Level,
    breaker: usize,
    permit: Option<Permit>,
}

impl Process {
    pub(super) fn new(source: &Arc<Source>, began: Instant) -> Self {
        Self {
            source: Arc::clone(source),
            memory: Memory::default(),
            breakers: Vec::new(),
            by_name: HashMap::new(),
            clusters: HashMap::new(),
            now: began,
            in_flight: BinaryHeap::new(),
            ticks: BinaryHeap::new(),
            began,
            sequence: 0,
        }
    }

    /// One more call; those of one process come in the order of their admissions.
    pub(super) fn take(
        &mut self,
        call: &Call,
        config: &Config,
        witness: &mut impl Witness,
    ) -> Passage {
        self.advance(call.admitted, witness);
        let now = self.now;
        let cluster = self.cluster(&call.cluster, config);
        let (levels, is_beyond_room) = self.levels(call, &cluster, config, witness);
        let mut asked = [None, None];
        for (place, (_, breaker)) in asked.iter_mut().zip(&levels) {
            *place = self.breakers.get(*breaker).map(|entry| entry.number);
        }
        let (shares, refused_by) = self.ask(&levels, &cluster.policy, now, witness);
        let refused_by = refused_by.and_then(|it| Some(self.breakers.get(it)?.number));
        let mut passage = Passage {
            asked,
            refused_by,
            verdict: None,
            is_timed_out_success: false,
            is_beyond_room,
        };
        let Fate::Sent(ended) = &call.fate else {
            self.give_back(shares);
            return passage;
        };
        let really = cluster.policy.verdicts.on(ended.outcome.category);
        passage.verdict = Some(really);
        if refused_by.is_none() {
            let (settled, outcome) =
                rejudge::rejudge(ended, call.admitted, &cluster.policy, cluster.fingerprint);
            passage.is_timed_out_success = really == Verdict::Success
                && cluster.policy.verdicts.on(outcome.category) == Verdict::Failure;
            self.send(call.admitted, ended, shares, settled, outcome, &cluster.policy);
            if self.in_flight.len() > MAX_IN_FLIGHT {
                self.settle_first(witness);
            }
        }
        passage
    }

    /// Let all calls end.
    pub(super) fn finish(&mut self, witness: &mut impl Witness) {
        while let Some(Reverse(due)) = self.in_flight.peek() {
            let at = due.at;
            self.advance(at, witness);
        }
    }

    fn advance(&mut self, to: Instant, witness: &mut impl Witness) {
        loop {
            let settles = self.in_flight.peek().map(|Reverse(due)| due.at);
            let ticks = self.ticks.peek().map(|Reverse((at, _))| *at);
            match (settles, ticks) {
                (settles, Some(tick)) if tick <= to && settles.is_none_or(|at| tick <= at) => {
                    self.tick_first(witness);
                }
                (Some(at), _) if at <= to => self.settle_first(witness),
                _ => break,
            }
        }
        self.now = self.now.max(to);
    }

    fn cluster(&mut self, name: &Arc<str>, config: &Config) -> Arc<ClusterPolicy> {
        if let Some(known) = self.clusters.get(name) {
            return Arc::clone(known);
        }
        let policy = config.policy_for(name).clone();
        let is_named = config.names(name);
        let fingerprint = policy.fingerprint();
        let cluster = Arc::new(ClusterPolicy { policy, fingerprint, is_named });
        // A log may name more clusters than can have breakers.
        if self.clusters.len() < config.max_breakers as usize {
            self.clusters.insert(Arc::clone(name), Arc::clone(&cluster));
        }
        cluster
    }

    /// The breakers of a call, the finer one first; and whether there was no room for one of them.
    fn levels(
        &mut self,
        call: &Call,
        cluster: &Arc<ClusterPolicy>,
        config: &Config,
        witness: &mut impl Witness,
    ) -> (Vec<(Level, usize)>, bool) {
        let policy = &cluster.policy;
        if policy.mode == Mode::Disabled && !cluster.is_named {
            return (Vec::new(), false);
        }
        let mut keys = Vec::with_capacity(2);
        let part = part_of(policy, call.part.as_deref());
        let level = if part.is_some() { Level::Provider } else { Level::Sole };
        if let Some(part) = part {
            keys.push((Level::Part, Key::of_part(&*call.cluster, part), call.epochs.part));
        }
        keys.push((level, Key::of_cluster(&*call.cluster), call.epochs.cluster));
        let wanted = keys.len();
        let found: Vec<(Level, usize)> = keys
            .into_iter()
            .filter_map(|(level, key, epoch)| {
                let breaker = self.breaker(&key, cluster, config, epoch, witness)?;
                Some((level, breaker))
            })
            .collect();
        let is_beyond_room = found.len() < wanted;
        // Without the cluster's breaker a call passes by, as it does live.
        if found.last().is_none_or(|(level, _)| *level == Level::Part) {
            return (Vec::new(), is_beyond_room);
        }
        (found, is_beyond_room)
    }

    fn breaker(
        &mut self,
        key: &Key,
        cluster: &Arc<ClusterPolicy>,
        config: &Config,
        live_epoch: Option<u64>,
        witness: &mut impl Witness,
    ) -> Option<usize> {
        let name = key.name();
        let index = match self.by_name.get(&name) {
            Some(index) => *index,
            None if self.breakers.len() >= config.max_breakers as usize => return None,
            None => {
                let index = self.breakers.len();
                self.breakers.push(Entry {
                    number: witness.met(&self.source, key),
                    ledger: Ledger::of(&name),
                    jitter: Jitter::of(&name, &self.source.node),
                    cluster: Arc::clone(cluster),
                    live_epoch: None,
                    answers: BinaryHeap::new(),
                    name: name.clone(),
                });
                self.by_name.insert(name, index);
                index
            }
        };
        self.follow_epoch(index, live_epoch, witness);
        Some(index)
    }

    /// Begin where the live breaker began, and again where it did.
    fn follow_epoch(&mut self, index: usize, live: Option<u64>, witness: &mut impl Witness) {
        let Some(live) = live else { return };
        let now = self.now;
        let Some(entry) = self.breakers.get_mut(index) else { return };
        let known = entry.live_epoch;
        entry.live_epoch = known.max(Some(live));
        let is_fresh = known.is_none_or(|known| live > known.saturating_add(FRESH_EPOCH));
        if !is_fresh {
            return;
        }
        if known.is_some() {
            witness.restarted();
        }
        // One that is new has nothing to reset.
        let reset_generation = entry.cluster.policy.reset_generation;
        let fresh = Breaker { epoch: live, reset_generation, ..Breaker::new(now) };
        self.memory.put(&breaker_key(&entry.name), encode(&fresh));
    }

    /// What each breaker gives, or which of them refuses.
    fn ask(
        &mut self,
        levels: &[(Level, usize)],
        policy: &Policy,
        now: Instant,
        witness: &mut impl Witness,
    ) -> (Vec<Share>, Option<usize>) {
        let mut shares: Vec<Share> = Vec::with_capacity(levels.len());
        for (level, breaker) in levels {
            let (level, breaker) = (*level, *breaker);
            let Some(entry) = self.breakers.get(breaker) else { continue };
            let decided = entry.ledger.ask(&self.memory, policy, now, |breaker| {
                breaker.admit(policy, now, unit(now.as_nanos()))
            });
            if let Some(transition) = decided.transition {
                self.report(breaker, now, &transition, None, witness);
            }
            match decided.value {
                Some(Admission::Pass(permit) | Admission::Probe(permit)) => {
                    shares.push(Share { level, breaker, permit: Some(permit) });
                }
                Some(Admission::Reject { .. }) => {
                    self.give_back(shares);
                    return (Vec::new(), Some(breaker));
                }
                Some(Admission::Untracked) | None => {
                    shares.push(Share { level, breaker, permit: None });
                }
            }
        }
        (shares, None)
    }

    fn give_back(&self, shares: Vec<Share>) {
        for Share { breaker, permit, .. } in shares {
            let Some(permit) = permit.filter(|it| matches!(it.kind, PermitKind::Probe { .. }))
            else {
                continue;
            };
            if let Some(entry) = self.breakers.get(breaker) {
                let give_back = |it: &mut Breaker| ((), it.give_back(&permit));
                let _ = entry.ledger.update(&self.memory, self.now, give_back);
            }
        }
    }

    fn send(
        &mut self,
        admitted: Instant,
        ended: &Ended,
        shares: Vec<Share>,
        settled: Instant,
        outcome: Outcome,
        policy: &Policy,
    ) {
        if let Some(headers) = ended.measured.response_headers
            && let Some(entry) = shares.first().and_then(|it| self.breakers.get_mut(it.breaker))
        {
            entry.note_answer(admitted + headers, self.now);
        }
        let settled = settled.max(admitted);
        let is_probe = shares.iter().any(|share| {
            share.permit.as_ref().is_some_and(|it| matches!(it.kind, PermitKind::Probe { .. }))
        });
        let first_content = ended.measured.first_token.map(|waited| admitted + waited);
        let early = ended.judged_early.or(first_content).filter(|at| is_probe && *at < settled);
        self.sequence += 1;
        let sequence = self.sequence;
        let (at, step) = match early {
            Some(at) => (at, Step::Early(rejudge::so_far(ended, policy), settled, outcome)),
            None => (settled, Step::End(outcome)),
        };
        self.in_flight.push(Reverse(Due { at, sequence, shares, step }));
    }

    fn settle_first(&mut self, witness: &mut impl Witness) {
        let Some(Reverse(Due { at, sequence, mut shares, step })) = self.in_flight.pop() else {
            return;
        };
        self.now = self.now.max(at);
        match step {
            Step::End(outcome) => self.settle(shares, &outcome, witness),
            Step::Early(so_far, settled, outcome) => {
                for share in &mut shares {
                    self.judge_early(share, &so_far, witness);
                }
                let due = Due { at: settled, sequence, shares, step: Step::End(outcome) };
                self.in_flight.push(Reverse(due));
            }
        }
    }

    fn judge_early(&mut self, share: &mut Share, so_far: &Outcome, witness: &mut impl Witness) {
        let is_probe = |permit: &mut Permit| matches!(permit.kind, PermitKind::Probe { .. });
        let Some(permit) = share.permit.take_if(is_probe) else { return };
        let Some(entry) = self.breakers.get(share.breaker) else { return };
        let (now, policy) = (self.now, &entry.cluster.policy);
        let heard = share.level.hears(so_far, policy);
        let decided = entry.ledger.update(&self.memory, now, |breaker| {
            let (change, follow_up) =
                breaker.record_early(policy, now, &permit, &heard, entry.jitter);
            (follow_up, change)
        });
        share.permit = decided.value.flatten();
        if let Some(transition) = decided.transition {
            self.report(share.breaker, now, &transition, Some(so_far.category), witness);
        }
    }

    /// Use the permits up: what the first breaker knows of it, the others are told.
    fn settle(&mut self, shares: Vec<Share>, outcome: &Outcome, witness: &mut impl Witness) {
        let mut outcome = *outcome;
        for share in shares {
            outcome.category = self.record(&share, &outcome, witness);
        }
    }

    fn record(&mut self, share: &Share, outcome: &Outcome, witness: &mut impl Witness) -> Category {
        let now = self.now;
        let Some(entry) = self.breakers.get_mut(share.breaker) else { return outcome.category };
        let answered_at = outcome.unanswered_since.and_then(|_| entry.latest_answer(now));
        let policy = &entry.cluster.policy;
        let heard = share.level.hears(outcome, policy);
        let permit = share.permit.as_ref();
        if entry.ledger.gather(policy, now, permit, &heard) {
            return outcome.category;
        }
        let decided = entry.ledger.update(&self.memory, now, |breaker| {
            let noted = answered_at.map_or(Change::Nothing, |at| breaker.note_answer(at));
            let recorded = breaker.record(policy, now, permit, &heard, entry.jitter);
            let change = if recorded.change == Change::Nothing { noted } else { recorded.change };
            (recorded.category, change)
        });
        let category = decided.value.unwrap_or(outcome.category);
        if let Some(transition) = decided.transition {
            self.report(share.breaker, now, &transition, Some(category), witness);
        }
        category
    }

    fn tick_first(&mut self, witness: &mut impl Witness) {
        let Some(Reverse((at, breaker))) = self.ticks.pop() else { return };
        self.now = self.now.max(at);
        let now = self.now;
        let Some(entry) = self.breakers.get(breaker) else { return };
        let policy = &entry.cluster.policy;
        let decided = entry.ledger.update(&self.memory, now, |breaker| {
            let change = breaker.tick(policy, now);
            (breaker.open_remaining(now), change)
        });
        if let Some(transition) = decided.transition {
            self.report(breaker, now, &transition, None, witness);
        }
        // An announcement may have lengthened the open time.
        if let Some(left) = decided.value.filter(|left| !left.is_zero()) {
            self.tick_at(now + left, breaker);
        }
    }

    /// The first tick from then on.
    fn tick_at(&mut self, at: Instant, breaker: usize) {
        let ticks = at.since(self.began).as_nanos().div_ceil(TICK.as_nanos());
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        self.ticks.push(Reverse((self.began + TICK * ticks, breaker)));
    }

    fn report(
        &mut self,
        breaker: usize,
        now: Instant,
        transition: &Transition,
        category: Option<Category>,
        witness: &mut impl Witness,
    ) {
        if let Some(open_for) = transition.open_for.filter(|_| transition.to == StateName::Open) {
            self.tick_at(now + open_for.duration(), breaker);
        }
        if let Some(entry) = self.breakers.get(breaker) {
            let unix_ns = self.source.unix_nanos(now);
            witness.turned(entry.number, now, unix_ns, transition, category);
        }
    }
}

impl Entry {
    /// Answers that nobody asks about are not kept for long.
    const MAX_ANSWERS: usize = 64;

    /// An answer begins then.
    fn note_answer(&mut self, at: Instant, now: Instant) {
        self.answers.push(Reverse(at));
        if self.answers.len() > Self::MAX_ANSWERS
            && let Some(latest) = self.latest_answer(now)
        {
            self.answers.push(Reverse(latest));
        }
    }

    fn latest_answer(&mut self, now: Instant) -> Option<Instant> {
        let mut latest = None;
        while let Some(Reverse(at)) = self.answers.peek()
            && *at <= now
        {
            latest = Some(*at);
            self.answers.pop();
        }
        latest
    }
}

/// The part that a call is of under a policy; `None` if the policy does not tell calls apart.
fn part_of<'p>(policy: &'p Policy, told: Option<&str>) -> Option<&'p str> {
    match &policy.key_by {
        KeyBy::Cluster => None,
        KeyBy::Model => {
            // A log that was kept by parts names the pattern, not the model.
            let pattern = policy.models.iter().find(|glob| Some(glob.as_str()) == told);
            Some(match pattern {
                Some(pattern) => pattern.as_str(),
                None if told == Some(key::OTHER) => key::OTHER,
                None => key::part_of_model(&policy.models, told),
            })
        }
        KeyBy::Header { values, .. } => Some(key::part_of_value(values, told.map(str::as_bytes))),
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// Shared data of one process that has one worker.
#[derive(Default)]
struct Memory(RefCell<HashMap<String, (Vec<u8>, u32)>>);

impl Memory {
    fn put(&self, key: &str, value: Vec<u8>) {
        let mut values = self.0.borrow_mut();
        match values.get_mut(key) {
            Some((known, version)) => (*known, *version) = (value, version.wrapping_add(1)),
            None => {
                values.insert(key.to_owned(), (value, 1));
            }
        }
    }
}

impl Cell for Memory {
    fn load(&self, key: &str) -> Loaded {
        let values = self.0.borrow();
        let known = values.get(key);
        known.map_or(Loaded::Absent, |(value, version)| Loaded::Found(value.clone(), *version))
    }

    fn store(&self, key: &str, value: &[u8], _: Option<u32>) -> Stored {
        // Nobody else is there.
        self.put(key, value.to_vec());
        Stored::Done
    }
}
