//! How do findings become a sheet? Clusters are told as a whole, and what is worth a look comes first.

use core::time::Duration;
use std::collections::BTreeMap;
use std::time::SystemTime;

use super::fields;
use super::grid::Grid;
use super::pacing;
use super::sheet::{Read, Run, Sheet, Subject, SubjectRun, Timeline, Totals, Trip};
use crate::breaker::StateName;
use crate::replay::{BreakerFindings, Candidate, Findings, Replayed, Series, Spread, Tally, Turn};

/// Clusters that are shown at most.
const MAX_SUBJECTS: usize = 16;
/// Trips that are told of each at most.
const MAX_TRIPS: usize = 50;
/// Names are cut behind so many characters.
const MAX_NAME: usize = 120;

/// What was read, beside the calls.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The files' names.
    pub sources: Vec<String>,
    /// Lines that were not replayed: why, and how many.
    pub skipped: Vec<(String, u64)>,
}

impl Sheet {
    /// What there is to tell of `findings`, which came of these candidates in this order.
    #[must_use]
    pub fn of(findings: &Findings, candidates: &[Candidate], log: &Log) -> Self {
        let (from, until) = findings.span_unix_ns.unwrap_or_default();
        let series_calls = |it: &Series| it.ends.total() + it.blocked_live;
        let calls = findings.series.iter().map(series_calls).sum::<u64>();
        let read = Read {
            sources: log.sources.iter().map(|it| clean(it)).collect(),
            calls: calls + findings.calls_beyond_series,
            from: moment(from),
            until: moment(until),
            skipped: log.skipped.iter().map(|(why, lines)| (clean(why), *lines)).collect(),
        };
        let mut subjects = subjects(findings, Grid::over(findings));
        let further = subjects.len().saturating_sub(MAX_SUBJECTS);
        subjects.truncate(MAX_SUBJECTS);
        Self {
            read,
            runs: runs(findings, candidates, until),
            subjects,
            further,
            paces: pacing::paces(findings, candidates),
        }
    }
}

fn runs(findings: &Findings, candidates: &[Candidate], until: u64) -> Vec<Run> {
    let mut fields = fields::differing(candidates).into_iter();
    let run = |replayed: &Replayed| Run {
        name: clean(&replayed.name),
        totals: totals(&replayed.tally, replayed.trips, open(&replayed.breakers, until)),
        fields: fields.next().unwrap_or_default(),
    };
    findings.configurations.iter().map(run).collect()
}

fn totals(tally: &Tally, trips: u64, open: Duration) -> Totals {
    Totals {
        trips,
        open,
        good: tally.sent.succeeded,
        failing: tally.sent.failed,
        blocked_failing: tally.blocked.failed,
        blocked_good: tally.blocked.succeeded,
        blocked_neither: tally.blocked.ignored,
        unknown: tally.unknown.blocked + tally.unknown.passed,
        seconds_saved: tally.saved.as_secs_f64(),
    }
}

/// For how long the trips that are told lasted.
fn open<'b>(breakers: impl IntoIterator<Item = &'b BreakerFindings>, until: u64) -> Duration {
    let trips = breakers.into_iter().flat_map(|it| &it.trips);
    let lasted = |trip: &crate::replay::Trip| {
        trip.length().unwrap_or(Duration::from_nanos(until.saturating_sub(trip.opened_unix_ns)))
    };
    trips.map(lasted).fold(Duration::ZERO, Duration::saturating_add)
}

/// What is known of one cluster.
#[derive(Default)]
struct Cluster<'f> {
    series: Vec<&'f Series>,
    /// By configuration.
    breakers: Vec<Vec<&'f BreakerFindings>>,
}

fn subjects(findings: &Findings, grid: Grid) -> Vec<Subject> {
    let mut clusters: BTreeMap<&str, Cluster<'_>> = BTreeMap::new();
    for series in &findings.series {
        clusters.entry(&series.cluster).or_default().series.push(series);
    }
    let count = findings.configurations.len();
    for (at, replayed) in findings.configurations.iter().enumerate() {
        for breaker in &replayed.breakers {
            let cluster = clusters.entry(&breaker.cluster).or_default();
            cluster.breakers.resize_with(count, Vec::new);
            if let Some(breakers) = cluster.breakers.get_mut(at) {
                breakers.push(breaker);
            }
        }
    }
    let mut subjects: Vec<_> =
        clusters.into_iter().map(|(name, cluster)| subject(name, &cluster, grid)).collect();
    subjects.sort_by_key(|subject| {
        let blocked = |run: &SubjectRun| run.totals.trips + run.totals.blocked();
        let blocked: u64 = subject.runs.iter().map(blocked).sum();
        core::cmp::Reverse((blocked, subject.failures, subject.calls))
    });
    subjects
}

fn subject(name: &str, cluster: &Cluster<'_>, grid: Grid) -> Subject {
    let sum = |of: fn(&Series) -> u64| cluster.series.iter().map(|series| of(series)).sum();
    Subject {
        name: clean(name),
        calls: sum(|series| series.ends.total() + series.blocked_live),
        failures: sum(|series| series.ends.failed),
        timeline: timeline(&cluster.series, grid),
        runs: cluster.breakers.iter().map(|breakers| subject_run(breakers, grid)).collect(),
    }
}

