//! How does another policy judge a call than the one that judged it live, as far as the log tells?
//!
//! Verdicts, slow limits and limits are asked again. What only the answer itself could tell (a
//! matcher, another provider's words) and what passed after the live policy had judged stays as it was.

use crate::call::Waits;
use crate::category::Category;
use crate::outcome::{EndedBy, Outcome};
use crate::policy::Policy;
use crate::replay::call::Ended;
use crate::time::Instant;
use core::time::Duration;

/// When it would have been settled, and by which outcome.
pub(super) fn rejudge(
    ended: &Ended,
    admitted: Instant,
    policy: &Policy,
    fingerprint: u64,
) -> (Instant, Outcome) {
    if ended.policy == Some(fingerprint) {
        return (ended.settled, ended.outcome);
    }
    if let Some(overdue) = overdue(ended, admitted, policy) {
        return overdue;
    }
    let waits = waits(ended, admitted);
    let mut outcome = ended.outcome;
    match outcome.category {
        Category::Success | Category::Slow => {
            outcome.slow = waits.are_slow(&policy.slow) || knows_no_measure(ended, policy);
            outcome.category = if outcome.slow { Category::Slow } else { Category::Success };
        }
        Category::Cancelled => outcome.slow = waits.are_slow(&policy.slow),
        _ => {}
    }
    (ended.settled, outcome)
}

/// What a probe that streams is judged by at its first content.
pub(super) fn so_far(ended: &Ended, policy: &Policy) -> Outcome {
    let first_token = ended.measured.first_token.unwrap_or_default();
    let waits = Waits {
        response_headers: ended.measured.response_headers.unwrap_or_default(),
        first_token,
        gap: Duration::ZERO,
        total: first_token,
    };
    let slow = waits.are_slow(&policy.slow);
    let category = if slow { Category::Slow } else { Category::Success };
    Outcome { slow, answered: true, ..Outcome::of(category) }
}

/// A limit that the policy has would have passed before the call ended. (How long the longest gap of a
/// stream was, no log tells.)
fn overdue(ended: &Ended, admitted: Instant, policy: &Policy) -> Option<(Instant, Outcome)> {
    let waits = waits(ended, admitted);
    if !waits.are_too_long(&policy.limits) {
        return None;
    }
    let reached = |wait: Duration, limit: Option<Duration>| limit.filter(|limit| wait >= *limit);
    let limits = &policy.limits;
    let passed =
        [reached(waits.first_token, limits.first_token), reached(waits.total, limits.total)];
    let settled = admitted + passed.into_iter().flatten().min()?;
    let answered = ended.measured.response_headers.is_some_and(|it| admitted + it <= settled);
    let outcome = Outcome { answered, ended_by: EndedBy::Limit, ..Outcome::of(Category::Timeout) };
    (settled < ended.settled).then_some((settled, outcome))
}

/// A slow answer whose slowness nothing measured tells stays slow, if anything is slow at all.
fn knows_no_measure(ended: &Ended, policy: &Policy) -> bool {
    ended.outcome.slow && policy.slow.gap.is_some()
}

fn waits(ended: &Ended, admitted: Instant) -> Waits {
    let total = ended.settled.since(admitted);
    let measured = &ended.measured;
    // What hung until a limit passed, without any content, waited for that.
    let hung =
        ended.outcome.category == Category::Timeout && ended.outcome.ended_by == EndedBy::Limit;
    let first_token = measured.first_token.or(hung.then_some(total)).unwrap_or_default();
    let response_headers = measured.response_headers.unwrap_or_default().min(total);
    Waits { response_headers, first_token, gap: Duration::ZERO, total }
}
