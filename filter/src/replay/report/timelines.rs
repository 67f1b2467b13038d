//! What happened when, of each breaker: states, calls, what was blocked, first tokens.

use core::time::Duration;

use maud::{Markup, html};

use super::figures::{count, counted, moment, share, span};
use super::plot::{self, HEIGHT, WIDTH};
use super::sheet::{Run, Sheet, Subject, SubjectRun, Timeline, Trip};

/// A section with all breakers that are shown.
pub(super) fn section(sheet: &Sheet) -> Markup {
    html! {
        section aria-labelledby="breakers" {
            h2 id="breakers" { "Cluster by cluster" }
            @for (at, subject) in sheet.subjects.iter().enumerate() {
                (breaker(at, subject, &sheet.runs))
            }
            @if sheet.further > 0 {
                p.soft { "And " (counted(sheet.further as u64, "cluster")) " more, with less to tell." }
            }
        }
    }
}

fn breaker(at: usize, subject: &Subject, runs: &[Run]) -> Markup {
    let id = format!("breaker-{at}");
    html! {
        article aria-labelledby=(id) {
            h3 id=(id) { span.name { (subject.name) } }
            p.soft {
                (counted(subject.calls, "call")) ", " (count(subject.failures)) " of them failed ("
                (share(subject.failures, subject.calls)) ")"
            }
            (drawings(subject, runs))
            @for (run, of) in runs.iter().zip(&subject.runs) { (outcome(run, of, runs.len() > 1)) }
            (in_numbers(subject, runs))
        }
    }
}

fn drawings(subject: &Subject, runs: &[Run]) -> Markup {
    let several = runs.len() > 1;
    let of =
        |what: &str, run: &Run| if several { format!("{what}: {}", run.name) } else { what.into() };
    html! {
        @for (run, it) in runs.iter().zip(&subject.runs) {
            (strip(&of("State", run), "band", &said_of_states(it), &states(it)))
        }
        (strip("Calls and failures", "calls", &said_of_calls(&subject.timeline), &calls(&subject.timeline)))
        @for (run, it) in runs.iter().zip(&subject.runs) {
            @if it.blocked.iter().any(|pair| *pair != [0, 0]) {
                (strip(&of("Blocked", run), "blocked", &said_of_blocked(it), &blocked(it)))
            }
        }
        @if let Some([low, high]) = bounds(&subject.timeline) {
            (strip("First token", "tokens", &said_of_tokens(low, high), &tokens(&subject.timeline, low, high)))
        }
        (axis(&subject.timeline))
    }
}

/// A drawing with its title above, and what it shows in words for those who do not see it.
fn strip(title: &str, kind: &str, said: &str, drawing: &Markup) -> Markup {
    html! {
        figure class=(kind) {
            figcaption { (title) " " small { (said) } }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img"
                aria-label=(format!("{title}: {said}")) { (drawing) }
        }
    }
}

fn states(run: &SubjectRun) -> Markup {
    // Half-open is half as high, so that nobody needs the colour.
    let open: Vec<f64> = run.states.iter().map(|[open, _]| *open).collect();
    let half: Vec<f64> =
        run.states.iter().map(|[open, half]| (half - open).max(0.0) / 2.0).collect();
    html! {
        path.rest d=(format!("M0 {HEIGHT}H{WIDTH}")) {}
        path.half d=(plot::stacked(&half, &open, 1.0)) {}
        path.open d=(plot::columns(&open, 1.0)) {}
    }
}

fn said_of_states(run: &SubjectRun) -> String {
    match run.totals.trips {
        0 => "closed all the time".into(),
        trips => format!("{}, open for {} together", counted(trips, "trip"), span(run.totals.open)),
    }
}

fn calls(timeline: &Timeline) -> Markup {
    let most = most(timeline.calls.iter().copied());
    html! {
        path.all d=(plot::columns(&floats(timeline.calls.iter().copied()), most)) {}
        path.failed d=(plot::columns(&floats(timeline.failures.iter().copied()), most)) {}
    }
}

fn said_of_calls(timeline: &Timeline) -> String {
    let most = timeline.calls.iter().max().copied().unwrap_or_default();
    format!(
        "at most {} in {}; those that failed are filled",
        counted(most, "call"),
        span(timeline.step)
    )
}

fn blocked(run: &SubjectRun) -> Markup {
    let [failing, good] = [0, 1].map(|which| {
        floats(run.blocked.iter().map(|pair| pair.get(which).copied().unwrap_or_default()))
    });
    let most = most(run.blocked.iter().map(|[failing, good]| failing + good));
    html! {
        path.spared d=(plot::columns(&failing, most)) {}
        path.alarm d=(plot::stacked(&good, &failing, most)) {}
    }
}