fn timeline(series: &[&Series], grid: Grid) -> Timeline {
    let mut calls = vec![0; grid.columns];
    let mut failures = vec![0; grid.columns];
    let mut spreads: Vec<Spread> = (0..grid.columns).map(|_| Spread::coarse()).collect();
    for (at, bucket) in series.iter().flat_map(|series| series.course.buckets()) {
        let column = grid.column(at);
        grid.add(&mut calls, column, u64::from(bucket.calls) + u64::from(bucket.blocked_live));
        grid.add(&mut failures, column, u64::from(bucket.failed));
        if let Some(spread) = spreads.get_mut(column) {
            spread.join(&bucket.first_token);
        }
    }
    let three = |spread: &Spread| Some([50.0, 95.0, 99.0].map(|it| spread.percentile(it)));
    let whole = |three: [Option<Duration>; 3]| Some([three[0]?, three[1]?, three[2]?]);
    Timeline {
        from: moment(grid.from),
        step: Duration::from_nanos(grid.step),
        calls,
        failures,
        first_tokens: spreads.iter().map(|spread| three(spread).and_then(whole)).collect(),
    }
}

fn subject_run(breakers: &[&BreakerFindings], grid: Grid) -> SubjectRun {
    let until = grid.until;
    let mut blocked = vec![[0, 0]; grid.columns];
    for (at, bucket) in breakers.iter().flat_map(|breaker| breaker.course.buckets()) {
        if let Some([other, good]) = blocked.get_mut(grid.column(at)) {
            *good += u64::from(bucket.false_alarms);
            *other += u64::from(bucket.blocked.saturating_sub(bucket.false_alarms));
        }
    }
    let mut tally = Tally::default();
    breakers.iter().for_each(|breaker| join(&mut tally, &breaker.tally));
    let mut trips: Vec<_> =
        breakers.iter().flat_map(|it| it.trips.iter().map(move |trip| (it, trip))).collect();
    trips.sort_by_key(|(_, trip)| trip.opened_unix_ns);
    let several = breakers.len() > 1;
    let told = trips.iter().take(MAX_TRIPS).map(|(breaker, trip)| told(breaker, trip, several));
    SubjectRun {
        totals: totals(&tally, trips.len() as u64, open(breakers.iter().copied(), until)),
        states: states(breakers, grid),
        blocked,
        trips: told.collect(),
    }
}

fn join(all: &mut Tally, one: &Tally) {
    for (all, one) in [(&mut all.sent, &one.sent), (&mut all.blocked, &one.blocked)] {
        all.succeeded += one.succeeded;
        all.failed += one.failed;
        all.ignored += one.ignored;
    }
    all.unknown.blocked += one.unknown.blocked;
    all.unknown.passed += one.unknown.passed;
    all.timed_out_successes += one.timed_out_successes;
    all.saved = all.saved.saturating_add(one.saved);
}

/// Of each column the shares of the breakers that were open and half-open in it at some time.
fn states(breakers: &[&BreakerFindings], grid: Grid) -> Vec<[f64; 2]> {
    let mut columns = vec![[0.0, 0.0]; grid.columns];
    #[expect(clippy::cast_precision_loss, reason = "a number of breakers")]
    let one = 1.0 / breakers.len().max(1) as f64;
    for breaker in breakers {
        let ends = breaker.turns.iter().skip(1).map(|turn| turn.unix_ns).chain([grid.until]);
        let mut last = [None, None];
        for (turn, end) in breaker.turns.iter().zip(ends) {
            let which = match turn.transition.to {
                StateName::Closed => continue,
                StateName::Open => 0,
                StateName::HalfOpen => 1,
            };
            let Some(last) = last.get_mut(which) else { continue };
            let end = end.min(ended(breaker, turn).unwrap_or(end));
            for column in grid.column(turn.unix_ns)..=grid.column(end) {
                let again = last.replace(column).is_some_and(|last| last >= column);
                if let Some(share) = columns.get_mut(column).and_then(|it| it.get_mut(which)) {
                    *share += if again { 0.0 } else { one };
                }
            }
        }
    }
    columns
}

/// When the process ended that took along what began with this change.
fn ended(breaker: &BreakerFindings, turn: &Turn) -> Option<u64> {
    let begun = breaker.trips.partition_point(|trip| trip.opened_at <= turn.at);
    let trip = breaker.trips.get(begun.checked_sub(1)?)?;
    let lasted = trip.length().filter(|_| trip.ended_with_process)?;
    Some(trip.opened_unix_ns.saturating_add(crate::time::nanos(lasted)))
}

fn told(breaker: &BreakerFindings, trip: &crate::replay::Trip, several: bool) -> Trip {
    let mut why = super::words::cause(&trip.transition.cause);
    if let Some(category) = trip.category {
        why = format!("{why}, the last {}", category.name().replace('_', " "));
    }
    if trip.reopened > 0 {
        why = format!("{why}; {}", super::figures::counted(trip.reopened, "failed probe"));
    }
    if trip.ended_with_process {
        why = format!("{why}; ended with its process");
    }
    if several {
        let part = breaker.part.as_deref().map(|part| format!("{}: ", clean(part)));
        why = format!("{} {}{why}", clean(&breaker.node), part.unwrap_or_default());
    }
    Trip {
        at: moment(trip.opened_unix_ns),
        why: why.trim_start().to_owned(),
        lasted: trip.length(),
    }
}

pub(super) fn moment(unix_ns: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(unix_ns)
}

/// A name that others gave: not longer than can be read, and without what changes the line that it
/// stands in.
#[must_use]
pub fn clean(name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in name.chars().enumerate() {
        if at == MAX_NAME {
            text.push('…');
            break;
        }
        let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if letter.is_control() || turns {
            text.extend(letter.escape_unicode());
        } else {
            text.push(letter);
        }
    }
    text
}
