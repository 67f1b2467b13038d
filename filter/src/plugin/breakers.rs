//! Which breakers does one VM under one configuration know? By name; their state is not here but in
//! shared data.

#[cfg(fleet)]
mod hinted;

use crate::config::Config;
use crate::journal::{self, Line};
use crate::key::Key;
use crate::plugin::entry::Entry;
use crate::plugin::fleet::Mailbox;
use crate::plugin::heads::is_beneath_router;
use crate::plugin::host::{self, Level, SharedData};
use crate::plugin::in_flight::InFlight;
use crate::plugin::metadata::MetadataRead;
use crate::plugin::stats;
use crate::plugin::trace::Trace;
use crate::policy::{Mode, Policy};
use crate::shared::{self, MAX_NAME_BYTES, Metadata, Registration};
use crate::stats::{BREAKERS_OVERFLOW, INDEX_RESETS};
use crate::time::Instant;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Clusters without a breaker that are remembered as such; beyond it they are looked up again.
const MAX_BYSTANDERS: usize = 1024;

/// All breakers of one configuration in one VM.
pub(super) struct Breakers {
    config: Config,
    /// When this configuration came into force in this VM.
    pub(super) in_force_since: Instant,
    node: String,
    /// Where the breakers leave what other proxies should hear of.
    mailbox: Mailbox,
    /// Those on the process's list.
    known: RefCell<BTreeMap<String, Rc<Entry>>>,
    /// Those that have no breaker: disabled, or one too many.
    bystanders: RefCell<BTreeMap<String, Rc<Entry>>>,
    room: Cell<Room>,
    /// The same for names that only other proxies brought.
    #[cfg(fleet)]
    room_for_hinted: Cell<Room>,
    route_headers: Vec<String>,
    /// Whether it was said that the filter stands where it cannot work.
    said_misplaced: Cell<bool>,
    /// The targets that calls did not get to: each is said once.
    missed: RefCell<BTreeSet<String>>,
    /// The calls that were let through.
    pub(super) in_flight: InFlight,
}

/// Whether the process's list took another name when it was last asked.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Room {
    #[default]
    Unknown,
    None,
}

impl Breakers {
    pub(super) fn new(
        config: Config,
        in_force_since: Instant,
        node: String,
        mailbox: Mailbox,
    ) -> Self {
        Self {
            route_headers: config.route_headers(),
            config,
            in_force_since,
            node,
            mailbox,
            known: RefCell::default(),
            bystanders: RefCell::default(),
            room: Cell::default(),
            #[cfg(fleet)]
            room_for_hinted: Cell::default(),
            said_misplaced: Cell::default(),
            missed: RefCell::default(),
            in_flight: InFlight::default(),
        }
    }

    /// The request headers by which calls may be rerouted.
    pub(super) fn route_headers(&self) -> &[String] {
        &self.route_headers
    }

    /// A call did not get to this target, which the configuration names; whether it is the first.
    pub(super) fn is_first_misrouted(&self, target: &str) -> bool {
        self.missed.borrow_mut().insert(target.to_owned())
    }

    /// The access log's record of one more request, if the configuration wants one.
    pub(super) fn trace(&self) -> Trace {
        if self.config.access_log { Trace::begin() } else { Trace::default() }
    }

    /// Say what should not be.
    pub(super) fn warn(&self, line: &Line) {
        host::log(Level::Warn, &line.text(self.config.log_format));
    }

    /// Say what may be worth knowing.
    #[cfg(fleet)]
    pub(super) fn note(&self, line: &Line) {
        host::log(Level::Info, &line.text(self.config.log_format));
    }

    /// The configured policy of a cluster.
    pub(super) fn configured(&self, cluster: &str) -> &Policy {
        self.config.policy_for(cluster)
    }

    /// Whether a request may be held at its headers until its body says more.
    pub(super) const fn may_hold_requests(&self) -> bool {
        self.config.stop_iteration
    }

