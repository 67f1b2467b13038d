//! Which VM of the process keeps a fleet's connection to its store? One that says so once a second, until
//! it is gone.

use crate::shared::cell::{Cell, Swap, swap};
use crate::shared::frame::{self, Kind};
use crate::shared::owner_key;
use crate::time::Instant;
use core::time::Duration;

/// Of whom nothing was heard for that long, the next who asks takes over: with a tick a second that is
/// within three seconds of its end.
const LEASE: Duration = Duration::from_secs(2);

/// The word is not renewed more often.
const RENEWED: Duration = Duration::from_millis(500);

/// One candidate, such as a configuration in a VM.
#[derive(Debug)]
pub struct Ownership {
    key: String,
    held: Option<Held>,
}

/// What a candidate that is the owner knows of its own.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Whoever stores a claim counts on from the last: no two have the same number.
    term: u64,
    /// When it was last sure of it.
    sure_at: Instant,
}

/// How one candidate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// It is the owner from now on.
    Begins,
    /// It is the owner still.
    Holds,
    /// It was until now, and another is.
    Lost,
    /// Another is.
    Elsewhere,
}

/// What is stored.
#[derive(Clone, Copy)]
struct Owner {
    term: u64,
    said_at: Instant,
}

impl Ownership {
    /// A candidate for the connection of the fleet of this name.
    #[must_use]
    pub fn of(fleet: &str) -> Self {
        Self { key: owner_key(fleet), held: None }
    }

    /// Claim it, or say that it is still held; to be called at least once a second.
    pub fn tick(&mut self, cell: &impl Cell, now: Instant) -> Tenure {
        let held = self.held;
        let swapped = swap(cell, &self.key, |bytes| {
            let owner = bytes.as_deref().and_then(Owner::decode);
            let is_ours = |owner: &Owner| held.is_some_and(|held| held.term == owner.term);
            match owner.filter(|owner| owner.holds(now)) {
                Some(owner) if !is_ours(&owner) => Swap::Keep(None),
                Some(owner) if now.since(owner.said_at) < RENEWED => Swap::Keep(Some(owner.term)),
                Some(Owner { term, .. }) => {
                    Swap::Store(Owner { term, said_at: now }.encode(), Some(term))
                }
                // Where the last number is not known, the time is one that nobody has.
                None => {
                    let last = owner.map_or(0, |owner| owner.term);
                    let term = last.saturating_add(1).max(now.as_nanos());
                    Swap::Store(Owner { term, said_at: now }.encode(), Some(term))
                }
            }
        });
        self.held = match swapped.decided {
            Some(term) => term.map(|term| Held { term, sure_at: now }),
            // Whose word was not taken is the owner for as long as the last one holds.
            None => held.filter(|held| held.sure_at + LEASE > now),
        };
        match (held, self.held) {
            (Some(before), Some(after)) if before.term == after.term => Tenure::Holds,
            (_, Some(_)) => Tenure::Begins,
            (Some(_), None) => Tenure::Lost,
            (None, None) => Tenure::Elsewhere,
        }
    }

    /// Give it up: the next who asks takes over.
    pub fn leave(&mut self, cell: &impl Cell) {
        let Some(Held { term, .. }) = self.held.take() else { return };
        let _ = swap(cell, &self.key, |bytes| match bytes.as_deref().and_then(Owner::decode) {
            Some(owner) if owner.term == term => {
                Swap::Store(Owner { term, said_at: Instant::ZERO }.encode(), ())
            }
            _ => Swap::Keep(()),
        });
    }
}

impl Owner {
    /// A word from further ahead than any lease was left before the clock was set back: it would hold
    /// until the clock is there again, although its owner may be gone.
    fn holds(self, now: Instant) -> bool {
        self.said_at + LEASE > now && self.said_at <= now + LEASE
    }