fn said_of_blocked(run: &SubjectRun) -> String {
    format!(
        "{} that would not have succeeded; on top of them {} that would have",
        count(run.totals.blocked_failing + run.totals.blocked_neither),
        count(run.totals.blocked_good)
    )
}

fn tokens(timeline: &Timeline, low: f64, high: f64) -> Markup {
    let of = |which: usize| {
        let at = |three: &Option<[Duration; 3]>| Some(three.as_ref()?.get(which)?.as_secs_f64());
        let values: Vec<_> = timeline.first_tokens.iter().map(at).collect();
        plot::line(&values, low, high)
    };
    html! {
        path.p99 d=(of(2)) {}
        path.p95 d=(of(1)) {}
        path.p50 d=(of(0)) {}
    }
}

fn said_of_tokens(low: f64, high: f64) -> String {
    let span = |seconds| span(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    format!(
        "the median (thick), the 95th percentile (thin) and the 99th (dashed), from {} to {} by logarithms",
        span(low),
        span(high)
    )
}

/// The shortest and the longest of the percentiles that are drawn, apart by a factor of ten at least.
fn bounds(timeline: &Timeline) -> Option<[f64; 2]> {
    let all = timeline.first_tokens.iter().flatten().flatten().map(Duration::as_secs_f64);
    let (low, high) = all.fold((f64::MAX, 0.0_f64), |(low, high), it| (low.min(it), high.max(it)));
    let low = low.max(1e-3);
    (high > 0.0).then_some([low, high.max(low * 10.0)])
}

fn axis(timeline: &Timeline) -> Markup {
    let columns = u32::try_from(timeline.calls.len()).unwrap_or(u32::MAX);
    let at = |share: u32| timeline.from + timeline.step.saturating_mul(columns) * share / 2;
    html! {
        p.axis aria-hidden="true" { @for share in 0..=2 { time { (moment(at(share))) } } }
    }
}

fn outcome(run: &Run, of: &SubjectRun, several: bool) -> Markup {
    let totals = &of.totals;
    let further = totals.trips.saturating_sub(of.trips.len() as u64);
    html! {
        @if totals.trips > 0 {
            details {
                summary {
                    @if several { (run.name) ": " }
                    (counted(totals.trips, "trip"))
                }
                ol.trips { @for it in &of.trips { (trip(it)) } }
                @if further > 0 { p.soft { "And " (count(further)) " more." } }
            }
        }
    }
}

fn trip(trip: &Trip) -> Markup {
    html! {
        li {
            time { (moment(trip.at)) }
            span {
                (trip.why) "; "
                @match trip.lasted {
                    Some(lasted) => { "closed after " (span(lasted)) }
                    None => { "not closed at the end of the log" }
                }
            }
        }
    }
}

/// What the drawings show, as a table of at most so many rows.
const ROWS: usize = 24;

fn in_numbers(subject: &Subject, runs: &[Run]) -> Markup {
    let timeline = &subject.timeline;
    let width = timeline.calls.len().div_ceil(ROWS).max(1);
    let several = runs.len() > 1;
    html! {
        details {
            summary { "In numbers" }
            div.scroll role="region" aria-label=(format!("{} in numbers", subject.name)) tabindex="0" {
                table.numbers {
                    thead { tr {
                        th scope="col" { "From" }
                        th scope="col" { "Calls" }
                        th scope="col" { "Failed" }
                        @for run in runs {
                            th scope="col" { "Blocked, not good" @if several { small { (run.name) } } }
                            th scope="col" { "Blocked, good" @if several { small { (run.name) } } }
                        }
                    } }
                    tbody { @for (at, calls) in timeline.calls.chunks(width).enumerate() { tr {
                        th scope="row" { time { (moment(begin(timeline, at * width))) } }
                        td { (count(calls.iter().sum())) }
                        td { (count(timeline.failures.iter().skip(at * width).take(width).sum())) }
                        @for run in &subject.runs { @for which in 0..2 {
                            td { (count(sum(run, which, at * width, width))) }
                        } }
                    } } }
                }
            }
        }
    }
}

fn begin(timeline: &Timeline, column: usize) -> std::time::SystemTime {
    timeline.from + timeline.step.saturating_mul(u32::try_from(column).unwrap_or(u32::MAX))
}

fn sum(run: &SubjectRun, which: usize, from: usize, width: usize) -> u64 {
    run.blocked.iter().skip(from).take(width).filter_map(|pair| pair.get(which)).sum()
}

#[expect(clippy::cast_precision_loss, reason = "a drawing has a thousand points")]
fn floats(values: impl Iterator<Item = u64>) -> Vec<f64> {
    values.map(|value| value as f64).collect()
}

fn most(values: impl Iterator<Item = u64>) -> f64 {
    floats(values).into_iter().fold(0.0, f64::max)
}
