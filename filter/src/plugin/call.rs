//! One request that was let through: what of it reaches its breakers and the stats, and when.

use crate::access_log::Ending;
use crate::breaker::{Permit, PermitKind};
use crate::call::{Exchange, RequestBody};
use crate::fallback::Asked;
use crate::level::Level;
use crate::outcome::{ANSWER_RESOLUTION, Category, Outcome, Verdict};
use crate::plugin::entry::Entry;
use crate::plugin::host;
use crate::plugin::trace::Trace;
use crate::policy::{Mode, Policy};
use crate::stats::{CallResult, Stat};
use crate::time::Instant;
use core::time::Duration;
use std::rc::Rc;

/// A request that was let through.
pub(super) struct Call {
    /// Its breakers, one at least, and what each of them gave; the first one keeps its stats.
    pub(super) shares: Vec<Share>,
    /// As it was when the request came: a configuration update leaves it alone.
    pub(super) policy: Rc<Policy>,
    pub(super) exchange: Exchange,
    /// When the first breaker last knew of an answer.
    pub(super) answered_at: Instant,
    /// The cluster that it was sent to instead of that which its route named at first.
    pub(super) rerouted_to: Option<String>,
    /// Whether its answer is to say who served it.
    pub(super) says_who_served: bool,
    /// What is known of the request that an answer of the filter's own must suit.
    pub(super) asking: Asking,
    pub(super) hold: Hold,
    pub(super) trace: Trace,
}

/// What is known of a request that an answer of the filter's own must suit.
pub(super) struct Asking {
    pub(super) asked: Asked,
    /// Its body, read as it passes; none if its head says all, or nobody would use it.
    pub(super) body: Option<RequestBody>,
    /// Whether all is known of it that is needed to make a completion.
    pub(super) is_known: bool,
}

/// Whether an answer is held until it is known what it is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Hold {
    /// It was not, so far.
    #[default]
    No,
    Held {
        since: Instant,
        /// How much of its body was read.
        read_bytes: usize,
    },
    /// It was let go.
    LetGo,
}

impl Hold {
    /// How much of the body is read already of what the next callback shows.
    pub(super) const fn read_bytes(self) -> usize {
        match self {
            Self::Held { read_bytes, .. } => read_bytes,
            Self::No | Self::LetGo => 0,
        }
    }
}

/// One breaker's share in a call.
pub(super) struct Share {
    pub(super) level: Level,
    pub(super) entry: Rc<Entry>,
    /// Its mode when the call was let through.
    pub(super) mode: Mode,
    /// Without one the outcome is for the stats only.
    pub(super) permit: Option<Permit>,
}

impl Call {
    /// Tell the others that this upstream answers, unless they know.
    pub(super) fn note_answer(&mut self, now: Instant) {
        if now.since(self.answered_at) >= ANSWER_RESOLUTION
            && let Some(share) = self.shares.first()
        {
            self.answered_at = now;
            let _ = share.entry.decide(now, |breaker| ((), breaker.note_answer(now)));
        }
    }

    pub(super) fn count(&self, stat: Stat) {
        if let Some(share) = self.shares.first() {
            share.entry.stats.count(stat);
        }
    }

    pub(super) fn note_first_content(&self, waited: Duration) {
        self.trace.note(|record| record.first_token = Some(waited));
        if let Some(share) = self.shares.first() {
            share.entry.stats.record(Stat::TimeToFirstToken, milliseconds(waited));
        }
    }

    /// Whether it is to be ended, too, when it is judged to hang.
    pub(super) fn ends_if_it_hangs(&self) -> bool {
        let is_wanted =
            self.policy.limits.abort || self.policy.on_failure && self.has_sent_nothing();
        is_wanted && !self.is_only_watched()
    }

    /// Whether nothing of it may be changed: the breaker that keeps its stats only watches.
    pub(super) fn is_only_watched(&self) -> bool {
        self.shares.first().is_some_and(|share| share.mode == Mode::Shadow)
    }

    /// Whether its client was sent nothing yet. What of a stream came in one piece with its first
    /// event counts as sent with it, so that chance does not decide what the client gets.
    pub(super) fn has_sent_nothing(&self) -> bool {
        let is_held = matches!(self.hold, Hold::Held { .. }) && !self.exchange.has_begun();
        is_held || !self.exchange.has_answer()
    }

