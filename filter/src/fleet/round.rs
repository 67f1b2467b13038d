//! Who is next, where not all can be told at once?

use core::ops::Bound;
use std::collections::BTreeMap;

/// Goes round the breakers of a map, some at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    /// The last one it came to.
    last: String,
}

impl Round {
    /// The next so many behind those of the last time, and round again, of which there is something to
    /// tell, with that.
    pub(super) fn next<V, T>(
        &mut self,
        all: &BTreeMap<String, V>,
        count: usize,
        to_tell: impl Fn(&str, &V) -> Option<T>,
    ) -> Vec<(String, T)> {
        let last = self.last.as_str();
        let behind = all.range::<str, _>((Bound::Excluded(last), Bound::Unbounded));
        let up_to = all.range::<str, _>((Bound::Unbounded, Bound::Included(last)));
        let told = behind.chain(up_to).filter_map(|(name, it)| Some((name, to_tell(name, it)?)));
        let next = told.take(count).map(|(name, it)| (name.clone(), it));
        let next: Vec<(String, T)> = next.collect();
        if let Some((last, _)) = next.last() {
            self.last.clone_from(last);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_to_all_in_turn_but_to_those_with_nothing_to_tell() {
        let all = ["a", "b", "c", "d"].map(|name| (name.to_owned(), name != "b")).into();
        let mut round = Round::default();
        let mut next = |count| {
            let next = round.next(&all, count, |_, tells| tells.then_some(()));
            next.into_iter().map(|(name, ())| name).collect::<Vec<_>>().concat()
        };
        assert_eq!([next(2), next(2), next(9), next(1)], ["ac", "da", "cda", "c"]);
        assert_eq!(Round::default().next(&BTreeMap::<String, ()>::new(), 2, |_, ()| Some(())), []);
    }
}
