//! A configuration's fleet in one VM: which of them keeps the connection to the store, and when it is to
//! be ticked next.

use crate::config::{self, Config};
use crate::fleet::Settings;
use crate::plugin::breakers::Breakers;
use crate::plugin::fleet::mailbox::{Mailbox, queue_name};
use crate::plugin::fleet::office::{Happened, Office};
use crate::plugin::fleet::served::Served;
use crate::plugin::host::{self, SharedData, grpc, queue};
use crate::shared::{FleetStatus, Ownership, Tenure};
use crate::time::Instant;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use xxhash_rust::xxh64::xxh64;

/// The usual work of a tick is done that often.
const USUAL: Duration = Duration::from_secs(1);
/// A proxy that has just started should know soon what others know.
const FIRST: Duration = Duration::from_millis(100);
/// No tick comes sooner than that after another.
const SHORTEST: Duration = Duration::from_millis(10);

/// By then a predecessor that kept the connection has a successor, whom the queue wakes.
const YOUTH: Duration = Duration::from_secs(10);

/// The fleet of one configuration in one VM, if it names one.
pub(in crate::plugin) struct Fleet(Option<Member>);

struct Member {
    /// What tells fleets of one process apart, as a short text.
    name: String,
    /// The number of its root context.
    context: u32,
    /// Whether its VM may be one that was made anew a moment ago.
    is_young: Cell<bool>,
    /// The cluster by which the store is reached.
    cluster: String,
    settings: Settings,
    mailbox: Mailbox,
    in_force_since: Instant,
    ownership: RefCell<Option<Ownership>>,
    /// While this VM keeps the connection.
    office: RefCell<Option<Office>>,
    /// When the usual work of a tick is due.
    due: Cell<Instant>,
    period: Cell<Duration>,
}

impl Fleet {
    /// None, as long as there is no configuration.
    pub(in crate::plugin) const fn none() -> Self {
        Self(None)
    }

    /// What this configuration says.
    pub(in crate::plugin) fn of(config: &Config, node: &str, context: u32, now: Instant) -> Self {
        Self(config.fleet.as_ref().map(|fleet| Member::of(fleet, node, context, now)))
    }

    /// What tells it from others of the process.
    pub(in crate::plugin) fn name(&self) -> Option<&str> {
        self.0.as_ref().map(|member| &*member.name)
    }

    /// Where its breakers leave their news.
    pub(in crate::plugin) fn mailbox(&self) -> Mailbox {
        self.0.as_ref().map(|member| member.mailbox.clone()).unwrap_or_default()
    }

    /// When the first tick is to come.
    pub(in crate::plugin) fn first_tick(&self, usual: Duration) -> Duration {
        if self.0.is_some() { FIRST } else { usual }
    }

    /// Whether the usual work of a tick is due; it counts as done.
    pub(in crate::plugin) fn is_due(&self, now: Instant) -> bool {
        let Some(member) = &self.0 else { return true };
        let is_due = now >= member.due.get();
        if is_due {
            member.due.set(now + USUAL);
        }
        is_due
    }

    /// A tick: keep the connection, or see that somebody does.
    pub(in crate::plugin) fn tick(&self, breakers: &Rc<Breakers>, now: Instant) {
        let Some(member) = &self.0 else { return };
        member.is_young.set(now.since(member.in_force_since) < YOUTH);
        Served::join(&member.name, breakers);
        let served = Served::of(&member.name);
        member.take_turns(&served, now);
        member.mailbox.post_kept(now);
        member.with_office(|office| office.tick(&served, now));
        member.arm(now);
    }

    /// A stream has this number. In a VM that was made anew it may be the one that its predecessor's root
    /// context had, and by which the queue still wakes it: what is woken must be a root context, for the
    /// SDK panics on any other.
    pub(in crate::plugin) fn stream_begins(&self, stream: u32) {
        let Some(member) = self.0.as_ref().filter(|member| member.is_young.get()) else { return };
        let wakes = FleetStatus::wakes(&SharedData, &member.name);
        if wakes == Some(stream) && wakes != Some(member.context) {
            let _ = queue::register(&queue_name(&member.name));
        }
    }

    /// The configuration has drained: another takes over.
    pub(in crate::plugin) fn leave(&self, breakers: &Breakers) {
        if let Some(member) = &self.0 {
            member.leave(&Served::of(&member.name));
            Served::part(&member.name, breakers);
        }
    }

