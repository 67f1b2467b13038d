//! Which calls are tuned for? The newest, so many at most, each with its cluster's.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use super::facts::unix;
use crate::replay::Call;

/// The calls of a log, as they are read; the oldest give way.
#[derive(Debug)]
pub struct Traffic {
    /// The oldest on top.
    calls: BinaryHeap<Reverse<Kept>>,
    most: usize,
    added: u64,
    given_way: u64,
}

#[derive(Debug)]
struct Kept {
    unix_ns: u64,
    /// How many came before it.
    number: u64,
    call: Call,
}

/// The calls of one cluster, in the order of their admissions.
#[derive(Clone, Debug)]
pub struct ClusterCalls {
    /// The cluster.
    pub cluster: String,
    /// Its calls.
    pub calls: Vec<Call>,
}

impl Traffic {
    /// Keeps so many calls at most, some 300 bytes each.
    #[must_use]
    pub const fn of_at_most(most: usize) -> Self {
        Self { calls: BinaryHeap::new(), most, added: 0, given_way: 0 }
    }

    /// One more call; those of several proxies come in any order.
    pub fn add(&mut self, call: Call) {
        self.calls.push(Reverse(Kept { unix_ns: unix(&call), number: self.added, call }));
        self.added += 1;
        if self.calls.len() > self.most {
            self.calls.pop();
            self.given_way += 1;
        }
    }

    /// How many calls were too old to be kept.
    #[must_use]
    pub const fn given_way(&self) -> u64 {
        self.given_way
    }

    /// The clusters, the busiest first, so many at most; and how many more there are.
    #[must_use]
    pub fn clusters(self, most: usize) -> (Vec<ClusterCalls>, usize) {
        let mut clusters: BTreeMap<String, Vec<Call>> = BTreeMap::new();
        // Of one source they are in order; what came first makes the result one among several.
        let mut calls = self.calls.into_vec();
        calls.sort_by(|Reverse(one), Reverse(other)| one.cmp(other));
        for Reverse(Kept { call, .. }) in calls {
            match clusters.get_mut(&*call.cluster) {
                Some(calls) => calls.push(call),
                None => {
                    clusters.insert((*call.cluster).to_owned(), vec![call]);
                }
            }
        }
        let mut clusters: Vec<_> =
            clusters.into_iter().map(|(cluster, calls)| ClusterCalls { cluster, calls }).collect();
        clusters.sort_by_key(|it| core::cmp::Reverse(it.calls.len()));
        let further = clusters.len().saturating_sub(most);
        clusters.truncate(most);
        (clusters, further)
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.unix_ns, self.number).cmp(&(other.unix_ns, other.number))
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Kept {}
