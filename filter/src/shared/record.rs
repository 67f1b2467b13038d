//! A breaker as bytes, and back; unknown bytes are no breaker.
//!
//! All numbers are little-endian, all times nanoseconds of the monotonic clock. A record's size
//! depends on the policies that use it (window shapes, failures to remember), never on its state.

use crate::breaker::{
    Before, Breaker, Bucket, Lasts, Leases, MAX_PROBES, MAX_WINDOWS, Override, State, Suspension,
    Tally, Window,
};
use crate::category::Category;
use crate::policy::{Mode, WindowShape};
use crate::shared::frame::{self, Kind, Payload};
use crate::time::{Instant, nanos};
use core::time::Duration;

/// More than any policy asks for; what exceeds it is not ours.
const MAX_RUN: u32 = 100;
const MAX_BUCKETS: u32 = 1_000;

const CLOSED: u32 = 0;
const CLOSED_AFTER_HALF_OPEN: u32 = 1;
const OPEN: u32 = 2;
const HALF_OPEN: u32 = 3;

const BY_TIME: u32 = 0;
const BY_COUNT: u32 = 1;

/// The bytes of a breaker.
#[must_use]
pub fn encode(breaker: &Breaker) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_into(breaker, &mut bytes);
    bytes
}

/// The bytes of a breaker, in the place of what was there.
pub fn encode_into(breaker: &Breaker, bytes: &mut Vec<u8>) {
    frame::restart(bytes, Kind::Breaker);
    let start = bytes.len();
    bytes.resize(start.saturating_add(size(breaker)), 0);
    let mut writer = Writer(bytes.get_mut(start..).unwrap_or_default());
    let (tag, until, successes, leases) = match breaker.state {
        State::Closed { after: Before::Nothing, .. } => {
            (CLOSED, Instant::ZERO, 0, Leases::default())
        }
        State::Closed { after: Before::HalfOpen, .. } => {
            (CLOSED_AFTER_HALF_OPEN, Instant::ZERO, 0, Leases::default())
        }
        State::Open { until, .. } => (OPEN, until, 0, Leases::default()),
        State::HalfOpen { successes, leases, .. } => (HALF_OPEN, Instant::ZERO, successes, leases),
    };
    writer.u32(tag);
    writer.u32(successes);
    writer.u64(breaker.epoch);
    writer.instant(breaker.state.since());
    writer.instant(until);
    writer.category(breaker.opened_by);
    writer.u32(breaker.trips);
    writer.u32(u32::from(breaker.suspension.lasts == Lasts::Lasting));
    writer.instant(breaker.suspension.since);
    writer.overridden(breaker.overridden);
    writer.u64(breaker.reset_generation);
    writer.instant(breaker.answered_at);
    // No lease ends at the clock's zero.
    writer.instant(breaker.last_resort.unwrap_or(Instant::ZERO));
    writer.instants(leases.deadlines(), MAX_PROBES);
    writer.length(breaker.run.capacity());
    writer.instants(breaker.run.times(), breaker.run.capacity());
    writer.length(breaker.windows.as_slice().len());
    breaker.windows.as_slice().iter().for_each(|window| writer.window(window));
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
    let windows = breaker.windows.as_slice().iter().map(|window| window.buckets().len());
    let buckets = windows.clone().fold(0, usize::saturating_add).saturating_mul(BUCKET_BYTES);
    let slots = breaker.run.capacity().saturating_add(MAX_PROBES).saturating_mul(INSTANT_BYTES);
    let heads = windows.len().saturating_mul(WINDOW_BYTES).saturating_add(FIXED_BYTES);
    heads.saturating_add(slots).saturating_add(buckets)
}

/// What every record has, and every window, beside its slots.
const FIXED_BYTES: usize = 112;
const WINDOW_BYTES: usize = 40;

/// Where the next number goes. What does not fit is left out, and nobody could read the record.
struct Writer<'b>(&'b mut [u8]);

