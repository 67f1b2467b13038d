//! Which breakers are there? Shared data cannot be listed, so one bounded record lists them.

use crate::shared::cell::{Cell, Loaded, Swap, swap};
use crate::shared::frame::{self, Kind};
use crate::shared::index_key;

/// Longer names get no breaker: they would make the list's size unbounded.
pub const MAX_NAME_BYTES: usize = 512;

/// Whether a breaker may exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It is on the list.
    Registered {
        /// The list was unreadable and started afresh with this name.
        reset: bool,
    },
    /// The list is full, or the name too long.
    Full,
    /// The host did not play along, or too many others registered at the same time; try again.
    Unavailable,
}

/// Put a name on the list, unless it holds `max` others already.
pub fn register(cell: &impl Cell, name: &str, max: u32) -> Registration {
    if name.len() > MAX_NAME_BYTES {
        return Registration::Full;
    }
    let swapped = swap(cell, &index_key(), |bytes| {
        let known = bytes.as_deref().map(decode);
        let reset = matches!(known, Some(None));
        let mut names = known.flatten().unwrap_or_default();
        if names.iter().any(|known| known == name) {
            return Swap::Keep(Registration::Registered { reset: false });
        }
        if names.len() as u64 >= u64::from(max) {
            return Swap::Keep(Registration::Full);
        }
        names.push(name.to_owned());
        Swap::Store(encode(&names), Registration::Registered { reset })
    });
    swapped.decided.unwrap_or(Registration::Unavailable)
}

/// The names on the list; none if it is unreadable, until the next registration.
pub fn key_names(cell: &impl Cell) -> Vec<String> {
    match cell.load(&index_key()) {
        Loaded::Found(bytes, _) => decode(&bytes).unwrap_or_default(),
        Loaded::Absent | Loaded::Unavailable => Vec::new(),
    }
}

fn encode(names: &[String]) -> Vec<u8> {
    let mut frame = frame::start(Kind::Index, names.iter().map(|name| name.len() + 2).sum());
    for name in names {
        frame.extend_from_slice(&(name.len() as u16).to_le_bytes());
        frame.extend_from_slice(name.as_bytes());
    }
    frame::seal(frame)
}

fn decode(bytes: &[u8]) -> Option<Vec<String>> {
    let mut payload = frame::open(bytes, Kind::Index)?;
    let mut names = Vec::new();
    while !payload.is_empty() {
        let length = usize::from(payload.u16()?);
        names.push(String::from_utf8(payload.bytes(length)?.to_vec()).ok()?);
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::cell::tests::Map;

    const NEW: Registration = Registration::Registered { reset: false };

    #[test]
    fn a_name_is_listed_once() {
        let map = Map::default();
        assert_eq!(register(&map, "openai", 2), NEW);
        assert_eq!(register(&map, "openai", 2), NEW);
        assert_eq!(key_names(&map), ["openai"]);
    }

    #[test]
    fn the_list_is_bounded_and_what_is_on_it_stays() {
        let map = Map::default();
        assert_eq!(register(&map, "a", 1), NEW);
        assert_eq!(register(&map, "b", 1), Registration::Full);
        assert_eq!(register(&map, "a", 1), NEW);
        assert_eq!(register(&map, &"n".repeat(513), 9), Registration::Full);
        assert_eq!(register(&map, &"n".repeat(512), 9), NEW);
    }

    #[test]
    fn two_workers_that_register_at_once_lose_no_name() {
        let map = Map::default();
        map.rivals.borrow_mut().push(encode(&["azure".to_owned()]));
        assert_eq!(register(&map, "openai", 9), NEW);
        assert_eq!(key_names(&map), ["azure", "openai"]);
    }

    #[test]
    fn an_unreadable_list_starts_afresh_and_says_so_once() {
        let map = Map::default();
        map.put(&index_key(), b"garbage");
        assert_eq!(key_names(&map), Vec::<String>::new());
        assert_eq!(register(&map, "openai", 9), Registration::Registered { reset: true });
        assert_eq!(register(&map, "openai", 9), NEW);
    }
}
