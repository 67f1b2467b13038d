//! How did the recent calls end? The rules of windows told naively: a list of calls, searched anew
//! each time.

use core::time::Duration;
use llm_breaker::outcome::Counted;
use llm_breaker::policy::WindowShape;
use llm_breaker::time::{Instant, nanos};

/// The calls that windows of one shape know.
#[derive(Clone, Debug)]
pub struct Window {
    /// The shape.
    pub shape: WindowShape,
    /// When a policy of this shape last recorded.
    pub used_at: Instant,
    /// The latest time of a record, and before the first one the time of its making.
    latest: Instant,
    /// How many calls were counted.
    counted: u64,
    calls: Vec<Call>,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    /// Its bucket in time, or which call it was; what is no call goes with the call before it.
    place: u64,
    counted: Counted,
    announced_until: Instant,
}

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Successes and failures.
    pub calls: u32,
    /// Failures.
    pub failures: u32,
    /// Slow successes.
    pub slow: u32,
    /// Cancelled calls that were slow.
    pub cancelled_slow: u32,
}

impl Window {
    /// An empty one.
    #[must_use]
    pub const fn new(shape: WindowShape, now: Instant) -> Self {
        Self { shape, used_at: now, latest: now, counted: 0, calls: Vec::new() }
    }

    /// Forget the calls.
    pub fn clear(&mut self) {
        self.calls.clear();
    }

    /// A call ended.
    pub fn record(&mut self, counted: Counted, announced_until: Option<Instant>, now: Instant) {
        if let WindowShape::Count { max_age, .. } = self.shape
            && now.since(self.latest) >= max_age
        {
            self.clear();
        }
        self.latest = self.latest.max(now);
        self.counted += u64::from(counted.is_call());
        let announced_until = announced_until.unwrap_or(Instant::ZERO);
        self.calls.push(Call { place: self.head(), counted, announced_until });
    }

    /// Successes that ended then, in the same bucket, are told of now. A window by count has no place
    /// for what comes late.
    pub fn record_successes(&mut self, successes: u32, then: Instant) {
        if let WindowShape::Time { duration, buckets } = self.shape {
            self.latest = self.latest.max(then);
            let place = then.as_nanos() / (nanos(duration) / u64::from(buckets));
            let call = Call { place, counted: Counted::Success, announced_until: Instant::ZERO };
            self.calls.extend((0..successes).map(|_| call));
        }
    }

    /// What it holds at the time of the latest record.
    #[must_use]
    pub fn total(&self) -> Total {
        let mut total = Total::default();
        for call in self.inside() {
            match call.counted {
                Counted::Success => {}
                Counted::SlowSuccess => total.slow += 1,
                Counted::Failure => total.failures += 1,
                Counted::CancelledSlow => total.cancelled_slow += 1,
            }
            total.calls += u32::from(call.counted.is_call());
        }
        total
    }

    /// The latest reset that a failure inside announced.
    #[must_use]
    pub fn announced_until(&self) -> Instant {
        self.inside().map(|call| call.announced_until).max().unwrap_or(Instant::ZERO)
    }

    fn inside(&self) -> impl Iterator<Item = &Call> {
        let (head, size) = (self.head(), self.size());
        self.calls.iter().filter(move |call| call.place + size > head)
    }

    fn head(&self) -> u64 {
        match self.shape {
            WindowShape::Time { duration, buckets } => {
                self.latest.as_nanos() / (nanos(duration) / u64::from(buckets))
            }
            WindowShape::Count { .. } => self.counted,
        }
    }

    const fn size(&self) -> u64 {
        match self.shape {
            WindowShape::Time { buckets, .. } => buckets as u64,
            WindowShape::Count { calls, .. } => calls as u64,
        }
    }
}

/// How long a call counts at most.
#[must_use]
pub const fn span(shape: WindowShape) -> Duration {
    match shape {
        WindowShape::Time { duration, .. } => duration,
        WindowShape::Count { max_age, .. } => max_age,
    }
}
