//! How is a shared value changed when others change it too? Load, decide, store; again on conflict.

/// A store of values with compare-and-set: Envoy's shared data, or a map in a test.
pub trait Cell {
    /// The value of a key and its version.
    fn load(&self, key: &str) -> Loaded;

    /// Store a value if the key still has `version`, or, with `None`, if it is still absent.
    fn store(&self, key: &str, value: &[u8], version: Option<u32>) -> Stored;
}

/// What a load found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// Nothing was ever stored.
    Absent,
    /// A value and its version.
    Found(Vec<u8>, u32),
    /// The host did not answer.
    Unavailable,
}

/// What became of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is stored.
    Done,
    /// Somebody else was faster.
    Conflict,
    /// The host refused.
    Unavailable,
}

/// The number that tells proxy-wasm's compare-and-set of the version that a store expects.
///
/// Creating with 0 would overwrite; any other number succeeds on an absent key, and on another only
/// if it is the key's current one, which counts up from 1 and never gets to the last.
#[must_use]
pub const fn cas_of(version: Option<u32>) -> u32 {
    match version {
        Some(version) => version,
        None => u32::MAX,
    }
}

/// What to do with a loaded value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Swap<T> {
    /// Leave it.
    Keep(T),
    /// Replace it.
    Store(Vec<u8>, T),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Swapped<T> {
    /// The decision that was carried out; `None` if every attempt met a conflict, or the host did
    /// not play along.
    pub decided: Option<T>,
    /// How often somebody else was faster.
    pub conflicts: u32,
}

/// Attempts before giving up: with two to four workers on one hot key a third is already rare, and
/// a request must not wait for a crowd.
const MAX_ATTEMPTS: u32 = 8;

/// Load, decide and store; again on conflict, a bounded number of times. `decide` may run more than
/// once, so it must be pure.
pub(super) fn swap<T>(
    cell: &impl Cell,
    key: &str,
    mut decide: impl FnMut(Option<Vec<u8>>) -> Swap<T>,
) -> Swapped<T> {
    for conflicts in 0..MAX_ATTEMPTS {
        let (value, version) = match cell.load(key) {
            Loaded::Absent => (None, None),
            Loaded::Found(value, version) => (Some(value), Some(version)),
            Loaded::Unavailable => return Swapped { decided: None, conflicts },
        };
        match decide(value) {
            Swap::Keep(decided) => return Swapped { decided: Some(decided), conflicts },
            Swap::Store(bytes, decided) => match cell.store(key, &bytes, version) {
                Stored::Done => return Swapped { decided: Some(decided), conflicts },
                Stored::Conflict => {}
                Stored::Unavailable => return Swapped { decided: None, conflicts },
            },
        }
    }
    Swapped { decided: None, conflicts: MAX_ATTEMPTS }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    /// Shared data with Envoy's compare-and-set, and a rival who may store in between.
    #[derive(Default)]
    pub(crate) struct Map {
        values: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
        /// What a faster worker stores before each of our stores; the last is stored first.
        pub(crate) rivals: RefCell<Vec<Vec<u8>>>,
    }

    impl Map {
        pub(crate) fn put(&self, key: &str, value: &[u8]) {
            let mut values = self.values.borrow_mut();
            let version = values.get(key).map_or(1, |(_, version)| version + 1);
            values.insert(key.to_owned(), (value.to_vec(), version));
        }
    }

    impl Cell for Map {
        fn load(&self, key: &str) -> Loaded {
            self.values
                .borrow()
                .get(key)
                .map_or(Loaded::Absent, |(value, version)| Loaded::Found(value.clone(), *version))
        }

        fn store(&self, key: &str, value: &[u8], version: Option<u32>) -> Stored {
            if let Some(rival) = self.rivals.borrow_mut().pop() {
                self.put(key, &rival);
            }
            let current = self.values.borrow().get(key).map(|(_, version)| *version);
            if current != version {
                return Stored::Conflict;
            }
            self.put(key, value);
            Stored::Done
        }
    }

    fn append(value: Option<Vec<u8>>) -> Swap<usize> {
        let mut longer = value.unwrap_or_default();
        longer.push(b'x');
        let length = longer.len();
        Swap::Store(longer, length)
    }

    #[test]
    fn creating_never_overwrites() {
        assert_eq!([cas_of(Some(7)), cas_of(None)], [7, u32::MAX], "0 would overwrite");
    }

    #[test]
    fn a_conflict_is_decided_again_on_what_the_other_stored() {
        let map = Map::default();
        map.rivals.borrow_mut().push(b"rival".to_vec());
        let swapped = swap(&map, "key", append);
        assert_eq!(swapped, Swapped { decided: Some(6), conflicts: 1 });
        assert_eq!(map.load("key"), Loaded::Found(b"rivalx".to_vec(), 2));
    }

    #[test]
    fn it_gives_up_after_a_bounded_number_of_conflicts() {
        let map = Map::default();
        map.rivals.borrow_mut().extend(vec![Vec::new(); 100]);
        let swapped = swap(&map, "key", append);
        assert_eq!(swapped, Swapped { decided: None, conflicts: MAX_ATTEMPTS });
    }

    #[test]
    fn keeping_a_value_stores_nothing() {
        let map = Map::default();
        let swapped = swap(&map, "key", |value| Swap::Keep(value.is_none()));
        assert_eq!(swapped, Swapped { decided: Some(true), conflicts: 0 });
        assert_eq!(map.load("key"), Loaded::Absent);
    }
}
