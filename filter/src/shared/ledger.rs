//! What does one breaker decide, and has everyone else heard of it? Read, decide and write on the
//! shared record, with what is needed to count and log it exactly once.

use crate::breaker::{
    Breaker, Change, Gathered, Gathering, Override, Permit, Standing, StateName, Transition,
};
use crate::outcome::Outcome;
use crate::policy::{Mode, Policy};
use crate::shared::cell::{Cell, Swap, Swapped, swap};
use crate::shared::{breaker_key, record};
use crate::time::Instant;
use std::cell::Cell as Slot;

thread_local! {
    /// Where records are read into, one after the other: its lists keep their memory.
    static DESK: Slot<Option<Box<Breaker>>> = const { Slot::new(None) };
}

/// One breaker's shared record, and what this worker has yet to write into it.
#[derive(Clone, Debug)]
pub struct Ledger {
    key: String,
    gathering: Slot<Gathering>,
}

/// What was decided on a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided<T> {
    /// The decision; `None` if the retries were used up or the host did not play along. Then a
    /// closed breaker lets the call pass and drops the outcome, any other rejects.
    pub value: Option<T>,
    /// The transition that this decision caused: to be counted and logged by whoever gets it.
    pub transition: Option<Transition>,
    /// How the breaker stands after a transition, or after its open time grew: what other proxies are
    /// told, likewise once.
    pub standing: Option<Standing>,
    /// The override that this decision found to have ended: to be told likewise.
    pub ended: Option<Override>,
    /// The generation that the configuration asked a reset for, which this decision made: to be
    /// told likewise.
    pub reset_to: Option<u64>,
    /// The state after it, or the last one seen.
    pub state: Option<StateName>,
    /// The override that the record has or, where nothing was decided, had when it was last seen;
    /// its time may be over.
    pub overridden: Option<Override>,
    /// How often another worker was faster.
    pub conflicts: u32,
    /// The record held bytes that are no breaker, and this decision replaced them.
    pub reset: bool,
}

/// What was decided, but for its value.
#[derive(Clone, Copy)]
struct Carried {
    change: Change,
    standing: Option<Standing>,
    reset: bool,
    ended: Option<Override>,
    reset_to: Option<u64>,
}