    /// The breaker of the cluster that a request was routed to; `None` if it has none. To be called
    /// while the request's properties can be read.
    pub(super) fn of_cluster(&self, cluster: &str, now: Instant) -> Option<Rc<Entry>> {
        let known = self.known.borrow().get(cluster).cloned();
        let is_known = known.is_some();
        let entry = known.unwrap_or_else(|| self.bystander(Key::of_cluster(cluster)));
        let read = entry.metadata_is_due(now).then(MetadataRead::by_this_request);
        if let Some(read) = &read {
            self.follow(&entry, read.metadata.clone(), now);
        }
        if !is_known && !self.register(&entry) {
            return None;
        }
        if let Some(read) = read {
            self.publish(&entry, &read);
        }
        Some(entry)
    }

    /// The breaker of a cluster that a request may be sent to instead; `None` if it has none. Its
    /// metadata is what requests to it found, as the next tick shows it.
    pub(super) fn of_target(&self, cluster: &str, now: Instant) -> Option<Rc<Entry>> {
        if let Some(known) = self.known.borrow().get(cluster) {
            return Some(Rc::clone(known));
        }
        let entry = self.bystander(Key::of_cluster(cluster));
        self.follow(&entry, Metadata::published(&SharedData, cluster), now);
        self.register(&entry).then_some(entry)
    }

    /// The breaker of a part of the cluster's calls; `None` if it has none.
    pub(super) fn of_part(&self, cluster: &Entry, part: &str, now: Instant) -> Option<Rc<Entry>> {
        let key = Key::of_part(&cluster.key.cluster, part);
        let known = self.known.borrow().get(&key.name()).cloned();
        let is_known = known.is_some();
        let entry = known.unwrap_or_else(|| self.bystander(key));
        self.follow(&entry, cluster.metadata(), now);
        (is_known || self.register(&entry)).then_some(entry)
    }

    /// Whether an operator put another mode in the policy's place, for any breaker of a cluster's.
    pub(super) fn any_overridden(&self, cluster: &str, now: Instant) -> bool {
        let known = self.known.borrow();
        let mut its = known.values().filter(|entry| entry.key.cluster == cluster);
        its.any(|entry| entry.is_overridden(now))
    }

    /// Every breaker of the process that this configuration has a say in, with the metadata that
    /// the VMs with requests published.
    pub(super) fn all(&self, now: Instant) -> Vec<Rc<Entry>> {
        self.room.set(Room::Unknown);
        #[cfg(fleet)]
        self.room_for_hinted.set(Room::Unknown);
        let names = shared::key_names(&SharedData);
        // Should the list have been lost, whoever knows a name puts it back.
        let missing: Vec<String> = {
            let known = self.known.borrow();
            let listed = names.iter().filter(|name| known.contains_key(*name)).count();
            // Hardly ever is one missing: counting spares every tick a search for each name.
            let missing = known.len().saturating_sub(listed);
            known.keys().filter(|name| !names.contains(name)).take(missing).cloned().collect()
        };
        for name in missing {
            self.note_registration(shared::register(&SharedData, &name, self.config.max_breakers));
        }
        let entries = names.iter().map(|name| {
            let entry = self.listed(name);
            let metadata = Metadata::published(&SharedData, &entry.key.cluster);
            self.follow(&entry, metadata, now);
            entry
        });
        entries.filter(|entry| !self.leaves_alone(entry)).collect()
    }

    fn listed(&self, name: &str) -> Rc<Entry> {
        let known = self.known.borrow().get(name).cloned();
        known.unwrap_or_else(|| {
            let entry = Rc::new(self.entry(Key::parse(name)));
            self.know(&entry);
            entry
        })
    }

    fn entry(&self, key: Key) -> Entry {
        let policy = self.with_date(self.config.policy_for(&key.cluster).clone());
        Entry::new(key, policy, &self.node, self.config.log_format, self.mailbox.voice())
    }

