//! What is there to tell of a replay? Plain data, bounded whatever the log was.

use core::time::Duration;
use std::time::SystemTime;

/// A whole report.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What was read.
    pub read: Read,
    /// One for each configuration, in the order that they were given.
    pub runs: Vec<Run>,
    /// The clusters that are shown, what is worth a look first.
    pub subjects: Vec<Subject>,
    /// How many more there are.
    pub further: usize,
    /// Of each cluster and model how long its calls took.
    pub paces: Vec<Pace>,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Read {
    /// The files' names.
    pub sources: Vec<String>,
    /// Calls that were replayed.
    pub calls: u64,
    /// When the first of them began.
    pub from: SystemTime,
    /// When the last of them ended.
    pub until: SystemTime,
    /// Lines that were not replayed: why, and how many.
    pub skipped: Vec<(String, u64)>,
}

/// What one configuration would have done.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it is called here.
    pub name: String,
    /// All its breakers together.
    pub totals: Totals,
    /// Fields of the policy in which the configurations differ, and what this one says.
    pub fields: Vec<(String, String)>,
}

/// What came of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// How often a breaker opened.
    pub trips: u64,
    /// For how long they were open or half-open, together.
    pub open: Duration,
    /// Calls that really succeeded, blocked or not.
    pub good: u64,
    /// Calls that really failed, blocked or not.
    pub failing: u64,
    /// Blocked, and in truth they failed.
    pub blocked_failing: u64,
    /// Blocked, and in truth they succeeded: false alarms.
    pub blocked_good: u64,
    /// Blocked, and in truth they said nothing about the upstream.
    pub blocked_neither: u64,
    /// Blocked already when the log was written: nobody knows.
    pub unknown: u64,
    /// What callers would not have waited in vain, all together, in seconds.
    pub seconds_saved: f64,
}

impl Totals {
    /// All that were blocked and whose end is known.
    #[must_use]
    pub const fn blocked(&self) -> u64 {
        self.blocked_failing + self.blocked_good + self.blocked_neither
    }
}

/// One cluster, in all configurations.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// How many calls it had.
    pub calls: u64,
    /// How many of them failed.
    pub failures: u64,
    /// What happened when.
    pub timeline: Timeline,
    /// In the order of [`Sheet::runs`].
    pub runs: Vec<SubjectRun>,
}

/// What happened when: the same columns in each list.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Where the first column begins.
    pub from: SystemTime,
    /// What a column spans.
    pub step: Duration,
    /// Calls that ended in it.
    pub calls: Vec<u64>,
    /// Of them, those that failed.
    pub failures: Vec<u64>,
    /// First tokens: their median, the 95th and the 99th percentile.
    pub first_tokens: Vec<Option<[Duration; 3]>>,
}

/// One cluster's breakers in one configuration.
#[derive(Clone, Debug)]
pub struct SubjectRun {
    /// All in all.
    pub totals: Totals,
    /// Of each column the shares of its breakers that were open and half-open at some time in it.
    pub states: Vec<[f64; 2]>,
    /// Of each column the calls that were blocked: those that would have succeeded come second.
    pub blocked: Vec<[u64; 2]>,
    /// The first trips.
    pub trips: Vec<Trip>,
}

/// A breaker opened.
#[derive(Clone, Debug)]
pub struct Trip {
    /// When.
    pub at: SystemTime,
    /// Why, in words.
    pub why: String,
    /// Until it closed; `None` if it was not closed at the log's end.
    pub lasted: Option<Duration>,
}

/// How long the calls of a cluster and model took.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The cluster, and the model if it is known.
    pub name: String,
    /// What was measured: `first token`, `whole answer`.
    pub what: &'static str,
    /// Where the first column begins.
    pub from: Duration,
    /// How many there are up to each of these bounds, and beyond the last that is below.
    pub columns: Vec<(Duration, u64)>,
    /// Their median, the 95th and the 99th percentile.
    pub percentiles: [Duration; 3],
    /// Limits of the configurations: what each is called, where it lies, and how many took longer.
    pub limits: Vec<(String, Duration, u64)>,
}
