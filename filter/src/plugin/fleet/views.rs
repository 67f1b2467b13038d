//! What is left to those who look at the breakers: what the fleet says of each.

use crate::fleet::{Agent, Seen};
use crate::plugin::entry::Entry;
use crate::plugin::host::SharedData;
use crate::shared::{FleetView, MAX_REPORTS, Report};
use crate::time::Instant;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The breakers of which something was left that is more than nothing.
#[derive(Default)]
pub(super) struct Views(BTreeSet<String>);

impl Views {
    /// Leave what the agent knows of all these, as far as it changed.
    pub(super) fn leave(&mut self, agent: &Agent, all: &[Rc<Entry>], now: Instant) {
        for entry in all {
            let view = agent.seen_of(&entry.name, now).map(view_of).unwrap_or_default();
            let is_empty = view == FleetView::default();
            if is_empty && !self.0.remove(&entry.name) {
                continue;
            }
            view.leave(&SharedData, &entry.name);
            if !is_empty {
                self.0.insert(entry.name.clone());
            }
        }
    }
}

fn view_of(seen: Seen) -> FleetView {
    let more = seen.words.len().saturating_sub(MAX_REPORTS);
    let reports = seen.words.into_iter().take(MAX_REPORTS).map(|word| Report {
        domain: word.by.domain,
        node: word.by.name,
        says: word.says,
        until: word.until,
    });
    FleetView {
        reports: reports.collect(),
        left_out: u32::try_from(more).unwrap_or(u32::MAX),
        probes: seen.probes.map(|it| format!("{}/{}", it.domain, it.name)),
        ordered: seen.ordered,
    }
}
