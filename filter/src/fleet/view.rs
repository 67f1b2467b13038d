//! What is said of all breakers? A bounded number of words.

use crate::fleet::keys::Node;
use crate::fleet::words::{Word, Words};
use crate::time::Instant;
use core::ops::Bound;
use std::collections::BTreeMap;

/// Words that are kept at most, whoever writes how many: as many as are read.
pub(super) const MAX_WORDS: usize = 4_096;

/// The words on every breaker of which something is said.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    breakers: BTreeMap<String, Words>,
    /// How many there are at most.
    words: usize,
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
        if !is_known && self.words >= MAX_WORDS {
            return Heard::NoRoom;
        }
        let words = self.entry(breaker);
        let before = words.len();
        let is_news = words.hear(by, word, is_ours);
        let after = words.len();
        self.words = self.words.saturating_sub(before).saturating_add(after);
        if is_news { Heard::News } else { Heard::Nothing }
    }

    /// This proxy found out that it works: what was said until now is void, before the store has it.
    pub(super) fn close(&mut self, breaker: &str) {
        if let Some(words) = self.breakers.get_mut(breaker) {
            words.close();
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
        self.words = self.breakers.values().map(Words::len).sum();
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Words)> {
        self.breakers.iter().map(|(breaker, words)| (breaker.as_str(), words))
    }

    /// The next so many names behind this one, and round again.
    pub(super) fn names_behind(&self, name: &str, count: usize) -> Vec<String> {
        let behind = self.breakers.range::<str, _>((Bound::Excluded(name), Bound::Unbounded));
        let up_to = self.breakers.range::<str, _>((Bound::Unbounded, Bound::Included(name)));
        let all_round = behind.chain(up_to);
        all_round.take(count).map(|(name, _)| name.clone()).collect()
    }

    fn entry(&mut self, breaker: &str) -> &mut Words {
        self.breakers.entry(breaker.to_owned()).or_default()
    }
}
