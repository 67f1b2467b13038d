//! Once the upstream is healthy again, does every breaker close, and stay so? One call in a hundred
//! still fails.

use crate::prelude::call;
use crate::run::Run;
use crate::scenario::Fate;
use crate::truth::Weather;
use crate::worker::Job;
use core::time::Duration;
use llm_breaker::time::Instant;

/// Between two calls of each worker.
const STEP: Duration = Duration::from_millis(500);

/// A failure among a hundred calls hits a probe now and then, and two in a row hit a ramp: so often
/// may a breaker open again.
const RELAPSES: u32 = 6;

/// Send healthy calls until all breakers are closed and past their ramps; how long that took.
/// Panics if it takes too long.
pub fn recover(run: &mut Run) -> Duration {
    run.reconfigure();
    let begun = run.world.borrow().now;
    run.world.borrow_mut().truth.becomes(Weather::Healthy, begun);
    let patience = patience(run);
    loop {
        let now = run.world.borrow().now;
        let waited = now.since(begun);
        let ailing = ailing(run, now);
        if ailing.is_empty() {
            return waited;
        }
        assert!(waited < patience, "after {waited:?} still not closed: {ailing:?}");
        for name in ailing {
            let fate = match run.rng.u32(..100) {
                0 => Fate::Answer(500, None),
                _ => Fate::success(&mut run.rng),
            };
            let worker = run.rng.usize(..run.workers.len());
            call(run, worker, &name, fate);
        }
        let later = run.world.borrow().now + STEP;
        run.world.borrow_mut().now = later;
        for worker in 0..run.workers.len() {
            run.order(worker, Job::Tick);
            run.complete(worker);
        }
    }
}

/// The longest open time that is running, and then as many further rounds as may happen.
fn patience(run: &Run) -> Duration {
    let policy = &run.scenario.policies[0];
    let longest = policy.open.max.mul_f64(1.0 + policy.open.jitter);
    let ramp = policy.ramp.unwrap_or_default();
    let round = longest + policy.half_open.lease * (policy.half_open.successes + 1) + ramp;
    policy.open.announced_max + policy.limits.total.unwrap_or_default() + round * RELAPSES
}

/// The breakers that do not let everything pass.
fn ailing(run: &Run, now: Instant) -> Vec<String> {
    let world = run.world.borrow();
    let policy = &run.scenario.policies[0];
    let is_well = |name: &String| {
        world.oracle(name).is_none_or(|oracle| {
            oracle.phase.name() == llm_breaker::breaker::StateName::Closed
                && oracle.ramp(policy, now).is_none()
        })
    };
    run.scenario.names().into_iter().filter(|name| !is_well(name)).collect()
}
