//! How are the waits of a cluster's calls spread, and which limits has it?

use core::time::Duration;

use super::gather::clean;
use super::sheet::Pace;
use crate::policy::Policy;
use crate::replay::{Candidate, Findings, Series, Spread};

/// Distributions that are shown at most.
const MAX_PACES: usize = 24;
const COLUMNS: u32 = 48;

/// Those of the busiest clusters and models.
pub(super) fn paces(findings: &Findings, candidates: &[Candidate]) -> Vec<Pace> {
    let of = |series| [first_token(series, candidates), duration(series, candidates)];
    findings.series.iter().flat_map(of).flatten().take(MAX_PACES).collect()
}

fn first_token(series: &Series, candidates: &[Candidate]) -> Option<Pace> {
    let limits = limits(series, candidates, |it| {
        [("limits.first_token", it.limits.first_token), ("slow.first_token", it.slow.first_token)]
    });
    pace(series, "first token", &series.first_token, limits)
}

fn duration(series: &Series, candidates: &[Candidate]) -> Option<Pace> {
    let limits = limits(series, candidates, |it| {
        [("limits.total", it.limits.total), ("slow.total", it.slow.total)]
    });
    pace(series, "whole answer", &series.duration, limits)
}

fn pace(
    series: &Series,
    what: &'static str,
    spread: &Spread,
    limits: Vec<(String, Duration)>,
) -> Option<Pace> {
    const LEAST: Duration = Duration::from_millis(1);
    let three = |percentages: [f64; 3]| {
        let [median, p95, p99] = percentages.map(|it| spread.percentile(it));
        Some([median?, p95?, p99?])
    };
    let percentiles = three([50.0, 95.0, 99.0])?;
    let low = spread.percentile(0.0)?.max(LEAST).mul_f64(0.8);
    let furthest = limits.iter().map(|(_, limit)| *limit).max().unwrap_or_default();
    let high = spread.longest()?.max(furthest).max(low * 2).mul_f64(1.1);
    let ratio = high.as_secs_f64() / low.as_secs_f64();
    let bound = |at: u32| low.mul_f64(ratio.powf(f64::from(at) / f64::from(COLUMNS)));
    let to = |at: u32| spread.count_to(bound(at));
    let columns = (0..COLUMNS).map(|at| {
        let below = if at == 0 { 0 } else { to(at) };
        (bound(at + 1), to(at + 1).saturating_sub(below))
    });
    let model = series.part.as_deref().map(|part| format!(", {}", clean(part)));
    let name = format!("{}{}", clean(&series.cluster), model.unwrap_or_default());
    Some(Pace {
        name,
        what,
        from: low,
        columns: columns.collect(),
        percentiles,
        limits: told(spread, limits),
    })
}

fn told(spread: &Spread, limits: Vec<(String, Duration)>) -> Vec<(String, Duration, u64)> {
    let beyond = |limit| spread.count().saturating_sub(spread.count_to(limit));
    limits.into_iter().map(|(name, limit)| (name, limit, beyond(limit))).collect()
}

/// Two limits of a policy, as it names them.
type LimitsOf = fn(&Policy) -> [(&'static str, Option<Duration>); 2];

/// A limit that all configurations have stands alone, any other with the names of those that have it.
fn limits(series: &Series, candidates: &[Candidate], of: LimitsOf) -> Vec<(String, Duration)> {
    let mut limits: Vec<(&str, Duration, Vec<String>)> = Vec::new();
    for candidate in candidates {
        for (name, limit) in of(candidate.config.policy_for(&series.cluster)) {
            let Some(limit) = limit else { continue };
            match limits.iter_mut().find(|(known, at, _)| (*known, *at) == (name, limit)) {
                Some((_, _, by)) => by.push(clean(&candidate.name)),
                None => limits.push((name, limit, vec![clean(&candidate.name)])),
            }
        }
    }
    let named = |(name, limit, by): (&str, Duration, Vec<String>)| {
        let whose = if by.len() == candidates.len() {
            String::new()
        } else {
            format!(" ({})", by.join(", "))
        };
        (format!("{name}{whose}"), limit)
    };
    limits.into_iter().map(named).collect()
}
