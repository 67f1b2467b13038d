//! How many messages wait in a queue between VMs? Envoy bounds no queue, so whoever sends counts
//! here, and whoever receives counts back.

use crate::shared::backlog_key;
use crate::shared::cell::{Cell, Swap, swap};
use crate::shared::frame::{self, Kind};

/// As many may wait; nobody receives for longer than it takes that many to come, unless the VM that
/// should is gone.
pub const MAX_WAITING: u32 = 256;

/// The count of one queue.
#[derive(Clone, Debug)]
pub struct Backlog {
    key: String,
}

impl Backlog {
    /// That of the queue of this name.
    #[must_use]
    pub fn of(queue: &str) -> Self {
        Self { key: backlog_key(queue) }
    }

    /// One more is to be sent: whether there is room for it. Where the count cannot be had there is
    /// none.
    #[must_use]
    pub fn admits_one(&self, cell: &impl Cell) -> bool {
        let swapped = swap(cell, &self.key, |bytes| match count(bytes.as_deref()) {
            waiting if waiting >= MAX_WAITING => Swap::Keep(false),
            waiting => Swap::Store(encode(waiting.saturating_add(1)), true),
        });
        swapped.decided.unwrap_or(false)
    }

    /// So many were received, and others may wait.
    pub fn received(&self, cell: &impl Cell, messages: u32) {
        self.set(cell, |waiting| waiting.saturating_sub(messages));
    }

    /// None waits any more. What was counted at the same moment is forgotten with it, which allows a
    /// few more than the bound until the next time.
    pub fn drained(&self, cell: &impl Cell) {
        self.set(cell, |_| 0);
    }

    fn set(&self, cell: &impl Cell, after: impl Fn(u32) -> u32) {
        let _ = swap(cell, &self.key, |bytes| {
            let waiting = count(bytes.as_deref());
            match after(waiting) {
                left if left == waiting => Swap::Keep(()),
                left => Swap::Store(encode(left), ()),
            }
        });
    }
}

fn encode(waiting: u32) -> Vec<u8> {
    let mut frame = frame::start(Kind::Backlog, 4);
    frame.extend_from_slice(&waiting.to_le_bytes());
    frame::seal(frame)
}

/// Nothing readable is none.
fn count(bytes: Option<&[u8]>) -> u32 {
    let payload = bytes.and_then(|bytes| frame::open(bytes, Kind::Backlog));
    payload.and_then(|mut payload| payload.u32()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::cell::tests::Map;

    fn admitted(map: &Map) -> usize {
        (0..1_000).filter(|_| Backlog::of("news").admits_one(map)).count()
    }

    #[test]
    fn a_queue_that_nobody_reads_takes_no_more_than_its_bound() {
        let map = Map::default();
        assert_eq!(admitted(&map), 256);
        assert_eq!(admitted(&map), 0);
        Backlog::of("news").received(&map, 6);
        assert_eq!(admitted(&map), 6);
        Backlog::of("news").drained(&map);
        assert_eq!(admitted(&map), 256);
    }

    #[test]
    fn an_empty_queue_that_is_read_stores_nothing() {
        let map = Map::default();
        Backlog::of("news").drained(&map);
        Backlog::of("news").received(&map, 3);
        assert_eq!(map.load(&backlog_key("news")), crate::shared::Loaded::Absent);
    }

    #[test]
    fn foreign_bytes_count_none() {
        let map = Map::default();
        map.put(&backlog_key("news"), b"somebody else's");
        assert!(Backlog::of("news").admits_one(&map));
    }
}
