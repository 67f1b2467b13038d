//! For whom does the VM that keeps the connection speak? For every configuration in it that names the
//! fleet: two listeners may have breakers of their own, and a listener that drains still has calls.

use crate::fleet::Known;
use crate::journal::Line;
use crate::plugin::breakers::Breakers;
use crate::plugin::entry::Entry;
use crate::time::Instant;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

thread_local! {
    /// The configurations of this VM that tick, by the names of their fleets, the youngest first.
    static TICKING: RefCell<BTreeMap<String, Vec<Weak<Breakers>>>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// The breakers of all configurations with one fleet in this VM, the youngest first: where several know
/// one of them, the youngest one's policy is asked.
pub(super) struct Served(Vec<Rc<Breakers>>);

impl Served {
    /// One more ticks. One that is only tried never does.
    pub(super) fn join(fleet: &str, breakers: &Rc<Breakers>) {
        TICKING.with_borrow_mut(|ticking| {
            if !ticking.contains_key(fleet) {
                ticking.insert(fleet.to_owned(), Vec::new());
            }
            let Some(its) = ticking.get_mut(fleet) else { return };
            if its.iter().any(|it| it.as_ptr() == Rc::as_ptr(breakers)) {
                return;
            }
            its.retain(|it| it.strong_count() > 0);
            its.push(Rc::downgrade(breakers));
            its.sort_by_key(|it| core::cmp::Reverse(since(it)));
        });
    }

    /// It has drained.
    pub(super) fn part(fleet: &str, breakers: &Breakers) {
        TICKING.with_borrow_mut(|ticking| {
            let Some(its) = ticking.get_mut(fleet) else { return };
            its.retain(|it| !core::ptr::eq(it.as_ptr(), breakers));
            if its.is_empty() {
                ticking.remove(fleet);
            }
        });
    }

    /// Those of the fleet of this name.
    pub(super) fn of(fleet: &str) -> Self {
        let its = |its: &Vec<Weak<Breakers>>| its.iter().filter_map(Weak::upgrade).collect();
        Self(TICKING.with_borrow(|ticking| ticking.get(fleet).map(its).unwrap_or_default()))
    }

    /// Since when the youngest is in force.
    pub(super) fn youngest(&self) -> Instant {
        self.0.first().map_or(Instant::ZERO, |breakers| breakers.in_force_since)
    }

    /// What must be known of the breaker of this name, if one of them has a say in it.
    pub(super) fn hinted(&self, name: &str) -> Option<Known> {
        self.0.iter().find_map(|breakers| breakers.hinted(name))
    }

    /// A VM of this process told of this breaker.
    pub(super) fn meet(&self, name: &str) {
        self.0.iter().for_each(|breakers| breakers.meet(name));
    }

    /// The breaker of this name, if one of them has it.
    pub(super) fn known_by_name(&self, name: &str) -> Option<Rc<Entry>> {
        self.0.iter().find_map(|breakers| breakers.known_by_name(name))
    }

    /// The same, put on the list if it is not there.
    pub(super) fn register_hinted(&self, name: &str) -> Option<Rc<Entry>> {
        self.known_by_name(name)
            .or_else(|| self.0.iter().find_map(|breakers| breakers.register_hinted(name)))
    }

    /// All breakers that one of them has a say in.
    pub(super) fn all(&self, now: Instant) -> Vec<Rc<Entry>> {
        let mut names = BTreeSet::new();
        let all = self.0.iter().flat_map(|breakers| breakers.all(now));
        all.filter(|entry| self.0.len() < 2 || names.insert(entry.name.clone())).collect()
    }

    /// Say what may be worth knowing.
    pub(super) fn note(&self, line: &Line) {
        if let Some(breakers) = self.0.first() {
            breakers.note(line);
        }
    }
}

fn since(breakers: &Weak<Breakers>) -> Instant {
    breakers.upgrade().map_or(Instant::ZERO, |breakers| breakers.in_force_since)
}
