//! What holds after every step, whatever the interleaving?

use crate::oracle::{Oracle, Phase};
use crate::step::Step;
use crate::window::Total;
use core::fmt;
use core::time::Duration;
use llm_breaker::admission::{Answer, Asker, Question};
use llm_breaker::breaker::{Admission, Breaker, State, StateName, Tally};
use llm_breaker::time::Instant;

/// Powers of floating-point numbers and repeated products differ by less.
const ROUNDING: Duration = Duration::from_micros(1);

/// The stored breaker is the one that the rules say: nothing was lost, nothing done twice.
pub fn same(oracle: &mut Oracle, stored: &Breaker, now: Instant, story: fmt::Arguments<'_>) {
    adopt_rounding(oracle, stored);
    forget_expired(oracle, stored, now);
    assert_eq!(stored.epoch, oracle.epoch, "epoch: {story}");
    assert_eq!(phase(stored), sorted(oracle.phase.clone()), "state: {story}");
    assert_eq!(stored.opened_by, oracle.opened_by, "opened by: {story}");
    assert_eq!(stored.trips, oracle.trips, "trips: {story}");
    assert_eq!(stored.answered_at, oracle.answered_at, "answered at: {story}");
    assert_eq!(stored.last_resort, oracle.last_resort, "last resort: {story}");
    assert_eq!(stored.overridden, oracle.overridden, "override: {story}");
    assert_eq!(stored.reset_generation, oracle.generation, "generation: {story}");
    let known = stored.run.times().len();
    let newest = oracle.run.len().saturating_sub(known);
    assert_eq!(stored.run.times(), oracle.run.get(newest..).unwrap_or_default(), "run: {story}");
    // Only a record brings a window up to its time, and only with it is it read.
    let windows: Vec<_> = oracle.windows.iter().map(|it| (it.shape, it.total())).collect();
    let stored = stored.windows.as_slice().iter();
    let stored: Vec<_> = stored.map(|it| (it.shape(), total_of(it.total()))).collect();
    assert_eq!(stored, windows, "windows: {story}");
}

/// The rules that hold of every single step, told once more without the oracle.
pub fn rules(before: &Oracle, after: &Breaker, step: &Step<'_>, asker: Asker<'_>, answer: &Answer) {
    let Asker { policy, now, .. } = asker;
    if let Answer::Admission(admission, _) = answer
        && before.mode(policy, now).is_active()
        && before.epoch.abs_diff(after.epoch) <= 1
    {
        may_pass(before, after, admission, asker);
    }
    if let Step::Asked(Question::Record { permit: Some(permit), .. }) = step
        && permit.epoch != before.epoch
        && !before.suspended.1
        && before.overridden.is_none()
        && policy.reset_generation <= before.generation
    {
        assert_eq!(after.epoch, before.epoch, "a stale permit began an epoch");
        assert_eq!(after.state.name(), before.phase.name(), "a stale permit changed the state");
        assert_eq!(after.trips, before.trips, "a stale permit counted");
        if let (State::Open { until, .. }, Phase::Open { until: earlier, .. }) =
            (after.state, &before.phase)
        {
            assert!(until >= *earlier, "an open time was shortened");
            let capped = now + policy.open.announced_max;
            assert!(until == *earlier || until <= capped, "lengthened beyond its cap");
        }
    }
}

/// Open lets nothing pass before its deadline, nor rejects after it without a probe.
fn may_pass(before: &Oracle, after: &Breaker, admission: &Admission, asker: Asker<'_>) {
    let Asker { policy, now, .. } = asker;
    let out = match after.state {
        State::HalfOpen { leases, .. } => {
            leases.deadlines().iter().filter(|lease| now < **lease).count()
        }
        _ => 0,
    };
    let probes = policy.half_open.probes as usize;
    match admission {
        Admission::Pass(_) => assert_eq!(after.state.name(), StateName::Closed, "passed"),
        Admission::Probe(permit) => {
            assert!(out <= probes, "{out} probes are out, {probes} may be");
            assert_eq!(permit.epoch, after.epoch);
            if let Phase::Open { until, .. } = before.phase {
                assert!(now >= until, "a probe before its time");
            }
        }
        Admission::Reject { .. } => match after.state {
            State::Open { until, .. } => assert!(now < until, "rejected after the open time"),
            State::HalfOpen { .. } => assert!(out >= probes, "rejected without a probe"),
            State::Closed { .. } => {
                assert!(before.ramp(policy, now).is_some(), "rejected while closed");
            }
        },
        Admission::Untracked => panic!("an active breaker has a say"),
    }
}

/// An open time is what the rules compute, but for what floating-point numbers round.
fn adopt_rounding(oracle: &mut Oracle, stored: &Breaker) {
    if let (Phase::Open { until, .. }, State::Open { until: its, .. }) =
        (&mut oracle.phase, stored.state)
        && until.since(its).max(its.since(*until)) < ROUNDING
    {
        *until = its;
    }
}

/// A lease that ended holds nothing, whether it was taken off the record yet or not.
fn forget_expired(oracle: &mut Oracle, stored: &Breaker, now: Instant) {
    if let (Phase::HalfOpen { leases, .. }, State::HalfOpen { leases: its, .. }) =
        (&mut oracle.phase, stored.state)
    {
        leases.retain(|lease| now < *lease || its.deadlines().contains(lease));
    }
}

fn phase(breaker: &Breaker) -> Phase {
    sorted(match breaker.state {
        State::Closed { since, after } => {
            let recovered = after == llm_breaker::breaker::Before::HalfOpen;
            Phase::Closed { since, recovered }
        }
        State::Open { since, until } => Phase::Open { since, until },
        State::HalfOpen { since, successes, leases } => {
            Phase::HalfOpen { since, successes, leases: leases.deadlines().to_vec() }
        }
    })
}

/// Leases are told from each other by their deadlines alone.
fn sorted(mut phase: Phase) -> Phase {
    if let Phase::HalfOpen { leases, .. } = &mut phase {
        leases.sort_unstable_by_key(|lease: &Instant| lease.as_nanos());
    }
    phase
}

const fn total_of(tally: Tally) -> Total {
    let Tally { calls, failures, slow, cancelled_slow } = tally;
    Total { calls, failures, slow, cancelled_slow }
}
