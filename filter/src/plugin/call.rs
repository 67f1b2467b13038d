//! One request that was let through: what of it reaches the breaker and the stats, and when.

use crate::breaker::{Permit, PermitKind};
use crate::call::Exchange;
use crate::outcome::{ANSWER_RESOLUTION, Outcome, Verdict};
use crate::plugin::breakers::Entry;
use crate::policy::Policy;
use crate::stats::{CallResult, Stat};
use crate::time::Instant;
use core::time::Duration;
use std::rc::Rc;

/// A request that was let through.
pub(super) struct Call {
    pub(super) entry: Rc<Entry>,
    /// As it was when the request came: a configuration update leaves it alone.
    pub(super) policy: Rc<Policy>,
    pub(super) permit: Option<Permit>,
    pub(super) exchange: Exchange,
    /// When the breaker last knew of an answer.
    pub(super) answered_at: Instant,
}

impl Call {
    /// Tell the others that this upstream answers, unless they know.
    pub(super) fn note_answer(&mut self, now: Instant) {
        if now.since(self.answered_at) >= ANSWER_RESOLUTION {
            self.answered_at = now;
            let _ = self.entry.decide(now, |breaker| ((), breaker.note_answer(now)));
        }
    }

    pub(super) fn note_first_content(&self, waited: Duration) {
        self.entry.stats.record(Stat::TimeToFirstToken, milliseconds(waited));
    }

    /// A probe whose answer began well is good: others need not wait minutes for its end. What it
    /// is in the stats, its end tells.
    pub(super) fn judge_early(&mut self, now: Instant) {
        let is_probe = |permit: &mut Permit| matches!(permit.kind, PermitKind::Probe { .. });
        let Some(permit) = self.permit.take_if(is_probe) else { return };
        let Self { entry, policy, exchange, .. } = self;
        let outcome = exchange.success_so_far(policy, now);
        let decided = entry.decide(now, |breaker| {
            let (change, follow_up) =
                breaker.record_early(policy, now, &permit, &outcome, entry.jitter);
            (follow_up, change)
        });
        if let Some(transition) = decided.transition {
            entry.report(&transition, Some(&outcome));
        }
        self.permit = decided.value.flatten();
    }

    /// Use the permit up.
    pub(super) fn settle(self, outcome: &Outcome, now: Instant) {
        let Self { entry, policy, permit, exchange, .. } = self;
        let decided = entry.decide(now, |breaker| {
            let recorded = breaker.record(&policy, now, permit.as_ref(), outcome, entry.jitter);
            (recorded.category, recorded.change)
        });
        let category = decided.value.unwrap_or(outcome.category);
        let outcome = Outcome { category, ..*outcome };
        if let Some(transition) = decided.transition {
            entry.report(&transition, Some(&outcome));
        }
        count(&entry, &outcome, policy.verdicts.on(category), now.since(exchange.requested_at()));
    }
}

fn count(entry: &Entry, outcome: &Outcome, verdict: Verdict, duration: Duration) {
    entry.stats.count(Stat::Outcomes(outcome.category));
    match verdict {
        Verdict::Success => entry.stats.count(Stat::Successes),
        Verdict::Failure | Verdict::Open => entry.stats.count(Stat::Failures),
        Verdict::Ignore => {}
    }
    if outcome.slow {
        entry.stats.count(Stat::SlowCalls);
    }
    entry.stats.record(Stat::CallDuration(CallResult::of(verdict)), milliseconds(duration));
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
