//! What one VM remembers: its configuration and its calls. The plugin's `InFlight` does the same.

use crate::scenario::Fate;
use core::time::Duration;
use llm_breaker::admission::Share;
use llm_breaker::breaker::Gathered;
use llm_breaker::call::Exchange;
use llm_breaker::policy::Policy;
use llm_breaker::shared::Ledger;
use llm_breaker::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// One VM's memory.
#[derive(Debug)]
pub struct Vm {
    policy: Rc<Policy>,
    /// The breakers that it put on the list.
    pub known: BTreeSet<String>,
    /// A request that it is deciding about.
    pub deciding: Option<u32>,
    calls: BTreeMap<u32, Call>,
    /// Its ways to the records, with what it has yet to write into each.
    ledgers: BTreeMap<String, Rc<Ledger>>,
}

/// A call that was let through.
#[derive(Debug)]
pub struct Call {
    /// Its breakers and what each gave.
    pub shares: Vec<Share<String>>,
    /// The policy when it came.
    pub policy: Rc<Policy>,
    /// What was seen of it.
    pub exchange: Exchange,
    /// How it goes.
    pub fate: Fate,
    /// How far it got.
    pub stage: Stage,
    /// How long it takes at least from one callback to the next.
    pub wait: Duration,
    /// When its next callback may come.
    pub next_at: Instant,
    /// When its first breaker last knew of an answer.
    pub answered_at: Instant,
}

/// How far a call got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was sent.
    Sent,
    /// The head of its answer was seen.
    Head,
    /// Content was seen.
    Content,
}

impl Vm {
    /// A VM that was just given this configuration.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy: Rc::new(policy),
            known: BTreeSet::new(),
            deciding: None,
            calls: BTreeMap::new(),
            ledgers: BTreeMap::new(),
        }
    }

    /// Its way to the record of a breaker.
    pub fn ledger(&mut self, name: &str) -> Rc<Ledger> {
        let ledger = self.ledgers.entry(name.to_owned());
        Rc::clone(ledger.or_insert_with(|| Rc::new(Ledger::of(name))))
    }

    /// The successes of a breaker that it has yet to write.
    #[must_use]
    pub fn gathered(&self, name: &str) -> Option<Gathered> {
        self.ledgers.get(name)?.gathered()
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Rc<Policy> {
        Rc::clone(&self.policy)
    }

    /// Another policy comes into force; calls keep theirs.
    pub fn configure(&mut self, policy: Policy) {
        self.policy = Rc::new(policy);
    }

    /// A call is on its way.
    pub fn begin(&mut self, request: u32, call: Call) {
        self.calls.insert(request, call);
    }

    /// Take a call out; nobody else will settle it.
    pub fn take(&mut self, request: u32) -> Option<Call> {
        self.calls.remove(&request)
    }

    /// The calls whose next callback may come now.
    #[must_use]
    pub fn proceeding(&self, now: Instant) -> Vec<u32> {
        let may = |call: &Call| call.fate != Fate::Hangs && call.next_at <= now;
        let goes_on = self.calls.iter().filter(|(_, call)| may(call));
        goes_on.map(|(request, _)| *request).collect()
    }

    /// The calls that have passed one of their limits.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> Vec<u32> {
        let overdue = |call: &Call| call.exchange.overdue(&call.policy, now).is_some();
        self.calls.iter().filter(|(_, call)| overdue(call)).map(|(request, _)| *request).collect()
    }

    /// All requests that it holds.
    #[must_use]
    pub fn requests(&self) -> Vec<u32> {
        self.calls.keys().copied().chain(self.deciding).collect()
    }
}
