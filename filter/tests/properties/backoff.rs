//! However often a breaker opened, it stays open for its back-off: never shorter, never longer than
//! its caps, unless the upstream announced more.

use core::time::Duration;
use llm_breaker::breaker::{Breaker, Jitter, Permit, PermitKind};
use llm_breaker::category::{Category, Verdict};
use llm_breaker::outcome::Outcome;
use llm_breaker::policy::{Open, Policy};
use llm_breaker::time::Instant;
use proptest::prelude::*;

const NOW: Instant = Instant::from_nanos(5_000_000_000);

fn open() -> impl Strategy<Value = Open> {
    (100_u64..86_400_000, 100_u64..86_400_000, 1.0..10.0, 0.0..1.0, 100_u64..604_800_000).prop_map(
        |(one, other, multiplier, jitter, announced_max)| Open {
            base: Duration::from_millis(one.min(other)),
            max: Duration::from_millis(one.max(other)),
            multiplier,
            jitter,
            announced_max: Duration::from_millis(announced_max),
            ..Policy::default().open
        },
    )
}

/// For how long a failure opens that is the next after so many trips in a row.
fn opens_for(open: Open, trips: u32, announced: Option<Duration>, node: &str) -> Duration {
    let mut policy = Policy { open, ..Policy::default() };
    for (_, verdict) in policy.verdicts.iter_mut() {
        *verdict = Verdict::Open;
    }
    let mut breaker = Breaker { trips, ..Breaker::new(NOW) };
    let permit = Permit { epoch: breaker.epoch, kind: PermitKind::Call };
    let outcome = Outcome { announced, ..Outcome::of(Category::ServerError) };
    let jitter = Jitter::of("openai", node);
    let _ = breaker.record(&policy, NOW, Some(&permit), &outcome, jitter);
    breaker.open_remaining(NOW)
}

proptest! {
    #[test]
    fn the_open_time_keeps_to_its_bounds(open in open(), trips: u32, node in "[a-z]{0,8}") {
        let open_time = opens_for(open, trips, None, &node).as_secs_f64();
        let longest = open.max.as_secs_f64() * (1.0 + open.jitter);
        prop_assert!(open_time >= open.base.as_secs_f64() - 1e-9, "{open_time}");
        prop_assert!(open_time <= longest + 1e-6, "{open_time} > {longest}");
    }

    #[test]
    fn without_jitter_a_further_trip_is_never_shorter(open in open(), trips in 0_u32..1_000) {
        let open = Open { jitter: 0.0, ..open };
        prop_assert!(opens_for(open, trips + 1, None, "") >= opens_for(open, trips, None, ""));
    }

    #[test]
    fn an_announced_reset_is_kept_up_to_its_cap(open in open(), seconds: u32) {
        let announced = Duration::from_secs(u64::from(seconds));
        let open_time = opens_for(open, 0, Some(announced), "node");
        prop_assert!(open_time >= announced.min(open.announced_max));
        let longest = open.announced_max.max(open.max.mul_f64(1.0 + open.jitter));
        prop_assert!(open_time <= longest + Duration::from_micros(1));
    }
}
