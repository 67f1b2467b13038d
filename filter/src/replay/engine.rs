//! The calls of a log, one after the other, under several configurations at once.

use crate::breaker::{StateName, Transition};
use crate::category::{Category, Verdict};
use crate::config::Config;
use crate::key::Key;
use crate::replay::call::{Call, Fate, Source};
use crate::replay::findings::{Blocked, BreakerFindings, Findings, Replayed, Series, Tally, Turn};
use crate::replay::log::Sink;
use crate::replay::process::{Passage, Process, Witness};
use crate::time::Instant;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Changes of state that are told of a configuration at most; all are counted.
const MAX_TURNS: u64 = 20_000;

/// Clusters and parts whose calls are told of, each by itself.
const MAX_SERIES: usize = 1_000;

/// Those of them that are told over time as well.
const MAX_COURSES: usize = 64;

/// Breakers of a configuration at most, of all proxies and all their restarts.
const MAX_BREAKERS: usize = 1 << 14;

/// A configuration that is tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// How it is called.
    pub name: String,
    /// What it says.
    pub config: Config,
}

/// What a configuration made of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// One of its breakers refused it.
    pub is_blocked: bool,
    /// It succeeded, and one of its limits would have called it a time-out.
    pub is_timed_out_success: bool,
}

/// A replay that goes on.
pub struct Replay {
    trials: Vec<Trial>,
    series: HashMap<Arc<str>, HashMap<Option<Arc<str>>, Series>>,
    series_count: usize,
    calls_beyond_series: u64,
    span_unix_ns: Option<(u64, u64)>,
}

/// One configuration.
struct Trial {
    config: Config,
    processes: BTreeMap<u32, Process>,
    replayed: Replayed,
}

impl Replay {
    /// One that has seen no call yet.
    #[must_use]
    pub fn new(candidates: Vec<Candidate>) -> Self {
        let trials = candidates.into_iter().map(|Candidate { name, config }| Trial {
            config,
            processes: BTreeMap::new(),
            replayed: Replayed { name, ..Replayed::default() },
        });
        Self {
            trials: trials.collect(),
            series: HashMap::new(),
            series_count: 0,
            calls_beyond_series: 0,
            span_unix_ns: None,
        }
    }

    /// One more call. Those of one source come in the order of their admissions; one that comes too
    /// late counts as admitted when the one before it was.
    pub fn feed(&mut self, call: &Call) {
        self.feed_to(call, |_, _| {});
    }

    /// The same, and `see` is told what each configuration, by its place among all, made of it.
    pub fn feed_to(&mut self, call: &Call, mut see: impl FnMut(usize, Decision)) {
        let begins = call.source.unix_nanos(call.admitted);
        let ends = match &call.fate {
            Fate::Sent(ended) => call.source.unix_nanos(ended.settled),
            Fate::Blocked => begins,
        };
        let (first, last) = self.span_unix_ns.unwrap_or((begins, ends));
        self.span_unix_ns = Some((first.min(begins), last.max(ends)));
        match self.series_of(call) {
            Some(series) => series.add(call, begins),
            None => self.calls_beyond_series += 1,
        }
        for (place, trial) in self.trials.iter_mut().enumerate() {
            see(place, trial.take(call, begins));
        }
    }

    /// What each configuration has done so far.
    pub fn so_far(&self) -> impl Iterator<Item = &Replayed> {
        self.trials.iter().map(|trial| &trial.replayed)
    }

    /// No more calls come at all.
    #[must_use]
    pub fn finish(self) -> Findings {
        let mut series: Vec<Series> =
            self.series.into_values().flat_map(HashMap::into_values).collect();
        series.sort_by(|one, other| {
            let by_calls = other.ends.total().cmp(&one.ends.total());
            by_calls.then_with(|| (&one.cluster, &one.part).cmp(&(&other.cluster, &other.part)))
        });
        Findings {
            span_unix_ns: self.span_unix_ns,
            configurations: self.trials.into_iter().map(Trial::finish).collect(),
            series,
            calls_beyond_series: self.calls_beyond_series,
        }
    }

    fn series_of(&mut self, call: &Call) -> Option<&mut Series> {
        let is_known =
            self.series.get(&call.cluster).is_some_and(|parts| parts.contains_key(&call.part));
        if !is_known {
            if self.series_count >= MAX_SERIES {
                return None;
            }
            let series = Series {
                cluster: (*call.cluster).to_owned(),
                part: call.part.as_deref().map(str::to_owned),
                is_told_over_time: self.series_count < MAX_COURSES,
                ..Series::default()
            };
            self.series_count += 1;
            let parts = self.series.entry(Arc::clone(&call.cluster)).or_default();
            parts.insert(call.part.clone(), series);
        }
        self.series.get_mut(&call.cluster)?.get_mut(&call.part)
    }
}

