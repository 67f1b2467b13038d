//! Which changes of a breaker does its proxy tell the VM that speaks for it, and what of them are
//! others to hear? Only what its own calls said at its own thresholds, and nothing of a breaker that
//! only watches.

use crate::breaker::{Cause, OpenFor, OpenedBy, Standing, StateName, Transition};
use crate::category::Category;
use crate::fleet::fact::Basis;
use crate::fleet::news::News;
use crate::policy::{Mode, Policy};
use crate::time::Instant;

/// What to tell of a transition, given how the breaker stands after it.
#[must_use]
pub fn news_of(
    transition: &Transition,
    standing: &Standing,
    policy: &Policy,
    mode: Mode,
) -> Option<News> {
    if !is_told(policy, mode) {
        return None;
    }
    let Transition { to, cause, open_for, .. } = *transition;
    match to {
        StateName::Open => {
            let (until, reason) = (standing.until, reason(standing));
            if cause == Cause::ProbeFailed {
                let is_only_a_probe = standing.opened == OpenedBy::Hint;
                let basis = basis(open_for, is_only_a_probe);
                return Some(News::ProbeFailed { basis, reason, until });
            }
            let basis = is_own(cause, policy).then(|| basis(open_for, false));
            Some(News::Opened { basis, reason, until })
        }
        StateName::Closed => Some(News::Closed { proven: cause == Cause::ProbesSucceeded }),
        StateName::HalfOpen => None,
    }
}

/// What to tell of a breaker that was open until `before` and still is: a call that went out earlier
/// may have brought home a later reset.
#[must_use]
pub fn news_of_lengthening(
    before: Instant,
    standing: &Standing,
    policy: &Policy,
    mode: Mode,
) -> Option<News> {
    let Standing { state, until, opened, .. } = *standing;
    // What others opened is no trip of this proxy's, however long it makes it.
    let is_own = opened == OpenedBy::OwnCalls;
    let is_longer = is_own && state == StateName::Open && until > before;
    let news = News::Opened { basis: Some(Basis::Announced), reason: reason(standing), until };
    (is_longer && is_told(policy, mode)).then_some(news)
}

fn is_told(policy: &Policy, mode: Mode) -> bool {
    policy.fleet.is_some() && mode == Mode::Enforce
}

fn reason(standing: &Standing) -> Category {
    standing.because.unwrap_or(Category::Local)
}

fn basis(decided_by: Option<OpenFor>, only_a_probe: bool) -> Basis {
    match decided_by {
        Some(OpenFor::Announced(_)) => Basis::Announced,
        _ if only_a_probe => Basis::Probe,
        _ => Basis::Observed,
    }
}

/// Whether the proxy's own calls reached the thresholds that its policy has: not those that a ramp
/// or the word of others had lowered.
fn is_own(cause: Cause, policy: &Policy) -> bool {
    match cause {
        Cause::ConsecutiveFailures { count, .. } => {
            policy.trip.consecutive_failures.is_some_and(|threshold| count >= threshold)
        }
        Cause::FailureRate(share) => share.calls >= policy.trip.minimum_calls,
        Cause::SlowRate(_) | Cause::Verdict | Cause::AnnouncedReset => true,
        _ => false,
    }
}
