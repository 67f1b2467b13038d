//! One request that was let through: what of it reaches its breakers and the stats, and when.

use crate::access_log::Ending;
use crate::admission::{self, Share};
use crate::call::{Exchange, RequestBody};
use crate::fallback::Asked;
use crate::outcome::{Outcome, Verdict};
use crate::plugin::admission::{Shares, Vm};
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
    pub(super) shares: Shares,
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

impl Call {
    /// Tell the others that this upstream answers, unless they know.
    pub(super) fn note_answer(&mut self, now: Instant) {
        let Self { shares, answered_at, policy, .. } = self;
        *answered_at = admission::note_answer(&Vm, shares, *answered_at, policy, now);
    }

    pub(super) fn count(&self, stat: Stat) {
        if let Some(share) = self.shares.first() {
            share.breaker.stats.count(stat);
        }
    }

    pub(super) fn note_first_content(&self, waited: Duration) {
        self.trace.note(|record| record.first_token = Some(waited));
        if let Some(share) = self.shares.first() {
            share.breaker.stats.record(Stat::TimeToFirstToken, milliseconds(waited));
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

    /// A probe whose answer began well is judged. What it is in the stats, its end tells.
    pub(super) fn judge_early(&mut self, now: Instant) {
        let Self { shares, policy, exchange, trace, .. } = self;
        if shares.iter().any(Share::is_probe) {
            trace.note(|record| record.judged_early_at = Some(now));
            let outcome = exchange.success_so_far(policy, now);
            admission::judge_early(&Vm, shares, &outcome, policy, now);
        }
    }

    /// Use the permits up.
    pub(super) fn settle(self, outcome: &Outcome, now: Instant) {
        let Self { mut shares, policy, exchange, trace, .. } = self;
        let outcome = admission::settle(&Vm, &mut shares, outcome, &policy, now);
        let Some(first) = shares.first() else { return };
        let verdict = policy.verdicts.on(outcome.category);
        trace.note(|record| record.ending = Some(Ending::of(&outcome, verdict, now)));
        count(&first.breaker, &outcome, verdict, now.since(exchange.requested_at()));
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
