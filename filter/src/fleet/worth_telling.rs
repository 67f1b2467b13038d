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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::Share;
    use core::time::Duration;

    const UNTIL: Instant = Instant::from_nanos(90_000_000_000);

    fn policy() -> Policy {
        Policy { fleet: Some(crate::policy::Fleet::default()), ..Policy::default() }
    }

    fn opened(cause: Cause, announced: bool) -> Transition {
        let lasts = Duration::from_secs(30);
        let open_for = if announced { OpenFor::Announced(lasts) } else { OpenFor::Backoff(lasts) };
        let (from, to) = (StateName::Closed, StateName::Open);
        Transition { from, to, epoch: 2, cause, open_for: Some(open_for) }
    }

    fn standing(opened: OpenedBy) -> Standing {
        let because = Some(Category::ServerError);
        Standing { state: StateName::Open, until: UNTIL, because, opened }
    }

    /// What a breaker that its own calls opened has others hear.
    fn basis_of(cause: Cause, announced: bool) -> Option<Basis> {
        let transition = opened(cause, announced);
        match news_of(&transition, &standing(OpenedBy::OwnCalls), &policy(), Mode::Enforce) {
            Some(News::Opened { basis, until: UNTIL, .. }) => basis,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn trips_of_its_own_are_for_others_and_those_at_lowered_thresholds_are_not() {
        let run = |count| Cause::ConsecutiveFailures { count, threshold: count };
        let rate = |calls| Cause::FailureRate(Share { part: calls, calls, threshold: 0.5 });
        for cause in [run(5), rate(10), Cause::Verdict, Cause::AnnouncedReset] {
            assert_eq!(basis_of(cause, false), Some(Basis::Observed), "{cause:?}");
            assert_eq!(basis_of(cause, true), Some(Basis::Announced), "{cause:?}");
        }
        for cause in [
            run(2),
            rate(5),
            Cause::Suspected { count: 1, threshold: 1 },
            Cause::FleetAnnounced,
            Cause::FleetCorroborated,
        ] {
            assert_eq!(basis_of(cause, true), None, "{cause:?}");
        }
    }

    #[test]
    fn a_failed_probe_is_a_witness_only_of_who_was_one_before() {
        for (by, announced, basis) in [
            (OpenedBy::OwnCalls, false, Basis::Observed),
            (OpenedBy::Hint, false, Basis::Probe),
            (OpenedBy::Hint, true, Basis::Announced),
        ] {
            let transition = opened(Cause::ProbeFailed, announced);
            let news = news_of(&transition, &standing(by), &policy(), Mode::Enforce);
            let reason = Category::ServerError;
            assert_eq!(news, Some(News::ProbeFailed { basis, reason, until: UNTIL }));
        }
    }

    #[test]
    fn only_its_own_probes_prove_that_it_works() {
        for (cause, proven) in [
            (Cause::ProbesSucceeded, true),
            (Cause::FleetClosed, false),
            (Cause::Operator, false),
            (Cause::ModeChanged, false),
            (Cause::ResetGeneration, false),
        ] {
            let transition = Transition { to: StateName::Closed, ..opened(cause, false) };
            let news =
                news_of(&transition, &standing(OpenedBy::OwnCalls), &policy(), Mode::Enforce);
            assert_eq!(news, Some(News::Closed { proven }), "{cause:?}");
        }
    }

    #[test]
    fn a_breaker_that_only_watches_says_nothing_nor_one_without_a_fleet() {
        let transition = opened(Cause::Verdict, false);
        let standing = standing(OpenedBy::OwnCalls);
        for mode in [Mode::Shadow, Mode::Disabled, Mode::ForcedOpen] {
            assert_eq!(news_of(&transition, &standing, &policy(), mode), None);
        }
        assert_eq!(news_of(&transition, &standing, &Policy::default(), Mode::Enforce), None);
    }

    #[test]
    fn a_later_reset_is_told_by_whose_trip_it_was() {
        let before = UNTIL - Duration::from_secs(1);
        let longer = |before, by| {
            news_of_lengthening(before, &standing(by), &policy(), Mode::Enforce).is_some()
        };
        assert!(longer(before, OpenedBy::OwnCalls));
        assert!(!longer(before, OpenedBy::Hint));
        assert!(!longer(UNTIL, OpenedBy::OwnCalls));
    }
}
