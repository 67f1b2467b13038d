//! When does a breaker open, for how long, and when does it close? In one sentence.

use std::time::Duration;

use llm_breaker::category::{Category, Verdict};
use llm_breaker::policy::{Mode, Policy, WindowShape};

/// The sentence.
pub(crate) fn sentence(policy: &Policy) -> String {
    match policy.mode {
        Mode::Disabled => "Never opens: it is disabled and counts nothing.".into(),
        Mode::ForcedOpen => "Is held open: every call gets a fallback, and none is a probe.".into(),
        Mode::Shadow => {
            format!("Would open {}; it only watches and blocks nothing.", story(policy))
        }
        Mode::Enforce => format!("Opens {}.", story(policy)),
    }
}

fn story(policy: &Policy) -> String {
    let reasons = reasons(policy);
    let when = match reasons.split_last() {
        None => "never".into(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    };
    format!("{when}; {}; {}", how_long(policy), how_it_closes(policy))
}

fn reasons(policy: &Policy) -> Vec<String> {
    let trip = &policy.trip;
    let held = match policy.window {
        WindowShape::Time { duration, .. } => format!("of the last {}", time(duration)),
        WindowShape::Count { calls, .. } => format!("of the last {calls}"),
    };
    let calls = format!("at least {} calls {held}", trip.minimum_calls);
    let mut all = Vec::new();
    if let Some(failures) = trip.consecutive_failures {
        all.push(format!("after {}", counted(failures, "failure", " in a row")));
    }
    if let Some(rate) = trip.failure_rate {
        all.push(format!("when {} % of {calls} failed", percent(rate)));
    }
    if let Some(rate) = trip.slow_rate {
        all.push(format!("when {} % of {calls} were slow", percent(rate)));
    }
    if let Some(announced) = trip.open_on_announced {
        all.push(format!("when a failure announces a wait of {} or more", time(announced)));
    }
    let at_once = |category: &Category| policy.verdicts.on(*category) == Verdict::Open;
    let at_once: Vec<_> = Category::ALL.into_iter().filter(at_once).map(Category::name).collect();
    if !at_once.is_empty() {
        all.push(format!("at once at {}", at_once.join(", ")));
    }
    all
}

fn how_long(policy: &Policy) -> String {
    let open = &policy.open;
    let first = format!("stays open for {}", time(open.base));
    if open.multiplier <= 1.0 || open.base >= open.max {
        return first;
    }
    let times = match open.multiplier {
        2.0 => "twice".into(),
        other => format!("{other} times"),
    };
    format!("{first}, {times} as long after each further trip, up to {}", time(open.max))
}

fn how_it_closes(policy: &Policy) -> String {
    let half_open = &policy.half_open;
    format!(
        "then lets {} out at a time and closes after {}",
        counted(half_open.probes, "probe", ""),
        counted(half_open.successes, "success", "")
    )
}

fn counted(number: u32, what: &str, behind: &str) -> String {
    let ending = match (number, what.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{number} {what}{ending}{behind}")
}

fn percent(rate: f64) -> f64 {
    (rate * 10_000.0).round() / 100.0
}

fn time(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
