//! Whatever other proxies say, in whatever order: what a breaker knows itself is never lost by it.

use crate::history::{Word, event, event_in_fleet, happen, word};
use core::time::Duration;
use llm_breaker::breaker::{Admission, Breaker, Change, State};
use llm_breaker::policy::{Fleet, Mode, Policy};
use llm_breaker::time::Instant;
use proptest::prelude::*;

const BORN: Instant = Instant::from_nanos(1);

fn policy() -> Policy {
    let fleet = Some(Fleet { announced_max: Duration::from_secs(150), ..Fleet::default() });
    Policy { fleet, ..Policy::default() }
}

fn open_until(breaker: &Breaker) -> Option<Instant> {
    match breaker.state {
        State::Open { until, .. } => Some(until),
        State::Closed { .. } | State::HalfOpen { .. } => None,
    }
}

/// A breaker with a past, and the time.
fn lived(events: Vec<crate::history::Event>, policy: &Policy) -> (Breaker, Instant) {
    let mut breaker = Breaker::new(BORN);
    let now = happen(&mut breaker, policy, events);
    (breaker, now)
}

fn hears(breaker: &mut Breaker, word: &Word, policy: &Policy, now: Instant) -> Change {
    breaker.hear(&word.hint(now), policy, now)
}

proptest! {
    #[test]
    fn without_a_fleet_no_word_moves_anything(
        events in prop::collection::vec(event(), 0..80),
        word in word(),
    ) {
        let policy = Policy::default();
        let (mut breaker, now) = lived(events, &policy);
        let before = breaker.clone();
        prop_assert_eq!(hears(&mut breaker, &word, &policy, now), Change::Nothing);
        prop_assert_eq!(breaker.follow(None, &policy, now), Change::Nothing);
        prop_assert_eq!(breaker, before);
    }

    #[test]
    fn a_fleet_that_says_nothing_changes_nothing(events in prop::collection::vec(event(), 0..150)) {
        let (alone, _) = lived(events.clone(), &Policy::default());
        let (told, _) = lived(events, &policy());
        prop_assert_eq!(alone, told);
    }

    #[test]
    fn to_hear_a_word_again_changes_nothing(
        events in prop::collection::vec(event_in_fleet(), 0..80),
        word in word(),
    ) {
        let policy = policy();
        let (mut breaker, now) = lived(events, &policy);
        let hint = word.hint(now);
        // What had to be caught up first comes first, and ends there.
        let _ = breaker.tick(&policy, now);
        let _ = breaker.hear(&hint, &policy, now);
        let before = breaker.clone();
        prop_assert_eq!(breaker.hear(&hint, &policy, now), Change::Nothing);
        prop_assert_eq!(breaker, before);
    }

    #[test]
    fn a_word_shortens_no_open_time_and_opens_for_no_longer_than_is_believed(
        events in prop::collection::vec(event_in_fleet(), 0..80),
        word in word(),
    ) {
        let policy = policy();
        let (mut breaker, now) = lived(events, &policy);
        let _ = breaker.tick(&policy, now);
        let before = breaker.clone();
        let _ = hears(&mut breaker, &word, &policy, now);
        let (was, is) = (open_until(&before), open_until(&breaker));
        if let (Some(was), Some(is)) = (was, is) {
            prop_assert!(is >= was);
        }
        let latest = now + Duration::from_secs(150);
        if was != is {
            prop_assert!(is.is_none_or(|is| is <= latest.max(was.unwrap_or_default())));
        }
        // Closed, it lets all go on as before, and so it does when only time is told.
        prop_assert_eq!(before.epoch == breaker.epoch, before.state.name() == breaker.state.name());
    }

    #[test]
    fn whatever_was_said_a_probe_goes_out_once_nothing_more_is(
        events in prop::collection::vec(event_in_fleet(), 0..120),
    ) {
        let policy = policy();
        let (mut breaker, mut now) = lived(events, &policy);
        // An order that does not end by itself is another matter.
        breaker.overridden = None;
        // The longest open time, an hour that an upstream announced; then patience, and a lease.
        let latest = now + Duration::from_secs(3600 + 100 + 100 + 60 + 5);
        let goes_out = loop {
            match breaker.admit(&policy, now, 0.0).0 {
                Admission::Reject { .. } if now < latest => now = now + Duration::from_secs(1),
                admission => break !matches!(admission, Admission::Reject { .. }),
            }
        };
        prop_assert!(goes_out, "{:?}", breaker);
    }

    #[test]
    fn where_the_mode_decides_alone_no_word_is_taken_in(
        events in prop::collection::vec(event_in_fleet(), 0..80),
        word in word(),
        forced in any::<bool>(),
    ) {
        let mode = if forced { Mode::ForcedOpen } else { Mode::Disabled };
        let (mut breaker, now) = lived(events, &policy());
        let policy = Policy { mode, ..policy() };
        let _ = breaker.tick(&policy, now);
        if !breaker.mode(&policy, now).is_active() {
            let before = breaker.clone();
            prop_assert_eq!(hears(&mut breaker, &word, &policy, now), Change::Nothing);
            prop_assert_eq!(breaker, before);
        }
    }
}
