//! Whose turn is it to probe? Who was refused a call asks for the breaker's lease; who has it probes,
//! and gives it back with the outcome.

use crate::fleet::agent::calls::Purpose;
use crate::fleet::agent::hints::MAX_AT_ONCE;
use crate::fleet::agent::step::Step;
use crate::fleet::agent::{Agent, MAX_BREAKERS, SPREAD};
use crate::fleet::etcd::{self, Method};
use crate::fleet::event::{Effect, Known};
use crate::fleet::keys::Node;
use crate::fleet::round::Round;
use crate::fleet::words::Order;
use crate::stats::FleetEvent;
use crate::time::Instant;
use core::time::Duration;
use std::collections::BTreeMap;

/// Who has not been refused a call for so long asks for no turn: nobody would use it.
const WANTED_FOR: Duration = Duration::from_secs(5);

/// A domain whose probe failed last leaves the next turn to others for so long.
const AFTER_A_FAILURE: Duration = Duration::from_secs(5);

/// The turns on every breaker of this proxy's of which one was wanted or taken. Those that it only might
/// have are not kept: how many there are is for others to choose.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    by_breaker: BTreeMap<String, Turn>,
    /// Those that are told again how patient they are.
    repeated: Round,
}

#[derive(Clone, Debug, Default)]
struct Turn {
    /// For how long the breaker was told to leave probing to whose turn it is; `None` if it was not.
    patience: Option<Duration>,
    /// Until when it is open, as it was told last; [`Instant::ZERO`] if it closed.
    open_until: Instant,
    /// When a call was last refused for want of a turn, since it was last known how it stands.
    wanted_at: Option<Instant>,
    stage: Stage,
    /// Whose turn it is.
    holder: Option<Holder>,
    /// Whose it was before.
    last: Option<Holder>,
    /// The domain whose probe failed last, since it was last known to work.
    failed_last: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    node: Node,
    order: Order,
}

/// How far this proxy is with a turn of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    /// It asks then.
    AsksAt(Instant),
    /// It asked.
    Asked,
    /// It has it.
    Holds { lease: i64, until: Instant },
}

impl Turns {
    pub(super) fn holds(&self, breaker: &str, now: Instant) -> bool {
        let stage = self.by_breaker.get(breaker).map(|turn| turn.stage);
        matches!(stage, Some(Stage::Holds { until, .. }) if now < until)
    }

    /// Whose turn it is.
    pub(super) fn holder(&self, breaker: &str) -> Option<&Node> {
        let turn = self.by_breaker.get(breaker)?;
        turn.holder.as_ref().map(|holder| &holder.node)
    }

    /// Until when it is open.
    pub(super) fn open_until(&self, breaker: &str) -> Instant {
        self.by_breaker.get(breaker).map_or(Instant::ZERO, |turn| turn.open_until)
    }

    /// It is open until then; [`Instant::ZERO`] if it closed.
    pub(super) fn note_open_until(&mut self, breaker: &str, until: Instant) {
        self.note_settled(breaker);
        if let Some(turn) = self.entry(breaker) {
            turn.open_until = until;
        }
    }

    /// It is known anew how the breaker stands: what was wanted before is over.
    pub(super) fn note_settled(&mut self, breaker: &str) {
        if let Some(turn) = self.by_breaker.get_mut(breaker) {
            turn.wanted_at = None;
        }
    }

    /// Somebody said something: that it works, or that it fails. If it was that one's turn, its probe
    /// failed.
    pub(super) fn note_word(&mut self, breaker: &str, by: &Node, order: Order, is_closed: bool) {
        let Some(turn) = self.by_breaker.get_mut(breaker) else { return };
        if is_closed {
            turn.failed_last = None;
        } else if turn.holder.iter().chain(&turn.last).any(|it| it.node == *by && it.order < order)
        {
            turn.failed_last = Some(by.domain.clone());
        }
    }

    /// The store will tell anew who has turns.
    pub(super) fn forget_holders(&mut self) {
        self.by_breaker.values_mut().for_each(|turn| turn.holder = None);
    }

