//! A window holds what a list of all calls says, searched anew each time.

use core::time::Duration;
use llm_breaker::breaker::{Tally, Window};
use llm_breaker::outcome::Counted;
use llm_breaker::policy::WindowShape;
use llm_breaker::time::{Instant, nanos};
use proptest::prelude::*;

pub(crate) fn shape() -> impl Strategy<Value = WindowShape> {
    let by_time = (1_u64..3_600, 1_u32..=120).prop_map(|(seconds, buckets)| WindowShape::Time {
        duration: Duration::from_secs(seconds),
        buckets,
    });
    let by_count = (1_u32..=50, 1_u64..600).prop_map(|(calls, seconds)| WindowShape::Count {
        calls,
        max_age: Duration::from_secs(seconds),
    });
    prop_oneof![by_time, by_count]
}

fn counted() -> impl Strategy<Value = Counted> {
    use Counted::{CancelledSlow, Failure, SlowSuccess, Success};
    prop::sample::select(vec![Success, SlowSuccess, Failure, CancelledSlow])
}

/// Calls and the milliseconds that pass before each; some clocks read behind.
fn history() -> impl Strategy<Value = Vec<(i64, Counted)>> {
    let pause = prop_oneof![8 => 0_i64..2_000, 1 => 0_i64..5_000_000, 1 => -100_i64..0];
    prop::collection::vec((pause, counted()), 0..120)
}

/// The same, told naively: each call with its place, which no later time moves.
fn naive(shape: WindowShape, begun: Instant, calls: &[(Instant, Counted)]) -> Tally {
    let (mut latest, mut number) = (begun, 0_u64);
    let mut placed: Vec<(u64, Counted)> = Vec::new();
    let bucket = |at: Instant| match shape {
        WindowShape::Time { duration, buckets } => {
            at.as_nanos() / nanos(duration.checked_div(buckets).unwrap_or(duration))
        }
        WindowShape::Count { .. } => 0,
    };
    for (at, counted) in calls {
        if let WindowShape::Count { max_age, .. } = shape
            && at.since(latest) >= max_age
        {
            placed.clear();
        }
        latest = latest.max(*at);
        number += u64::from(counted.is_call());
        let place = match shape {
            WindowShape::Time { .. } => bucket(latest),
            WindowShape::Count { .. } => number,
        };
        placed.push((place, *counted));
    }
    let head = match shape {
        WindowShape::Time { .. } => bucket(latest),
        WindowShape::Count { .. } => number,
    };
    let mut tally = Tally::default();
    let size = shape.bucket_count() as u64;
    placed.iter().filter(|(place, _)| place + size > head).for_each(|(_, it)| tally.count(*it));
    tally
}

proptest! {
    #[test]
    fn a_window_is_what_a_naive_model_says(shape in shape(), history in history()) {
        let begun = Instant::from_nanos(10_000_000_000_000);
        let (mut window, mut now) = (Window::new(shape, begun), begun);
        let mut calls = Vec::new();
        for (pause, counted) in history {
            let pause_time = Duration::from_millis(pause.unsigned_abs());
            now = if pause < 0 { now - pause_time } else { now + pause_time };
            window.record(counted, None, now);
            calls.push((now, counted));
            prop_assert_eq!(window.total(), naive(shape, begun, &calls));
        }
    }

    #[test]
    fn nothing_is_left_once_its_span_has_passed(shape in shape(), history in history()) {
        let mut now = Instant::from_nanos(10_000_000_000_000);
        let mut window = Window::new(shape, now);
        for (pause, counted) in history {
            now = now + Duration::from_millis(pause.unsigned_abs());
            window.record(counted, Some(now), now);
        }
        window.advance(now + shape.span());
        prop_assert_eq!(window.total(), Tally::default());
        prop_assert_eq!(window.announced_until(), Instant::ZERO);
    }
}
