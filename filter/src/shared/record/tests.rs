//! Does a breaker survive its record, and does nothing else pass for one?

use super::*;
use crate::breaker::{
    Admission, Before, FleetOrder, Heard, Jitter, Lasts, OpenedBy, Order, State, Suspension,
};
use crate::outcome::{Category, Counted, Outcome};
use crate::policy::{Fleet, Mode, Policy, WindowShape};
use core::time::Duration;

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

/// The breaker after some failures, and then, if there were enough, after a probe was sent.
fn breaker_after(failures: usize, seconds: u64) -> Breaker {
    let policy = Policy::default();
    let mut breaker = Breaker::new(at(1));
    for _ in 0..failures {
        if let (Admission::Pass(permit), _) = breaker.admit(&policy, at(2), 0.0) {
            let outcome = Outcome::of(Category::ServerError);
            let jitter = Jitter::of("key", "node");
            let _ = breaker.record(&policy, at(2), Some(&permit), &outcome, jitter);
        }
    }
    let _ = breaker.admit(&policy, at(seconds), 0.0);
    breaker
}

#[test]
fn a_breaker_survives_its_record_in_every_state() {
    for (failures, seconds) in [(0, 2), (3, 2), (5, 2), (5, 60)] {
        let breaker = breaker_after(failures, seconds);
        assert_eq!(decode(&encode(&breaker)), Some(breaker));
    }
}

/// One that recovered, and knows a failure that asked for a long wait, in a window of this shape.
fn recovered(shape: WindowShape) -> Breaker {
    let mut breaker = Breaker::new(at(1));
    breaker.state = State::Closed { since: at(2), after: Before::HalfOpen };
    breaker.suspension = Suspension { since: at(1), lasts: Lasts::Lasting };
    breaker.windows.record(shape, Counted::Failure, Some(at(10_000_000)), at(2));
    breaker
}

