//! How does one breaker look, to those who watch it? As JSON, put together from its record, its
//! history, its policy's profile and its stats.

use crate::admin::told::{Told, seconds};
use crate::breaker::{Breaker, Origin, Override, Shown, State};
use crate::config::json;
use crate::key::Key;
use crate::policy::{Mode, Policy, WindowShape};
use crate::shared::{self, Cell, History, Loaded, Noted, Profile, breaker_key};
use crate::time::Instant;
use core::fmt::Write;
use serde_json::{Map, Value};
use std::time::SystemTime;

/// Now, on both clocks: what is stored is of the monotonic one, what people read of the other.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The monotonic clock.
    pub now: Instant,
    /// The wall clock at the same moment.
    pub wall: SystemTime,
}

impl Clock {
    /// When that was, or will be, as RFC 3339 has it.
    pub(super) fn at(self, instant: Instant) -> String {
        let time = if instant > self.now {
            self.wall.checked_add(instant.since(self.now))
        } else {
            self.wall.checked_sub(self.now.since(instant))
        };
        // What was before the epoch would make the formatter panic; a year of five digits it cannot
        // write, which would make `to_string` panic.
        let time = time.filter(|time| *time >= SystemTime::UNIX_EPOCH);
        let time = time.unwrap_or(SystemTime::UNIX_EPOCH);
        let mut text = String::new();
        match write!(text, "{}", humantime::format_rfc3339_millis(time)) {
            Ok(()) => text,
            Err(_) => "1970-01-01T00:00:00.000Z".to_owned(),
        }
    }
}

/// All that is known of one breaker.
pub(super) struct View {
    key: Key,
    breaker: Breaker,
    /// `None` if no VM that serves its calls left it.
    profile: Option<Profile>,
    history: History,
    shown: Shown,
    clock: Clock,
}

impl View {
    /// The breaker of this name, as it is now.
    pub(super) fn of(cell: &impl Cell, name: &str, clock: Clock) -> Self {
        let record = match cell.load(&breaker_key(name)) {
            Loaded::Found(bytes, _) => shared::decode(&bytes),
            Loaded::Absent | Loaded::Unavailable => None,
        };
        let breaker = record.unwrap_or_else(|| Breaker::new(clock.now));
        let profile = Profile::left_for(cell, name);
        let shown = breaker.shown(&policy(profile.as_ref()), clock.now);
        let history = History::of(cell, name);
        Self { key: Key::parse(name), breaker, profile, history, shown, clock }
    }

    /// Whose it is.
    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    /// What callers get.
    #[cfg(fleet)]
    pub(super) const fn shown(&self) -> Shown {
        self.shown
    }

    /// The breaker, with what the stats and the fleet say about it.
    pub(super) fn json(&self, blocked: u64, would_block: u64, fleet: Option<Value>) -> Value {
        let Self { breaker, clock, shown, .. } = self;
        let since = self.since();
        let window = self.window();
        let mut told = Told::default();
        told.add("key", self.key.name());
        told.add("cluster", &*self.key.cluster);
        told.add("model", self.key.part.as_deref());
        told.add("state", shown.state.as_str());
        told.add("mode", shown.mode.name());
        told.add("configured_mode", self.profile.as_ref().map(|profile| profile.mode.name()));
        told.add("override", breaker.override_in_force(clock.now).map(|it| self.overridden(it)));
        told.add("since", clock.at(since));
        told.add("since_seconds", seconds(clock.now.since(since)));
        told.add("reason", self.reason());
        told.add("next_probe_at", self.next_probe().map(|it| clock.at(it)));
        told.add("open_remaining_seconds", seconds(shown.open_remaining));
        told.add("probes_in_flight", self.probes_in_flight());
        told.add("trips", breaker.trips);
        told.add("window", window.map(|shape| self.windowed(shape)));
        told.add("consecutive_failures", window.map_or(0, |it| breaker.run.length(it, clock.now)));
        let callers_get = self.profile.as_ref().map(|it| &*it.fallbacks).unwrap_or_default();
        told.add("callers_get", callers_get);
        told.add("requests_blocked", blocked);
        told.add("requests_would_block", would_block);
        let events = self.history.events().iter().map(|it| self.event(it));
        told.add("events", events.collect::<Vec<_>>());
        told.add("fleet", fleet);
        told.json()
    }