impl Ledger {
    /// The record of the breaker `name`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { key: breaker_key(name), gathering: Slot::default() }
    }

    /// Decide on the record and store what changed, together with what was gathered. `decide` may
    /// run more than once and must be pure. A record that is absent or unreadable is created, so that
    /// all workers share an epoch.
    pub fn update<T>(
        &self,
        cell: &impl Cell,
        now: Instant,
        mut decide: impl FnMut(&mut Breaker) -> (T, Change),
    ) -> Decided<T> {
        let gathered = self.gathered();
        let mut latest = None;
        // All decisions share the code behind this, whatever their values.
        let decided = self.carry_out(cell, now, &mut |breaker| {
            let merged = merge(gathered, breaker);
            let (value, change) = decide(breaker);
            latest = Some(value);
            merged.and(change)
        });
        let left = gathered.filter(|_| decided.value.is_none());
        self.gathering.set(Gathering { healthy: None, gathered: left });
        decided.with(latest)
    }

    /// The same for an admission, which seldom changes anything: what was gathered waits, as long as
    /// it may.
    pub fn ask<T>(
        &self,
        cell: &impl Cell,
        policy: &Policy,
        now: Instant,
        mut decide: impl FnMut(&mut Breaker) -> (T, Change),
    ) -> Decided<T> {
        let before = self.gathering.get();
        let (mut latest, mut after, mut only_merges) = (None, before, false);
        let decided = self.carry_out(cell, now, &mut |breaker| {
            let (known, due) = before.at_admission(breaker, policy, now);
            let merged = merge(due, breaker);
            let (value, change) = decide(breaker);
            (latest, after) = (Some(value), known);
            only_merges = merged != Change::Nothing && change == Change::Nothing;
            merged.and(change)
        });
        if decided.value.is_some() {
            self.gathering.set(after);
            return decided.with(latest);
        }
        self.gathering.set(Gathering { healthy: None, ..before });
        // What could not be stored was the merging alone: the admission holds without it.
        Decided { value: only_merges.then_some(()), ..decided }.with(latest)
    }

    /// A call ended: whether it is a success that was gathered, so that nothing is left to be
    /// recorded.
    #[must_use]
    pub fn gather(
        &self,
        policy: &Policy,
        now: Instant,
        permit: Option<&Permit>,
        outcome: &Outcome,
    ) -> bool {
        let mut gathering = self.gathering.get();
        let is_taken = gathering.takes(policy, now, permit, outcome);
        self.gathering.set(gathering);
        is_taken
    }

    /// What this worker has yet to merge.
    #[must_use]
    pub const fn gathered(&self) -> Option<Gathered> {
        self.gathering.get().gathered
    }

    fn carry_out(
        &self,
        cell: &impl Cell,
        now: Instant,
        decide: &mut dyn FnMut(&mut Breaker) -> Change,
    ) -> Decided<()> {
        let mut seen = None;
        let mut desk = DESK.take().unwrap_or_else(|| Box::new(Breaker::new(now)));
        let breaker = &mut *desk;
        let swapped = swap(cell, &self.key, |bytes| {
            let known = bytes.as_deref().map(|bytes| record::decode_into(bytes, breaker));
            let reset = matches!(known, Some(None));
            let is_new = known.flatten().is_none();
            if is_new {
                *breaker = Breaker::new(now);
            }
            let (before, open_until) = (breaker.state.name(), breaker.open_until());
            let (overridden, generation) = (breaker.overridden, breaker.reset_generation);
            let change = decide(breaker);
            let after = breaker.state.name();
            seen = Some(Seen { before, after, overridden: breaker.overridden });
            // One that an operator drops before its time has not ended by itself.
            let ended = overridden.filter(|it| !it.holds(now) && breaker.overridden != Some(*it));
            // A breaker that is new has nothing to reset.
            let is_told = !is_new && breaker.reset_generation > generation;
            let reset_to = is_told.then_some(breaker.reset_generation);
            let standing = match change {
                Change::Nothing => None,
                Change::Transition(_) => Some(breaker.standing()),
                Change::Data => {
                    let grew = open_until.is_some_and(|until| breaker.open_until() > Some(until));
                    grew.then(|| breaker.standing())
                }
            };
            let carried = Carried { change, standing, reset, ended, reset_to };
            if is_new || change != Change::Nothing {
                let mut bytes = bytes.unwrap_or_default();
                record::encode_into(breaker, &mut bytes);
                Swap::Store(bytes, carried)
            } else {
                Swap::Keep(carried)
            }
        });
        DESK.set(Some(desk));
        Decided::new(swapped, seen)
    }
}

fn merge(gathered: Option<Gathered>, breaker: &mut Breaker) -> Change {
    gathered.map_or(Change::Nothing, |gathered| breaker.merge(&gathered))
}

/// What a record held when it was last decided on.
#[derive(Clone, Copy)]
struct Seen {
    before: StateName,
    after: StateName,
    overridden: Option<Override>,
}

impl<T> Decided<T> {
    /// The override that was in force when the record was seen.
    #[must_use]
    pub fn override_in_force(&self, now: Instant) -> Option<Override> {
        self.overridden.filter(|it| it.holds(now))
    }

    /// The mode in force: that of an override, else the policy's.
    #[must_use]
    pub fn mode(&self, policy: &Policy, now: Instant) -> Mode {
        self.override_in_force(now).map_or(policy.mode, |it| it.mode)
    }

    /// Something that was decided without a look at the record.
    #[must_use]
    pub const fn without_a_look(value: T) -> Self {
        Self {
            value: Some(value),
            transition: None,
            standing: None,
            ended: None,
            reset_to: None,
            state: None,
            overridden: None,
            conflicts: 0,
            reset: false,
        }
    }
}

