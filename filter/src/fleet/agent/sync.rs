//! What does the store hold? All of it is read at one revision, page by page, up to a limit.

use crate::fleet::agent::Agent;
use crate::fleet::agent::calls::Purpose;
use crate::fleet::agent::records::How;
use crate::fleet::agent::step::Step;
use crate::fleet::etcd::messages::{Header, KeyValue};
use crate::fleet::etcd::{self, Method, Page, Span, status};
use crate::fleet::event::{Counted, Effect};
use crate::fleet::keys::{Keys, Part, Place};
use crate::fleet::view::MAX_WORDS;
use crate::fleet::words::{Order, Reading};
use crate::stats::Ignored;

/// Records of one page: what is read in one go.
const PAGE: usize = 64;

/// A reading that is under way.
#[derive(Clone, Debug)]
pub(super) struct Sync {
    part: Part,
    /// What is left of the part.
    rest: Span,
    /// As of which revision; 0 until the first page tells.
    revision: i64,
    /// Records that the next page may have: fewer where one was too long to be read.
    limit: usize,
    /// Whether not even one fits: then only its key is read, and it is left out.
    keys_only: bool,
    /// Records that were read.
    read: usize,
    /// Records that the part holds, until its first page unknown, and those of them that were seen.
    held: Option<u64>,
    seen: u64,
    /// Whether the next page waits until the last one is understood.
    is_paused: bool,
}

/// What comes after a page.
enum Next {
    Page,
    End { revision: i64 },
    Nonsense,
}

impl Sync {
    pub(super) fn new(keys: &Keys) -> Self {
        let part = Part::Overrides;
        Self {
            part,
            rest: keys.span(part),
            revision: 0,
            limit: PAGE,
            keys_only: false,
            read: 0,
            held: None,
            seen: 0,
            is_paused: false,
        }
    }

    fn ask(&self) -> Vec<u8> {
        if self.keys_only {
            return etcd::read_keys(&self.rest, 1, self.revision);
        }
        let limit = self.limit.min(MAX_WORDS.saturating_sub(self.read)).max(1);
        etcd::read_page(&self.rest, limit, self.revision)
    }

    /// The page was longer than may be fetched: ask for less. Returns whether there is less.
    const fn ask_less(&mut self) -> bool {
        if self.keys_only {
            return false;
        }
        self.keys_only = self.limit == 1;
        self.limit = self.limit.div_ceil(4);
        true
    }

    /// A page was read up to this key; the next begins behind it, or further on.
    fn step_behind(&mut self, last: &KeyValue, further: Option<Vec<u8>>) -> bool {
        let mut behind = last.key.clone();
        behind.push(0);
        let from = further.unwrap_or(behind);
        let is_further = from > self.rest.from && last.key < self.rest.to;
        self.rest.from = from;
        is_further
    }

    fn begin_part(&mut self, part: Part, keys: &Keys) {
        self.part = part;
        self.rest = keys.span(part);
        (self.held, self.seen) = (None, 0);
    }
}

impl Agent {
    /// Ask for the first page.
    pub(super) fn begin_sync(&mut self, step: &mut Step<'_>) {
        self.turns.forget_holders();
        self.lookups.forget_all();
        self.orders.begin_sync();
        self.ask_page(step);
    }

    fn ask_page(&mut self, step: &mut Step<'_>) {
        let Some(sync) = self.session.reading() else { return };
        let message = sync.ask();
        let call = self.calls.begin(Purpose::Page, step.now);
        step.does(Effect::Call { call, method: Method::Range, message });
    }

    /// What was read is understood: on with it, if it waited for that.
    pub(super) fn read_on(&mut self, step: &mut Step<'_>) {
        let sync = self.session.reading();
        if sync.is_some_and(|sync| core::mem::take(&mut sync.is_paused)) {
            self.ask_page(step);
        }
    }

