//! How long did calls take, and where among them do the limits lie?

use maud::{Markup, html};

use super::figures::{count, counted, span};
use super::plot::{self, HEIGHT, WIDTH};
use super::sheet::Pace;

/// A section with all distributions that are shown.
pub(super) fn section(paces: &[Pace]) -> Markup {
    html! {
        @if !paces.is_empty() {
            section aria-labelledby="paces" {
                h2 id="paces" { "How long calls took" }
                div.pairs { @for pace in paces { (distribution(pace)) } }
            }
        }
    }
}

fn distribution(pace: &Pace) -> Markup {
    let counts: Vec<f64> = pace.columns.iter().map(|(_, calls)| drawn(*calls)).collect();
    let most = counts.iter().copied().fold(0.0, f64::max);
    html! {
        figure.pace {
            figcaption { span.name { (pace.name) } " " (pace.what) " " small { (said(pace)) } }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img"
                aria-label=(format!("{}, {}: {}", pace.name, pace.what, said(pace))) {
                path.all d=(plot::columns(&counts, most)) {}
                @for (_, limit, _) in &pace.limits { (mark(pace, *limit)) }
            }
            p.axis aria-hidden="true" { @for bound in ends(pace) { span { (span(bound)) } } }
            @if !pace.limits.is_empty() {
                ul.limits { @for (name, limit, longer) in &pace.limits {
                    li { code { (name) } " " (span(*limit)) ": " (beyond(pace, *longer)) }
                } }
            }
        }
    }
}

/// The few slow calls are what limits are about: a column is as high as the root of its calls.
#[expect(clippy::cast_precision_loss, reason = "a drawing")]
fn drawn(calls: u64) -> f64 {
    (calls as f64).sqrt()
}

fn said(pace: &Pace) -> String {
    let [median, p95, p99] = pace.percentiles.map(span);
    format!("median {median}, 95th percentile {p95}, 99th {p99}")
}

fn mark(pace: &Pace, limit: core::time::Duration) -> Markup {
    let [low, high] = ends(pace).map(|bound| bound.as_secs_f64());
    let x = WIDTH * plot::place(limit.as_secs_f64(), low, high);
    html! { path.limit d=(format!("M{x:.1} 0V{HEIGHT}")) {} }
}

/// Where the drawing begins and ends.
fn ends(pace: &Pace) -> [core::time::Duration; 2] {
    let last = pace.columns.last().map(|(bound, _)| *bound);
    [pace.from, last.unwrap_or(pace.from)]
}

fn beyond(pace: &Pace, longer: u64) -> String {
    let all: u64 = pace.columns.iter().map(|(_, calls)| calls).sum();
    match longer {
        0 => "no call took longer".into(),
        _ => format!("{} of {} took longer", count(longer), counted(all, "call")),
    }
}
