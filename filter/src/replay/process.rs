//! One proxy under one configuration: its breakers, and the calls on their way.
//!
//! Its time is that of the calls. Between two admissions everything happens that falls due: calls are
//! judged, and open times end at a tick as they do live.

use crate::admission::{self, Decision, Share, Word};
use crate::breaker::{Transition, unit};
use crate::category::{Category, Verdict};
use crate::config::Config;
use crate::key::Key;
use crate::level::Level;
use crate::replay::call::{Call, Ended, Epochs, Fate, Source};
use crate::replay::desk::{Desk, Entry, Told};
use crate::replay::flight::{Due, Flight, InFlight};
use crate::replay::rejudge;
use crate::replay::roster::{Asked, Cluster, Roster};
use crate::time::{Instant, nanos};
use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::sync::Arc;

/// Time-driven changes are at most this late, as in Envoy.
const TICK: Duration = Duration::from_secs(1);

/// Who keeps the findings.
pub(super) trait Witness {
    /// A breaker of this process is new; the number by which it is told of, or `None` if no more are.
    fn met(&mut self, source: &Source, key: &Key) -> Option<usize>;

    /// A breaker's state changed.
    fn turned(
        &mut self,
        breaker: usize,
        at: Instant,
        unix_ns: u64,
        transition: &Transition,
        category: Option<Category>,
    );

    /// A breaker started afresh, because its process did.
    fn restarted(&mut self);
}