impl Decided<()> {
    /// The same with the latest value, if it was carried out.
    fn with<T>(self, latest: Option<T>) -> Decided<T> {
        Decided {
            value: latest.filter(|_| self.value.is_some()),
            transition: self.transition,
            standing: self.standing,
            ended: self.ended,
            reset_to: self.reset_to,
            state: self.state,
            overridden: self.overridden,
            conflicts: self.conflicts,
            reset: self.reset,
        }
    }

    /// From what was carried out, and what was seen last.
    fn new(swapped: Swapped<Carried>, seen: Option<Seen>) -> Self {
        let conflicts = swapped.conflicts;
        let overridden = seen.and_then(|seen| seen.overridden);
        match swapped.decided {
            Some(Carried { change, standing, reset, ended, reset_to }) => Self {
                value: Some(()),
                transition: match change {
                    Change::Transition(transition) => Some(transition),
                    Change::Nothing | Change::Data => None,
                },
                standing,
                ended,
                reset_to,
                state: seen.map(|seen| seen.after),
                overridden,
                conflicts,
                reset,
            },
            None => Self {
                value: None,
                transition: None,
                standing: None,
                ended: None,
                reset_to: None,
                state: seen.map(|seen| seen.before),
                overridden,
                conflicts,
                reset: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::{Admission, Jitter, Order, PermitKind};
    use crate::outcome::Category;
    use crate::shared::cell::Loaded;
    use crate::shared::cell::tests::Map;
    use core::time::Duration;

    const NOW: Instant = Instant::from_nanos(5_000_000_000);

    fn admit(map: &Map) -> Decided<Admission> {
        Ledger::of("openai").update(map, NOW, |breaker| breaker.admit(&Policy::default(), NOW, 0.0))
    }

    fn fail(map: &Map, permit: &Permit) -> Decided<Category> {
        let outcome = Outcome::of(Category::QuotaExhausted);
        let jitter = Jitter::of("openai", "node");
        Ledger::of("openai").update(map, NOW, |breaker| {
            let recorded = breaker.record(&Policy::default(), NOW, Some(permit), &outcome, jitter);
            (recorded.category, recorded.change)
        })
    }

    fn permit(decided: Decided<Admission>) -> Permit {
        match decided.value {
            Some(Admission::Pass(permit) | Admission::Probe(permit)) => permit,
            other => panic!("no permit: {other:?}"),
        }
    }

    #[test]
    fn the_first_admission_creates_the_record_so_that_all_share_an_epoch() {
        let map = Map::default();
        let rival = record::encode(&Breaker::new(Instant::from_nanos(4_000_000_000)));
        map.rivals.borrow_mut().push(rival);
        let first = permit(admit(&map));
        assert_eq!(first, Permit { epoch: 4_000_000_000, kind: PermitKind::Call });
        assert!(fail(&map, &first).transition.is_some());
    }

    #[test]
    fn only_the_worker_whose_store_wins_reports_the_transition() {
        let map = Map::default();
        let permits = [permit(admit(&map)), permit(admit(&map))];
        let transitions = permits.map(|permit| fail(&map, &permit).transition);
        assert_eq!(transitions.iter().flatten().count(), 1);
    }

    #[test]
    fn foreign_bytes_start_afresh_and_are_counted_once() {
        let map = Map::default();
        map.put(&breaker_key("openai"), b"somebody else's");
        assert!(admit(&map).reset);
        assert!(!admit(&map).reset);
    }

    #[test]
    fn only_one_finds_an_override_ended_and_only_one_makes_a_reset() {
        let map = Map::default();
        let ledger = Ledger::of("openai");
        let policy = Policy { reset_generation: 3, ..Policy::default() };
        let tick = |seconds: u64| {
            let later = NOW + Duration::from_secs(seconds);
            ledger.update(&map, later, |breaker| ((), breaker.tick(&policy, later)))
        };
        assert_eq!(tick(0).reset_to, None, "a new breaker has nothing to reset");
        let order = Order::Override { mode: Mode::Shadow, lasts: Some(Duration::from_secs(9)) };
        let _ = ledger.update(&map, NOW, |breaker| ((), breaker.obey(order, NOW)));
        assert_eq!(
            [tick(8).ended, tick(9).ended, tick(10).ended].map(|it| it.is_some()),
            [false, true, false]
        );
        let _ = ledger.update(&map, NOW, |breaker| ((), breaker.obey(order, NOW)));
        let dropped = ledger.update(&map, NOW, |it| ((), it.obey(Order::Release, NOW)));
        assert_eq!(dropped.ended, None, "an operator ended it before its time");
        let policy = Policy { reset_generation: 4, ..policy.clone() };
        let told = [0, 1].map(|_| ledger.update(&map, NOW, |it| ((), it.tick(&policy, NOW))));
        assert_eq!(told.map(|decided| decided.reset_to), [Some(4), None]);
    }

    #[test]
    fn gathered_successes_come_with_the_next_write() {
        let (map, ledger, policy) = (Map::default(), Ledger::of("openai"), Policy::default());
        let ask = || {
            let asked = ledger.ask(&map, &policy, NOW, |it| it.admit(&policy, NOW, 0.0));
            permit(asked)
        };
        let record = |permit: Permit, category| {
            let (outcome, jitter) = (Outcome::of(category), Jitter::of("openai", "node"));
            ledger.gather(&policy, NOW, Some(&permit), &outcome) || {
                let _ = ledger.update(&map, NOW, |it| {
                    ((), it.record(&policy, NOW, Some(&permit), &outcome, jitter).change)
                });
                false
            }
        };
        let stored = || {
            let Loaded::Found(bytes, version) = map.load(&breaker_key("openai")) else {
                panic!("nothing stored")
            };
            let breaker = record::decode(&bytes).expect("ours");
            (breaker.windows.total(policy.window), version)
        };
        for _ in 0..policy.trip.minimum_calls {
            assert!(!record(ask(), Category::Success));
        }
        let (_, before) = stored();
        assert!((0..5).all(|_| record(ask(), Category::Success)));
        assert_eq!(stored().1, before, "neither an admission nor a success stored anything");
        assert!(!record(ask(), Category::ServerError));
        let (total, _) = stored();
        assert_eq!((total.calls, total.failures), (policy.trip.minimum_calls + 6, 1));
        assert!(!record(ask(), Category::Success), "it is healthy no more");
    }

    #[test]
    fn how_it_stands_is_told_where_it_moved_or_its_open_time_grew() {
        let (map, ledger, policy) = (Map::default(), Ledger::of("openai"), Policy::default());
        let late = permit(admit(&map));
        let call = admit(&map);
        assert_eq!(call.standing, None);
        let standing = fail(&map, &permit(call)).standing.expect("it opened");
        let until = NOW + policy.open.quota;
        assert_eq!((standing.state, standing.until), (StateName::Open, until));
        assert_eq!(standing.because, Some(Category::QuotaExhausted));
        let ends = |wait: Duration| {
            let announced = Some(wait);
            let outcome = Outcome { announced, ..Outcome::of(Category::RateLimited) };
            let jitter = Jitter::of("openai", "node");
            ledger.update(&map, NOW, |it| {
                ((), it.record(&policy, NOW, Some(&late), &outcome, jitter).change)
            })
        };
        assert_eq!(ends(policy.open.quota).standing, None, "no longer than before");
        let longer = policy.open.quota + Duration::from_secs(1);
        let grown = ends(longer);
        assert_eq!(grown.transition, None);
        assert_eq!(grown.standing.map(|it| it.until), Some(NOW + longer));
        let noted = ledger.update(&map, NOW, |breaker| ((), breaker.note_answer(NOW)));
        assert_eq!((noted.value, noted.standing), (Some(()), None));
    }

    #[test]
    fn used_up_retries_decide_nothing_and_tell_the_state_seen() {
        let map = Map::default();
        let closed = record::encode(&Breaker::new(NOW));
        let permit = permit(admit(&map));
        map.rivals.borrow_mut().extend(vec![closed; 100]);
        let decided = fail(&map, &permit);
        assert_eq!(decided.value, None);
        assert_eq!(decided.transition, None);
        assert_eq!(decided.state, Some(StateName::Closed));
        assert!(decided.conflicts > 1);
    }
}
