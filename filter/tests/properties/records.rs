//! A breaker survives its record whatever it has been through, and no bytes make the reader panic.

use crate::history::{event_in_fleet, happen};
use crate::windows::shape;
use core::time::Duration;
use llm_breaker::breaker::Breaker;
use llm_breaker::policy::{Fleet, Policy};
use llm_breaker::shared::{decode, encode};
use llm_breaker::time::Instant;
use proptest::prelude::*;
use proptest::sample::Index;

fn in_fleet() -> Policy {
    Policy { fleet: Some(Fleet::default()), ..Policy::default() }
}

proptest! {
    #[test]
    fn a_breaker_survives_its_record(
        shapes in prop::collection::vec(shape(), 1..6),
        events in prop::collection::vec(event_in_fleet(), 0..150),
        fleet in prop::option::of(Just(Fleet::default())),
    ) {
        let mut breaker = Breaker::new(Instant::from_nanos(1));
        for window in shapes {
            let ramp = Some(Duration::from_secs(20));
            let policy = Policy { window, ramp, fleet, ..Policy::default() };
            let _ = happen(&mut breaker, &policy, events.clone());
        }
        prop_assert_eq!(decode(&encode(&breaker)), Some(breaker));
    }

    #[test]
    fn any_bytes_are_a_breaker_or_none(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert_eq!(decode(&bytes), None);
    }

    #[test]
    fn a_damaged_record_is_none(
        events in prop::collection::vec(event_in_fleet(), 0..50),
        place in any::<Index>(),
        bit in 0_u8..8,
    ) {
        let mut breaker = Breaker::new(Instant::from_nanos(1));
        let _ = happen(&mut breaker, &in_fleet(), events);
        let mut bytes = encode(&breaker);
        let place = place.index(bytes.len());
        bytes[place] ^= 1_u8 << bit;
        prop_assert_eq!(decode(&bytes), None);
    }
}
