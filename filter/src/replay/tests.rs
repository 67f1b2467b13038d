//! Calls that are told by hand, and what a replay makes of them.

use super::*;
use crate::breaker::{Jitter, OpenFor, StateName};
use crate::category::Category;
use crate::config::Config;
use crate::outcome::{EndedBy, Outcome};
use crate::time::Instant;
use core::time::Duration;
use std::sync::Arc;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(1_000.0 + seconds)
}

fn config(document: &str) -> Config {
    Config::parse(document.as_bytes()).expect("a configuration")
}

/// Calls through one proxy.
struct Log {
    source: Arc<Source>,
    calls: Vec<Call>,
}

impl Log {
    fn new() -> Self {
        Self { source: Source::of("node"), calls: Vec::new() }
    }

    /// A call that goes out and ends like this after a tenth of a second.
    fn call(&mut self, seconds: f64, category: Category) -> &mut Call {
        let outcome = Outcome { answered: true, ..Outcome::of(category) };
        let ended = Ended::at(at(seconds + 0.1), outcome);
        let cluster = Arc::from("openai");
        self.calls.push(Call::sent(&self.source, &cluster, at(seconds), ended));
        self.calls.last_mut().expect("it was just pushed")
    }

    fn replay(&self, documents: &[&str]) -> Findings {
        let candidates = documents
            .iter()
            .map(|document| Candidate { name: (*document).to_owned(), config: config(document) });
        let mut replay = Replay::new(candidates.collect());
        self.calls.iter().for_each(|call| replay.feed(call));
        replay.finish()
    }
}

fn ended(call: &mut Call) -> &mut Ended {
    match &mut call.fate {
        Fate::Sent(ended) => ended,
        Fate::Blocked => panic!("it was blocked"),
    }
}

/// A call a second for a minute, which fail from second 10 to 40.
fn outage() -> Log {
    let mut log = Log::new();
    for second in 0..60 {
        let fails = (10..40).contains(&second);
        log.call(f64::from(second), if fails { Category::ServerError } else { Category::Success });
    }
    log
}

#[test]
fn an_outage_trips_and_what_was_blocked_is_told_apart_by_how_it_ended() {
    let findings = outage().replay(&["{}"]);
    let told = &findings.configurations[0];
    assert_eq!((told.trips, told.breakers.len()), (1, 1));
    let trip = &told.breakers[0].trips[0];
    // The fifth failure ends at 14.1 s.
    assert_eq!((trip.opened_at, trip.transition.cause.name()), (at(14.1), "consecutive_failures"));
    assert_eq!((trip.category, trip.reopened), (Some(Category::ServerError), 0));
    let open = trip.transition.open_for.expect("it opened").duration();
    assert!((30 * SECOND..33 * SECOND).contains(&open), "{open:?}");
    assert_eq!(told.tally.sent, Ends { succeeded: 30, failed: 30, ignored: 0 });
    assert_eq!(told.tally.blocked.failed, 25);
    let probe = told.breakers[0].turns[1].at.since(at(0.0)).as_secs_f64().floor() as u64;
    assert_eq!(told.tally.blocked.succeeded, probe - 40, "until the tick");
    assert_eq!(told.tally.saved, 25 * SECOND / 10);
    let states = told.breakers[0].turns.iter().map(|turn| turn.transition.to);
    let expected = [StateName::Open, StateName::HalfOpen, StateName::Closed];
    assert_eq!(states.collect::<Vec<_>>(), expected);
}

#[test]
fn the_open_time_has_the_jitter_of_the_live_breakers_key_epoch_and_node() {
    let mut log = outage();
    log.calls.iter_mut().for_each(|call| call.epochs.cluster = Some(77));
    let findings = log.replay(&["{}"]);
    let turn = &findings.configurations[0].breakers[0].turns[0];
    let jitter = Jitter::of("openai", "node").unit(78);
    let expected = Duration::from_secs_f64(30.0 * 0.1f64.mul_add(jitter, 1.0));
    assert_eq!(
        (turn.transition.epoch, turn.transition.open_for),
        (78, Some(OpenFor::Backoff(expected)))
    );
}

#[test]
fn an_open_time_ends_at_a_tick_also_without_calls() {
    let mut log = outage();
    log.calls.truncate(16);
    log.call(500.0, Category::Success);
    let told = &log.replay(&["{}"]).configurations[0].breakers[0];
    let [opened, half_open, closed] = told.turns.as_slice() else { panic!("{:?}", told.turns) };
    let open_for = opened.transition.open_for.expect("it opened").duration();
    let late = half_open.at.since(opened.at + open_for);
    assert!(late < SECOND, "{late:?}");
    assert_eq!(closed.at, at(500.1));
}