    /// Reads a piece of the request as it passes.
    pub(super) fn read_request(&mut self, size: usize, ended: bool) {
        let Some(body) = &mut self.asking.body else { return };
        let goes_on = size == 0
            || host::request_body(0, size.min(body.left_bytes())).is_some_and(|it| body.read(&it));
        if ended || !goes_on {
            self.asking.is_known = body.facts().complete;
            self.asking.asked = self.asking.asked.with(body.facts());
            self.asking.body = None;
        }
    }

    /// The head of its answer is here: hold it while that is looked at, if it may be replaced.
    pub(super) fn hold(&mut self, now: Instant) {
        if self.policy.on_failure && !self.is_only_watched() {
            self.hold = Hold::Held { since: now, read_bytes: 0 };
        }
    }

    /// Whether it goes on being held, now that its body was read so far.
    pub(super) fn goes_on_being_held(&mut self, size: usize) -> bool {
        let Hold::Held { since, .. } = self.hold else { return false };
        let goes_on = self.exchange.is_undecided();
        self.hold = if goes_on { Hold::Held { since, read_bytes: size } } else { Hold::LetGo };
        goes_on
    }

    /// Whether it is held for longer than its policy allows; then it is to be let go.
    pub(super) fn is_held_too_long(&self, now: Instant) -> bool {
        matches!(self.hold, Hold::Held { since, .. } if now.since(since) >= self.policy.hold_max)
    }

    /// A probe whose answer began well is good: others need not wait minutes for its end. What it
    /// is in the stats, its end tells.
    pub(super) fn judge_early(&mut self, now: Instant) {
        let Self { shares, policy, exchange, trace, .. } = self;
        let is_probe = |permit: &mut Permit| matches!(permit.kind, PermitKind::Probe { .. });
        for share in shares {
            if let Some(permit) = share.permit.take_if(is_probe) {
                let outcome = exchange.success_so_far(policy, now);
                trace.note(|record| record.judged_early_at = Some(now));
                share.permit = share.judge_early(&permit, &outcome, policy, now);
            }
        }
    }

    /// Use the permits up.
    pub(super) fn settle(self, outcome: &Outcome, now: Instant) {
        let Self { shares, policy, exchange, trace, .. } = self;
        let mut shares = shares.into_iter();
        let Some(first) = shares.next() else { return };
        let category = first.record(outcome, &policy, now);
        let outcome = Outcome { category, ..*outcome };
        for share in shares {
            share.record(&outcome, &policy, now);
        }
        let verdict = policy.verdicts.on(category);
        trace.note(|record| record.ending = Some(Ending::of(&outcome, verdict, now)));
        count(&first.entry, &outcome, verdict, now.since(exchange.requested_at()));
    }
}

impl Share {
    /// The same for a call whose outcome is for the stats only.
    pub(super) fn without_permit(&self) -> Self {
        Self { level: self.level, entry: Rc::clone(&self.entry), mode: self.mode, permit: None }
    }

    /// What is left of a probe's permit, if anything.
    fn judge_early(
        &self,
        permit: &Permit,
        outcome: &Outcome,
        policy: &Policy,
        now: Instant,
    ) -> Option<Permit> {
        let heard = self.level.hears(outcome, policy);
        let decided = self.entry.decide(now, |breaker| {
            let (change, follow_up) =
                breaker.record_early(policy, now, permit, &heard, self.entry.jitter);
            (follow_up, change)
        });
        if let Some(transition) = decided.transition {
            self.entry.report(&transition, Some(outcome), now);
        }
        decided.value.flatten()
    }

    /// The category that was recorded: a client's leaving may turn out to be a time-out.
    fn record(&self, outcome: &Outcome, policy: &Policy, now: Instant) -> Category {
        let heard = self.level.hears(outcome, policy);
        let permit = self.permit.as_ref();
        if self.entry.gathers(policy, now, permit, &heard) {
            return outcome.category;
        }
        let decided = self.entry.decide(now, |breaker| {
            let recorded = breaker.record(policy, now, permit, &heard, self.entry.jitter);
            (recorded.category, recorded.change)
        });
        let category = decided.value.unwrap_or(outcome.category);
        if let Some(transition) = decided.transition {
            self.entry.report(&transition, Some(&Outcome { category, ..*outcome }), now);
        }
        category
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
