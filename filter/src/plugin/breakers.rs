//! The breakers as one VM under one configuration sees them: by cluster name, with the policy that
//! is in force. Their state is not here but in shared data.

use crate::breaker::{Breaker, Change, Jitter, StateName, Transition};
use crate::config::Config;
use crate::config::metadata::unknown_names;
use crate::journal;
use crate::outcome::Outcome;
use crate::plugin::host::{self, Level, SharedData};
use crate::plugin::stats::{self, Stats};
use crate::policy::{Mode, Policy};
use crate::shared::{self, Decided, Ledger, MAX_NAME_BYTES, Metadata, Registration};
use crate::stats::{BREAKERS_OVERFLOW, INDEX_RESETS, Stat};
use crate::time::Instant;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A cluster's metadata is read again after that long at the earliest.
const METADATA_AGE: Duration = Duration::from_secs(10);

/// Clusters without a breaker that are remembered as such; beyond it they are looked up again.
const MAX_BYSTANDERS: usize = 1024;

const METADATA: [&str; 4] = ["xds", "cluster_metadata", "filter_metadata", "llm_breaker"];

/// All breakers of one configuration in one VM.
pub(super) struct Breakers {
    config: Config,
    /// When this configuration came into force in this VM.
    pub(super) in_force_since: Instant,
    node: String,
    /// Those on the process's list.
    known: RefCell<BTreeMap<String, Rc<Entry>>>,
    /// Clusters that have no breaker: disabled, or one too many.
    bystanders: RefCell<BTreeMap<String, Rc<Entry>>>,
    room: Cell<Room>,
}

/// Whether the process's list took another name when it was last asked.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Room {
    #[default]
    Unknown,
    None,
}

/// One breaker.
pub(super) struct Entry {
    name: String,
    ledger: Ledger,
    pub(super) jitter: Jitter,
    pub(super) stats: Stats,
    in_force: RefCell<InForce>,
}

struct InForce {
    policy: Rc<Policy>,
    metadata: Metadata,
    metadata_read_at: Option<Instant>,
}

impl Breakers {
    pub(super) fn new(config: Config, in_force_since: Instant, node: String) -> Self {
        Self {
            config,
            in_force_since,
            node,
            known: RefCell::default(),
            bystanders: RefCell::default(),
            room: Cell::default(),
        }
    }

    /// The breaker of the cluster that a request was routed to; `None` if it has none. To be called
    /// while the request's properties can be read.
    pub(super) fn of_request(&self, cluster: &str, now: Instant) -> Option<Rc<Entry>> {
        let known = self.known.borrow().get(cluster).cloned();
        let is_known = known.is_some();
        let entry = known.unwrap_or_else(|| self.bystander(cluster));
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

    /// Every breaker of the process that this configuration has a say in, with the metadata that
    /// the VMs with requests published.
    pub(super) fn all(&self, now: Instant) -> Vec<Rc<Entry>> {
        self.room.set(Room::Unknown);
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
            self.follow(&entry, Metadata::published(&SharedData, name), now);
            entry
        });
        entries.filter(|entry| !self.leaves_alone(entry)).collect()
    }

    fn listed(&self, name: &str) -> Rc<Entry> {
        let known = self.known.borrow().get(name).cloned();
        known.unwrap_or_else(|| {
            let entry = Rc::new(self.entry(name));
            self.know(&entry);
            entry
        })
    }

    fn entry(&self, name: &str) -> Entry {
        let policy = self.with_date(self.config.policy_for(name).clone());
        Entry {
            name: name.to_owned(),
            ledger: Ledger::of(name),
            jitter: Jitter::of(name, &self.node),
            stats: Stats::of(name),
            in_force: RefCell::new(InForce {
                policy: Rc::new(policy),
                metadata: Metadata::default(),
                metadata_read_at: None,
            }),
        }
    }

    fn bystander(&self, cluster: &str) -> Rc<Entry> {
        let mut bystanders = self.bystanders.borrow_mut();
        if let Some(entry) = bystanders.get(cluster) {
            return Rc::clone(entry);
        }
        if bystanders.len() >= MAX_BYSTANDERS {
            bystanders.clear();
        }
        let entry = Rc::new(self.entry(cluster));
        bystanders.insert(cluster.to_owned(), Rc::clone(&entry));
        entry
    }

    /// A configuration that is disabled but for the clusters it lists is not about the others:
    /// another listener's may be.
    fn leaves_alone(&self, entry: &Entry) -> bool {
        let lists_some = !self.config.breakers.is_empty();
        lists_some && entry.policy().mode == Mode::Disabled && !self.config.names(&entry.name)
    }

    fn know(&self, entry: &Rc<Entry>) {
        entry.stats.show();
        self.bystanders.borrow_mut().remove(&entry.name);
        self.known.borrow_mut().insert(entry.name.clone(), Rc::clone(entry));
    }

    /// Put a cluster's breaker on the list, if it should and can have one.
    fn register(&self, entry: &Rc<Entry>) -> bool {
        // A configuration that is disabled but for some clusters leaves the others no trace.
        if entry.policy().mode == Mode::Disabled && !self.config.names(&entry.name) {
            return false;
        }
        if self.room.get() == Room::None || entry.name.len() > MAX_NAME_BYTES {
            stats::count_for_process(BREAKERS_OVERFLOW);
            return false;
        }
        let registration = shared::register(&SharedData, &entry.name, self.config.max_breakers);
        self.note_registration(registration);
        match registration {
            Registration::Registered { .. } => self.know(entry),
            Registration::Full => stats::count_for_process(BREAKERS_OVERFLOW),
            Registration::Unavailable => {}
        }
        matches!(registration, Registration::Registered { .. })
    }

    fn note_registration(&self, registration: Registration) {
        match registration {
            Registration::Registered { reset: true } => {
                stats::count_for_process(INDEX_RESETS);
                host::log(Level::Warn, &journal::shared_state_reset("*"));
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
            host::log(Level::Warn, &journal::metadata_ignored(&entry.name, &warnings));
        }
    }

    fn follow(&self, entry: &Entry, metadata: Metadata, now: Instant) {
        let mut in_force = entry.in_force.borrow_mut();
        if in_force.metadata == metadata {
            return;
        }
        let (tightened, _) = metadata.tighten(self.config.policy_for(&entry.name));
        let mut policy = self.with_date(tightened);
        // A mode that metadata changes is younger than the configuration.
        if policy.mode != in_force.policy.mode {
            policy.in_force_since = now;
        }
        in_force.policy = Rc::new(policy);
        in_force.metadata = metadata;
    }

    fn with_date(&self, policy: Policy) -> Policy {
        Policy { in_force_since: self.in_force_since, ..policy }
    }
}

