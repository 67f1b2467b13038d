//! What operators grep for and what their dashboards name stays as it is.

use crate::breaker::{Cause, Share, StateName};
use crate::outcome::EndedBy;
use crate::policy::Mode;

#[test]
fn states_modes_and_who_ended_a_call() {
    let states = [StateName::Closed, StateName::Open, StateName::HalfOpen];
    assert_eq!(states.map(StateName::as_str), ["closed", "open", "half_open"]);
    assert_eq!(Mode::ALL.map(Mode::name), ["enforce", "shadow", "disabled", "forced_open"]);
    let ended_by = [EndedBy::Upstream, EndedBy::Envoy, EndedBy::Client, EndedBy::Limit];
    assert_eq!(ended_by.map(EndedBy::name), ["upstream", "envoy", "client", "limit"]);
}

#[test]
fn a_rate_says_what_it_was_made_of() {
    let share = Share { part: 3, calls: 4, threshold: 0.5 };
    assert_eq!(Cause::FailureRate(share).share(), Some(("failures", share)));
    assert_eq!(Cause::SlowRate(share).share(), Some(("slow", share)));
    assert_eq!(Cause::SlowRate(share).threshold(), Some(0.5));
    assert_eq!((Cause::Verdict.share(), Cause::Verdict.threshold()), (None, None));
}