/// Breakers of a call, by the numbers that the findings know them by.
type Numbers = [Option<usize>; 2];

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    /// The breakers that were asked, by number, the finer one first: nobody is asked once one refused.
    pub(super) asked: Numbers,
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
    began: Instant,
    now: Instant,
    desk: Desk,
    roster: Roster,
    in_flight: InFlight,
    /// Places of breakers that are open, by the tick at which that may end.
    ticks: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl Process {
    pub(super) fn new(source: &Arc<Source>, began: Instant) -> Self {
        Self {
            source: Arc::clone(source),
            began,
            now: began,
            desk: Desk::default(),
            roster: Roster::default(),
            in_flight: InFlight::default(),
            ticks: BinaryHeap::new(),
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
        let asked = self.roster.asked(call, config, &mut |key| witness.met(&self.source, key));
        self.follow(&asked, call.epochs, witness);
        let (shares, numbers, refused_by) = self.ask(&asked);
        let mut passage = Passage {
            asked: numbers,
            refused_by,
            verdict: None,
            is_timed_out_success: false,
            is_beyond_room: asked.is_beyond_room,
        };
        let policy = &asked.cluster.policy;
        match &call.fate {
            Fate::Blocked => admission::give_back(&self.desk, shares, policy, self.now),
            Fate::Sent(ended) => {
                let really = policy.verdicts.on(ended.outcome.category);
                passage.verdict = Some(really);
                if refused_by.is_none() {
                    let judged = self.send(call, ended, shares, &asked.cluster);
                    let is_timed_out = judged == Category::Timeout;
                    passage.is_timed_out_success = really == Verdict::Success && is_timed_out;
                }
            }
        }
        self.report(witness);
        if self.in_flight.are_too_many() {
            self.judge_next(witness);
        }
        passage
    }

    /// Let all calls end.
    pub(super) fn finish(&mut self, witness: &mut impl Witness) {
        while let Some(at) = self.in_flight.next_at() {
            self.advance(at, witness);
        }
    }

    fn advance(&mut self, to: Instant, witness: &mut impl Witness) {
        loop {
            let judges = self.in_flight.next_at();
            let ticks = self.ticks.peek().map(|Reverse((at, _))| *at);
            match (judges, ticks) {
                (judges, Some(tick)) if tick <= to && judges.is_none_or(|at| tick <= at) => {
                    self.tick_next(witness);
                }
                (Some(at), _) if at <= to => self.judge_next(witness),
                _ => break,
            }
        }
        self.now = self.now.max(to);
    }

    fn follow(&self, asked: &Asked, epochs: Epochs, witness: &mut impl Witness) {
        for (level, entry) in &asked.levels {
            let live = if *level == Level::Part { epochs.part } else { epochs.cluster };
            if live.is_some_and(|live| entry.follow(live, self.now)) {
                witness.restarted();
            }
        }
    }

    /// What each breaker gives, who was asked, and which of them refuses. One that only watches refuses
    /// here as well.
    fn ask(&self, asked: &Asked) -> (Vec<Share<Rc<Entry>>>, Numbers, Option<usize>) {
        let (now, policy) = (self.now, &*asked.cluster.policy);
        let call = admission::Call { policy, now, random: unit(now.as_nanos()) };
        let (mut numbers, mut refused_by) = ([None; 2], None);
        let decision = admission::ask(&self.desk, &asked.levels, call, |entry, said| {
            if refused_by.is_none()
                && let Some(free) = numbers.iter_mut().find(|it| it.is_none())
            {
                *free = Some(entry.number);
            }
            if matches!(said.word, Word::Reject(..)) {
                refused_by.get_or_insert(entry.number);
            }
        });
        match decision {
            Decision::Forward(forwarded) => (forwarded.shares, numbers, refused_by),
            Decision::Untracked | Decision::Reject(_) => (Vec::new(), numbers, refused_by),
        }
    }

    /// It goes out; how it ends once the policy's own limits were applied.
    fn send(
        &mut self,
        call: &Call,
        ended: &Ended,
        shares: Vec<Share<Rc<Entry>>>,
        cluster: &Cluster,
    ) -> Category {
        let (admitted, policy) = (call.admitted, &cluster.policy);
        let (settled, outcome) = rejudge::rejudge(ended, admitted, policy, cluster.fingerprint);
        let category = outcome.category;
        if let Some(headers) = ended.measured.response_headers
            && let Some(share) = shares.first()
        {
            share.breaker.expect_answer(admitted + headers, self.now);
        }
        let settled = settled.max(admitted);
        let first_content = ended.measured.first_token.map(|waited| admitted + waited);
        let early = ended.judged_early.or(first_content);
        let early = early.filter(|at| *at < settled && shares.iter().any(Share::is_probe));
        let so_far = early.map(|_| rejudge::so_far(ended, policy));
        let policy = Rc::clone(policy);
        let flight = Box::new(Flight { shares, policy, settled, outcome, so_far });
        self.in_flight.add(early.unwrap_or(settled), flight);
        category
    }

    fn judge_next(&mut self, witness: &mut impl Witness) {
        let Some(Due { at, mut flight, .. }) = self.in_flight.take_next() else { return };
        self.now = self.now.max(at);
        let now = self.now;
        let Flight { shares, policy, settled, outcome, so_far } = &mut *flight;
        if let Some(so_far) = so_far.take() {
            admission::judge_early(&self.desk, shares, &so_far, policy, now);
            let settled = *settled;
            self.in_flight.add(settled, flight);
        } else {
            if outcome.unanswered_since.is_some()
                && let Some(share) = shares.first()
            {
                share.breaker.note_answers(now);
            }
            admission::settle(&self.desk, shares, outcome, policy, now);
        }
        self.report(witness);
    }

    fn tick_next(&mut self, witness: &mut impl Witness) {
        let Some(Reverse((at, place))) = self.ticks.pop() else { return };
        self.now = self.now.max(at);
        let Some(entry) = self.roster.entry(place) else { return };
        let left = self.desk.tick(entry, self.now);
        // An announcement may have lengthened the open time.
        if !left.is_zero() {
            self.tick_at(self.now + left, place);
        }
        self.report(witness);
    }

    /// The first tick from then on.
    fn tick_at(&mut self, at: Instant, place: usize) {
        let tick = nanos(TICK);
        let since = nanos(at.since(self.began)).div_ceil(tick).saturating_mul(tick);
        self.ticks.push(Reverse((self.began + Duration::from_nanos(since), place)));
    }

    fn report(&mut self, witness: &mut impl Witness) {
        for Told { place, at, transition, category } in self.desk.told() {
            if let Some(open_for) = transition.open_for {
                self.tick_at(at + open_for.duration(), place);
            }
            if let Some(entry) = self.roster.entry(place) {
                let unix_ns = self.source.unix_nanos(at);
                witness.turned(entry.number, at, unix_ns, &transition, category);
            }
        }
    }
}
