//! The one map that all workers of a process share, with the compare-and-set of proxy-wasm-cpp-host.

use std::collections::BTreeMap;

use super::status::Status;

/// The shared data of one process and `vm_id`.
///
/// The rules are those of `shared_data.cc`, to the letter: a cas of 0 overwrites unconditionally;
/// any other cas stores on an absent key too, and on a present one only if it is the current one;
/// every store takes the next number of one counter that the whole map shares.
#[derive(Debug)]
pub struct SharedData {
    entries: BTreeMap<String, (Vec<u8>, u32)>,
    next_cas: u32,
}

impl Default for SharedData {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), next_cas: 1 }
    }
}

impl SharedData {
    /// Stores `value`, or refuses with [`Status::CasMismatch`].
    pub fn set(&mut self, key: &str, value: impl Into<Vec<u8>>, cas: u32) -> Result<(), Status> {
        if let Some((_, current)) = self.entries.get(key)
            && cas != 0
            && cas != *current
        {
            return Err(Status::CasMismatch);
        }
        let cas = self.take_cas();
        self.entries.insert(key.to_owned(), (value.into(), cas));
        Ok(())
    }

    /// The value under `key` and its cas.
    pub fn load(&self, key: &str) -> Option<(&[u8], u32)> {
        self.entries.get(key).map(|(value, cas)| (value.as_slice(), *cas))
    }

    /// All keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    fn take_cas(&mut self) -> u32 {
        let cas = self.next_cas;
        self.next_cas = cas.checked_add(1).unwrap_or(1);
        cas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cas_zero_overwrites_unconditionally() {
        let mut data = SharedData::default();
        data.set("k", "a", 0).unwrap();
        data.set("k", "b", 0).unwrap();
        assert_eq!(data.load("k"), Some((&b"b"[..], 2)));
    }

    #[test]
    fn a_sentinel_cas_creates_only_an_absent_key() {
        let mut data = SharedData::default();
        assert_eq!(data.set("k", "first", u32::MAX), Ok(()));
        assert_eq!(data.set("k", "second", u32::MAX), Err(Status::CasMismatch));
        assert_eq!(data.load("k"), Some((&b"first"[..], 1)));
    }

    #[test]
    fn a_stale_cas_is_refused_and_changes_nothing() {
        let mut data = SharedData::default();
        data.set("k", "a", 0).unwrap();
        data.set("k", "b", 1).unwrap();
        assert_eq!(data.set("k", "c", 1), Err(Status::CasMismatch));
        assert_eq!(data.load("k"), Some((&b"b"[..], 2)));
    }

    #[test]
    fn all_keys_share_one_cas_counter() {
        let mut data = SharedData::default();
        data.set("a", "", 0).unwrap();
        data.set("b", "", 0).unwrap();
        assert_eq!(data.load("b"), Some((&b""[..], 2)));
    }
}
