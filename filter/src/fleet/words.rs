//! What do all proxies say of one breaker, and what does that come to?
//!
//! Each proxy has one word, its latest; a word holds until its own time is over, whatever becomes of
//! its record. Words are ordered as the store ordered them: what is older than a `closed` is void.

use crate::breaker::Hint;
use crate::category::Category;
use crate::fleet::fact::Basis;
use crate::fleet::keys::Node;
use crate::time::Instant;
use core::time::Duration;
use std::collections::BTreeMap;
use xxhash_rust::xxh64::xxh64;

/// Where in the order of the store something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    /// Counts the stores: one that was set up anew, or from a copy, counts revisions anew.
    pub(super) store: u32,
    /// The revision in it.
    pub(super) revision: i64,
}

/// What one proxy said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) order: Order,
    /// The lease of its record: no other store gives the same.
    pub(super) lease: i64,
    pub(super) says: Says,
    pub(super) until: Instant,
}

/// What a proxy can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// That it fails.
    Open {
        /// Why it should be believed.
        basis: Basis,
        /// How the call ended that did it; `None` for what this version does not know.
        reason: Option<Category>,
    },
    /// That it works again.
    Closed,
}

/// So long after its end it is remembered that a breaker was open for the whole fleet.
const WIDE_IS_REMEMBERED: Duration = Duration::from_secs(300);

/// The words on one breaker.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    by: BTreeMap<Node, Word>,
    /// Up to where words that it fails are void: the latest `closed`, or what this proxy found out.
    void: Option<Order>,
    /// The latest `closed` of anybody, and of another proxy.
    closed: Option<Order>,
    closed_by_others: Option<Order>,
    /// The latest of all.
    newest: Order,
    /// Until when it is open for the whole fleet, as far as this proxy can tell.
    wide_until: Instant,
    /// Until when it is remembered what was void.
    remembered_until: Instant,
    /// How many words are still to come with their time: nothing is concluded before.
    awaited: usize,
}

/// Who asks what it all comes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listener<'a> {
    /// The proxy.
    pub(super) node: &'a Node,
    /// Whether its own word is one that it said in this life: it knows that anyway. One from before
    /// its restart it takes like another's.
    pub(super) remembers: bool,
    /// Domains that must see it fail.
    pub(super) corroborate: usize,
    /// Until when its own breaker is open, whoever opened it; [`Instant::ZERO`] if it is not. Its own
    /// calls failed, too, if only one: for itself it is one domain more.
    pub(super) open_until: Instant,
    /// How long after its end what is open for the whole fleet may still go on: so long the others wait
    /// for the outcome of a probe.
    pub(super) grace: Duration,
}

/// The store as it was read last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// Which cluster answered.
    pub(super) cluster: u64,
    /// The order that its latest revision has.
    pub(super) order: Order,
}

impl Reading {
    /// A number for the store. One that was set up anew says that it is the same cluster.
    fn store(self) -> u64 {
        xxh64(&self.cluster.to_le_bytes(), self.order.store.into())
    }
}

impl Words {
    /// A word was heard. Returns whether it changed anything.
    pub(super) fn hear(&mut self, by: Node, word: Word, is_ours: bool) -> bool {
        if self.by.get(&by).is_some_and(|known| known.order >= word.order) {
            return false;
        }
        self.newest = self.newest.max(word.order);
        if word.says == Says::Closed {
            self.closed = self.closed.max(Some(word.order));
            self.void = self.void.max(self.closed);
            self.wide_until = Instant::ZERO;
            if !is_ours {
                self.closed_by_others = self.closed_by_others.max(Some(word.order));
            }
            self.by.retain(|_, it| it.order > word.order);
        } else if self.is_void(word.order) {
            self.by.remove(&by);
            return false;
        }
        self.by.insert(by, word);
        true
    }

