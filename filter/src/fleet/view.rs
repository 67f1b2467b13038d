//! What is said of all breakers? A bounded number of words.

use crate::fleet::keys::Node;
use crate::fleet::round::Round;
use crate::fleet::words::{Listener, Word, Words};
use crate::time::Instant;
use core::ops::Bound;
use std::collections::BTreeMap;

/// Words that are kept at most, whoever writes how many: as many as are read.
pub(super) const MAX_WORDS: usize = 4_096;

/// Words that are kept on one breaker at most, the latest: all of them are looked at again and again.
const MAX_WORDS_ON_ONE: usize = 256;

/// Breakers of others that are forgotten in one go where there is no more room: to find them takes a look
/// at all.
const MAX_DROPPED: usize = 64;

/// Bytes that they may take: names are as long as their writers want.
const MAX_BYTES: usize = 768 * 1024;

/// What a word or a breaker takes beside its names.
const OVERHEAD: usize = 160;

/// The words on every breaker of which something is said.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    breakers: BTreeMap<String, Words>,
    /// What they take at most.
    taken: Taken,
}

#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    words: usize,
    bytes: usize,
}

/// What became of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is another than before.
    News,
    /// It was known, or is void.
    Nothing,
    /// There is no room for it.
    NoRoom,
}

impl View {
    pub(super) fn of(&self, breaker: &str) -> Option<&Words> {
        self.breakers.get(breaker)
    }

    pub(super) fn hear(&mut self, breaker: &str, by: Node, word: Word, is_ours: bool) -> Heard {
        let is_known = self.of(breaker).is_some_and(|words| words.of(&by).is_some());
        if !is_known {
            if !self.make_room_on(breaker, &word) {
                return Heard::NoRoom;
            }
            let bytes = OVERHEAD + by.domain.len() + by.name.len() + self.bytes_of_new(breaker);
            let Taken { words, bytes: taken } = self.taken;
            if words >= MAX_WORDS || taken.saturating_add(bytes) > MAX_BYTES {
                return Heard::NoRoom;
            }
            self.taken = Taken { words: words + 1, bytes: taken.saturating_add(bytes) };
        }
        let is_news = self.entry(breaker).hear(by, word, is_ours);
        if is_news { Heard::News } else { Heard::Nothing }
    }

    /// Of as many words on one breaker as there may be the oldest gives way to a later one.
    fn make_room_on(&mut self, breaker: &str, word: &Word) -> bool {
        let words = self.breakers.get_mut(breaker).filter(|it| it.len() >= MAX_WORDS_ON_ONE);
        let Some(words) = words else { return true };
        let Some(dropped) = words.drop_before(word.order) else { return false };
        let names = dropped.domain.len() + dropped.name.len();
        self.taken.words = self.taken.words.saturating_sub(1);
        self.taken.bytes = self.taken.bytes.saturating_sub(OVERHEAD + names);
        true
    }

    /// Look whether a breaker is open for the whole fleet.
    pub(super) fn note_how_wide(&mut self, breaker: &str, listener: Listener<'_>, now: Instant) {
        if let Some(words) = self.breakers.get_mut(breaker) {
            words.note_how_wide(listener, now);
        }
    }

    /// Make room: drop what is said of some breakers that this proxy does not have. Returns whether there
    /// was one.
    pub(super) fn drop_unknown(&mut self, knows: impl Fn(&str) -> bool) -> bool {
        let unknown = self.breakers.keys().filter(|breaker| !knows(breaker));
        let unknown: Vec<String> = unknown.take(MAX_DROPPED).cloned().collect();
        for breaker in &unknown {
            self.breakers.remove(breaker);
        }
        self.count();
        !unknown.is_empty()
    }

    /// This proxy found out that it works: what was said until now is void, before the store has it.
    /// That is remembered until then.
    pub(super) fn close(&mut self, breaker: &str, remembered_until: Instant) {
        if let Some(words) = self.breakers.get_mut(breaker) {
            words.close(remembered_until);
        }
    }

    /// A word on it is known to come, but not yet for how long it holds.
    pub(super) fn await_word(&mut self, breaker: &str) {
        self.entry(breaker).await_word();
    }

    pub(super) fn end_waiting(&mut self, breaker: &str) {
        if let Some(words) = self.breakers.get_mut(breaker) {
            words.end_waiting();
        }
    }

    pub(super) fn end_all_waiting(&mut self) {
        self.breakers.values_mut().for_each(Words::end_all_waiting);
    }

    /// Words whose time is over are no more.
    pub(super) fn forget(&mut self, now: Instant) {
        self.breakers.retain(|_, words| !words.forget(now));
        self.count();
    }

    /// The next so many names of breakers that this proxy has, round and round.
    pub(super) fn next_names(
        &self,
        round: &mut Round,
        count: usize,
        knows: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let next = round.next(&self.breakers, count, |name, _| knows(name).then_some(()));
        next.into_iter().map(|(name, ())| name).collect()
    }

    /// The next so many names behind this one.
    pub(super) fn names_after(&self, name: &str, count: usize) -> Vec<String> {
        let behind = self.breakers.range::<str, _>((Bound::Excluded(name), Bound::Unbounded));
        behind.map(|(name, _)| name.clone()).take(count).collect()
    }

    fn count(&mut self) {
        let mut taken = Taken::default();
        for (breaker, words) in &self.breakers {
            taken.words += words.len();
            taken.bytes += OVERHEAD + breaker.len();
            let names = words.all().map(|(by, _)| OVERHEAD + by.domain.len() + by.name.len());
            taken.bytes += names.sum::<usize>();
        }
        self.taken = taken;
    }

    fn bytes_of_new(&self, breaker: &str) -> usize {
        if self.breakers.contains_key(breaker) { 0 } else { OVERHEAD + breaker.len() }
    }

    fn entry(&mut self, breaker: &str) -> &mut Words {
        self.breakers.entry(breaker.to_owned()).or_default()
    }
}
