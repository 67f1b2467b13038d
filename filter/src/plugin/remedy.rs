//! What does a client get whose own call failed, while nothing was sent to it yet?

use crate::category::Category;
use crate::fallback::{self, Reply};
use crate::outcome::{Outcome, Verdict};
use crate::plugin::admission;
use crate::plugin::call::Call;
use crate::plugin::chain::holds;
use crate::plugin::entry::Entry;
use crate::plugin::host;
use crate::plugin::trace::Trace;
use crate::policy::{Choice, Fallback, FallbackKind, Policy, Reason};
use crate::stats::Stat;
use crate::time::Instant;
use core::time::Duration;
use std::rc::Rc;

/// What may replace the answer of a call that failed.
pub(super) struct Remedy {
    /// The call's breaker that keeps its stats.
    entry: Rc<Entry>,
    /// All of its breakers.
    entries: Vec<Rc<Entry>>,
    policy: Rc<Policy>,
    asked: fallback::Asked,
    /// Whether all was read of the request that a completion must suit.
    is_known: bool,
    category: Category,
    announced: Option<Duration>,
    trace: Trace,
}

impl Remedy {
    /// What may replace the answer of this call; `None` if it is not to be replaced, or something
    /// was sent already.
    pub(super) fn of(call: &Call, outcome: &Outcome) -> Option<Self> {
        let failed =
            matches!(call.policy.verdicts.on(outcome.category), Verdict::Failure | Verdict::Open);
        let is_wanted = call.policy.on_failure && !call.is_only_watched();
        if !failed || !is_wanted || !call.has_sent_nothing() {
            return None;
        }
        let (asked, is_known) = (call.asking.asked, call.asking.is_known);
        let entries: Vec<_> = call.shares.iter().map(|share| Rc::clone(&share.breaker)).collect();
        let entry = Rc::clone(entries.first()?);
        let (category, announced) = (outcome.category, outcome.announced);
        let policy = Rc::clone(&call.policy);
        let trace = call.trace.clone();
        Some(Self { entry, entries, policy, asked, is_known, category, announced, trace })
    }

    /// Answer in the upstream's place; whether there was an answer, and the host took it.
    pub(super) fn answer(&self, now: Instant) -> bool {
        let reason = Some(Reason::Category(self.category));
        let waits = self.entries.iter().map(|entry| admission::wait(entry, &self.policy, now));
        let wait = waits.fold(self.announced.unwrap_or_default(), Duration::max);
        let part = self.entry.key.part.as_deref();
        let choices = self.policy.fallback.iter().filter(|choice| holds(choice, reason, part));
        // Where `pass` stands, the answer stays as it is.
        let mut until_pass = choices.take_while(|it| !matches!(it.fallback, Fallback::Pass));
        let Some((kind, reply)) = until_pass.find_map(|choice| self.made(choice, wait)) else {
            return false;
        };
        self.entry.stats.count(Stat::Fallbacks(kind));
        self.trace.note(|record| record.fallback = Some(kind));
        host::reply(&reply)
    }

    /// The sending is over: whatever would send the call elsewhere is passed over.
    fn made(&self, choice: &Choice, wait: Duration) -> Option<(FallbackKind, Reply)> {
        let reply = match &choice.fallback {
            Fallback::Error(answer) => fallback::failed(answer, &self.asked, wait),
            Fallback::Completion(answer) if self.is_known => {
                fallback::completion(answer, &self.asked, host::wall_clock())?
            }
            _ => return None,
        };
        Some((choice.fallback.kind(), reply))
    }
}

/// The event to append to a stream that ended without its end, so that its client does not take
/// half an answer for a whole one.
pub(super) fn missing_end(call: &Call, outcome: &Outcome) -> Option<Vec<u8>> {
    let is_missing = outcome.category == Category::StreamInterrupted;
    (is_missing && may_append(call)).then(|| fallback::stream_error(&call.asking.asked))
}

/// Whether the answer is a stream that is appended to if its end is missing.
pub(super) fn may_append(call: &Call) -> bool {
    let is_wanted = call.policy.append_stream_error && !call.is_only_watched();
    is_wanted && call.exchange.is_of_events()
}