#[test]
fn what_was_blocked_live_is_unknown_and_never_a_false_alarm() {
    let mut log = outage();
    for call in log.calls.iter_mut().skip(20) {
        call.fate = Fate::Blocked;
    }
    let told = &log.replay(&["{}"]).configurations[0].tally;
    assert_eq!(told.sent.total(), 20);
    assert_eq!(told.unknown.blocked + told.unknown.passed, 40);
    assert!(told.unknown.blocked >= 24, "{told:?}");
    assert_eq!(told.blocked, Ends { succeeded: 0, failed: 5, ignored: 0 });
}

#[test]
fn configurations_are_compared_on_the_same_calls() {
    let never = r#"{"defaults": {"trip": {"consecutive_failures": null, "failure_rate": null}}}"#;
    let forced = r#"{"defaults": {"mode": "forced_open"}}"#;
    let disabled = r#"{"defaults": {"mode": "disabled"}}"#;
    let findings = outage().replay(&["{}", never, forced, disabled]);
    let blocked = findings.configurations.iter().map(|it| it.tally.blocked.failed);
    assert_eq!(blocked.collect::<Vec<_>>(), [25, 0, 30, 0]);
    let share = findings.configurations[2].tally.false_alarm_share();
    assert!((share - 1.0).abs() < f64::EPSILON, "{share}");
}

#[test]
fn a_process_that_started_anew_has_forgotten_everything() {
    let mut log = outage();
    for (index, call) in log.calls.iter_mut().enumerate() {
        let started = if index < 20 { at(0.0) } else { at(20.0) };
        call.epochs.cluster = Some(started.as_nanos());
    }
    let told = &log.replay(&["{}"]).configurations[0];
    assert_eq!((told.restarts, told.trips), (1, 2));
    let opened = told.breakers[0].trips.iter().map(|trip| trip.opened_at);
    assert_eq!(opened.collect::<Vec<_>>(), [at(14.1), at(24.1)]);
}

#[test]
fn a_part_that_fails_leaves_the_others_and_a_provider_that_fails_takes_them_along() {
    let by_model =
        r#"{"stop_iteration": true, "defaults": {"key_by": "model", "models": ["a*", "b"]}}"#;
    for (category, blocked_of_b) in [(Category::ServerError, 0), (Category::ConnectionFailed, 26)] {
        let mut log = Log::new();
        for second in 0..30 {
            let part = |call: &mut Call, part: &str| call.part = Some(Arc::from(part));
            part(log.call(f64::from(second), category), "a-7");
            let b = log.call(f64::from(second) + 0.5, Category::ClientError);
            // Nothing came back, so that it says nothing of the provider.
            ended(b).outcome.answered = false;
            part(b, "b");
        }
        let told = &log.replay(&[by_model]).configurations[0];
        assert_eq!(told.tally.blocked.failed, 25, "{category:?}");
        assert_eq!(told.tally.blocked.ignored, blocked_of_b, "{category:?}");
        let keys = told.breakers.iter().map(|it| it.part.as_deref());
        assert_eq!(keys.collect::<Vec<_>>(), [None, Some("a*"), Some("b")]);
    }
}

#[test]
fn a_streaming_probe_is_judged_at_its_first_content() {
    let mut log = outage();
    log.calls.truncate(16);
    let probe = log.call(100.0, Category::Success);
    ended(probe).settled = at(400.0);
    ended(probe).measured.first_token = Some(2 * SECOND);
    let told = &log.replay(&["{}"]).configurations[0].breakers[0];
    let closed = told.turns.last().expect("it closed");
    assert_eq!((closed.transition.to, closed.at), (StateName::Closed, at(102.0)));
}

#[test]
fn another_policys_limits_judge_anew_and_the_same_policys_do_not() {
    let mut log = Log::new();
    let shorter = r#"{"defaults": {"limits": {"first_token": "60s"}}}"#;
    let policy = config(shorter).defaults.fingerprint();
    for index in 0..10 {
        let call = ended(log.call(f64::from(index), Category::Success));
        call.settled = at(200.0);
        call.measured.first_token = Some(94 * SECOND);
        // The last five were judged by it.
        call.policy = (index >= 5).then_some(policy);
    }
    let findings = log.replay(&["{}", shorter]);
    let tallies = findings.configurations.iter().map(|it| it.tally.timed_out_successes);
    assert_eq!(tallies.collect::<Vec<_>>(), [0, 5]);
    let trips = findings.configurations.iter().map(|it| it.trips);
    assert_eq!(trips.collect::<Vec<_>>(), [0, 1]);
    assert_eq!(findings.configurations[1].breakers[0].trips[0].opened_at, at(64.0));
}