impl Entry {
    /// Whether the cluster's metadata must be read; it counts as read from then on.
    fn metadata_is_due(&self, now: Instant) -> bool {
        let mut in_force = self.in_force.borrow_mut();
        let due = in_force.metadata_read_at.is_none_or(|at| now.since(at) >= METADATA_AGE);
        if due {
            in_force.metadata_read_at = Some(now);
        }
        due
    }

    pub(super) fn policy(&self) -> Rc<Policy> {
        Rc::clone(&self.in_force.borrow().policy)
    }

    /// Decide on the shared record, and count and log what that changed.
    pub(super) fn decide<T>(
        &self,
        now: Instant,
        decide: impl FnMut(&mut Breaker) -> (T, Change),
    ) -> Decided<T> {
        let decided = self.ledger.update(&SharedData, now, decide);
        self.stats.add(Stat::SharedStateConflicts, decided.conflicts);
        if decided.reset {
            self.stats.count(Stat::SharedStateResets);
            host::log(Level::Warn, &journal::shared_state_reset(&self.name));
        }
        decided
    }

    /// Count and log a transition that this VM's store brought about.
    pub(super) fn report(&self, transition: &Transition, outcome: Option<&Outcome>) {
        self.stats.count(Stat::StateChanges(transition.from, transition.to));
        self.stats.record(Stat::State, transition.to.gauge());
        let open = transition.open_for.map_or(Duration::ZERO, |open_for| open_for.duration());
        self.stats.record(Stat::OpenRemaining, open.as_secs());
        // Istio's default log level hides what is less than a warning.
        let level = if transition.to == StateName::Open { Level::Warn } else { Level::Info };
        host::log(level, &journal::transition(&self.name, transition, outcome));
    }

    /// Set the gauges to what the record says.
    pub(super) fn show(&self, state: StateName, open_remaining: Duration) {
        let policy = self.policy();
        let (state, open_remaining) = match policy.mode {
            Mode::Enforce | Mode::Shadow => (state, open_remaining),
            // What the breaker was before says nothing about what callers get.
            Mode::Disabled => (StateName::Closed, Duration::ZERO),
            Mode::ForcedOpen => (StateName::Open, Duration::ZERO),
        };
        self.stats.record(Stat::State, state.gauge());
        self.stats.record(Stat::Mode, policy.mode.gauge());
        self.stats.record(Stat::OpenRemaining, open_remaining.as_secs());
    }
}

/// A cluster's metadata, as a request to the cluster shows it.
struct MetadataRead {
    metadata: Metadata,
    /// Names in it that mean nothing.
    unknown: Vec<String>,
}

impl MetadataRead {
    fn by_this_request() -> Self {
        let Some(all) = host::metadata_property(&METADATA) else {
            return Self { metadata: Metadata::default(), unknown: Vec::new() };
        };
        let field = |path: &[&str]| host::metadata_property(&[&METADATA, path].concat());
        let mut unknown = unknown_names(&[], &all);
        for group in [["trip"], ["slow"], ["limits"]] {
            unknown.extend(unknown_names(&group, &field(&group).unwrap_or_default()));
        }
        unknown.iter_mut().for_each(|name| name.push_str(": not a field of metadata"));
        Self { metadata: Metadata::read(field), unknown }
    }
}
