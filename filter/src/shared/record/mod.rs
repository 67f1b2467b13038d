//! A breaker as bytes, and back; unknown bytes are no breaker.
//!
//! All numbers are little-endian, all times nanoseconds of the monotonic clock. A record is a head of
//! a fixed size, what other proxies said if they ever did, the slots of one list of times, and the
//! windows, each a head and its buckets: so its size depends on the policies that use it (window
//! shapes, failures to remember, probes, a fleet), never on its state. The times are those of the failures in a row, or while it is half-open, when nothing
//! else is counted, the deadlines of its probes.
//!
//! Running totals, and where the newest bucket is and ends, are part of it: to read one, nothing is
//! summed, divided or searched.

mod read;
mod write;

#[cfg(test)]
mod tests;

use crate::breaker::Breaker;
use crate::shared::frame::{self, Kind};
use crate::time::Instant;
use write::Writer;

const CLOSED: u8 = 0;
const CLOSED_AFTER_HALF_OPEN: u8 = 1;
const OPEN: u8 = 2;
const HALF_OPEN: u8 = 3;
const CLOSED_AFTER_FLEET: u8 = 4;

/// Whether what other proxies say is part of it.
const ALONE: u8 = 0;
const IN_FLEET: u8 = 1;

const BY_TIME: u16 = 0;
const BY_COUNT: u16 = 1;

/// What every record has, and every window, beside its slots.
const HEAD_BYTES: usize = 88;
const FLEET_BYTES: usize = 72;
const WINDOW_HEAD_BYTES: usize = 48;

const INSTANT_BYTES: usize = 8;
const BUCKET_BYTES: usize = 24;

/// The bytes of a breaker.
#[must_use]
pub fn encode(breaker: &Breaker) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_into(breaker, &mut bytes);
    bytes
}

/// The bytes of a breaker, in the place of what was there.
pub fn encode_into(breaker: &Breaker, bytes: &mut Vec<u8>) {
    let payload = frame::lay_out(bytes, Kind::Breaker, size(breaker));
    Writer(payload).breaker(breaker);
    frame::seal_in_place(bytes);
}

/// The breaker in these bytes, if they hold one.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Breaker> {
    let mut breaker = Breaker::new(Instant::ZERO);
    decode_into(bytes, &mut breaker)?;
    Some(breaker)
}

/// Makes `breaker` the one in these bytes, in the memory that it has already. If they hold none, it
/// is one that nothing can be said about.
pub fn decode_into(bytes: &[u8], breaker: &mut Breaker) -> Option<()> {
    let mut payload = frame::open(bytes, Kind::Breaker)?;
    payload.breaker(breaker)?;
    payload.is_empty().then_some(())
}

/// So many bytes make its record.
fn size(breaker: &Breaker) -> usize {
    let slots = breaker.run.capacity().saturating_mul(INSTANT_BYTES);
    let windows = breaker.windows.as_slice().iter().map(|window| {
        window.buckets().len().saturating_mul(BUCKET_BYTES).saturating_add(WINDOW_HEAD_BYTES)
    });
    let fleet = if breaker.fleet.is_some() { FLEET_BYTES } else { 0 };
    let others = HEAD_BYTES.saturating_add(fleet).saturating_add(slots);
    windows.fold(others, usize::saturating_add)
}