impl Sink for Replay {
    fn call(&mut self, call: &Call) {
        self.feed(call);
    }

    fn source_ended(&mut self, source: &Source) {
        for trial in &mut self.trials {
            if let Some(mut process) = trial.processes.remove(&source.id) {
                process.end(&mut trial.replayed);
            }
        }
    }
}

impl Series {
    fn add(&mut self, call: &Call, unix_ns: u64) {
        let Fate::Sent(ended) = &call.fate else {
            self.blocked_live += 1;
            if self.is_told_over_time {
                self.course.at(unix_ns).blocked_live += 1;
            }
            return;
        };
        let category = ended.outcome.category;
        let verdict = category.default_verdict();
        self.ends.add(verdict);
        if let Some(count) = self.categories.get_mut(category as usize) {
            *count += 1;
        }
        if let Some(waited) = call.waited().filter(|_| verdict == Verdict::Success) {
            self.duration.add(waited);
        }
        if let Some(waited) = ended.measured.first_token {
            self.first_token.add(waited);
        }
        if self.is_told_over_time {
            let bucket = self.course.at(unix_ns);
            bucket.calls += 1;
            bucket.failed += u32::from(matches!(verdict, Verdict::Failure | Verdict::Open));
            if let Some(waited) = ended.measured.first_token {
                bucket.first_token.add(waited);
            }
        }
    }
}

impl Trial {
    fn take(&mut self, call: &Call, unix_ns: u64) -> Decision {
        let Self { config, processes, replayed } = self;
        let process = processes
            .entry(call.source.id)
            .or_insert_with(|| Process::new(&call.source, call.admitted));
        let passage = process.take(call, config, replayed);
        if passage.is_beyond_room {
            replayed.beyond_max_breakers += 1;
        }
        let waited = call.waited().unwrap_or_default();
        replayed.tally.add(&passage, passage.refused_by.is_some(), waited);
        for number in passage.asked.iter().flatten() {
            let Some(breaker) = replayed.breakers.get_mut(*number) else { continue };
            let refused = passage.refused_by == Some(*number);
            breaker.tally.add(&passage, refused, waited);
            let Blocked { calls, blocked, false_alarms } = breaker.course.at(unix_ns);
            *calls += 1;
            *blocked += u32::from(refused);
            let is_false_alarm = refused && passage.verdict == Some(Verdict::Success);
            *false_alarms += u32::from(is_false_alarm);
        }
        Decision {
            is_blocked: passage.refused_by.is_some(),
            is_timed_out_success: passage.is_timed_out_success,
        }
    }

    fn finish(mut self) -> Replayed {
        let all = || self.processes.iter();
        let ended: BTreeSet<u32> = all()
            .filter(|(_, process)| all().any(|(_, other)| process.is_followed_by(other)))
            .map(|(id, _)| *id)
            .collect();
        while let Some((id, mut process)) = self.processes.pop_first() {
            if ended.contains(&id) {
                process.end(&mut self.replayed);
            } else {
                process.finish(&mut self.replayed);
            }
        }
        self.replayed
    }
}

impl Tally {
    fn add(&mut self, passage: &Passage, refused: bool, waited: Duration) {
        let Some(verdict) = passage.verdict else {
            if refused {
                self.unknown.blocked += 1;
            } else {
                self.unknown.passed += 1;
            }
            return;
        };
        self.sent.add(verdict);
        self.timed_out_successes += u64::from(passage.is_timed_out_success);
        if !refused {
            return;
        }
        self.blocked.add(verdict);
        if matches!(verdict, Verdict::Failure | Verdict::Open) {
            self.saved = self.saved.saturating_add(waited);
        }
    }
}

impl Witness for Replayed {
    fn met(&mut self, source: &Source, key: &Key) -> Option<usize> {
        if self.breakers.len() >= MAX_BREAKERS {
            return None;
        }
        self.breakers.push(BreakerFindings {
            node: source.node.clone(),
            cluster: key.cluster.clone(),
            part: key.part.clone(),
            ..BreakerFindings::default()
        });
        Some(self.breakers.len() - 1)
    }

    fn turned(
        &mut self,
        breaker: usize,
        at: Instant,
        unix_ns: u64,
        transition: &Transition,
        category: Option<Category>,
    ) {
        self.turns += 1;
        let opens = transition.from == StateName::Closed && transition.to == StateName::Open;
        self.trips += u64::from(opens);
        let turn = Turn { at, unix_ns, transition: *transition, category };
        let room = self.turns <= MAX_TURNS;
        if let Some(breaker) = self.breakers.get_mut(breaker) {
            breaker.turned(&turn, room);
        }
    }

    fn restarted(&mut self) {
        self.restarts += 1;
    }

    fn ended(&mut self, breaker: usize, at: Instant) {
        if let Some(breaker) = self.breakers.get_mut(breaker) {
            breaker.ended(at);
        }
    }
}
