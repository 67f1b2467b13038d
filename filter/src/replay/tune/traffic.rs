//! Which calls are tuned for? The newest, so many at most, each with its cluster's.

use std::collections::{BTreeMap, VecDeque};

use super::facts::unix;
use crate::replay::Call;

/// The calls of a log, as they are read; the oldest give way.
#[derive(Debug)]
pub struct Traffic {
    calls: VecDeque<Call>,
    most: usize,
    given_way: u64,
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
        Self { calls: VecDeque::new(), most, given_way: 0 }
    }

    /// One more call.
    pub fn add(&mut self, call: Call) {
        if self.calls.len() >= self.most {
            self.calls.pop_front();
            self.given_way += 1;
        }
        self.calls.push_back(call);
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
        for call in self.calls {
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
        // Of one source they are in order; a stable order among several makes the result one.
        clusters.iter_mut().for_each(|it| it.calls.sort_by_key(unix));
        (clusters, further)
    }
}