    /// Look whether it is open for the whole fleet: once it is, each further word makes it last.
    pub(super) fn note_how_wide(&mut self, listener: Listener<'_>, now: Instant) {
        let own = (listener.node.domain.as_str(), listener.open_until);
        let agreed = agreed_until(self.open(now), Some(own), listener.corroborate, now);
        let announced = latest(self.open(now).filter(|(_, word)| is_announced(word)));
        let is_wide = self.wide_until > Instant::ZERO && now < self.wide_until + listener.grace;
        let further = if is_wide { latest(self.open(now)) } else { Instant::ZERO };
        let wide_until = agreed.max(announced).max(further);
        self.wide_until = if is_wide { wide_until.max(self.wide_until) } else { wide_until };
    }

    /// This proxy found out that it works: what was said until now is void, before the store has it.
    /// That is remembered until then.
    pub(super) fn close(&mut self, remembered_until: Instant) {
        self.remembered_until = remembered_until;
        self.void = self.void.max(Some(self.newest));
        self.wide_until = Instant::ZERO;
        self.by.retain(|_, word| word.says == Says::Closed);
    }

    /// A word is known to come, but not yet for how long it holds.
    pub(super) const fn await_word(&mut self) {
        self.awaited = self.awaited.saturating_add(1);
    }

    /// It came, or never will.
    pub(super) const fn end_waiting(&mut self) {
        self.awaited = self.awaited.saturating_sub(1);
    }

    /// None will come.
    pub(super) const fn end_all_waiting(&mut self) {
        self.awaited = 0;
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.awaited == 0
    }

    /// What it all comes to.
    pub(super) fn hint(&self, listener: Listener<'_>, reading: Reading, now: Instant) -> Hint {
        let is_news = |by: &Node| !(listener.remembers && by == listener.node);
        let others = || self.open(now).filter(|(by, _)| is_news(by));
        let newest = self.open(now).max_by_key(|(_, word)| word.order);
        let revision = |order: Order| {
            let is_of_this_store = order.store == reading.order.store;
            if is_of_this_store { u64::try_from(order.revision).unwrap_or_default() } else { 0 }
        };
        Hint {
            store: reading.store(),
            revision: revision(reading.order.max(self.newest)),
            opened_at: newest.map_or(0, |(_, word)| revision(word.order)),
            closed_at: self.closed_by_others.map_or(0, revision),
            announced_until: latest(others().filter(|(_, word)| is_announced(word))),
            corroborated_until: agreed_until(others(), None, listener.corroborate, now),
            suspected_until: latest(others().filter(|(_, word)| is_witness(word))),
            wide_until: if now < self.wide_until { self.wide_until } else { Instant::ZERO },
            probed_until: latest(others()),
            witnesses: witnesses(others()),
            because: newest.and_then(|(_, word)| word.reason()),
        }
    }

    /// How many domains say already what is to be said: that it fails, about as long.
    pub(super) fn domains_saying(&self, basis: Basis, until: Instant, now: Instant) -> usize {
        let about = now + until.since(now) / 2;
        let says_it = |word: &Word| match (basis, word.says) {
            (_, Says::Closed) => false,
            (Basis::Announced, Says::Open { basis, .. }) => basis == Basis::Announced,
            (Basis::Observed, Says::Open { basis, .. }) => basis.is_witness(),
            (Basis::Probe, Says::Open { .. }) => true,
        };
        let saying = self.open(now).filter(|(_, word)| says_it(word) && word.until >= about);
        domains(saying).len()
    }