    /// The store is lost: those who left probing to others do so no longer.
    pub(super) fn go_alone(&mut self) -> Vec<String> {
        let mut patient = Vec::new();
        for (breaker, turn) in &mut self.by_breaker {
            if turn.patience.take().is_some() {
                patient.push(breaker.clone());
            }
            if !matches!(turn.stage, Stage::Holds { .. }) {
                turn.stage = Stage::Idle;
            }
        }
        patient
    }

    pub(super) fn forget(&mut self, now: Instant) {
        self.by_breaker.retain(|_, turn| {
            if matches!(turn.stage, Stage::Holds { until, .. } if now >= until) {
                turn.stage = Stage::Idle;
            }
            turn.patience.is_some()
                || now < turn.open_until
                || turn.stage != Stage::Idle
                || turn.holder.is_some()
        });
    }

    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let asks = self.by_breaker.values().filter_map(|turn| match turn.stage {
            Stage::AsksAt(at) => Some(at),
            _ => None,
        });
        asks.min()
    }

    /// The next so many that are patient, round and round.
    fn patient(&mut self, count: usize) -> Vec<(String, Duration)> {
        self.repeated.next(&self.by_breaker, count, |_, turn| turn.patience)
    }

    fn entry(&mut self, breaker: &str) -> Option<&mut Turn> {
        let is_new = !self.by_breaker.contains_key(breaker);
        if is_new {
            if self.by_breaker.len() >= MAX_BREAKERS {
                return None;
            }
            self.by_breaker.insert(breaker.to_owned(), Turn::default());
        }
        self.by_breaker.get_mut(breaker)
    }
}

impl Turn {
    fn is_wanted(&self, now: Instant) -> bool {
        self.wanted_at.is_some_and(|at| now.since(at) < WANTED_FOR)
    }

    fn is_free(&self, now: Instant) -> bool {
        self.holder.is_none() && self.is_wanted(now)
    }
}

impl Agent {
    /// A breaker is, or may be, open: it leaves probing to whose turn it is, as long as the store is
    /// heard.
    pub(super) fn be_patient(&mut self, breaker: &str, known: Known, step: &mut Step<'_>) {
        if !self.session.is_connected() || !known.is_here {
            return;
        }
        let Some(turn) = self.turns.entry(breaker) else { return };
        if turn.patience.is_none() {
            let patience = known.lease + step.up_to(known.lease / 4);
            turn.patience = Some(patience);
            step.does(Effect::AwaitTurn { breaker: breaker.to_owned(), patience });
        }
    }

    /// Time passed: who is patient is told so again, for the record that knows it may have been lost.
    pub(super) fn repeat_patience(&mut self, step: &mut Step<'_>) {
        for (breaker, patience) in self.turns.patient(MAX_AT_ONCE) {
            if step.knows(&breaker).is_some() {
                step.does(Effect::AwaitTurn { breaker, patience });
            }
        }
    }

    /// A call was refused for want of a turn.
    pub(super) fn want_turn(&mut self, breaker: &str, known: Known, step: &mut Step<'_>) {
        self.be_patient(breaker, known, step);
        if let Some(turn) = self.turns.entry(breaker) {
            turn.wanted_at = Some(step.now);
        }
        self.consider_asking(breaker, step);
    }

    fn consider_asking(&mut self, breaker: &str, step: &mut Step<'_>) {
        let waits = if self.failed_last(breaker) { AFTER_A_FAILURE } else { Duration::ZERO };
        let Some(turn) = self.turns.by_breaker.get_mut(breaker) else { return };
        if turn.stage == Stage::Idle && turn.is_free(step.now) {
            turn.stage = Stage::AsksAt(step.now + waits + step.up_to(SPREAD));
        }
    }

    /// Whether the last probe that failed was this domain's.
    fn failed_last(&self, breaker: &str) -> bool {
        let turn = self.turns.by_breaker.get(breaker);
        turn.is_some_and(|turn| turn.failed_last.as_ref() == Some(&self.ours.domain))
    }

