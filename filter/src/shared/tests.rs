//! A host that does not play along: nothing is decided that was not stored, and nothing waits.

use crate::breaker::{Breaker, Change, Order, StateName};
use crate::policy::{Mode, Policy};
use crate::shared::{
    Cell, Ledger, Loaded, Stored, allowance_key, breaker_key, encode, history_key, index_key,
    metadata_key, profile_key,
};
use crate::time::Instant;
use core::cell::Cell as Slot;

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

#[test]
fn what_changes_nothing_is_not_stored() {
    let host = Refusing::after(Loaded::Found(encode(&Breaker::new(NOW)), 7));
    let tick = |breaker: &mut Breaker| ((), breaker.tick(&Policy::default(), NOW));
    assert_eq!(Ledger::of("openai").update(&host, NOW, tick).value, Some(()));
    assert_eq!(host.stores.get(), 0);
}
