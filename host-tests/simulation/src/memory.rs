//! The shared data of one process, with the compare-and-set of Envoy's `shared_data.cc`.

use std::collections::BTreeMap;
use xxhash_rust::xxh64::xxh64;

/// One map for all workers: a cas of 0 overwrites; any other stores on an absent key, too, and on
/// another only if it is the key's current one. All keys share one counter.
#[derive(Debug, Default)]
pub struct Memory {
    values: BTreeMap<String, (Vec<u8>, u32)>,
    counter: u32,
}

/// How a stored value is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One bit is flipped.
    Bit(usize),
    /// Its end is missing.
    Cut(usize),
    /// Somebody else's bytes.
    Foreign,
    /// It is whole, but of another layout.
    OtherLayout,
}

impl Memory {
    /// The value of a key, and its cas.
    #[must_use]
    pub fn load(&self, key: &str) -> Option<(&[u8], u32)> {
        self.values.get(key).map(|(value, cas)| (value.as_slice(), *cas))
    }

    /// Store, or meet a conflict.
    #[must_use]
    pub fn store(&mut self, key: &str, value: &[u8], cas: u32) -> bool {
        let current = self.values.get(key).map(|(_, current)| *current);
        if cas != 0 && current.is_some_and(|current| current != cas) {
            return false;
        }
        self.counter += 1;
        self.values.insert(key.to_owned(), (value.to_vec(), self.counter));
        true
    }

    /// Somebody stores what is there already.
    pub fn touch(&mut self, key: &str) {
        self.counter += 1;
        if let Some((_, cas)) = self.values.get_mut(key) {
            *cas = self.counter;
        }
    }

    /// Damage a value; whether there was one.
    pub fn damage(&mut self, key: &str, damage: Damage) -> bool {
        let Some((value, _)) = self.values.get(key) else { return false };
        let damaged = damage.done_to(value);
        self.store(key, &damaged, 0)
    }

    /// Everything is gone, as after the last VM of a process.
    pub fn lose(&mut self) {
        self.values.clear();
    }
}

impl Damage {
    /// The value as it is after it.
    #[must_use]
    pub fn done_to(self, value: &[u8]) -> Vec<u8> {
        let mut damaged = value.to_vec();
        match self {
            Self::Bit(bit) => {
                let bit = bit % (damaged.len() * 8).max(1);
                if let Some(byte) = damaged.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Cut(length) => damaged.truncate(length % damaged.len().max(1)),
            Self::Foreign => damaged = b"somebody else's".to_vec(),
            Self::OtherLayout => other_layout(&mut damaged),
        }
        damaged
    }
}

/// Magic, version and kind seed the checksum of what comes behind it.
fn other_layout(frame: &mut [u8]) {
    let Some((head, payload)) = frame.split_at_mut_checked(16) else { return };
    head[4] = head[4].wrapping_add(1);
    let seed = u64::from_le_bytes(head[..8].try_into().unwrap_or_default());
    head[8..].copy_from_slice(&xxh64(payload, seed).to_le_bytes());
}