    /// Since when it is what it shows itself to be.
    fn since(&self) -> Instant {
        if self.shown.mode.is_active() {
            return self.breaker.state.since();
        }
        let ordered = self.breaker.override_in_force(self.clock.now).map(|it| it.since);
        let configured = || self.profile.as_ref().map(|profile| profile.in_force_since);
        ordered.or_else(configured).unwrap_or(self.clock.now)
    }

    fn overridden(&self, it: &Override) -> Value {
        let order = self.history.order(it.since).map(fields).unwrap_or_default();
        let said = |name: &str| order.get(name).cloned().unwrap_or_default();
        let mut told = Told::default();
        told.add("mode", it.mode.name());
        told.add("scope", scope(it.origin));
        told.add("since", self.clock.at(it.since));
        told.add("until", it.until.map(|until| self.clock.at(until)));
        told.add("remaining_seconds", it.remaining(self.clock.now).map(seconds));
        told.add("user", said("user"));
        told.add("reason", said("reason"));
        told.json()
    }

    /// Why it is open, or tries again.
    fn reason(&self) -> Option<Value> {
        let is_its = self.shown.mode.is_active() && !self.is_closed();
        let opened = fields(self.history.opening().filter(|_| is_its)?);
        let said = |name: &str| opened.get(name).cloned().unwrap_or_default();
        let mut told = Told::default();
        told.add("cause", said("reason"));
        for name in ["measured", "threshold", "category", "ended_by", "announced"] {
            told.add(name, said(name));
        }
        Some(told.json())
    }

    const fn is_closed(&self) -> bool {
        matches!(self.breaker.state, State::Closed { .. })
    }

    fn next_probe(&self) -> Option<Instant> {
        match self.breaker.state {
            State::Open { until, .. } if self.shown.mode.is_active() => Some(until),
            _ => None,
        }
    }

    fn probes_in_flight(&self) -> usize {
        match &self.breaker.state {
            State::HalfOpen { leases, .. } if self.shown.mode.is_active() => {
                leases.deadlines().iter().filter(|lease| **lease > self.clock.now).count()
            }
            _ => 0,
        }
    }

    /// The shape that the policy looks at; where it is not known, one that was used.
    fn window(&self) -> Option<WindowShape> {
        let used = || Some(self.breaker.windows.as_slice().first()?.shape());
        self.profile.as_ref().map(|profile| profile.window).or_else(used)
    }

    fn windowed(&self, shape: WindowShape) -> Value {
        let mut windows = self.breaker.windows.as_slice().iter();
        let total = windows.find(|window| window.shape() == shape).map(|window| {
            let mut window = window.clone();
            window.advance(self.clock.now);
            window.total()
        });
        let total = total.unwrap_or_default();
        let (span, max_calls) = match shape {
            WindowShape::Time { duration, .. } => (Some(seconds(duration)), None),
            WindowShape::Count { calls, .. } => (None, Some(calls)),
        };
        let mut told = Told::default();
        told.add("calls", total.calls);
        told.add("failures", total.failures);
        told.add("slow", total.slow);
        told.add("seconds", span);
        told.add("max_calls", max_calls);
        told.json()
    }

    /// The fields of its line in the log, with the time, and what it is as its kind.
    fn event(&self, noted: &Noted) -> Value {
        let mut event = fields(noted);
        let kind = event.remove("event").unwrap_or_default();
        event.insert("kind".into(), kind);
        event.insert("at".into(), self.clock.at(noted.at).into());
        Value::Object(event)
    }
}

/// What is known of the policy: its mode is all that is asked of it here.
pub(super) fn policy(profile: Option<&Profile>) -> Policy {
    let mode = profile.map_or(Mode::default(), |profile| profile.mode);
    Policy { mode, ..Policy::default() }
}

fn fields(noted: &Noted) -> Map<String, Value> {
    match json::read(noted.text.as_bytes()) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// For whom an order was, as an order says it.
const fn scope(origin: Origin) -> &'static str {
    match origin {
        Origin::Local => "local",
        Origin::Fleet => "fleet",
    }
}