    /// A page came, or did not.
    pub(super) fn take_page(&mut self, result: Result<&[u8], u32>, step: &mut Step<'_>) {
        let page = match result {
            Ok(bytes) => etcd::page(bytes),
            Err(status::RESOURCE_EXHAUSTED) => {
                let has_less = self.session.reading().is_some_and(Sync::ask_less);
                return if has_less { self.ask_page(step) } else { self.break_off(step) };
            }
            Err(_) => return self.break_off(step),
        };
        let Some(page) = page else {
            step.ignores(None, Ignored::Garbled);
            return self.break_off(step);
        };
        match self.read_page(&page, step) {
            Next::Page if self.lookups.are_many() => {
                self.session.reading().into_iter().for_each(|sync| sync.is_paused = true);
            }
            Next::Page => self.ask_page(step),
            Next::End { revision } => self.open_watches(revision, step),
            Next::Nonsense => self.break_off(step),
        }
    }

    fn read_page(&mut self, page: &Page, step: &mut Step<'_>) -> Next {
        let Some(sync) = self.session.reading() else { return Next::Nonsense };
        let was_keys_only = core::mem::take(&mut sync.keys_only);
        (sync.limit, sync.read) = (PAGE, sync.read.saturating_add(page.records.len()));
        sync.seen = sync.seen.saturating_add(page.records.len() as u64);
        let held = *sync.held.get_or_insert(page.count);
        if sync.revision == 0 {
            sync.revision = page.header.revision;
            self.note_store(&page.header);
        }
        if page.records.iter().any(|record| self.is_of_another_store(record)) {
            self.note_another_store();
            return Next::Nonsense;
        }
        if was_keys_only {
            step.ignores(None, Ignored::Value);
        } else {
            for record in &page.records {
                self.take_in(record, How::Read, step);
            }
        }
        self.next_page(page, held, step)
    }

    fn next_page(&mut self, page: &Page, held: u64, step: &mut Step<'_>) -> Next {
        let further = page.records.last().and_then(|last| self.behind_unknown(&last.key, step));
        let Some(sync) = self.session.reading() else { return Next::Nonsense };
        if sync.revision <= 0 {
            return Next::Nonsense;
        }
        let left_out = held.saturating_sub(sync.seen);
        if page.more && sync.read < MAX_WORDS {
            let is_further =
                page.records.last().is_some_and(|last| sync.step_behind(last, further));
            // Else it would never end.
            return if is_further { Next::Page } else { Next::Nonsense };
        }
        let why = if page.more { Ignored::OverLimit } else { Ignored::UnknownBreaker };
        if left_out > 0 {
            let what = Counted::Ignored(why);
            step.does(Effect::Count { breaker: None, what, by: left_out });
        }
        let (part, revision) = (sync.part, sync.revision);
        // One that was cut short may hold what was not read.
        if page.more {
            return Next::End { revision };
        }
        if part == Part::Overrides {
            for breaker in self.orders.end_sync() {
                step.orders(breaker, None);
            }
        }
        match (part.next(), self.session.reading()) {
            (Some(part), Some(sync)) => {
                sync.begin_part(part, &self.keys);
                Next::Page
            }
            _ => Next::End { revision },
        }
    }

    /// Of a breaker that is not known, one page is enough.
    fn behind_unknown(&self, key: &[u8], step: &Step<'_>) -> Option<Vec<u8>> {
        let is_known = match self.keys.place(key) {
            Some(Place::Fact { breaker, .. }) => step.knows(&breaker).is_some(),
            Some(Place::Turn { .. } | Place::Override { .. }) => true,
            None => false,
        };
        if is_known { None } else { self.keys.behind_breaker(key) }
    }

    /// What is read is of this store. One that counts from the beginning again is another.
    fn note_store(&mut self, header: &Header) {
        let Reading { cluster, order } = self.reading;
        let is_another = header.cluster_id != cluster || header.revision < order.revision;
        let store = if is_another { order.store.wrapping_add(1) } else { order.store };
        let order = Order { store, revision: header.revision };
        self.reading = Reading { cluster: header.cluster_id, order };
    }

    /// It is another, although it counts further and says that it is the same: what was read of it so far
    /// is read anew.
    const fn note_another_store(&mut self) {
        let store = &mut self.reading.order.store;
        *store = store.wrapping_add(1);
    }

    /// Time went on in it.
    pub(super) fn note_revision(&mut self, header: &Header) {
        let revision = &mut self.reading.order.revision;
        *revision = header.revision.max(*revision);
    }
}
