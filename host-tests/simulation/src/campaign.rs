//! Many runs, on all cores; and the seed of the first that failed.

use crate::coverage::Coverage;
use crate::run::{Shown, run};
use crate::truth::Tripped;
use core::time::Duration;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What all runs showed.
#[derive(Debug, Default)]
pub struct Campaign {
    /// How many there were.
    pub runs: u64,
    /// What happened in them.
    pub events: u64,
    /// What they came by.
    pub coverage: Coverage,
    /// How well the breakers told.
    pub tripped: Tripped,
    /// The longest that a recovery took.
    pub longest_recovery: Duration,
}

/// A run in which something did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its seed.
    pub seed: u64,
    /// What did not hold.
    pub why: String,
}

/// Run the seeds from `first` on; stops soon after the first failure.
pub fn campaign(first: u64, runs: u64) -> Result<Campaign, Failed> {
    let next = AtomicU64::new(first);
    let stop = AtomicBool::new(false);
    let (total, failed) = (Mutex::new(Campaign::default()), Mutex::new(None::<Failed>));
    let work = || {
        let mut mine = Campaign::default();
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first.saturating_add(runs) {
                break;
            }
            match attempt(seed) {
                Ok(shown) => mine.note(&shown),
                Err(failure) => {
                    stop.store(true, Ordering::Relaxed);
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    // Whatever thread was faster, the same seed is named.
                    if failed.as_ref().is_none_or(|other| failure.seed < other.seed) {
                        *failed = Some(failure);
                    }
                }
            }
        }
        total.lock().unwrap_or_else(PoisonError::into_inner).add(&mine);
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(failed) => Err(failed),
        None => Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// One run; why it failed, if it did.
pub fn attempt(seed: u64) -> Result<Shown, Failed> {
    catch_unwind(AssertUnwindSafe(|| run(seed))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Failed { seed, why: text.unwrap_or_default() }
    })
}

impl Campaign {
    fn note(&mut self, shown: &Shown) {
        self.runs += 1;
        self.events += shown.events;
        self.coverage.add(&shown.coverage);
        self.tripped.add(&shown.tripped);
        self.longest_recovery = self.longest_recovery.max(shown.recovery);
    }

    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.events += other.events;
        self.coverage.add(&other.coverage);
        self.tripped.add(&other.tripped);
        self.longest_recovery = self.longest_recovery.max(other.longest_recovery);
    }
}

impl fmt::Display for Campaign {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tripped { trips, without_cause, outages, missed, gathered, early, late } = self.tripped;
        writeln!(out, "{}\n", self.coverage)?;
        writeln!(out, "{} runs, {} events, no rule broken", self.runs, self.events)?;
        writeln!(out, "{trips} trips, {without_cause} of them while the upstream was healthy")?;
        writeln!(out, "{outages} outages, {missed} of them without a trip")?;
        writeln!(
            out,
            "{gathered} successes were gathered; counted at once, {early} of the trips would not have"
        )?;
        writeln!(out, "been, and {late} more would have")?;
        write!(out, "longest recovery: {:.1} s", self.longest_recovery.as_secs_f64())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SEED={} fails: {}", self.seed, self.why)
    }
}
