//! What does this proxy say of its breakers, and when? What its own calls told it, each under a lease
//! of its own; unless enough others say it already.

use crate::category::Category;
use crate::fleet::agent::calls::Purpose;
use crate::fleet::agent::step::Step;
use crate::fleet::agent::{Agent, MAX_BREAKERS, SPREAD};
use crate::fleet::etcd::{self, Method};
use crate::fleet::event::Effect;
use crate::fleet::fact::{Basis, Fact};
use crate::fleet::words::Order;
use crate::stats::FleetEvent;
use crate::time::Instant;
use core::time::Duration;
use std::collections::BTreeMap;

/// What holds shorter is not worth saying.
const SHORTEST: Duration = Duration::from_secs(5);

/// How long a `closed` stays in the store beyond the longest of what it ends, and how long it is
/// worth saying.
const CLOSED_LASTS_ON: Duration = Duration::from_secs(60);

/// The longest wait before something is said that the store would not take.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What this proxy has to say, of each breaker the latest.
#[derive(Clone, Debug, Default)]
pub(super) struct Sayings {
    by_breaker: BTreeMap<String, Saying>,
    last_serial: u32,
}

#[derive(Clone, Debug)]
struct Saying {
    says: Own,
    /// Until when it is worth saying.
    until: Instant,
    /// The latest that others had said when this was found out.
    knew: Order,
    stage: Stage,
    /// Tells the answers to it from those to what was said before.
    serial: u32,
    /// What was being said before, until the store answered: of two words the later must be this one.
    behind: Option<u32>,
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    Open {
        basis: Basis,
        reason: Category,
    },
    /// With the end of what it ends.
    Closed {
        longest: Instant,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is to be said then.
    Due(Instant),
    /// It is being said.
    UnderWay,
    /// It stands in the store.
    Said,
    /// It need not be said.
    Spared,
}

impl Sayings {
    /// Whether this proxy knows of itself that it fails.
    pub(super) fn remembers(&self, breaker: &str, now: Instant) -> bool {
        self.by_breaker
            .get(breaker)
            .is_some_and(|it| matches!(it.says, Own::Open { .. }) && now < it.until)
    }

    /// What was not said yet is not to be said any more.
    pub(super) fn take_back(&mut self, breaker: &str) {
        if let Some(saying) = self.by_breaker.get_mut(breaker)
            && matches!(saying.stage, Stage::Due(_))
        {
            saying.stage = Stage::Spared;
        }
    }

    /// What was under way when the store was lost is due when it is there again.
    pub(super) fn wait_for_store(&mut self, now: Instant) {
        for saying in self.by_breaker.values_mut() {
            saying.behind = None;
            if saying.stage == Stage::UnderWay {
                saying.stage = Stage::Due(now);
            }
        }
    }

    pub(super) fn forget(&mut self, now: Instant) {
        self.by_breaker.retain(|_, saying| now < saying.until);
    }

    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let due = self.by_breaker.values().filter_map(|saying| match saying.stage {
            Stage::Due(at) if saying.behind.is_none() => Some(at),
            _ => None,
        });
        due.min()
    }

    fn mean(&mut self, breaker: &str, says: Own, until: Instant, knew: Order, due: Instant) {
        if self.by_breaker.len() >= MAX_BREAKERS && !self.by_breaker.contains_key(breaker) {
            return;
        }
        self.last_serial = self.last_serial.wrapping_add(1);
        let (stage, serial) = (Stage::Due(due), self.last_serial);
        let before = self.by_breaker.get(breaker);
        let behind = before.and_then(|before| match before.stage {
            Stage::UnderWay => Some(before.serial),
            _ => before.behind,
        });
        let saying = Saying { says, until, knew, stage, serial, behind, failures: 0 };
        self.by_breaker.insert(breaker.to_owned(), saying);
    }