    fn bystander(&self, key: Key) -> Rc<Entry> {
        let name = key.name();
        let mut bystanders = self.bystanders.borrow_mut();
        if let Some(entry) = bystanders.get(&name) {
            return Rc::clone(entry);
        }
        if bystanders.len() >= MAX_BYSTANDERS {
            bystanders.clear();
        }
        let entry = Rc::new(self.entry(key));
        bystanders.insert(name, Rc::clone(&entry));
        entry
    }

    /// A configuration that is disabled but for the clusters it lists is not about the others, nor
    /// is one about the parts of a cluster that it does not tell apart: another listener's may be.
    fn leaves_alone(&self, entry: &Entry) -> bool {
        let policy = entry.policy();
        let lists_some = !self.config.breakers.is_empty();
        let is_disabled = policy.mode == Mode::Disabled;
        lists_some && is_disabled && !self.config.names(&entry.key.cluster)
            || !entry.key.is_of(&policy)
    }

    fn know(&self, entry: &Rc<Entry>) {
        entry.stats.show();
        self.bystanders.borrow_mut().remove(&entry.name);
        self.known.borrow_mut().insert(entry.name.clone(), Rc::clone(entry));
    }

    /// Put a cluster's breaker on the list, if it should and can have one.
    fn register(&self, entry: &Rc<Entry>) -> bool {
        // A configuration that is disabled but for some clusters leaves the others no trace.
        if entry.policy().mode == Mode::Disabled && !self.config.names(&entry.key.cluster) {
            return false;
        }
        if is_beneath_router() {
            self.say_misplaced(entry);
            return false;
        }
        if self.room.get() == Room::None || entry.name.len() > MAX_NAME_BYTES {
            stats::count_for_process(BREAKERS_OVERFLOW);
            return false;
        }
        let registration = shared::register(&SharedData, &entry.name, self.config.max_breakers);
        self.note_registration(registration);
        match registration {
            Registration::Registered { .. } => {
                self.know(entry);
                entry.leave_profile();
            }
            Registration::Full => stats::count_for_process(BREAKERS_OVERFLOW),
            Registration::Unavailable => {}
        }
        matches!(registration, Registration::Registered { .. })
    }

    /// Beneath the router no outage would ever open a breaker, so none is pretended to be there.
    fn say_misplaced(&self, entry: &Entry) {
        if !self.said_misplaced.replace(true) {
            let line = journal::misplaced(&entry.key);
            host::log(Level::Error, &line.text(self.config.log_format));
        }
    }

    fn note_registration(&self, registration: Registration) {
        match registration {
            Registration::Registered { reset: true } => {
                stats::count_for_process(INDEX_RESETS);
                self.warn(&journal::shared_state_reset(&Key::of_cluster("*")));
            }
            // The list never shrinks; whoever else is on it is known by the next tick.
            Registration::Full => self.room.set(Room::None),
            Registration::Registered { reset: false } | Registration::Unavailable => {}
        }
    }

    /// Leave the metadata to the VMs that have no request; say once what of it is not followed.
    fn publish(&self, entry: &Entry, read: &MetadataRead) {
        if !read.metadata.publish(&SharedData, &entry.name) {
            return;
        }
        let (_, ignored) = read.metadata.tighten(self.config.policy_for(&entry.name));
        let ignored = ignored.iter().map(ToString::to_string);
        let warnings: Vec<String> = ignored.chain(read.unknown.iter().cloned()).collect();
        if !warnings.is_empty() {
            self.warn(&journal::metadata_ignored(&entry.name, &warnings));
        }
    }

    fn follow(&self, entry: &Entry, metadata: Metadata, now: Instant) {
        entry.follow(metadata, now, |metadata| {
            let (tightened, _) = metadata.tighten(self.config.policy_for(&entry.key.cluster));
            self.with_date(tightened)
        });
    }

    fn with_date(&self, policy: Policy) -> Policy {
        Policy { in_force_since: self.in_force_since, ..policy }
    }
}
