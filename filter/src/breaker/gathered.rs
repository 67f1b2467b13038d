//! Which successes need not be recorded one by one? Those of a healthy breaker: a worker gathers
//! them for at most a second, and merges them with its next write.
//!
//! A breaker is healthy where a success more or less decides nothing: it is closed and not in a ramp,
//! nothing failed or was slow in any of its windows, none of which must let go of a bucket yet, and
//! the policy's window holds as many calls as a rate asks for. Failures and slow calls are never
//! gathered, and come with what their worker gathered before them. In a window by count each call
//! has its place: what came late would push out what others recorded meanwhile.

use crate::breaker::{Breaker, Change, Permit, PermitKind, Window};
use crate::outcome::Outcome;
use crate::policy::{Policy, WindowShape};
use crate::time::Instant;
use core::time::Duration;

/// For how long.
const GATHERED_FOR: Duration = Duration::from_secs(1);

/// What one worker knows of a breaker's successes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gathering {
    /// What it found at its latest admission, and has not changed since.
    pub healthy: Option<Healthy>,
    /// What it has yet to merge.
    pub gathered: Option<Gathered>,
}

/// A breaker whose successes may be gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Healthy {
    epoch: u64,
    window: WindowShape,
    /// Until when that may be relied on.
    until: Instant,
    /// When the first of its windows lets go of a bucket.
    bucket_ends: Instant,
}

/// Successes of one epoch that were not recorded yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// The epoch of their admissions.
    pub epoch: u64,
    /// The window of the policy that let them through.
    pub window: WindowShape,
    /// How many.
    pub successes: u32,
    /// When they are to be merged: after a second, and before they are of two buckets.
    pub due: Instant,
    /// When the latest did.
    pub latest_at: Instant,
}

impl Gathering {
    /// A call ended: whether it is a success that could be gathered, so that nothing is left to be
    /// recorded.
    #[must_use]
    pub fn takes(
        &mut self,
        policy: &Policy,
        now: Instant,
        permit: Option<&Permit>,
        outcome: &Outcome,
    ) -> bool {
        let Some(healthy) = self.healthy else { return false };
        let is_its_call =
            permit.is_some_and(|it| it.kind == PermitKind::Call && it.epoch == healthy.epoch);
        if !is_its_call
            || now >= healthy.until
            || policy.window != healthy.window
            || !outcome.is_plain_success(policy)
        {
            return false;
        }
        let Healthy { epoch, window, bucket_ends, .. } = healthy;
        let due = bucket_ends.min(now + GATHERED_FOR);
        let none_yet = Gathered { epoch, window, successes: 0, due, latest_at: now };
        // Those of another epoch count no more.
        let gathered = self.gathered.filter(|it| it.epoch == epoch).unwrap_or(none_yet);
        if gathered.window != window || gathered.is_due(now) {
            return false;
        }
        let successes = gathered.successes.saturating_add(1);
        let latest_at = gathered.latest_at.max(now);
        self.gathered = Some(Gathered { successes, latest_at, ..gathered });
        true
    }

    /// A worker reads the record at an admission: what it knows from then on, and what it has to
    /// merge first.
    #[must_use]
    pub fn at_admission(
        self,
        breaker: &Breaker,
        policy: &Policy,
        now: Instant,
    ) -> (Self, Option<Gathered>) {
        let healthy = breaker.healthy(policy, now);
        let is_due =
            |it: &Gathered| it.epoch != breaker.epoch || healthy.is_none() || it.is_due(now);
        match self.gathered.filter(is_due) {
            due @ Some(_) => (Self { healthy, gathered: None }, due),
            None => (Self { healthy, ..self }, None),
        }
    }
}

impl Gathered {
    fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }
}

impl Breaker {
    /// Count what a worker gathered. As with a stale permit, what belongs to another epoch moves
    /// nothing.
    pub fn merge(&mut self, gathered: &Gathered) -> Change {
        // Every transition begins an epoch: in theirs it is still closed.
        if gathered.epoch != self.epoch {
            return Change::Nothing;
        }
        // The failures that others recorded after them stay in a row.
        self.run.forget_until(gathered.latest_at);
        self.refute(gathered.latest_at);
        self.windows.record_successes(gathered.window, gathered.successes, gathered.latest_at);
        Change::Data
    }

    fn healthy(&self, policy: &Policy, now: Instant) -> Option<Healthy> {
        let windows = self.windows.as_slice();
        let is_healthy = self.flows(policy, now)
            && !self.is_suspected(policy, now)
            && self.run.times().is_empty()
            && windows.iter().all(Window::holds_only_successes_by_time)
            && self.windows.total(policy.window).calls >= policy.trip.minimum_calls.max(1);
        let bucket_ends = windows.iter().map(Window::until).min()?;
        (is_healthy && now < bucket_ends).then(|| Healthy {
            epoch: self.epoch,
            window: policy.window,
            until: bucket_ends.min(now + GATHERED_FOR),
            bucket_ends,
        })
    }
}