    /// Messages wait in a queue.
    pub(in crate::plugin) fn queue_ready(&self, queue: u32) {
        self.happen(|office, served, now| office.receive(queue, served, now));
    }

    /// A message came on a stream.
    pub(in crate::plugin) fn stream_message(&self, token: u32, size: usize) {
        self.happen(|office, served, now| {
            office.happen(Happened::Message { token, size }, served, now);
        });
    }

    /// A stream ended. Whoever opened it, Envoy must be told to forget it.
    pub(in crate::plugin) fn stream_closed(&self, token: u32) {
        grpc::cancel(token);
        self.happen(|office, served, now| {
            office.happen(Happened::Closed { token }, served, now);
        });
    }

    /// A call was answered, or failed.
    pub(in crate::plugin) fn replied(&self, token: u32, status: u32, size: usize) {
        self.happen(|office, served, now| {
            office.happen(Happened::Reply { token, status, size }, served, now);
        });
    }

    fn happen(&self, act: impl FnOnce(&mut Office, &Served, Instant)) {
        let Some(member) = &self.0 else { return };
        let now = host::now();
        let served = Served::of(&member.name);
        member.with_office(|office| {
            act(office, &served, now);
            office.carry_out(&served, now);
        });
        member.arm(now);
    }
}

impl Member {
    fn of(fleet: &config::Fleet, node: &str, context: u32, now: Instant) -> Self {
        let config::Fleet { cluster, scope, prefix, domain, reconnect_max, merge } = fleet;
        let domain = domain.clone().unwrap_or_else(|| node.to_owned());
        let told_apart = [cluster, prefix, scope, &domain].map(String::as_str).join("\0");
        let name = format!("{:016x}", xxh64(told_apart.as_bytes(), 0));
        Self {
            mailbox: Mailbox::of(&name),
            name,
            context,
            is_young: Cell::new(true),
            cluster: cluster.clone(),
            settings: Settings {
                scope: scope.clone(),
                prefix: prefix.clone(),
                domain,
                node: node.to_owned(),
                corroborate: merge.corroborate,
                announced_max: merge.announced_max,
                reconnect_max: *reconnect_max,
            },
            in_force_since: now,
            ownership: RefCell::default(),
            office: RefCell::default(),
            due: Cell::new(now + USUAL),
            period: Cell::new(FIRST),
        }
    }

    /// A configuration is also tried in a VM of its own, which never ticks: so none but a VM in use gets
    /// here.
    fn take_turns(&self, served: &Served, now: Instant) {
        // While a listener drains, its configuration and the next both tick in this VM, and so do those
        // of two listeners with one fleet: the youngest may keep the connection.
        if served.youngest() > self.in_force_since {
            self.leave(served);
            return;
        }
        let tenure = {
            let mut ownership = self.ownership.borrow_mut();
            let ownership = ownership.get_or_insert_with(|| Ownership::of(&self.name));
            ownership.tick(&SharedData, now)
        };
        match tenure {
            Tenure::Begins => {
                self.close();
                self.begin(served, now);
            }
            Tenure::Holds if self.office.borrow().is_none() => self.begin(served, now),
            Tenure::Holds => self.with_office(Office::register),
            Tenure::Lost | Tenure::Elsewhere => self.close(),
        }
    }

    fn begin(&self, served: &Served, now: Instant) {
        let (settings, cluster) = (self.settings.clone(), self.cluster.clone());
        let office = Office::open(&self.name, self.context, cluster, settings, served, now);
        *self.office.borrow_mut() = Some(office);
    }

    fn close(&self) {
        if let Some(office) = self.office.take() {
            office.close();
        }
    }

    fn leave(&self, served: &Served) {
        if let Some(office) = self.office.take() {
            office.leave(served);
        }
        if let Some(mut ownership) = self.ownership.take() {
            ownership.leave(&SharedData);
        }
    }

    fn with_office(&self, act: impl FnOnce(&mut Office)) {
        if let Some(office) = self.office.borrow_mut().as_mut() {
            act(office);
        }
    }

    /// See that the next tick comes when it is needed.
    fn arm(&self, now: Instant) {
        let wakes_at = self.office.borrow().as_ref().and_then(Office::wakes_at);
        let next = wakes_at.map_or(self.due.get(), |wakes_at| wakes_at.min(self.due.get()));
        let period = next.since(now).clamp(SHORTEST, USUAL);
        // One that comes once a second is not set again and again.
        if period != self.period.replace(period) || period < USUAL {
            host::set_tick_period(period);
        }
    }
}
