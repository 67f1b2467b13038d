//! What would each of these policies have cost? The calls run through the code that Envoy runs.

use std::num::NonZero;
use std::thread;

use super::facts::unix;
use super::price::Worth;
use super::stretches::{Bills, Stretches};
use crate::config::Config;
use crate::policy::Policy;
use crate::replay::{Call, Candidate, Replay};

/// The calls of one cluster, ready to be run.
pub(super) struct Track<'t> {
    pub(super) calls: &'t [Call],
    pub(super) worths: &'t [Worth],
    pub(super) stretches: Stretches,
}

impl Track<'_> {
    /// What each of the policies costs; on all processors, with the same result on any number.
    pub(super) fn run(&self, policies: &[Policy]) -> Vec<Bills> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let share = policies.len().div_ceil(processors).max(1);
        thread::scope(|scope| {
            let shares = policies.chunks(share);
            let running: Vec<_> =
                shares.map(|share| scope.spawn(move || self.run_together(share))).collect();
            running.into_iter().flat_map(|it| it.join().unwrap_or_default()).collect()
        })
    }

    fn run_together(&self, policies: &[Policy]) -> Vec<Bills> {
        let candidate = |policy: &Policy| Candidate {
            name: String::new(),
            config: Config { defaults: policy.clone(), ..Config::default() },
        };
        let mut replay = Replay::new(policies.iter().map(candidate).collect());
        let mut bills = vec![Bills::default(); policies.len()];
        for (call, worth) in self.calls.iter().zip(self.worths) {
            let stretch = self.stretches.of(unix(call));
            replay.feed_to(call, |at, decision| {
                if let (Some(bills), Some(policy)) = (bills.get_mut(at), policies.get(at)) {
                    bills.at(stretch).add(*worth, decision, policy.limits.abort);
                }
            });
        }
        bills
    }
}
