//! Bytes become a breaker, or are none.

use super::{
    ALONE, BUCKET_BYTES, BY_COUNT, BY_TIME, CLOSED, CLOSED_AFTER_FLEET, CLOSED_AFTER_HALF_OPEN,
    FLEET_BYTES, HALF_OPEN, HEAD_BYTES, IN_FLEET, INSTANT_BYTES, OPEN, WINDOW_HEAD_BYTES,
};
use crate::breaker::{
    Before, Breaker, Bucket, Heard, Lasts, Leases, MAX_WINDOWS, OpenedBy, Origin, Override, State,
    Suspension, Tally, Window, WindowHead,
};
use crate::category::Category;
use crate::policy::{Mode, WindowShape};
use crate::shared::frame::Payload;
use crate::time::Instant;
use core::time::Duration;

/// More than any policy asks for; what exceeds it is not ours.
const MAX_SLOTS: usize = 100;
const MAX_BUCKETS: u32 = 1_000;

const NANOS_PER_SECOND: u32 = 1_000_000_000;

impl<'b> Payload<'b> {
    pub(super) fn breaker(&mut self, breaker: &mut Breaker) -> Option<()> {
        let mut head = self.part::<HEAD_BYTES>()?;
        let tag = head.u8()?;
        breaker.opened_by = category(head.u8()?)?;
        let ordered = mode_and_origin(head.u8()?)?;
        let lasts = if head.u8()? == 0 { Lasts::Lifted } else { Lasts::Lasting };
        let slots = head.length(MAX_SLOTS)?;
        let used = head.length(slots)?;
        let windows = head.length(MAX_WINDOWS)?;
        let fleet = head.u8()?;
        breaker.trips = head.u32()?;
        let successes = head.u32()?;
        breaker.epoch = head.u64()?;
        let (since, until) = (head.instant()?, head.instant()?);
        breaker.suspension = Suspension { since: head.instant()?, lasts };
        let (overridden_at, overridden_until) = (head.instant()?, head.ending()?);
        breaker.overridden = ordered.map(|(mode, origin)| Override {
            mode,
            since: overridden_at,
            until: overridden_until,
            origin,
        });
        breaker.reset_generation = head.u64()?;
        breaker.answered_at = head.instant()?;
        breaker.last_resort = head.ending()?;
        breaker.fleet = match fleet {
            ALONE => None,
            IN_FLEET => Some(self.heard()?),
            _ => return None,
        };
        let mut times = self.times(slots, used)?;
        breaker.state = match tag {
            CLOSED => State::Closed { since, after: Before::Nothing },
            CLOSED_AFTER_HALF_OPEN => State::Closed { since, after: Before::HalfOpen },
            CLOSED_AFTER_FLEET => State::Closed { since, after: Before::Fleet },
            OPEN => State::Open { since, until },
            HALF_OPEN => {
                State::HalfOpen { since, successes, leases: Leases::restore(times.by_ref()) }
            }
            _ => return None,
        };
        breaker.run.restore(slots, times);
        for window in breaker.windows.to_restore(windows) {
            self.window(window)?;
        }
        Some(())
    }

    fn heard(&mut self) -> Option<Heard> {
        let mut part = self.part::<FLEET_BYTES>()?;
        let (store, revision, witnesses) = (part.u64()?, part.u64()?, part.u64()?);
        let (at, suspected_until) = (part.instant()?, part.instant()?);
        let (turn_until, alone_at) = (part.instant()?, part.instant()?);
        let patience = Duration::from_nanos(part.u64()?);
        let refuted = part.flag()?;
        let opened = if part.flag()? { OpenedBy::Hint } else { OpenedBy::OwnCalls };
        let wide = part.flag()?;
        Some(Heard {
            store,
            revision,
            at,
            suspected_until,
            witnesses,
            refuted,
            opened,
            wide,
            patience,
            turn_until,
            alone_at,
        })
    }

    fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// So many of so many slots are used.
    fn times(
        &mut self,
        slots: usize,
        used: usize,
    ) -> Option<impl Iterator<Item = Instant> + use<'b>> {
        let (times, _) = self.bytes(slots.checked_mul(INSTANT_BYTES)?)?.as_chunks();
        Some(times.iter().take(used).map(|it| Instant::from_nanos(u64::from_le_bytes(*it))))
    }

    fn window(&mut self, window: &mut Window) -> Option<()> {
        let mut head = self.part::<WINDOW_HEAD_BYTES>()?;
        let (tag, newest) = (head.u16()?, usize::from(head.u16()?));
        let length = head.u32()?;
        let span = head.span()?;
        let shape = match tag {
            BY_TIME => WindowShape::Time { duration: span, buckets: length },
            BY_COUNT => WindowShape::Count { calls: length, max_age: span },
            _ => return None,
        };
        let buckets = shape.bucket_count();
        if length > MAX_BUCKETS || newest >= buckets || span.is_zero() {
            return None;
        }
        let (until, used_at) = (head.instant()?, head.instant()?);
        let head = WindowHead { until, used_at, newest, total: head.tally()? };
        let (ring, _) = self.bytes(buckets.checked_mul(BUCKET_BYTES)?)?.as_chunks();
        window.restore(shape, head, ring.iter().map(bucket));
        Some(())
    }

    fn span(&mut self) -> Option<Duration> {
        let (seconds, nanos) = (self.u32()?, self.u32()?);
        (nanos < NANOS_PER_SECOND).then(|| Duration::new(u64::from(seconds), nanos))
    }

    fn tally(&mut self) -> Option<Tally> {
        let (calls, failures) = (self.u32()?, self.u32()?);
        Some(Tally { calls, failures, slow: self.u32()?, cancelled_slow: self.u32()? })
    }

    fn length(&mut self, max: usize) -> Option<usize> {
        Some(usize::from(self.u8()?)).filter(|length| *length <= max)
    }

    fn instant(&mut self) -> Option<Instant> {
        self.u64().map(Instant::from_nanos)
    }

    /// When something ends, if it does: nothing ends at the clock's zero.
    fn ending(&mut self) -> Option<Option<Instant>> {
        self.instant().map(|it| Some(it).filter(|it| *it > Instant::ZERO))
    }
}

/// A window has many.
fn bucket(bytes: &[u8; BUCKET_BYTES]) -> Bucket {
    let (words, _) = bytes.as_chunks();
    let mut numbers = [0; BUCKET_BYTES / 4];
    words.iter().zip(&mut numbers).for_each(|(word, number)| *number = u32::from_le_bytes(*word));
    let [calls, failures, slow, cancelled_slow, low, high] = numbers;
    let announced_until = Instant::from_nanos(u64::from(high) << 32 | u64::from(low));
    Bucket { tally: Tally { calls, failures, slow, cancelled_slow }, announced_until }
}

/// Its place among all categories, from one; zero for none.
fn category(place: u8) -> Option<Option<Category>> {
    match usize::from(place).checked_sub(1) {
        None => Some(None),
        Some(index) => Category::ALL.get(index).copied().map(Some),
    }
}

/// Likewise among the modes that were ordered here, and those that the fleet ordered.
fn mode_and_origin(place: u8) -> Option<Option<(Mode, Origin)>> {
    let Some(index) = usize::from(place).checked_sub(1) else { return Some(None) };
    let origins = [Origin::Local, Origin::Fleet];
    let origin = index.checked_div(Mode::ALL.len()).and_then(|it| origins.get(it))?;
    let mode = index.checked_rem(Mode::ALL.len()).and_then(|it| Mode::ALL.get(it))?;
    Some(Some((*mode, *origin)))
}
