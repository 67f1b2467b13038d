//! What came of a replay, for whoever reads it in a terminal.

use crate::breaker::OpenFor;
use crate::category::Category;
use crate::replay::findings::{BreakerFindings, Findings, Replayed, Series, Tally, Trip};
use crate::replay::log::Reading;
use crate::replay::report::clean;
use crate::replay::report::figures::counted;
use crate::replay::spread::Spread;
use core::fmt::{self, Write};
use core::time::Duration;
use std::time::UNIX_EPOCH;

/// Trips and series that are told each by itself; reports in other forms have more.
const MAX_ROWS: usize = 50;

/// All of it.
#[must_use]
pub fn text(findings: &Findings, reading: &Reading) -> String {
    let mut text = String::new();
    // Writing into a text does not fail.
    let _ = write_all(&mut text, findings, reading);
    text
}

fn write_all(text: &mut String, findings: &Findings, reading: &Reading) -> fmt::Result {
    write!(text, "{} lines, {} calls", reading.lines, reading.calls)?;
    if let Some((first, last)) = findings.span_unix_ns {
        write!(text, ", {} to {}", time(first), time(last))?;
    }
    writeln!(text, "\n{} lines skipped", reading.skipped.total())?;
    write!(text, "{}", reading.skipped)?;
    for told in reading.skipped.told() {
        writeln!(text, "              {told}")?;
    }
    really(text, findings)?;
    findings.configurations.iter().try_for_each(|it| would_have(text, it))
}

/// How the calls really went.
fn really(text: &mut String, findings: &Findings) -> fmt::Result {
    let name = |it: &Series| match &it.part {
        Some(part) => format!("{} {}", clean(&it.cluster), clean(part)),
        None => clean(&it.cluster),
    };
    let shown = findings.series.iter().take(MAX_ROWS);
    let width = shown.clone().map(|it| name(it).chars().count()).max().unwrap_or_default().max(7);
    writeln!(
        text,
        "\n{:width$} {:>9} {:>8} {:>8} {:>8}  {:<24}  {:<24}",
        "cluster",
        "calls",
        "failed",
        "ignored",
        "blocked",
        "first token p50 p90 p99",
        "duration p50 p90 p99"
    )?;
    for it in shown {
        let (ends, blocked) = (&it.ends, it.blocked_live);
        writeln!(
            text,
            "{:width$} {:>9} {:>8} {:>8} {:>8}  {:<24}  {:<24}",
            name(it),
            ends.total() + blocked,
            ends.failed,
            ends.ignored,
            blocked,
            percentiles(&it.first_token),
            percentiles(&it.duration)
        )?;
    }
    let more = findings.series.len().saturating_sub(MAX_ROWS);
    if more > 0 || findings.calls_beyond_series > 0 {
        let beyond = findings.calls_beyond_series;
        writeln!(
            text,
            "… and {more} more; {beyond} calls of clusters beyond those that are told apart"
        )?;
    }
    Ok(())
}

fn percentiles(spread: &Spread) -> String {
    let told = [50.0, 90.0, 99.0].map(|it| spread.percentile(it).map_or("-".into(), seconds));
    told.join(" ")
}

/// What one configuration would have done.
fn would_have(text: &mut String, told: &Replayed) -> fmt::Result {
    let Tally { sent, blocked, unknown, timed_out_successes, saved } = &told.tally;
    writeln!(text, "\n{}", clean(&told.name))?;
    let breakers = counted(told.breakers.len() as u64, "breaker");
    writeln!(text, "  {} of {breakers}", counted(told.trips, "trip"))?;
    writeln!(
        text,
        "  would have blocked {} of {} calls that went out: {} failed, {} succeeded (false alarms: {} of good calls), {} ignored",
        blocked.total(),
        sent.total(),
        blocked.failed,
        blocked.succeeded,
        percent(told.tally.false_alarm_share()),
        blocked.ignored
    )?;
    writeln!(
        text,
        "  would have saved {} of {} failed calls ({}), and {} of waiting for them",
        blocked.failed,
        sent.failed,
        percent(told.tally.avoided_share()),
        seconds(*saved)
    )?;
    if unknown.blocked + unknown.passed > 0 {
        writeln!(
            text,
            "  blocked live, so that nobody knows how they would have ended: {}, of which it would have blocked {}",
            unknown.blocked + unknown.passed,
            unknown.blocked
        )?;
    }
    for (count, what) in [
        (*timed_out_successes, "calls that succeeded would have been time-outs by its limits"),
        (
            told.beyond_max_breakers,
            "calls had no breaker: there are more than max_breakers, or than a replay keeps",
        ),
        (told.restarts, "breakers began anew, because their process did"),
    ] {
        if count > 0 {
            writeln!(text, "  {count} {what}")?;
        }
    }
    trips(text, told)
}

fn trips(text: &mut String, told: &Replayed) -> fmt::Result {
    let mut all: Vec<(&BreakerFindings, &Trip)> =
        told.breakers.iter().flat_map(|it| it.trips.iter().map(move |trip| (it, trip))).collect();
    all.sort_by_key(|(_, trip)| trip.opened_unix_ns);
    for (breaker, trip) in all.iter().take(MAX_ROWS) {
        writeln!(text, "  {}", line_of(breaker, trip))?;
    }
    let more = told.trips.saturating_sub(all.len().min(MAX_ROWS) as u64);
    if more > 0 {
        writeln!(text, "  … and {more} more trips")?;
    }
    Ok(())
}

fn line_of(breaker: &BreakerFindings, trip: &Trip) -> String {
    let mut line = format!("{}  {}", time(trip.opened_unix_ns), clean(&breaker.cluster));
    let mut add = |words: String| line.push_str(&words);
    if let Some(part) = &breaker.part {
        add(format!(" {}", clean(part)));
    }
    if !breaker.node.is_empty() {
        add(format!(" @{}", clean(&breaker.node)));
    }
    let cause = trip.transition.cause;
    add(format!("  {}", cause.name()));
    if let (Some(measured), Some(threshold)) = (cause.measured(), cause.threshold()) {
        add(format!(" {measured:.3} of {threshold}"));
    }
    add(format!(" ({})", trip.category.map_or("?", Category::name)));
    match trip.transition.open_for {
        Some(OpenFor::Announced(it)) => add(format!(", open for {} as announced", seconds(it))),
        Some(OpenFor::Backoff(it) | OpenFor::Fleet(it)) => {
            add(format!(", open for {}", seconds(it)))
        }
        None => {}
    }
    if trip.reopened > 0 {
        add(format!(", {} probes failed", trip.reopened));
    }
    match trip.length() {
        Some(length) if trip.ended_with_process => {
            add(format!(", ended with its process after {}", seconds(length)));
        }
        Some(length) => add(format!(", closed after {}", seconds(length))),
        None => add(", not closed before the log ended".into()),
    }
    line
}

fn time(unix_ns: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(unix_ns / 1_000_000));
    at.map_or_else(String::new, |at| humantime::format_rfc3339_millis(at).to_string())
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.3} s") } else { format!("{seconds:.1} s") }
}

fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}
