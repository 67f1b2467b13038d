//! Which policies are tried, and which of them is chosen?

use super::advice::{Advice, Reason};
use super::facts::{Facts, unix};
use super::front::front;
use super::knobs::{GROUPS, Knobs, Room};
use super::price::{Prices, Worth};
use super::stretches::{Bills, Stretches};
use super::traffic::ClusterCalls;
use super::trial::Track;
use crate::policy::{Mode, Policy};

/// A policy that was tried, and what it would have cost.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What it sets.
    pub knobs: Knobs,
    /// Its costs.
    pub bills: Bills,
}

/// How often all groups are gone through: what one finds may change what is best of another.
const ROUNDS: usize = 2;

/// What would suit the calls of this cluster better than this policy, and whether that is certain
/// enough. `progress` is told how many policies were tried.
pub fn tune(
    traffic: &ClusterCalls,
    policy: &Policy,
    prices: &Prices,
    mut progress: impl FnMut(usize),
) -> Advice {
    // Whether it acts or only watches: what it would block is asked.
    let base = Policy { mode: Mode::Enforce, ..policy.clone() };
    let worths: Vec<_> = traffic.calls.iter().map(|call| Worth::of(call, &base, prices)).collect();
    let facts = Facts::of(&traffic.calls, &worths);
    let times = || traffic.calls.iter().map(unix);
    let (from, until) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let stretches = Stretches::over(from, until);
    let track = Track { calls: &traffic.calls, worths: &worths, stretches };
    let own = Knobs::of(&base);
    let tried = match Reason::too_little(&facts) {
        None => search(&track, &base, &Room { facts: &facts, prices }, &mut progress),
        Some(_) => run(&track, &base, vec![own]),
    };
    advise(traffic, facts, tried, prices)
}

/// All that was tried, the own policy first: from the best so far one group after the other.
fn search(
    track: &Track<'_>,
    base: &Policy,
    room: &Room<'_>,
    progress: &mut impl FnMut(usize),
) -> Vec<Tried> {
    let own = Knobs::of(base);
    let mut tried = run(track, base, vec![own]);
    for _ in 0..ROUNDS {
        let before = tried.len();
        for group in GROUPS {
            let best = best(&tried, room.prices).map_or(own, |it| it.knobs);
            // A window by count holds no more than its calls, so that two may come to the same.
            let new = group(&best, room).into_iter().fold(Vec::new(), |mut new, knobs| {
                let knobs = Knobs::of(&knobs.applied_to(base));
                let is_known = new.contains(&knobs) || tried.iter().any(|it| it.knobs == knobs);
                new.extend((!is_known && knobs.is_consistent()).then_some(knobs));
                new
            });
            tried.extend(run(track, base, new));
            progress(tried.len());
        }
        if tried.len() == before {
            break;
        }
    }
    tried
}

fn run(track: &Track<'_>, base: &Policy, knobs: Vec<Knobs>) -> Vec<Tried> {
    let policies: Vec<_> = knobs.iter().map(|it| it.applied_to(base)).collect();
    let bills = track.run(&policies);
    knobs.into_iter().zip(bills).map(|(knobs, bills)| Tried { knobs, bills }).collect()
}

fn cost(tried: &Tried, prices: &Prices) -> f64 {
    tried.bills.searched().cost(prices)
}

fn best<'t>(tried: &'t [Tried], prices: &Prices) -> Option<&'t Tried> {
    tried.iter().min_by(|one, other| cost(one, prices).total_cmp(&cost(other, prices)))
}

/// Of all that cannot be told apart from the best, what changes least.
fn simplest<'t>(tried: &'t [Tried], own: &Knobs, prices: &Prices) -> Option<&'t Tried> {
    let best = best(tried, prices)?;
    let is_as_good = |it: &&Tried| {
        let gain = best.bills.gain_over(&it.bills, prices);
        gain.total <= gain.error
    };
    tried.iter().filter(is_as_good).min_by(|one, other| {
        let changes = |it: &Tried| it.knobs.changed_from(own).len();
        let by_changes = changes(one).cmp(&changes(other));
        by_changes.then(cost(one, prices).total_cmp(&cost(other, prices)))
    })
}

fn advise(traffic: &ClusterCalls, facts: Facts, tried: Vec<Tried>, prices: &Prices) -> Advice {
    let front = front(&tried, prices);
    let number = tried.len();
    let best = best(&tried, prices).cloned();
    let chosen = tried.first().and_then(|own| simplest(&tried, &own.knobs, prices)).cloned();
    let mut tried = tried.into_iter();
    let own = tried
        .next()
        .unwrap_or_else(|| Tried { knobs: Knobs::of(&Policy::default()), bills: Bills::default() });
    let found = chosen.unwrap_or_else(|| own.clone());
    let reason = match best {
        Some(best) if found.knobs == own.knobs => {
            Reason::of(&facts, &own, &best, prices).not_better()
        }
        _ => Reason::of(&facts, &own, &found, prices),
    };
    Advice { cluster: traffic.cluster.clone(), facts, own, found, reason, front, tried: number }
}