    /// What is being said, if nothing else is meant by now.
    fn under_way(&mut self, breaker: &str, serial: u32) -> Option<&mut Saying> {
        let saying = self.by_breaker.get_mut(breaker)?;
        (saying.serial == serial && saying.stage == Stage::UnderWay).then_some(saying)
    }

    /// The store answered, and nothing more comes of it.
    fn is_over(&mut self, breaker: &str, serial: u32) {
        if let Some(saying) = self.by_breaker.get_mut(breaker) {
            saying.behind = saying.behind.filter(|behind| *behind != serial);
        }
    }

    fn due(&self, now: Instant) -> Vec<String> {
        let due = self
            .by_breaker
            .iter()
            .filter(|(_, it)| matches!(it.stage, Stage::Due(at) if at <= now))
            .filter(|(_, it)| it.behind.is_none());
        due.map(|(breaker, _)| breaker.clone()).collect()
    }
}

impl Saying {
    /// The store would not take it: again later, each time later.
    fn put_off(&mut self, now: Instant) {
        let wait = Duration::from_secs(1) * 2_u32.saturating_pow(self.failures.min(8));
        self.failures = self.failures.saturating_add(1);
        self.stage = Stage::Due(now + wait.min(LONGEST_WAIT));
    }
}

impl Agent {
    /// A breaker opened by this proxy's own calls, or a probe of its failed.
    pub(super) fn mean_to_say_open(
        &mut self,
        breaker: &str,
        basis: Basis,
        reason: Category,
        until: Instant,
        is_probe: bool,
        step: &mut Step<'_>,
    ) {
        let is_alone = is_probe && self.turns.holds(breaker, step.now);
        let wait =
            if basis == Basis::Announced || is_alone { Duration::ZERO } else { step.up_to(SPREAD) };
        let until = until.min(step.now + self.settings.announced_max);
        let knew = self.newest(breaker);
        self.sayings.mean(breaker, Own::Open { basis, reason }, until, knew, step.now + wait);
    }

    /// A breaker closed by its own probes.
    pub(super) fn mean_to_say_closed(&mut self, breaker: &str, step: &mut Step<'_>) {
        let is_alone = self.turns.holds(breaker, step.now);
        let wait = if is_alone { Duration::ZERO } else { step.up_to(SPREAD) };
        let knew = self.newest(breaker);
        let until = step.now + CLOSED_LASTS_ON;
        let longest = self.view.of(breaker).map_or(step.now, |words| words.longest(step.now));
        self.view.close(breaker, step.now + self.settings.announced_max + CLOSED_LASTS_ON);
        self.hints.touch(breaker);
        self.sayings.mean(breaker, Own::Closed { longest }, until, knew, step.now + wait);
    }

    /// The store is there again: what it does not hold of this proxy's words, because it is another
    /// store, is said anew.
    pub(super) fn say_again(&mut self, step: &mut Step<'_>) {
        let store = self.reading.order.store;
        for (breaker, saying) in &mut self.sayings.by_breaker {
            let word = self.view.of(breaker).and_then(|words| words.of(&self.ours));
            let is_lost = word.is_none_or(|word| word.order.store != store);
            if saying.stage == Stage::Said && is_lost {
                saying.stage = Stage::Due(step.now + step.up_to(SPREAD));
            }
        }
    }

    pub(super) fn say_what_is_due(&mut self, step: &mut Step<'_>) {
        for breaker in self.sayings.due(step.now) {
            if !self.calls.has_room() {
                return;
            }
            let lasts = self.worth_saying(&breaker, step.now);
            let Some(saying) = self.sayings.by_breaker.get_mut(&breaker) else { continue };
            let Some(lasts) = lasts else {
                saying.stage = Stage::Spared;
                self.give_back_turn(&breaker, step);
                continue;
            };
            saying.stage = Stage::UnderWay;
            let serial = saying.serial;
            let purpose = Purpose::LeaseOfWord { breaker, serial };
            let call = self.calls.begin(purpose, step.now);
            let message = etcd::grant(lasts);
            step.does(Effect::Call { call, method: Method::LeaseGrant, message });
        }
    }

