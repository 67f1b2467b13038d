//! Which of the host's stats are already defined in this VM? Defining one twice would leak it.

use crate::breaker::Shown;
use crate::key::Key;
use crate::plugin::host::{self, Metric};
use crate::stats::{Kind, Stat};
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    /// The VM's, not a configuration's: a configuration update keeps the VM.
    static DEFINED: RefCell<BTreeMap<String, Metric>> = const { RefCell::new(BTreeMap::new()) };
}

/// The stats of one breaker.
#[derive(Debug)]
pub(super) struct Stats {
    key: Key,
    /// Those that moved: making a name takes longer than all else that counting does.
    moved: RefCell<Vec<(Stat, Metric)>>,
}

impl Stats {
    /// The stats of this breaker; none is defined before it moves.
    pub(super) fn of(key: &Key) -> Self {
        Self { key: key.clone(), moved: RefCell::default() }
    }

    /// Define those that should show before they move.
    pub(super) fn show(&self) {
        for stat in Stat::FROM_THE_START {
            self.metric(stat);
        }
    }

    /// Count one.
    pub(super) fn count(&self, stat: Stat) {
        self.add(stat, 1);
    }

    /// Count some.
    pub(super) fn add(&self, stat: Stat, by: u32) {
        // Envoy refuses to add nothing.
        if by > 0
            && let Some(metric) = self.metric(stat)
        {
            host::increment_metric(metric, by);
        }
    }

    /// Set the gauges to what callers get.
    pub(super) fn show_gauges(&self, shown: &Shown) {
        self.record(Stat::State, shown.state.gauge());
        self.record(Stat::Mode, shown.mode.gauge());
        self.record(Stat::OpenRemaining, shown.open_remaining.as_secs());
    }

    /// Set a gauge, or add a sample to a histogram.
    pub(super) fn record(&self, stat: Stat, value: u64) {
        if let Some(metric) = self.metric(stat) {
            host::record_metric(metric, value);
        }
    }

    fn metric(&self, stat: Stat) -> Option<Metric> {
        let mut moved = self.moved.borrow_mut();
        if let Some((_, metric)) = moved.iter().find(|(known, _)| *known == stat) {
            return Some(*metric);
        }
        let metric = defined(stat.kind(), &stat.name(&self.key))?;
        moved.push((stat, metric));
        Some(metric)
    }
}

/// What this counter of a breaker has come to; zero if the host does not tell.
pub(super) fn value(breaker: &Key, counter: Stat) -> u64 {
    let metric = defined(counter.kind(), &counter.name(breaker));
    metric.and_then(host::metric_value).unwrap_or_default()
}

/// Count one for the process as a whole.
pub(super) fn count_for_process(name: &str) {
    if let Some(metric) = defined(Kind::Counter, name) {
        host::increment_metric(metric, 1);
    }
}

/// Count some for the process as a whole.
#[cfg(fleet)]
pub(super) fn add_for_process(name: &str, by: u32) {
    // Envoy refuses to add nothing.
    if by > 0
        && let Some(metric) = defined(Kind::Counter, name)
    {
        host::increment_metric(metric, by);
    }
}

/// Set a gauge of the process as a whole.
#[cfg(fleet)]
pub(super) fn set_for_process(name: &str, value: u64) {
    if let Some(metric) = defined(Kind::Gauge, name) {
        host::record_metric(metric, value);
    }
}

fn defined(kind: Kind, name: &str) -> Option<Metric> {
    DEFINED.with_borrow_mut(|defined| {
        if let Some(metric) = defined.get(name) {
            return Some(*metric);
        }
        let metric = host::define_metric(kind, name)?;
        defined.insert(name.to_owned(), metric);
        Some(metric)
    })
}
