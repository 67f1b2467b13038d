//! A breaker survives its record whatever it has been through, and no bytes make the reader panic.

use crate::windows::shape;
use core::time::Duration;
use llm_breaker::breaker::{Admission, Breaker, Jitter, Order, Permit};
use llm_breaker::category::Category;
use llm_breaker::outcome::Outcome;
use llm_breaker::policy::{Mode, Policy};
use llm_breaker::shared::{decode, encode};
use llm_breaker::time::Instant;
use proptest::prelude::*;
use proptest::sample::Index;

/// One thing that happens to a breaker.
#[derive(Clone, Debug)]
enum Event {
    Admit(f64),
    End(Index, Category, Option<u64>),
    Tick,
    Lend,
    NoteAnswer,
    Obey(Order),
    Wait(u64),
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

fn event() -> impl Strategy<Value = Event> {
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

fn happen(breaker: &mut Breaker, policy: &Policy, events: Vec<Event>) {
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
        }
    }
}

proptest! {
    #[test]
    fn a_breaker_survives_its_record(
        shapes in prop::collection::vec(shape(), 1..6),
        events in prop::collection::vec(event(), 0..150),
    ) {
        let mut breaker = Breaker::new(Instant::from_nanos(1));
        for window in shapes {
            let ramp = Some(Duration::from_secs(20));
            let policy = Policy { window, ramp, ..Policy::default() };
            happen(&mut breaker, &policy, events.clone());
        }
        prop_assert_eq!(decode(&encode(&breaker)), Some(breaker));
    }

    #[test]
    fn any_bytes_are_a_breaker_or_none(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert_eq!(decode(&bytes), None);
    }

    #[test]
    fn a_damaged_record_is_none(
        events in prop::collection::vec(event(), 0..50),
        place in any::<Index>(),
        bit in 0_u8..8,
    ) {
        let mut breaker = Breaker::new(Instant::from_nanos(1));
        happen(&mut breaker, &Policy::default(), events);
        let mut bytes = encode(&breaker);
        let place = place.index(bytes.len());
        bytes[place] ^= 1_u8 << bit;
        prop_assert_eq!(decode(&bytes), None);
    }
}