    /// Whether the latest word of all is that it works again.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_some_and(|closed| closed == self.newest)
    }

    /// Whether another proxy's `closed` came after this. One of this proxy's own says nothing about what
    /// it found out since: the store may have been slow to tell of it.
    pub(super) fn was_closed_after(&self, order: Order) -> bool {
        self.closed_by_others.is_some_and(|closed| order < closed)
    }

    fn is_void(&self, order: Order) -> bool {
        self.void.is_some_and(|void| order <= void)
    }

    /// The latest word of all.
    pub(super) const fn newest(&self) -> Order {
        self.newest
    }

    /// The latest word that says that it fails.
    pub(super) fn newest_open(&self, now: Instant) -> Option<Order> {
        self.open(now).map(|(_, word)| word.order).max()
    }

    /// Until when the longest holds of what a `closed` would end; `now` if nothing does.
    pub(super) fn longest(&self, now: Instant) -> Instant {
        latest(self.open(now)).max(now)
    }

    /// What a proxy said last.
    pub(super) fn of(&self, by: &Node) -> Option<&Word> {
        self.by.get(by)
    }

    /// Every word.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Node, &Word)> {
        self.by.iter()
    }

    /// Forget the oldest word if it is older than this; whose it was.
    pub(super) fn drop_before(&mut self, order: Order) -> Option<Node> {
        let (by, oldest) = self.by.iter().min_by_key(|(_, word)| word.order)?;
        let by = (oldest.order < order).then(|| by.clone())?;
        self.by.remove(&by);
        Some(by)
    }

    pub(super) fn len(&self) -> usize {
        self.by.len()
    }

    /// Words whose time is over are no more. Returns whether nothing is left.
    pub(super) fn forget(&mut self, now: Instant) -> bool {
        self.by.retain(|_, word| now < word.until);
        let is_remembered = now < self.remembered_until.max(self.wide_until + WIDE_IS_REMEMBERED);
        self.by.is_empty() && self.awaited == 0 && !is_remembered
    }

    /// The words that hold that it fails.
    fn open(&self, now: Instant) -> impl Iterator<Item = (&Node, &Word)> {
        self.by.iter().filter(move |(_, word)| now < word.until && word.says != Says::Closed)
    }
}

impl Word {
    const fn reason(&self) -> Option<Category> {
        match self.says {
            Says::Open { reason, .. } => reason,
            Says::Closed => None,
        }
    }

    const fn basis(&self) -> Option<Basis> {
        match self.says {
            Says::Open { basis, .. } => Some(basis),
            Says::Closed => None,
        }
    }
}

fn is_announced(word: &Word) -> bool {
    word.basis() == Some(Basis::Announced)
}

fn is_witness(word: &Word) -> bool {
    word.basis().is_some_and(Basis::is_witness)
}

/// The end of the longest word; [`Instant::ZERO`] if there is none.
fn latest<'a>(words: impl Iterator<Item = (&'a Node, &'a Word)>) -> Instant {
    words.map(|(_, word)| word.until).max().unwrap_or(Instant::ZERO)
}

/// Until when that many domains see it fail: each does as long as its longest word.
fn agreed_until<'a>(
    words: impl Iterator<Item = (&'a Node, &'a Word)>,
    own: Option<(&'a str, Instant)>,
    corroborate: usize,
    now: Instant,
) -> Instant {
    let mut domains = domains(words.filter(|(_, word)| is_witness(word)));
    if let Some((own, open_until)) = own.filter(|(_, open_until)| now < *open_until) {
        match domains.iter_mut().find(|(domain, _)| *domain == own) {
            Some((_, until)) => *until = open_until.max(*until),
            None => domains.push((own, open_until)),
        }
    }
    domains.sort_unstable_by_key(|(_, until)| core::cmp::Reverse(*until));
    let last_needed = corroborate.max(1).saturating_sub(1);
    domains.get(last_needed).map_or(Instant::ZERO, |(_, until)| *until)
}

/// The domains, each with the end of its longest word. Words come in the order of their domains.
fn domains<'a>(words: impl Iterator<Item = (&'a Node, &'a Word)>) -> Vec<(&'a str, Instant)> {
    let mut domains: Vec<(&str, Instant)> = Vec::new();
    for (by, word) in words {
        match domains.last_mut() {
            Some((domain, until)) if *domain == by.domain => *until = word.until.max(*until),
            _ => domains.push((&by.domain, word.until)),
        }
    }
    domains
}

/// A number for a set of domains; zero for none.
fn witnesses<'a>(words: impl Iterator<Item = (&'a Node, &'a Word)>) -> u64 {
    let domains = domains(words.filter(|(_, word)| is_witness(word)));
    let hash = domains.iter().fold(0, |hash, (domain, _)| xxh64(domain.as_bytes(), hash));
    if domains.is_empty() { 0 } else { hash.max(1) }
}
