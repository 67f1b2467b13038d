//! How do the configurations compare? Side by side, as a table of the page and as text.

use maud::{Markup, html};

use super::figures::{count, seconds, share, span};
use super::sheet::{Run, Totals};

/// A line of the table: what it tells, and a sentence that explains it.
struct Line {
    title: &'static str,
    meaning: &'static str,
    of: fn(&Totals) -> String,
}

const LINES: [Line; 8] = [
    Line { title: "Trips", meaning: "how often a breaker opened", of: |it| count(it.trips) },
    Line { title: "Open", meaning: "or half-open, all breakers together", of: |it| span(it.open) },
    Line {
        title: "Blocked, and would have failed",
        meaning: "the calls saved",
        of: |it| count(it.blocked_failing),
    },
    Line {
        title: "Blocked, and would have succeeded",
        meaning: "false alarms",
        of: |it| count(it.blocked_good),
    },
    Line {
        title: "False alarms of all good calls",
        meaning: "the price of the calls saved",
        of: |it| share(it.blocked_good, it.good),
    },
    Line {
        title: "Blocked, and said nothing",
        meaning: "cancelled, or the caller's own mistake",
        of: |it| count(it.blocked_neither),
    },
    Line {
        title: "Unknown",
        meaning: "blocked already when the log was written",
        of: |it| count(it.unknown),
    },
    Line {
        title: "Waiting saved",
        meaning: "what callers waited for calls that failed",
        of: |it| seconds(it.seconds_saved),
    },
];

/// The table of the page.
pub(super) fn section(runs: &[Run]) -> Markup {
    let fields: Vec<_> = runs.iter().flat_map(|run| &run.fields).map(|(name, _)| name).collect();
    let mut names = fields;
    names.sort_unstable();
    names.dedup();
    html! {
        section aria-labelledby="comparison" {
            h2 id="comparison" { @if runs.len() > 1 { "The configurations side by side" } @else { "All in all" } }
            div.scroll role="region" aria-label="The configurations, as a table" tabindex="0" {
                table {
                    thead { tr {
                        td {}
                        @for run in runs { th scope="col" { (run.name) } }
                    } }
                    tbody {
                        @for name in names { tr {
                            th scope="row" { code { (name) } }
                            @for run in runs { td { code { (field(run, name)) } } }
                        } }
                        @for line in &LINES { tr {
                            th scope="row" { (line.title) small { (line.meaning) } }
                            @for run in runs { td { ((line.of)(&run.totals)) } }
                        } }
                    }
                }
            }
        }
    }
}

fn field<'r>(run: &'r Run, name: &str) -> &'r str {
    run.fields.iter().find(|(known, _)| known == name).map_or("–", |(_, value)| value)
}

/// The same table as text, a column for each configuration.
#[must_use]
pub fn text(runs: &[Run]) -> String {
    let names = runs.iter().map(|run| run.name.clone());
    let mut rows = vec![[String::new()].into_iter().chain(names).collect::<Vec<_>>()];
    for line in &LINES {
        let cells = runs.iter().map(|run| (line.of)(&run.totals));
        rows.push([line.title.to_owned()].into_iter().chain(cells).collect());
    }
    aligned(&rows)
}

/// Columns apart by two blanks: the first to the left, the others to the right.
#[must_use]
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            if column == 0 {
                line.push_str(cell);
                line.push_str(&pad);
            } else {
                line.push_str("  ");
                line.push_str(&pad);
                line.push_str(cell);
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