const fn by_time(duration: Duration, buckets: u32) -> WindowShape {
    WindowShape::Time { duration, buckets }
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn windows_of_all_shapes_and_what_is_in_them_survive_it_too() {
    for shape in [
        by_time(Duration::from_millis(1_500), 3),
        by_time(MINUTE, 1_000),
        WindowShape::Count { calls: 20, max_age: MINUTE },
    ] {
        let breaker = recovered(shape);
        assert_eq!(decode(&encode(&breaker)), Some(breaker));
    }
}

#[test]
fn a_window_that_no_policy_asks_for_is_not_ours() {
    assert_eq!(decode(&encode(&recovered(by_time(MINUTE, 1_001)))), None);
    assert_eq!(decode(&encode(&recovered(by_time(Duration::ZERO, 10)))), None);
    let breaker = recovered(by_time(MINUTE, 10));
    let window = 16 + HEAD_BYTES + breaker.run.capacity() * INSTANT_BYTES;
    let with = |place: usize, number: &[u8]| {
        let mut bytes = encode(&breaker);
        bytes[window + place..][..number.len()].copy_from_slice(number);
        frame::seal_in_place(&mut bytes);
        decode(&bytes).is_some()
    };
    let newest = |number: u16| with(2, &number.to_le_bytes());
    assert_eq!([newest(9), newest(10)], [true, false], "there are ten buckets");
    let nanos = |number: u32| with(12, &number.to_le_bytes());
    assert_eq!([nanos(999_999_999), nanos(1_000_000_000)], [true, false]);
}

#[test]
fn a_last_resort_and_the_reason_survive_it_too() {
    let mut breaker = breaker_after(5, 2);
    let _ = breaker.lend(&Policy::default(), at(3));
    let read = decode(&encode(&breaker)).expect("ours");
    assert_eq!(read.last_resort, Some(at(63)));
    assert_eq!(read.opened_by, Some(Category::ServerError));
}

#[test]
fn what_an_operator_ordered_and_the_generation_survive_it_too() {
    for mode in Mode::ALL {
        for lasts in [None, Some(Duration::from_secs(90))] {
            let mut breaker = breaker_after(5, 60);
            breaker.reset_generation = (1 << 53) - 1;
            let _ = breaker.obey(Order::Override { mode, lasts }, at(70));
            assert_eq!(decode(&encode(&breaker)), Some(breaker));
        }
    }
}

#[test]
fn what_the_fleet_ordered_survives_it_as_that() {
    let policy = Policy { fleet: Some(Fleet::default()), ..Policy::default() };
    for mode in Mode::ALL {
        for until in [None, Some(at(90))] {
            let mut breaker = breaker_after(5, 60);
            let _ = breaker.follow(Some(FleetOrder { mode, until }), &policy, at(70));
            assert_eq!(decode(&encode(&breaker)), Some(breaker));
        }
    }
}

/// Everything that can be heard, no two numbers the same.
const HEARD: Heard = Heard {
    store: 1,
    revision: 2,
    at: Instant::from_nanos(3),
    suspected_until: Instant::from_nanos(4),
    witnesses: 5,
    refuted: true,
    opened: OpenedBy::Hint,
    wide: true,
    patience: Duration::from_nanos(6),
    turn_until: Instant::from_nanos(7),
    alone_at: Instant::from_nanos(u64::MAX),
};

#[test]
fn what_others_say_survives_it_in_every_state_and_costs_nothing_where_nobody_speaks() {
    for (failures, seconds) in [(0, 2), (3, 2), (5, 2), (5, 60)] {
        let alone = breaker_after(failures, seconds);
        for heard in [
            Heard::default(),
            HEARD,
            Heard { refuted: false, ..HEARD },
            Heard { opened: OpenedBy::OwnCalls, ..HEARD },
            Heard { wide: false, ..HEARD },
        ] {
            let breaker = Breaker { fleet: Some(heard), ..alone.clone() };
            let bytes = encode(&breaker);
            assert_eq!(bytes.len(), encode(&alone).len() + FLEET_BYTES);
            assert_eq!(decode(&bytes), Some(breaker));
        }
    }
    let mut breaker = breaker_after(0, 2);
    breaker.state = State::Closed { since: at(2), after: Before::Fleet };
    assert_eq!(decode(&encode(&breaker)), Some(breaker));
}

#[test]
fn what_was_heard_of_one_breaker_is_not_read_into_the_next() {
    let (alone, told) =
        (breaker_after(3, 2), Breaker { fleet: Some(HEARD), ..breaker_after(5, 2) });
    let mut desk = Breaker::new(at(1));
    for breaker in [&told, &alone, &told] {
        decode_into(&encode(breaker), &mut desk).expect("ours");
        assert_eq!(desk, *breaker);
    }
}

#[test]
fn a_record_whose_fleet_is_no_fleet_is_not_ours() {
    let told = Breaker { fleet: Some(HEARD), ..breaker_after(3, 2) };
    let with = |breaker: &Breaker, place: usize, number: u8| {
        let mut bytes = encode(breaker);
        bytes[16 + place] = number;
        frame::seal_in_place(&mut bytes);
        decode(&bytes).is_some()
    };
    let is_in_fleet = |breaker: &Breaker| [0, 1, 2, 255].map(|number| with(breaker, 7, number));
    assert_eq!(is_in_fleet(&told), [false, true, false, false]);
    assert_eq!(is_in_fleet(&breaker_after(3, 2)), [true, false, false, false]);
    for flag in 64..67 {
        let is_flag = [0, 1, 2].map(|number| with(&told, HEAD_BYTES + flag, number));
        assert_eq!(is_flag, [true, true, false], "{flag}");
    }
    let is_mode = [0, 4, 5, 8, 9, 255].map(|number| with(&told, 2, number));
    assert_eq!(is_mode, [true, true, true, true, false, false], "here, or in the fleet");
}

#[test]
fn the_size_depends_on_the_policy_not_on_the_state() {
    let sizes: Vec<usize> = [(1, 2), (4, 2), (5, 2), (5, 60)]
        .into_iter()
        .map(|(failures, seconds)| encode(&breaker_after(failures, seconds)).len())
        .collect();
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

#[test]
fn no_bytes_make_it_panic() {
    let alone = breaker_after(5, 60);
    let told = Breaker { fleet: Some(HEARD), ..alone.clone() };
    let records = [alone, told].map(|breaker| encode(&breaker));
    let policy = Policy { fleet: Some(Fleet::default()), ..Policy::default() };
    let mut seed = 11_u64;
    for turn in 0..20_000 {
        let mut bytes = records[turn % 2][16..].to_vec();
        for _ in 0..4 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = (seed >> 33) as usize % bytes.len();
            bytes[place] = (seed >> 20) as u8;
        }
        bytes.truncate((seed >> 13) as usize % (bytes.len() + 1));
        let mut forged = frame::start(Kind::Breaker, 0);
        forged.extend_from_slice(&bytes);
        // With a right checksum, so that the reader behind it is what is tested.
        if let Some(mut breaker) = decode(&frame::seal(forged)) {
            let _ = breaker.tick(&policy, at(100));
            let _ = breaker.admit(&policy, at(100), 0.5);
        }
    }
}
