//! Which calls are out, and what for? A bounded number, each for a bounded time.

use crate::fleet::agent::records::Unsure;
use crate::fleet::etcd::CALL_TIMEOUT;
use crate::time::Instant;
use core::time::Duration;
use std::collections::BTreeMap;

/// Calls that are out at most.
const MAX_CALLS: usize = 64;

/// A call whose end the host never told is given up after that long.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(2 * CALL_TIMEOUT.as_secs());

/// What a call is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The next page of all that the store holds.
    Page,
    /// How long a record that was read still has.
    TimeToLive(Unsure),
    /// The lease of this proxy's own word on a breaker.
    LeaseOfWord { breaker: String, serial: u32 },
    /// The word itself.
    Word { breaker: String, serial: u32, lease: i64 },
    /// The lease of a turn.
    LeaseOfTurn { breaker: String, asked_at: Instant },
    /// The turn itself.
    Turn { breaker: String, asked_at: Instant, lease: i64 },
    /// The lease of an order.
    LeaseOfOrder { breaker: String },
    /// The order itself, or its withdrawal.
    Order { breaker: String },
    /// A lease that nobody needs any more.
    Revocation,
}

/// The calls that are out.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    last: u32,
    out: BTreeMap<u32, (Purpose, Instant)>,
}

impl Calls {
    pub(super) fn has_room(&self) -> bool {
        self.out.len() < MAX_CALLS
    }

    /// One goes out; its number.
    pub(super) fn begin(&mut self, purpose: Purpose, now: Instant) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.out.insert(self.last, (purpose, now + GIVEN_UP_AFTER));
        self.last
    }

    /// One came back; `None` if nobody waits for it any more.
    pub(super) fn end(&mut self, call: u32) -> Option<Purpose> {
        self.out.remove(&call).map(|(purpose, _)| purpose)
    }

    /// Those that took too long.
    pub(super) fn overdue(&self, now: Instant) -> Vec<u32> {
        let overdue = self.out.iter().filter(|(_, (_, until))| now >= *until);
        overdue.map(|(call, _)| *call).collect()
    }

    pub(super) fn forget_all(&mut self) {
        self.out.clear();
    }
}
