//! Where does a part of a run begin? Breakers live mostly closed; so each part begins in a state
//! that is drawn, brought about by calls as they come.

use crate::oracle::Phase;
use crate::run::Run;
use crate::scenario::{Fate, Instead, OPENAI, Request};
use crate::truth::Weather;
use crate::worker::Job;
use core::time::Duration;
use llm_breaker::breaker::StateName;
use llm_breaker::level::Level;
use llm_breaker::time::Instant;

/// More calls than any threshold asks for.
const ENOUGH_CALLS: u32 = 30;
/// As many as any rate asks for.
const FULL_WINDOW: u32 = 12;
const LONGER_THAN_A_RAMP: Duration = Duration::from_secs(30);

/// A state that a part begins in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// As the part before left it.
    AsItIs,
    /// Open.
    Open,
    /// Open, and its time is over.
    Due,
    /// Half-open, without a probe.
    HalfOpen,
    /// Closed after a half-open period.
    Closed,
    /// Closed for a while, and all calls went well.
    Healthy,
}

/// Bring all breakers there, as far as calls can.
pub fn prepare(run: &mut Run, beginning: Beginning) {
    if beginning == Beginning::AsItIs {
        return;
    }
    run.finish();
    run.reconfigure();
    for name in run.scenario.names() {
        lead(run, 0, &name, beginning);
    }
}

/// While others stand still, one worker's calls bring a breaker there, as far as they can.
pub fn lead(run: &mut Run, worker: usize, name: &str, beginning: Beginning) {
    wait_for_probes(run, name);
    repeat(run, worker, name, Fate::Answer(500, None), StateName::Open);
    if beginning == Beginning::Open {
        return;
    }
    wait_out(run, name);
    if beginning == Beginning::Due {
        return;
    }
    run.order(worker, Job::Tick);
    run.complete(worker);
    if matches!(beginning, Beginning::Closed | Beginning::Healthy) {
        repeat(run, worker, name, Fate::Answer(200, None), StateName::Closed);
    }
    if beginning == Beginning::Healthy {
        let later = run.world.borrow().now + LONGER_THAN_A_RAMP;
        run.world.borrow_mut().now = later;
        run.world.borrow_mut().truth.becomes(Weather::Healthy, later);
        (0..FULL_WINDOW).for_each(|_| call(run, worker, name, Fate::Answer(200, None)));
    }
}

/// Calls that go like this, until the breaker is in that state.
fn repeat(run: &mut Run, worker: usize, name: &str, fate: Fate, wanted: StateName) {
    for _ in 0..ENOUGH_CALLS {
        let state = run.world.borrow().oracle(name).map(|oracle| oracle.phase.name());
        if state == Some(wanted) {
            return;
        }
        call(run, worker, name, fate);
    }
}

/// A probe that stands still would keep the others out until its lease ends.
fn wait_for_probes(run: &Run, name: &str) {
    let mut world = run.world.borrow_mut();
    let last = match world.oracle(name).map(|oracle| &oracle.phase) {
        Some(Phase::HalfOpen { leases, .. }) => leases.iter().copied().max(),
        _ => None,
    };
    world.now = world.now.max(last.unwrap_or(Instant::ZERO));
}

fn wait_out(run: &Run, name: &str) {
    let mut world = run.world.borrow_mut();
    let now = world.now;
    let left = world.oracle(name).map(|oracle| oracle.remaining(now));
    world.now = now + left.unwrap_or_default();
}

/// A call for this breaker, that goes like this and from beginning to end.
pub fn call(run: &mut Run, worker: usize, name: &str, fate: Fate) {
    let request = run.request();
    let id = request.id;
    let (instead, wait, levels) = (Instead::Error, Duration::ZERO, levels(name));
    run.order(worker, Job::Request(Request { levels, fate, wait, instead, ..request }));
    run.complete(worker);
    // A stream has three callbacks.
    for _ in 0..3 {
        run.order(worker, Job::Proceed(id));
        run.complete(worker);
    }
}

fn levels(name: &str) -> Vec<(Level, String)> {
    if name.starts_with(OPENAI) && name != OPENAI {
        vec![(Level::Part, name.to_owned()), (Level::Provider, OPENAI.to_owned())]
    } else {
        vec![(Level::Sole, name.to_owned())]
    }
}