impl Writer<'_> {
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some((slot, rest)) = core::mem::take(&mut self.0).split_first_chunk_mut() {
            *slot = bytes;
            self.0 = rest;
        }
    }

    fn u32(&mut self, number: u32) {
        self.put(number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.put(number.to_le_bytes());
    }

    fn instant(&mut self, instant: Instant) {
        self.u64(instant.as_nanos());
    }

    fn length(&mut self, length: usize) {
        self.u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// Its place among all categories, from one; zero for none.
    fn category(&mut self, category: Option<Category>) {
        self.u32(category.map_or(0, |category| (category as u32).saturating_add(1)));
    }

    /// The mode's place among all modes, from one; zero for none. No override ends at the clock's
    /// zero.
    fn overridden(&mut self, overridden: Option<Override>) {
        let place = overridden.map(|it| it.mode as u32);
        self.u32(place.map_or(0, |place| place.saturating_add(1)));
        self.instant(overridden.map_or(Instant::ZERO, |it| it.since));
        self.instant(overridden.and_then(|it| it.until).unwrap_or(Instant::ZERO));
    }

    /// How many there are, and as many slots as there may be.
    fn instants(&mut self, instants: &[Instant], slots: usize) {
        self.length(instants.len());
        instants.iter().for_each(|instant| self.instant(*instant));
        let unused = slots.saturating_sub(instants.len()).saturating_mul(INSTANT_BYTES);
        self.0 = core::mem::take(&mut self.0).get_mut(unused..).unwrap_or_default();
    }

    fn window(&mut self, window: &Window) {
        let (tag, length, span) = match window.shape() {
            WindowShape::Time { duration, buckets } => (BY_TIME, buckets, duration),
            WindowShape::Count { calls, max_age } => (BY_COUNT, calls, max_age),
        };
        self.u32(tag);
        self.u32(length);
        self.u64(nanos(span));
        self.u64(window.head());
        self.instant(window.recorded_at());
        self.instant(window.used_at());
        window.buckets().iter().for_each(|bucket| self.put(bucket_bytes(bucket)));
    }
}

const INSTANT_BYTES: usize = 8;
const BUCKET_BYTES: usize = 24;

/// A window has many: all at once is cheaper than number by number.
fn bucket_bytes(bucket: &Bucket) -> [u8; BUCKET_BYTES] {
    let Tally { calls, failures, slow, cancelled_slow } = bucket.tally;
    let until = bucket.announced_until.as_nanos();
    let [until_low, until_high] = [until as u32, (until >> 32) as u32];
    let mut bytes = [0; BUCKET_BYTES];
    let (words, _) = bytes.as_chunks_mut();
    let numbers = [calls, failures, slow, cancelled_slow, until_low, until_high];
    words.iter_mut().zip(numbers).for_each(|(word, number)| *word = number.to_le_bytes());
    bytes
}

fn bucket_of(bytes: &[u8; BUCKET_BYTES]) -> Bucket {
    let (words, _) = bytes.as_chunks();
    let mut numbers = [0; BUCKET_BYTES / 4];
    words.iter().zip(&mut numbers).for_each(|(word, number)| *number = u32::from_le_bytes(*word));
    let [calls, failures, slow, cancelled_slow, until_low, until_high] = numbers;
    let until = u64::from(until_high) << 32 | u64::from(until_low);
    let tally = Tally { calls, failures, slow, cancelled_slow };
    Bucket { tally, announced_until: Instant::from_nanos(until) }
}

impl<'b> Payload<'b> {
    fn breaker(&mut self, breaker: &mut Breaker) -> Option<()> {
        let tag = self.u32()?;
        let successes = self.u32()?;
        let epoch = self.u64()?;
        let since = self.instant()?;
        let until = self.instant()?;
        let opened_by = self.category()?;
        let trips = self.u32()?;
        let lasts = if self.u32()? == 0 { Lasts::Lifted } else { Lasts::Lasting };
        let suspension = Suspension { since: self.instant()?, lasts };
        let overridden = self.overridden()?;
        let reset_generation = self.u64()?;
        let answered_at = self.instant()?;
        let last_resort = Some(self.instant()?).filter(|lease| *lease > Instant::ZERO);
        let leases = self.instants(MAX_PROBES)?;
        let capacity = self.length(MAX_RUN)?;
        breaker.run.restore(capacity, self.instants(capacity)?);
        let windows = self.length(MAX_WINDOWS as u32)?;
        for window in breaker.windows.to_restore(windows) {
            self.window(window)?;
        }
        breaker.state = match tag {
            CLOSED => State::Closed { since, after: Before::Nothing },
            CLOSED_AFTER_HALF_OPEN => State::Closed { since, after: Before::HalfOpen },
            OPEN => State::Open { since, until },
            HALF_OPEN => State::HalfOpen { since, successes, leases: Leases::restore(leases) },
            _ => return None,
        };
        breaker.epoch = epoch;
        breaker.opened_by = opened_by;
        breaker.trips = trips;
        breaker.answered_at = answered_at;
        breaker.last_resort = last_resort;
        breaker.suspension = suspension;
        breaker.overridden = overridden;
        breaker.reset_generation = reset_generation;
        Some(())
    }

    fn category(&mut self) -> Option<Option<Category>> {
        match usize::try_from(self.u32()?).ok()?.checked_sub(1) {
            None => Some(None),
            Some(place) => Category::ALL.get(place).copied().map(Some),
        }
    }

    fn overridden(&mut self) -> Option<Option<Override>> {
        let place = usize::try_from(self.u32()?).ok()?;
        let since = self.instant()?;
        let until = Some(self.instant()?).filter(|until| *until > Instant::ZERO);
        match place.checked_sub(1) {
            None => Some(None),
            Some(place) => {
                let mode = Mode::ALL.get(place).copied()?;
                Some(Some(Override { mode, since, until }))
            }
        }
    }

    fn instant(&mut self) -> Option<Instant> {
        self.u64().map(Instant::from_nanos)
    }

    fn length(&mut self, max: u32) -> Option<usize> {
        let length = self.u32()?;
        usize::try_from(length).ok().filter(|_| length <= max)
    }

    fn instants(&mut self, slots: usize) -> Option<impl Iterator<Item = Instant> + use<'b>> {
        let count = self.length(u32::try_from(slots).ok()?)?;
        let (instants, _) = self.bytes(slots.checked_mul(INSTANT_BYTES)?)?.as_chunks();
        let instants = instants.iter().take(count);
        Some(instants.map(|it| Instant::from_nanos(u64::from_le_bytes(*it))))
    }

    fn window(&mut self, window: &mut Window) -> Option<()> {
        let tag = self.u32()?;
        let length = self.u32()?;
        let span = Duration::from_nanos(self.u64()?);
        let head = self.u64()?;
        let recorded_at = self.instant()?;
        let used_at = self.instant()?;
        let shape = match tag {
            BY_TIME => WindowShape::Time { duration: span, buckets: length },
            BY_COUNT => WindowShape::Count { calls: length, max_age: span },
            _ => return None,
        };
        if length == 0 || length > MAX_BUCKETS || span.is_zero() {
            return None;
        }
        let size = shape.bucket_count().checked_mul(BUCKET_BYTES)?;
        let (ring, _) = self.bytes(size)?.as_chunks();
        window.restore(shape, head, [recorded_at, used_at], ring.iter().map(bucket_of));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::{Admission, Jitter, Order};
    use crate::outcome::Outcome;
    use crate::policy::Policy;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    /// The breaker after some failures, and then, if there were enough, after a probe was sent.
    fn breaker_after(failures: usize, seconds: u64) -> Breaker {
        let policy = Policy::default();
        let mut breaker = Breaker::new(at(1));
        for _ in 0..failures {
            if let (Admission::Pass(permit), _) = breaker.admit(&policy, at(2), 0.0) {
                let outcome = Outcome::of(Category::ServerError);
                let jitter = Jitter::of("key", "node");
                let _ = breaker.record(&policy, at(2), Some(&permit), &outcome, jitter);
            }
        }
        let _ = breaker.admit(&policy, at(seconds), 0.0);
        breaker
    }

    #[test]
    fn a_breaker_survives_its_record_in_every_state() {
        for (failures, seconds) in [(0, 2), (3, 2), (5, 2), (5, 60)] {
            let breaker = breaker_after(failures, seconds);
            assert_eq!(decode(&encode(&breaker)), Some(breaker));
        }
    }

    #[test]
    fn a_last_resort_and_the_reason_survive_it_too() {
        let mut breaker = breaker_after(5, 2);
        let _ = breaker.lend(&Policy::default(), at(3));
        let read = decode(&encode(&breaker)).expect("ours");
        assert_eq!(read.last_resort, Some(at(63)));
        assert_eq!(read.opened_by, Some(Category::ServerError));
    }

    #[test]
    fn what_an_operator_ordered_and_the_generation_survive_it_too() {
        for mode in Mode::ALL {
            for lasts in [None, Some(Duration::from_secs(90))] {
                let mut breaker = breaker_after(5, 60);
                breaker.reset_generation = (1 << 53) - 1;
                let _ = breaker.obey(Order::Override { mode, lasts }, at(70));
                assert_eq!(decode(&encode(&breaker)), Some(breaker));
            }
        }
    }

    #[test]
    fn the_size_depends_on_the_policy_not_on_the_state() {
        let sizes: Vec<usize> = [(1, 2), (4, 2), (5, 2), (5, 60)]
            .into_iter()
            .map(|(failures, seconds)| encode(&breaker_after(failures, seconds)).len())
            .collect();
        assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let record = encode(&breaker_after(5, 60));
        let mut seed = 11_u64;
        for _ in 0..20_000 {
            let mut bytes = record[16..].to_vec();
            for _ in 0..4 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let place = (seed >> 33) as usize % bytes.len();
                bytes[place] = (seed >> 20) as u8;
            }
            bytes.truncate((seed >> 13) as usize % (bytes.len() + 1));
            let mut forged = frame::start(Kind::Breaker, 0);
            forged.extend_from_slice(&bytes);
            // With a right checksum, so that the reader behind it is what is tested.
            if let Some(mut breaker) = decode(&frame::seal(forged)) {
                let _ = breaker.tick(&Policy::default(), at(100));
                let _ = breaker.admit(&Policy::default(), at(100), 0.5);
            }
        }
    }
}