#[test]
fn an_abandoned_call_counts_only_if_no_other_got_an_answer_meanwhile() {
    for (answers, trips) in [(false, 1), (true, 0)] {
        let mut log = Log::new();
        for index in 0..10 {
            let left = ended(log.call(f64::from(index), Category::Cancelled));
            left.settled = at(40.0 + f64::from(index));
            left.outcome = Outcome {
                ended_by: EndedBy::Client,
                answered: false,
                unanswered_since: Some(at(f64::from(index))),
                ..left.outcome
            };
        }
        let other = ended(log.call(20.0, Category::ClientError));
        other.measured.response_headers = answers.then_some(SECOND);
        assert_eq!(log.replay(&["{}"]).configurations[0].trips, trips, "{answers}");
    }
}

#[test]
fn more_clusters_than_breakers_pass_by_and_are_counted() {
    let mut log = Log::new();
    for index in 0..10_u32 {
        log.call(f64::from(index), Category::ServerError).cluster = Arc::from(format!("c{index}"));
    }
    let findings = log.replay(&[r#"{"max_breakers": 3}"#]);
    let told = &findings.configurations[0];
    assert_eq!((told.breakers.len(), told.beyond_max_breakers), (3, 7));
    assert_eq!((told.tally.sent.failed, findings.series.len()), (10, 10));
}

#[test]
fn how_calls_really_went_is_told_whatever_the_configuration() {
    let findings = outage().replay(&[]);
    let [series] = findings.series.as_slice() else { panic!("{:?}", findings.series) };
    assert_eq!(series.ends, Ends { succeeded: 30, failed: 30, ignored: 0 });
    assert_eq!(series.duration.percentile(50.0), Some(SECOND / 10));
    let failed: u32 = series.course.buckets().map(|(_, it)| it.failed).sum();
    assert_eq!(failed, 30);
    let json = serde_json::to_value(&findings).expect("JSON");
    assert_eq!(json["series"][0]["categories"]["server_error"], 30);
}

#[test]
fn a_clock_that_shows_hundreds_of_years_ends_like_any_other() {
    let mut log = Log::new();
    log.call(0.0, Category::Success);
    let late = Instant::from_nanos(u64::MAX / 2);
    for index in 0..6 {
        let call = log.call(0.0, Category::ServerError);
        call.admitted = late + SECOND * index;
        ended(call).settled = call.admitted;
    }
    let last = log.call(0.0, Category::Success);
    last.admitted = late + 100 * SECOND;
    ended(last).settled = last.admitted;
    let told = &log.replay(&["{}"]).configurations[0].breakers[0];
    assert_eq!(told.turns.last().map(|turn| turn.transition.to), Some(StateName::Closed));
    let at_the_end = log.call(0.0, Category::ServerError);
    at_the_end.admitted = Instant::from_nanos(u64::MAX);
    for _ in 0..6 {
        let again = log.calls.last().expect("a call").clone();
        log.calls.push(again);
    }
    assert_eq!(log.replay(&["{}"]).configurations[0].trips, 2);
}

#[test]
fn the_first_permit_after_a_live_open_time_leaves_what_the_replay_found() {
    let mut log = outage();
    for (second, call) in (0..).zip(&mut log.calls) {
        // Until then the live breaker was open, and what it watched has no permit.
        call.epochs.cluster = (second >= 20).then_some(77);
    }
    let told = &log.replay(&["{}"]).configurations[0];
    assert_eq!((told.trips, told.restarts, told.tally.blocked.failed), (1, 0, 25));
}

#[test]
fn a_success_that_is_slow_by_the_policy_is_no_time_out() {
    let mut log = Log::new();
    for index in 0..5 {
        let call = ended(log.call(f64::from(index), Category::Success));
        call.measured.duration = Some(2 * SECOND);
        call.settled = call.settled + 2 * SECOND;
    }
    let slow = r#"{"defaults": {"slow": {"total": "1s"}, "verdicts": {"slow": "failure"}}}"#;
    let short = r#"{"defaults": {"limits": {"total": "1s"}}}"#;
    let findings = log.replay(&[slow, short]);
    let tallies = findings.configurations.iter().map(|it| it.tally.timed_out_successes);
    assert_eq!(tallies.collect::<Vec<_>>(), [0, 5]);
}

#[test]
fn a_clusters_breaker_is_not_asked_about_what_its_part_refused() {
    let by_model = r#"{"stop_iteration": true, "defaults": {"key_by": "model", "models": ["a*"]}}"#;
    let mut log = Log::new();
    for second in 0..30 {
        log.call(f64::from(second), Category::ServerError).part = Some(Arc::from("a-7"));
    }
    let told = &log.replay(&[by_model]).configurations[0];
    let asked = |part| {
        let its = told.breakers.iter().find(|it| it.part.as_deref() == part).expect("a breaker");
        let calls: u32 = its.course.buckets().map(|(_, it)| it.calls).sum();
        (its.tally.sent.failed, calls)
    };
    assert_eq!((asked(Some("a*")), asked(None)), ((30, 30), (5, 5)));
}
