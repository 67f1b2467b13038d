//! What is left to those who look at the breakers: what the fleet says of each, and whether anybody is
//! in touch with it.

use crate::fleet::{Agent, Basis, Says, Seen};
use crate::plugin::breakers::Breakers;
use crate::plugin::host::SharedData;
use crate::shared::{FleetStatus, FleetView, MAX_REPORTS, Report, Says as Reported};
use crate::time::Instant;
use std::collections::BTreeSet;

/// The breakers of which something was left that is more than nothing.
#[derive(Default)]
pub(super) struct Views(BTreeSet<String>);

impl Views {
    /// Leave what the agent knows, as far as it changed.
    pub(super) fn leave(&mut self, agent: &Agent, breakers: &Breakers, now: Instant) {
        for entry in breakers.all(now) {
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

/// Leave whether the fleet is heard.
pub(super) fn leave_status(status: &FleetStatus, fleet: &str) {
    status.leave(&SharedData, fleet);
}

fn view_of(seen: Seen) -> FleetView {
    let more = seen.words.len().saturating_sub(MAX_REPORTS);
    let reports = seen.words.into_iter().take(MAX_REPORTS).map(|word| Report {
        domain: word.by.domain,
        node: word.by.name,
        says: match word.says {
            Says::Closed => Reported::Closed,
            Says::Open { basis: Basis::Announced, reason } => Reported::Announced(reason),
            Says::Open { basis: Basis::Observed, reason } => Reported::Observed(reason),
            Says::Open { basis: Basis::Probe, reason } => Reported::Probed(reason),
        },
        until: word.until,
    });
    FleetView {
        reports: reports.collect(),
        left_out: u32::try_from(more).unwrap_or(u32::MAX),
        probes: seen.probes.map(|it| format!("{}/{}", it.domain, it.name)),
        ordered: seen.ordered.map(|it| (it.mode, it.until)),
    }
}
