//! What does the fleet say of a breaker, and how does an order get to all of it?

use crate::admin::answers::Refusal;
use crate::admin::told::{Told, seconds};
use crate::admin::view::Clock;
use crate::config::order::Ordered;
use crate::fleet::{self, Author, Instruction, News, Says};
use crate::shared::{Cell, FleetStatus, FleetView, Report};
use core::fmt;
use serde_json::Value;

/// The fleet that the listener's configuration names.
#[derive(Clone, Copy)]
pub struct FleetDesk<'a> {
    /// The name under which what is known of it is left.
    pub name: &'a str,
    /// Leaves news of a breaker to the VM that keeps the connection; whether that was taken.
    pub post: &'a dyn Fn(&fleet::Told) -> bool,
}

impl fmt::Debug for FleetDesk<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FleetDesk({})", self.name)
    }
}

impl FleetDesk<'_> {
    /// Have an order published, if there is anybody in touch with the store to do it.
    pub(super) fn publish(
        &self,
        cell: &impl Cell,
        breaker: &str,
        ordered: &Ordered,
        clock: Clock,
    ) -> Result<(), Refusal> {
        let status = FleetStatus::left_for(cell, self.name, clock.now);
        if !status.is_some_and(|status| status.connected) {
            return Err(Refusal::FleetUnreachable);
        }
        let news = match ordered.mode {
            Some(mode) => {
                let author = Author::of(ordered.user.as_deref(), ordered.reason.as_deref());
                News::Ordered { mode, lasts: ordered.duration, author }
            }
            None => News::Withdrawn,
        };
        let told = fleet::Told { breaker: breaker.to_owned(), news };
        if (self.post)(&told) { Ok(()) } else { Err(Refusal::Busy) }
    }

    /// What the fleet says of a breaker, and whether it is heard at all.
    pub(super) fn json(&self, cell: &impl Cell, breaker: &str, clock: Clock) -> Value {
        let status = FleetStatus::left_for(cell, self.name, clock.now);
        let view = FleetView::left_for(cell, breaker).unwrap_or_default();
        let mut told = Told::default();
        told.add("connected", status.as_ref().is_some_and(|status| status.connected));
        told.add("scope", status.as_ref().map(|status| &*status.scope));
        told.add("domain", status.as_ref().map(|status| &*status.domain));
        told.add("probes", view.probes);
        told.add(
            "override",
            view.ordered.map(|Instruction { order, author }| {
                let mut told = Told::default();
                told.add("mode", order.mode.name());
                told.add("until", order.until.map(|until| clock.at(until)));
                told.add("user", author.user);
                told.add("reason", author.reason);
                told.json()
            }),
        );
        let current = view.reports.iter().filter(|report| report.until > clock.now);
        let reports: Vec<Value> = current.map(|report| reported(report, clock)).collect();
        told.add("reports", reports);
        told.add("reports_left_out", view.left_out);
        told.json()
    }
}

fn reported(report: &Report, clock: Clock) -> Value {
    let (state, basis, category) = match report.says {
        Says::Closed => ("closed", None, None),
        Says::Open { basis, reason } => ("open", Some(basis.name()), reason),
    };
    let mut told = Told::default();
    told.add("domain", &*report.domain);
    told.add("node", &*report.node);
    told.add("state", state);
    told.add("basis", basis);
    told.add("category", category.map(|category| category.name()));
    told.add("until", clock.at(report.until));
    told.add("remaining_seconds", seconds(report.until.since(clock.now)));
    told.json()
}