    /// For how long it is to stand in the store; `None` if it need not be said: it holds too short,
    /// others say it, or have said otherwise since.
    fn worth_saying(&self, breaker: &str, now: Instant) -> Option<Duration> {
        let saying = self.sayings.by_breaker.get(breaker)?;
        let words = self.view.of(breaker);
        match saying.says {
            Own::Open { basis, .. } => {
                let lasts = saying.until.since(now);
                let is_known = words.is_some_and(|words| {
                    let saying_so = words.domains_saying(basis, saying.until, now);
                    words.was_closed_after(saying.knew)
                        || saying_so > self.settings.corroborate as usize
                });
                (lasts >= SHORTEST && !is_known).then_some(lasts)
            }
            Own::Closed { longest } => {
                let is_known = words.is_some_and(|words| {
                    let said_otherwise = words.newest_open(now) > Some(saying.knew);
                    words.is_closed() || said_otherwise
                });
                let lasts = longest.since(now).min(self.settings.announced_max) + CLOSED_LASTS_ON;
                (!is_known).then_some(lasts)
            }
        }
    }

    /// The lease is there: now the word itself, with the time that is left.
    pub(super) fn take_lease_of_word(
        &mut self,
        breaker: &str,
        serial: u32,
        result: Result<&[u8], u32>,
        step: &mut Step<'_>,
    ) {
        let lease = result.ok().and_then(etcd::lease_granted);
        let Some(saying) = self.sayings.under_way(breaker, serial) else {
            self.sayings.is_over(breaker, serial);
            return lease.into_iter().for_each(|lease| self.revoke(lease, step));
        };
        let Some(lease) = lease else {
            saying.put_off(step.now);
            step.sent(breaker, FleetEvent::Failed);
            return self.give_back_turn(breaker, step);
        };
        let fact = match saying.says {
            Own::Open { basis, reason } => {
                let remaining = saying.until.since(step.now);
                Fact::Open { basis, reason: Some(reason), remaining }
            }
            Own::Closed { .. } => Fact::Closed,
        };
        let key = self.keys.fact(breaker, &self.ours);
        let message = etcd::put(&key, &fact.encode(), lease);
        let purpose = Purpose::Word { breaker: breaker.to_owned(), serial, lease };
        let call = self.calls.begin(purpose, step.now);
        step.does(Effect::Call { call, method: Method::Put, message });
    }

    /// It stands in the store, or does not. Either way the next may probe.
    pub(super) fn take_word_written(
        &mut self,
        breaker: &str,
        serial: u32,
        lease: i64,
        result: Result<&[u8], u32>,
        step: &mut Step<'_>,
    ) {
        self.sayings.is_over(breaker, serial);
        let saying = self.sayings.under_way(breaker, serial);
        match (result, saying) {
            (Ok(_), saying) => {
                let event = saying.map(|saying| {
                    saying.stage = Stage::Said;
                    match saying.says {
                        Own::Open { basis, .. } => basis.event(),
                        Own::Closed { .. } => FleetEvent::Closed,
                    }
                });
                event.into_iter().for_each(|event| step.sent(breaker, event));
            }
            (Err(_), saying) => {
                saying.into_iter().for_each(|saying| saying.put_off(step.now));
                step.sent(breaker, FleetEvent::Failed);
                self.revoke(lease, step);
            }
        }
        self.give_back_turn(breaker, step);
    }

    /// Nobody needs this lease any more. If it cannot be said, it ends by itself.
    pub(super) fn revoke(&mut self, lease: i64, step: &mut Step<'_>) {
        if self.calls.has_room() {
            let call = self.calls.begin(Purpose::Revocation, step.now);
            let message = etcd::lease(lease);
            step.does(Effect::Call { call, method: Method::LeaseRevoke, message });
        }
    }

    fn newest(&self, breaker: &str) -> Order {
        self.view.of(breaker).map(|words| words.newest()).unwrap_or_default()
    }
}
