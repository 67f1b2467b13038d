//! What operators grep for and what their dashboards name stays as it is.

use crate::breaker::{Cause, PermitKind, Share, StateName};
use crate::outcome::{Category, EndedBy, Verdict};
use crate::policy::{FallbackKind, Mode};
use crate::time::Instant;
use std::collections::BTreeSet;

const SHARE: Share = Share { part: 3, calls: 4, threshold: 0.5 };

const CAUSES: [Cause; 15] = [
    Cause::ConsecutiveFailures { count: 6, threshold: 5 },
    Cause::FailureRate(SHARE),
    Cause::SlowRate(SHARE),
    Cause::Verdict,
    Cause::AnnouncedReset,
    Cause::OpenTimeEnded,
    Cause::ProbeFailed,
    Cause::ProbesSucceeded,
    Cause::ModeChanged,
    Cause::Operator,
    Cause::ResetGeneration,
    Cause::FleetAnnounced,
    Cause::FleetCorroborated,
    Cause::FleetClosed,
    Cause::Suspected { count: 3, threshold: 3 },
];

#[test]
fn states_modes_and_who_ended_a_call() {
    let states = [StateName::Closed, StateName::Open, StateName::HalfOpen];
    assert_eq!(states.map(StateName::as_str), ["closed", "open", "half_open"]);
    assert_eq!(Mode::ALL.map(Mode::name), ["enforce", "shadow", "disabled", "forced_open"]);
    let ended_by = [EndedBy::Upstream, EndedBy::Envoy, EndedBy::Client, EndedBy::Limit];
    assert_eq!(ended_by.map(EndedBy::name), ["upstream", "envoy", "client", "limit"]);
}

#[test]
fn what_a_call_was_and_what_was_done_in_its_place() {
    let lease = Instant::ZERO;
    let kinds = [
        PermitKind::Call,
        PermitKind::Probe { lease },
        PermitKind::LastResort { lease },
        PermitKind::FollowUp,
    ];
    assert_eq!(kinds.map(PermitKind::name), ["call", "probe", "last_resort", "follow_up"]);
    let fallbacks = [
        FallbackKind::Error,
        FallbackKind::Completion,
        FallbackKind::Reroute,
        FallbackKind::Pass,
        FallbackKind::LastResort,
    ];
    let names = ["error", "completion", "reroute", "pass", "last_resort"];
    assert_eq!(fallbacks.map(FallbackKind::name), names);
}

#[test]
fn why_a_state_changed() {
    assert_eq!(
        CAUSES.map(Cause::name),
        [
            "consecutive_failures",
            "failure_rate",
            "slow_rate",
            "verdict",
            "announced_reset",
            "open_time_ended",
            "probe_failed",
            "probes_succeeded",
            "mode_changed",
            "operator",
            "reset_generation",
            "fleet_announced",
            "fleet_corroborated",
            "fleet_closed",
            "suspected",
        ]
    );
}

#[test]
fn every_name_is_a_word_of_its_own() {
    let of = |names: Vec<&'static str>| {
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
        for name in names {
            let is_word =
                |word: &str| !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase());
            assert!(name.split('_').all(is_word), "{name}");
        }
    };
    of(CAUSES.map(Cause::name).into());
    of(Category::ALL.iter().map(|category| category.name()).collect());
    let verdicts = [Verdict::Success, Verdict::Failure, Verdict::Ignore, Verdict::Open];
    of(verdicts.map(Verdict::name).into());
}

#[test]
fn a_number_that_reached_its_threshold_is_told_with_it() {
    let run = CAUSES[0];
    assert_eq!((run.measured(), run.threshold(), run.share()), (Some(6.0), Some(5.0), None));
    assert_eq!(Cause::FailureRate(SHARE).share(), Some(("failures", SHARE)));
    assert_eq!(Cause::SlowRate(SHARE).share(), Some(("slow", SHARE)));
    for rate in [Cause::FailureRate(SHARE), Cause::SlowRate(SHARE)] {
        assert_eq!((rate.measured(), rate.threshold()), (Some(0.75), Some(0.5)));
    }
    let suspected = CAUSES[14];
    assert_eq!((suspected.measured(), suspected.threshold()), (Some(3.0), Some(3.0)));
    for cause in &CAUSES[3..14] {
        assert_eq!((cause.measured(), cause.threshold(), cause.share()), (None, None, None));
    }
}
