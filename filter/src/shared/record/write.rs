//! A breaker becomes bytes.

use super::{
    ALONE, BUCKET_BYTES, BY_COUNT, BY_TIME, CLOSED, CLOSED_AFTER_FLEET, CLOSED_AFTER_HALF_OPEN,
    FLEET_BYTES, HALF_OPEN, HEAD_BYTES, IN_FLEET, INSTANT_BYTES, OPEN, WINDOW_HEAD_BYTES,
};
use crate::breaker::{
    Before, Breaker, Bucket, Heard, Lasts, Origin, Override, State, Tally, Window, WindowHead,
};
use crate::category::Category;
use crate::policy::{Mode, WindowShape};
use crate::time::{Instant, nanos};

/// Where the next number goes. What does not fit is left out, and nobody could read the record.
pub(super) struct Writer<'b>(pub(super) &'b mut [u8]);

impl<'b> Writer<'b> {
    pub(super) fn breaker(&mut self, breaker: &Breaker) {
        let (tag, until, successes) = match &breaker.state {
            State::Closed { after: Before::Nothing, .. } => (CLOSED, Instant::ZERO, 0),
            State::Closed { after: Before::HalfOpen, .. } => {
                (CLOSED_AFTER_HALF_OPEN, Instant::ZERO, 0)
            }
            State::Closed { after: Before::Fleet, .. } => (CLOSED_AFTER_FLEET, Instant::ZERO, 0),
            State::Open { until, .. } => (OPEN, *until, 0),
            State::HalfOpen { successes, .. } => (HALF_OPEN, Instant::ZERO, *successes),
        };
        let times = match &breaker.state {
            State::HalfOpen { leases, .. } => leases.deadlines(),
            State::Closed { .. } | State::Open { .. } => breaker.run.times(),
        };
        let overridden = breaker.overridden.as_ref();
        let mut head = self.part::<HEAD_BYTES>();
        head.u8(tag);
        head.u8(place_of(breaker.opened_by.map(|category: Category| category as u8)));
        head.u8(place_of(overridden.map(mode_and_origin)));
        head.u8(u8::from(breaker.suspension.lasts == Lasts::Lasting));
        head.length(breaker.run.capacity());
        head.length(times.len());
        head.length(breaker.windows.as_slice().len());
        head.u8(if breaker.fleet.is_some() { IN_FLEET } else { ALONE });
        head.u32(breaker.trips);
        head.u32(successes);
        head.u64(breaker.epoch);
        head.instant(breaker.state.since());
        head.instant(until);
        head.instant(breaker.suspension.since);
        head.instant(overridden.map_or(Instant::ZERO, |it| it.since));
        // No override and no lease ends at the clock's zero.
        head.instant(overridden.and_then(|it| it.until).unwrap_or(Instant::ZERO));
        head.u64(breaker.reset_generation);
        head.instant(breaker.answered_at);
        head.instant(breaker.last_resort.unwrap_or(Instant::ZERO));
        if let Some(heard) = &breaker.fleet {
            self.heard(heard);
        }
        self.slots(times, breaker.run.capacity());
        breaker.windows.as_slice().iter().for_each(|window| self.window(window));
    }

    fn heard(&mut self, heard: &Heard) {
        let Heard { store, revision, at, suspected_until, witnesses, .. } = *heard;
        let mut part = self.part::<FLEET_BYTES>();
        [store, revision, witnesses].into_iter().for_each(|number| part.u64(number));
        let times = [at, suspected_until, heard.turn_until, heard.alone_at];
        times.into_iter().for_each(|time| part.instant(time));
        part.u64(nanos(heard.patience));
        part.u8(u8::from(heard.refuted));
        part.u8(heard.opened as u8);
        part.u8(u8::from(heard.wide));
        part.0.fill(0);
    }

    /// The times, and slots that are not used.
    fn slots(&mut self, times: &[Instant], slots: usize) {
        let unused = slots.saturating_sub(times.len());
        times.iter().take(slots).for_each(|time| self.instant(*time));
        self.take(unused.saturating_mul(INSTANT_BYTES)).0.fill(0);
    }

    fn window(&mut self, window: &Window) {
        let (tag, length, span) = match window.shape() {
            WindowShape::Time { duration, buckets } => (BY_TIME, buckets, duration),
            WindowShape::Count { calls, max_age } => (BY_COUNT, calls, max_age),
        };
        let WindowHead { until, used_at, newest, total } = window.head();
        let mut head = self.part::<WINDOW_HEAD_BYTES>();
        head.u16(tag);
        head.u16(u16::try_from(*newest).unwrap_or(u16::MAX));
        head.u32(length);
        head.u32(u32::try_from(span.as_secs()).unwrap_or(u32::MAX));
        head.u32(span.subsec_nanos());
        head.instant(*until);
        head.instant(*used_at);
        head.tally(total);
        let ring = self.take(window.buckets().len().saturating_mul(BUCKET_BYTES)).0;
        let (slots, _) = ring.as_chunks_mut::<BUCKET_BYTES>();
        for (slot, bucket) in slots.iter_mut().zip(window.buckets()) {
            Writer(slot).bucket(bucket);
        }
    }

    fn bucket(&mut self, bucket: &Bucket) {
        self.tally(&bucket.tally);
        self.instant(bucket.announced_until);
    }

    fn tally(&mut self, tally: &Tally) {
        let Tally { calls, failures, slow, cancelled_slow } = *tally;
        [calls, failures, slow, cancelled_slow].into_iter().for_each(|number| self.u32(number));
    }

    fn instant(&mut self, instant: Instant) {
        self.u64(instant.as_nanos());
    }

    fn length(&mut self, length: usize) {
        self.u8(u8::try_from(length).unwrap_or(u8::MAX));
    }

    fn u8(&mut self, number: u8) {
        self.put([number]);
    }

    fn u16(&mut self, number: u16) {
        self.put(number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.put(number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.put(number.to_le_bytes());
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some((slot, rest)) = core::mem::take(&mut self.0).split_first_chunk_mut() {
            *slot = bytes;
            self.0 = rest;
        }
    }

    /// A part whose size is known when this is compiled, and with it that all fits.
    #[inline]
    fn part<const N: usize>(&mut self) -> Writer<'b> {
        match core::mem::take(&mut self.0).split_first_chunk_mut::<N>() {
            Some((part, rest)) => {
                self.0 = rest;
                Writer(part)
            }
            None => Writer(&mut []),
        }
    }

    fn take(&mut self, size: usize) -> Writer<'b> {
        match core::mem::take(&mut self.0).split_at_mut_checked(size) {
            Some((taken, rest)) => {
                self.0 = rest;
                Writer(taken)
            }
            None => Writer(&mut []),
        }
    }
}

/// First all modes that were ordered here, then those that the fleet ordered.
fn mode_and_origin(it: &Override) -> u8 {
    let mode = it.mode as u8;
    match it.origin {
        Origin::Local => mode,
        Origin::Fleet => mode.saturating_add(Mode::ALL.len() as u8),
    }
}

/// The place in a list, from one; zero for none.
fn place_of(index: Option<u8>) -> u8 {
    index.map_or(0, |index| index.saturating_add(1))
}