    fn encode(self) -> Vec<u8> {
        let mut frame = frame::start(Kind::Owner, 16);
        frame.extend_from_slice(&self.term.to_le_bytes());
        frame.extend_from_slice(&self.said_at.as_nanos().to_le_bytes());
        frame::seal(frame)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut payload = frame::open(bytes, Kind::Owner)?;
        Some(Self { term: payload.u64()?, said_at: Instant::from_nanos(payload.u64()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::cell::tests::Map;
    use crate::shared::{Loaded, Stored};

    fn at(seconds: f64) -> Instant {
        Instant::from_nanos(1_000_000_000_000) + Duration::from_secs_f64(seconds)
    }

    fn two() -> [Ownership; 2] {
        [Ownership::of("fleet"), Ownership::of("fleet")]
    }

    #[test]
    fn the_first_who_asks_is_the_owner_and_stays_it() {
        let (map, [mut first, mut second]) = (Map::default(), two());
        assert_eq!(first.tick(&map, at(0.0)), Tenure::Begins);
        for second_of in 0..100 {
            let now = at(f64::from(second_of) * 1.2);
            assert_eq!(second.tick(&map, now), Tenure::Elsewhere);
            assert_eq!(first.tick(&map, now), Tenure::Holds);
        }
    }

    #[test]
    fn whoever_is_gone_is_replaced_within_three_seconds() {
        let (map, [mut first, mut second]) = (Map::default(), two());
        first.tick(&map, at(0.0));
        let found = [0.1, 1.1, 1.9, 2.0].map(|seconds| second.tick(&map, at(seconds)));
        let elsewhere = Tenure::Elsewhere;
        assert_eq!(found, [elsewhere, elsewhere, elsewhere, Tenure::Begins]);
        assert_eq!(first.tick(&map, at(2.1)), Tenure::Lost, "though it only was late");
        assert_eq!(first.tick(&map, at(3.0)), Tenure::Elsewhere);
    }

    #[test]
    fn whoever_leaves_is_replaced_at_once_by_others_and_not_by_those_who_never_held_it() {
        let (map, [mut first, mut second]) = (Map::default(), two());
        first.tick(&map, at(0.0));
        second.leave(&map);
        assert_eq!(second.tick(&map, at(0.1)), Tenure::Elsewhere);
        first.leave(&map);
        assert_eq!(second.tick(&map, at(0.2)), Tenure::Begins);
        first.leave(&map);
        assert_eq!(second.tick(&map, at(0.3)), Tenure::Holds);
    }

    #[test]
    fn whoever_was_replaced_has_nothing_to_give_up() {
        let (map, [mut first, mut second]) = (Map::default(), two());
        first.tick(&map, at(0.0));
        assert_eq!(second.tick(&map, at(2.0)), Tenure::Begins);
        first.leave(&map);
        assert_eq!(second.tick(&map, at(2.1)), Tenure::Holds);
    }

    #[test]
    fn an_owner_that_is_late_begins_anew() {
        let (map, [mut only, _]) = (Map::default(), two());
        only.tick(&map, at(0.0));
        assert_eq!(only.tick(&map, at(2.0)), Tenure::Begins, "another may have been it meanwhile");
    }

    #[test]
    fn its_word_is_renewed_every_half_second_at_most() {
        let (map, [mut only, _]) = (Map::default(), two());
        let mut said_at = |seconds| {
            only.tick(&map, at(seconds));
            let Loaded::Found(bytes, _) = map.load(&owner_key("fleet")) else { panic!("no owner") };
            Owner::decode(&bytes).expect("a whole record").said_at
        };
        assert_eq!([0.0, 0.4, 0.5, 0.9].map(&mut said_at), [0.0, 0.0, 0.5, 0.5].map(at));
    }

    #[test]
    fn an_owner_from_before_the_clock_was_set_back_is_replaced() {
        let (map, [mut first, mut second]) = (Map::default(), two());
        first.tick(&map, at(600.0));
        let found = second.tick(&map, at(599.0));
        assert_eq!(found, Tenure::Elsewhere, "clocks differ a little");
        assert_eq!(second.tick(&map, at(0.0)), Tenure::Begins);
        assert_eq!(first.tick(&map, at(0.1)), Tenure::Lost);
    }

    #[test]
    fn one_fleet_has_nothing_to_do_with_another() {
        let map = Map::default();
        assert_eq!(Ownership::of("a").tick(&map, at(0.0)), Tenure::Begins);
        assert_eq!(Ownership::of("b").tick(&map, at(0.0)), Tenure::Begins);
    }

    #[test]
    fn who_asks_at_the_same_moment_is_late() {
        let map = Map::default();
        let [mut first, _] = two();
        map.rivals.borrow_mut().push(Owner { term: 2, said_at: at(0.0) }.encode());
        assert_eq!(first.tick(&map, at(0.0)), Tenure::Elsewhere);
    }

    #[test]
    fn foreign_bytes_are_nobody() {
        let (map, [mut first, mut second]) = (Map::default(), two());
        first.tick(&map, at(0.0));
        map.put(&owner_key("fleet"), b"somebody else's");
        assert_eq!(second.tick(&map, at(0.1)), Tenure::Begins);
        assert_eq!(first.tick(&map, at(0.2)), Tenure::Lost);
    }

    /// A host that refuses everything.
    struct Deaf;

    impl Cell for Deaf {
        fn load(&self, _: &str) -> Loaded {
            Loaded::Unavailable
        }

        fn store(&self, _: &str, _: &[u8], _: Option<u32>) -> Stored {
            Stored::Unavailable
        }
    }

    #[test]
    fn where_nothing_can_be_stored_nobody_begins_and_an_owner_lasts_as_long_as_its_word() {
        let (map, [mut first, mut second]) = (Map::default(), two());
        assert_eq!(second.tick(&Deaf, at(0.0)), Tenure::Elsewhere);
        first.tick(&map, at(0.0));
        assert_eq!(first.tick(&Deaf, at(1.9)), Tenure::Holds);
        assert_eq!(first.tick(&Deaf, at(2.0)), Tenure::Lost);
    }
}
