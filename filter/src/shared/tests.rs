//! A host that does not play along: nothing is decided that was not stored, and nothing waits.

use crate::breaker::{Admission, Breaker, Change, Jitter, Order, Permit, PermitKind, StateName};
use crate::outcome::{Category, Outcome};
use crate::policy::{Mode, Policy};
use crate::shared::{
    Cell, Ledger, Loaded, Map, Stored, allowance_key, backlog_key, breaker_key, encode, fleet_key,
    fleet_view_key, history_key, index_key, metadata_key, owner_key, profile_key,
};
use crate::time::Instant;
use core::cell::Cell as Slot;
use core::time::Duration;

const NOW: Instant = Instant::from_nanos(5_000_000_000);

/// Shared data that is read or written only as far as the host lets it.
struct Refusing {
    found: Loaded,
    stores: Slot<u32>,
}

impl Refusing {
    fn after(found: Loaded) -> Self {
        Self { found, stores: Slot::new(0) }
    }
}

impl Cell for Refusing {
    fn load(&self, _: &str) -> Loaded {
        self.found.clone()
    }

    fn store(&self, _: &str, _: &[u8], _: Option<u32>) -> Stored {
        self.stores.set(self.stores.get() + 1);
        Stored::Unavailable
    }
}

fn forced_open(breaker: &mut Breaker) -> ((), Change) {
    ((), breaker.obey(Order::Override { mode: Mode::ForcedOpen, lasts: None }, NOW))
}

#[test]
fn keys_carry_the_layout_and_whose_they_are() {
    assert_eq!(breaker_key("openai"), "llm-breaker/v1/breaker/openai");
    assert_eq!(index_key(), "llm-breaker/v1/index");
    assert_eq!(allowance_key("openai"), "llm-breaker/v1/allowance/openai");
    assert_eq!(metadata_key("openai"), "llm-breaker/v1/metadata/openai");
    assert_eq!(history_key("openai"), "llm-breaker/v1/history/openai");
    assert_eq!(profile_key("openai"), "llm-breaker/v1/profile/openai");
    assert_eq!(fleet_key("store/account"), "llm-breaker/v1/fleet/store/account");
    assert_eq!(fleet_view_key("openai"), "llm-breaker/v1/fleet-view/openai");
    assert_eq!(backlog_key("store/account"), "llm-breaker/v1/backlog/store/account");
    assert_eq!(owner_key("store/account"), "llm-breaker/v1/fleet-owner/store/account");
}

#[test]
fn what_cannot_be_read_is_not_decided_on() {
    let host = Refusing::after(Loaded::Unavailable);
    let decided = Ledger::of("openai")
        .update(&host, NOW, |_| -> ((), Change) { panic!("there is nothing to decide on") });
    assert_eq!((decided.value, decided.transition, decided.state), (None, None, None));
    assert_eq!((decided.conflicts, decided.reset, host.stores.get()), (0, false, 0));
}

#[test]
fn what_cannot_be_stored_was_not_decided_and_is_not_tried_again() {
    let known = encode(&Breaker::new(NOW));
    for (found, is_known) in [(Loaded::Found(known, 7), true), (Loaded::Absent, false)] {
        let host = Refusing::after(found);
        let decided = Ledger::of("openai").update(&host, NOW, forced_open);
        assert_eq!((decided.value, decided.transition, decided.reset), (None, None, false));
        assert_eq!(decided.state, Some(StateName::Closed), "the one that was seen: {is_known}");
        assert_eq!((decided.conflicts, host.stores.get()), (0, 1));
    }
}

/// A worker that found a healthy breaker and gathered one success; and the breaker's record.
fn gathering(policy: &Policy) -> (Ledger, Vec<u8>) {
    let (map, ledger) = (Map::default(), Ledger::of("openai"));
    let success = Outcome::of(Category::Success);
    for _ in 0..=policy.trip.minimum_calls {
        let admitted = ledger.ask(&map, policy, NOW, |breaker| breaker.admit(policy, NOW, 0.0));
        let Some(Admission::Pass(permit)) = admitted.value else { panic!("{admitted:?}") };
        if !ledger.gather(policy, NOW, Some(&permit), &success) {
            let jitter = Jitter::of("openai", "node");
            let _ = ledger.update(&map, NOW, |breaker| {
                ((), breaker.record(policy, NOW, Some(&permit), &success, jitter).change)
            });
        }
    }
    let Loaded::Found(bytes, _) = map.load(&breaker_key("openai")) else { panic!("none") };
    (ledger, bytes)
}

#[test]
fn an_admission_holds_where_only_what_was_gathered_could_not_be_stored() {
    let policy = Policy::default();
    let (ledger, bytes) = gathering(&policy);
    assert_eq!(ledger.gathered().map(|it| it.successes), Some(1));
    let (host, later) = (Refusing::after(Loaded::Found(bytes, 7)), NOW + Duration::from_secs(2));
    let asked = ledger.ask(&host, &policy, later, |breaker| breaker.admit(&policy, later, 0.0));
    assert!(matches!(asked.value, Some(Admission::Pass(_))), "{asked:?}");
    assert_eq!(host.stores.get(), 1);
    assert_eq!(ledger.gathered().map(|it| it.successes), Some(1), "they are yet to be merged");
}

#[test]
fn an_admission_holds_not_where_its_record_could_not_be_made() {
    let (host, policy) = (Refusing::after(Loaded::Absent), Policy::default());
    let asked =
        Ledger::of("openai").ask(&host, &policy, NOW, |breaker| breaker.admit(&policy, NOW, 0.0));
    assert_eq!((asked.value, host.stores.get()), (None, 1));
}

#[test]
fn what_a_worker_could_not_look_at_is_not_taken_for_healthy() {
    let policy = Policy::default();
    let (ledger, _) = gathering(&policy);
    let epoch = ledger.gathered().expect("one").epoch;
    let host = Refusing::after(Loaded::Unavailable);
    let asked = ledger.ask(&host, &policy, NOW, |breaker| breaker.admit(&policy, NOW, 0.0));
    assert_eq!(asked.value, None);
    let permit = Permit { epoch, kind: PermitKind::Call };
    let success = Outcome::of(Category::Success);
    assert!(!ledger.gather(&policy, NOW, Some(&permit), &success));
}

#[test]
fn what_changes_nothing_is_not_stored() {
    let host = Refusing::after(Loaded::Found(encode(&Breaker::new(NOW)), 7));
    let tick = |breaker: &mut Breaker| ((), breaker.tick(&Policy::default(), NOW));
    assert_eq!(Ledger::of("openai").update(&host, NOW, tick).value, Some(()));
    assert_eq!(host.stores.get(), 0);
}
