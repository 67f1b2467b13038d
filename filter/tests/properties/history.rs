//! What may happen to a breaker, in any order: calls, ticks, orders, and words of other proxies.

use core::time::Duration;
use llm_breaker::breaker::{Admission, Breaker, FleetOrder, Hint, Jitter, Order, Permit};
use llm_breaker::category::Category;
use llm_breaker::outcome::Outcome;
use llm_breaker::policy::{Mode, Policy};
use llm_breaker::time::Instant;
use proptest::prelude::*;
use proptest::sample::Index;

/// One thing that happens to a breaker.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Admit(f64),
    End(Index, Category, Option<u64>),
    Tick,
    Lend,
    NoteAnswer,
    Obey(Order),
    Wait(u64),
    Hear(Word),
    AwaitTurn(u64),
    TakeTurn(u64),
    Follow(Option<(Mode, Option<u64>)>),
}

/// What others say, each time so many seconds from when it is heard.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    store: u64,
    revision: u64,
    /// How far back the newest words of failing and of working are.
    behind: [u64; 2],
    announced: u64,
    corroborated: u64,
    suspected: u64,
    wide: u64,
    probed: u64,
    witnesses: u64,
    because: Option<Category>,
}

impl Word {
    /// As it is heard now.
    pub(crate) fn hint(&self, now: Instant) -> Hint {
        let until = |seconds: u64| match seconds {
            0 => Instant::ZERO,
            _ => now + Duration::from_secs(seconds),
        };
        let [opened_at, closed_at] = self.behind.map(|it| self.revision.saturating_sub(it));
        Hint {
            store: self.store,
            revision: self.revision,
            opened_at,
            closed_at,
            announced_until: until(self.announced),
            corroborated_until: until(self.corroborated),
            suspected_until: until(self.suspected),
            wide_until: until(self.wide),
            probed_until: until(self.probed),
            witnesses: self.witnesses,
            because: self.because,
        }
    }
}

/// Nothing, soon over, or longer than is believed.
fn wait() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0), 4 => 1_u64..200, 1 => Just(u64::MAX)]
}

/// What others may say.
pub(crate) fn word() -> impl Strategy<Value = Word> {
    let because = prop::option::of(prop::sample::select(Category::ALL.to_vec()));
    let behind = [0_u64..50, 0_u64..50];
    let until = (wait(), wait(), wait(), wait(), wait());
    (0_u64..2, 0_u64..60, behind, until, 0_u64..3, because).prop_map(
        |(store, revision, behind, until, witnesses, because)| {
            let (announced, corroborated, suspected, wide, probed) = until;
            Word {
                store,
                revision,
                behind,
                announced,
                corroborated,
                suspected,
                wide,
                probed,
                witnesses,
                because,
            }
        },
    )
}

fn order() -> impl Strategy<Value = Order> {
    let lasts = prop::option::of((1_u64..100).prop_map(Duration::from_secs));
    let mode = prop::sample::select(Mode::ALL.to_vec());
    prop_oneof![
        (mode, lasts.clone()).prop_map(|(mode, lasts)| Order::Override { mode, lasts }),
        Just(Order::Release),
        lasts.prop_map(|kept| Order::Close { kept }),
        Just(Order::Reset),
    ]
}

/// What may happen.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    let category = prop::sample::select(Category::ALL.to_vec());
    prop_oneof![
        6 => (0.0..1.0).prop_map(Event::Admit),
        6 => (any::<Index>(), category, prop::option::of(0_u64..10_000))
            .prop_map(|(which, category, wait)| Event::End(which, category, wait)),
        1 => Just(Event::Tick),
        1 => Just(Event::Lend),
        1 => Just(Event::NoteAnswer),
        1 => order().prop_map(Event::Obey),
        2 => (0_u64..60_000).prop_map(Event::Wait),
    ]
}

/// The same, in a fleet.
pub(crate) fn event_in_fleet() -> impl Strategy<Value = Event> {
    let mode = prop::sample::select(Mode::ALL.to_vec());
    let order = prop::option::of((mode, prop::option::of(0_u64..100)));
    prop_oneof![
        12 => event(),
        4 => word().prop_map(Event::Hear),
        1 => (0_u64..100).prop_map(Event::AwaitTurn),
        1 => (0_u64..100).prop_map(Event::TakeTurn),
        1 => order.prop_map(Event::Follow),
    ]
}

/// All of it happens, one after the other; at the end it is this late.
pub(crate) fn happen(breaker: &mut Breaker, policy: &Policy, events: Vec<Event>) -> Instant {
    let (mut now, mut out) = (Instant::from_nanos(1_000_000_000_000), Vec::<Permit>::new());
    for event in events {
        match event {
            Event::Admit(random) => match breaker.admit(policy, now, random).0 {
                Admission::Pass(permit) | Admission::Probe(permit) => out.push(permit),
                Admission::Reject { .. } | Admission::Untracked => {}
            },
            Event::End(which, category, wait) if !out.is_empty() => {
                let permit = out.swap_remove(which.index(out.len()));
                let announced = wait.map(Duration::from_secs);
                let outcome = Outcome { announced, ..Outcome::of(category) };
                let jitter = Jitter::of("openai", "node");
                let _ = breaker.record(policy, now, Some(&permit), &outcome, jitter);
            }
            Event::End(..) => {}
            Event::Tick => drop(breaker.tick(policy, now)),
            Event::Lend => out.extend(breaker.lend(policy, now).0),
            Event::NoteAnswer => drop(breaker.note_answer(now)),
            Event::Obey(order) => drop(breaker.obey(order, now)),
            Event::Wait(milliseconds) => now = now + Duration::from_millis(milliseconds),
            Event::Hear(word) => drop(breaker.hear(&word.hint(now), policy, now)),
            Event::AwaitTurn(it) => drop(breaker.await_turn(Duration::from_secs(it), now)),
            Event::TakeTurn(it) => drop(breaker.take_turn(now + Duration::from_secs(it))),
            Event::Follow(order) => {
                let until = |lasts: Option<u64>| lasts.map(|it| now + Duration::from_secs(it));
                let order = order.map(|(mode, it)| FleetOrder { mode, until: until(it) });
                let _ = breaker.follow(order, policy, now);
            }
        }
    }
    now
}
