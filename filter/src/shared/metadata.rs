//! What does a cluster's metadata say about its breaker? Only a worker that holds a request to the
//! cluster can read it; it leaves it here for the ticks, which have no request.

use crate::config::metadata::{FIELDS, Ignored, tighten};
use crate::policy::Policy;
use crate::shared::cell::{Cell, Loaded, Swap, swap};
use crate::shared::frame::{self, Kind};
use crate::shared::metadata_key;

/// A number takes 8 bytes and a duration or mode hardly more; what is longer is wrong anyway, and
/// is kept as if it were empty.
const MAX_VALUE_BYTES: usize = 64;

/// The fields of one cluster's metadata, still unjudged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The field's place in [`FIELDS`], and its bytes.
    values: Vec<(u8, Vec<u8>)>,
}

impl Metadata {
    /// Read every field that is there.
    pub fn read(mut field: impl FnMut(&[&str]) -> Option<Vec<u8>>) -> Self {
        let values = (0_u8..)
            .zip(FIELDS)
            .filter_map(|(place, known)| {
                let mut value = field(known.path)?;
                if value.len() > MAX_VALUE_BYTES {
                    value.clear();
                }
                Some((place, value))
            })
            .collect();
        Self { values }
    }

    /// What was last published for this breaker; empty if nothing readable was.
    pub fn published(cell: &impl Cell, name: &str) -> Self {
        match cell.load(&metadata_key(name)) {
            Loaded::Found(bytes, _) => Self::decode(&bytes).unwrap_or_default(),
            Loaded::Absent | Loaded::Unavailable => Self::default(),
        }
    }

    /// Publish it for this breaker; whether it differs from what was published before.
    pub fn publish(&self, cell: &impl Cell, name: &str) -> bool {
        let swapped = swap(cell, &metadata_key(name), |bytes| {
            let published = bytes.map_or_else(|| Some(Self::default()), |it| Self::decode(&it));
            if published.as_ref() == Some(self) {
                Swap::Keep(false)
            } else {
                Swap::Store(self.encode(), true)
            }
        });
        swapped.decided.unwrap_or(false)
    }

    /// The policy as this metadata tightens it, and what of the metadata is not followed.
    #[must_use]
    pub fn tighten(&self, policy: &Policy) -> (Policy, Vec<Ignored>) {
        tighten(policy, |path| {
            let place = FIELDS.iter().position(|field| field.path == path)?;
            let found = self.values.iter().find(|(known, _)| usize::from(*known) == place);
            found.map(|(_, value)| value.clone())
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut frame = frame::start(Kind::Metadata, self.values.len().saturating_mul(16));
        for (place, value) in &self.values {
            frame.extend_from_slice(&u16::from(*place).to_le_bytes());
            frame.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
            frame.extend_from_slice(value);
        }
        frame::seal(frame)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut payload = frame::open(bytes, Kind::Metadata)?;
        let mut values = Vec::new();
        while !payload.is_empty() {
            let place = u8::try_from(payload.u16()?).ok()?;
            let length = usize::from(payload.u16()?);
            values.push((place, payload.bytes(length)?.to_vec()));
        }
        Some(Self { values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::cell::tests::Map;

    fn of_failures(consecutive: &[u8]) -> Metadata {
        Metadata::read(|path| {
            (path == ["trip", "consecutive_failures"]).then(|| consecutive.to_vec())
        })
    }

    #[test]
    fn a_value_that_is_too_long_says_nothing() {
        let lengths = |bytes: usize| {
            let read = Metadata::read(|_| Some(vec![b'1'; bytes]));
            read.values.iter().map(|(_, value)| value.len()).collect::<Vec<_>>()
        };
        assert_eq!(lengths(64), vec![64; FIELDS.len()]);
        assert_eq!(lengths(65), vec![0; FIELDS.len()]);
    }

    #[test]
    fn what_is_published_tightens_the_policy_of_every_vm() {
        let map = Map::default();
        assert!(of_failures(&3_f64.to_le_bytes()).publish(&map, "openai"));
        let (policy, ignored) = Metadata::published(&map, "openai").tighten(&Policy::default());
        assert_eq!(policy.trip.consecutive_failures, Some(3));
        assert_eq!(ignored, []);
    }

    #[test]
    fn only_a_change_is_news() {
        let map = Map::default();
        assert!(!Metadata::default().publish(&map, "openai"), "none, as before");
        assert!(of_failures(b"3").publish(&map, "openai"));
        assert!(!of_failures(b"3").publish(&map, "openai"));
        assert!(Metadata::default().publish(&map, "openai"), "it was taken away");
    }

    #[test]
    fn a_huge_or_damaged_value_is_ignored_and_bounded() {
        let map = Map::default();
        let huge = of_failures(&vec![b'9'; 1_000_000]);
        assert!(huge.encode().len() < 100);
        assert_eq!(huge.tighten(&Policy::default()).1.len(), 1);
        map.put(&metadata_key("openai"), b"garbage");
        assert_eq!(Metadata::published(&map, "openai"), Metadata::default());
    }
}