    pub(super) fn ask_for_turns(&mut self, step: &mut Step<'_>) {
        let now = step.now;
        let is_due = |turn: &Turn| matches!(turn.stage, Stage::AsksAt(at) if at <= now);
        let due = self.turns.by_breaker.iter().filter(|(_, turn)| is_due(turn));
        let due: Vec<String> = due.map(|(breaker, _)| breaker.clone()).collect();
        for breaker in due {
            let Some(turn) = self.turns.by_breaker.get_mut(&breaker) else { continue };
            let known = step.knows(&breaker).filter(|_| turn.is_free(now));
            let Some(known) = known else {
                turn.stage = Stage::Idle;
                continue;
            };
            if !self.calls.has_room() {
                return;
            }
            turn.stage = Stage::Asked;
            let call = self.calls.begin(Purpose::LeaseOfTurn { breaker, asked_at: now }, now);
            let message = etcd::grant(known.lease);
            step.does(Effect::Call { call, method: Method::LeaseGrant, message });
        }
    }

    pub(super) fn take_lease_of_turn(
        &mut self,
        breaker: String,
        asked_at: Instant,
        result: Result<&[u8], u32>,
        step: &mut Step<'_>,
    ) {
        let Some(lease) = result.ok().and_then(etcd::lease_granted) else {
            step.sent(&breaker, FleetEvent::Failed);
            return self.turns.stand(&breaker, Stage::Idle);
        };
        let message =
            etcd::put_if_absent(&self.keys.turn(&breaker), self.ours.text().as_bytes(), lease);
        let call = self.calls.begin(Purpose::Turn { breaker, asked_at, lease }, step.now);
        step.does(Effect::Call { call, method: Method::Txn, message });
    }

    /// It is this proxy's turn, for as long as its lease holds for certain; or somebody was faster.
    pub(super) fn take_turn_answer(
        &mut self,
        breaker: &str,
        asked_at: Instant,
        lease: i64,
        result: Result<&[u8], u32>,
        step: &mut Step<'_>,
    ) {
        if result.is_err() {
            step.sent(breaker, FleetEvent::Failed);
        }
        let known = step.knows(breaker).filter(|_| result.is_ok_and(etcd::txn_succeeded));
        let Some(known) = known else {
            self.turns.stand(breaker, Stage::Idle);
            return self.revoke(lease, step);
        };
        step.sent(breaker, FleetEvent::Turn);
        let until = asked_at + known.lease;
        self.turns.stand(breaker, Stage::Holds { lease, until });
        step.does(Effect::TakeTurn { breaker: breaker.to_owned(), until });
    }

    /// The probe's outcome is told, or there was none: the next may have the turn.
    pub(super) fn give_back_turn(&mut self, breaker: &str, step: &mut Step<'_>) {
        let Some(turn) = self.turns.by_breaker.get_mut(breaker) else { return };
        if let Stage::Holds { lease, .. } = turn.stage {
            turn.stage = Stage::Idle;
            step.does(Effect::TakeTurn { breaker: breaker.to_owned(), until: Instant::ZERO });
            self.revoke(lease, step);
        }
    }

    /// Somebody has the turn.
    pub(super) fn note_holder(
        &mut self,
        breaker: String,
        node: Node,
        order: Order,
        step: &mut Step<'_>,
    ) {
        if node != self.ours {
            step.received(&breaker, FleetEvent::Turn);
        }
        if let Some(turn) = self.turns.entry(&breaker) {
            turn.holder = Some(Holder { node, order });
        }
    }

    /// Nobody has it any more.
    pub(super) fn note_turn_over(&mut self, breaker: &str, step: &mut Step<'_>) {
        let Some(turn) = self.turns.by_breaker.get_mut(breaker) else { return };
        let was_ours = turn.holder.as_ref().is_some_and(|holder| holder.node == self.ours);
        if let Some(holder) = turn.holder.take() {
            turn.last = Some(holder);
        }
        if was_ours && matches!(turn.stage, Stage::Holds { .. }) {
            turn.stage = Stage::Idle;
            step.does(Effect::TakeTurn { breaker: breaker.to_owned(), until: Instant::ZERO });
        }
        self.consider_asking(breaker, step);
    }
}

impl Turns {
    fn stand(&mut self, breaker: &str, stage: Stage) {
        if let Some(turn) = self.by_breaker.get_mut(breaker) {
            turn.stage = stage;
        }
    }
}
