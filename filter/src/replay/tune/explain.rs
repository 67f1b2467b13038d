//! What was found for a cluster, and why? In words.

use core::fmt::Write;

use super::advice::{Advice, Reason};
use super::facts::Facts;
use super::knobs::{Knobs, Setting};
use super::price::Prices;
use super::table;
use crate::replay::Spread;
use crate::replay::report::clean;
use crate::replay::report::figures::{count, counted, seconds, share, span};

/// All that there is to say about one cluster.
#[must_use]
pub fn text(advice: &Advice, prices: &Prices) -> String {
    let mut text = String::new();
    let Facts { calls, failed, unknown, calls_a_minute, .. } = advice.facts;
    let _ = writeln!(text, "{}", clean(&advice.cluster));
    let _ = writeln!(
        text,
        "  {} in {}, of which {} failed or came too late ({}); {} in the median minute with any",
        counted(calls, "call"),
        span(advice.facts.span),
        count(failed),
        share(failed, calls),
        counted(calls_a_minute, "call"),
    );
    if unknown > 0 {
        let _ = writeln!(
            text,
            "  {} were blocked live: nobody knows how they would have ended",
            count(unknown)
        );
    }
    let _ = writeln!(text, "  {}\n", verdict(advice, prices));
    if advice.tried > 1 {
        let _ = writeln!(text, "{}", indented(&table::comparison(advice, prices)));
        let _ = writeln!(
            text,
            "  To choose from, the most careful first ({} policies tried; of the time searched):\n",
            advice.tried
        );
        let _ = writeln!(text, "{}", indented(&table::front(advice, prices)));
    }
    if advice.reason.is_better() {
        for reason in reasons(advice) {
            let _ = writeln!(text, "  {reason}");
        }
        text.push('\n');
    }
    text
}

fn indented(table: &str) -> String {
    table.lines().map(|line| format!("    {line}\n")).collect()
}

/// Whether to change something, in one sentence.
pub(super) fn verdict(advice: &Advice, prices: &Prices) -> String {
    let costs = |it: &super::search::Tried| it.bills.held_back().cost(prices);
    let held_back = || format!("{:.1} instead of {:.1}", costs(&advice.found), costs(&advice.own));
    match advice.reason {
        Reason::Better => format!(
            "Change: it costs less by more than chance, and on the time held back it costs {}.",
            held_back()
        ),
        Reason::NothingBetter => {
            "Leave it: nothing that was tried costs less by more than chance.".into()
        }
        Reason::TooFewCalls => "Leave it: there are too few calls to tell.".into(),
        Reason::TooFewFailures => {
            "Leave it: too few calls failed to tell how failures are best noticed.".into()
        }
        Reason::OneStretch => "Leave it: what speaks for another policy happened in one of the eight \
                               stretches searched alone. That may be chance; a longer log would tell."
            .into(),
        Reason::Untested => "Leave it: something was found, but the time held back has nothing to judge \
                             it by. A longer log would tell."
            .into(),
        Reason::NotHeldUp => format!(
            "Leave it: what was found did not hold up. On the time held back it costs {}.",
            held_back()
        ),
    }
}

/// Why each of the changes helps, as far as figures tell it.
pub(super) fn reasons(advice: &Advice) -> Vec<String> {
    let (own, found) = (&advice.own.knobs, &advice.found.knobs);
    let changed = found.changed_from(own);
    let before = own.settings();
    let was = |it: &Setting| {
        let own = before.iter().find(|own| (own.object, own.field) == (it.object, it.field));
        own.map(|own| own.value.clone()).unwrap_or_default()
    };
    changed
        .iter()
        .map(|it| {
            let why = why(it, found, &advice.facts);
            format!("{}.{}: {} instead of {}. {why}", it.object, it.field, it.value, was(it))
        })
        .collect()
}

fn why(setting: &Setting, found: &Knobs, facts: &Facts) -> String {
    match (setting.object, setting.field) {
        ("window", _) | ("trip", "minimum_calls") => window(found, facts),
        ("trip", "failure_rate") => {
            format!("All in all {} of the calls fail.", share(facts.failed, facts.calls))
        }
        ("trip", _) => "Answers that begin too late open it, before callers lose patience.".into(),
        ("slow" | "limits", "first_token") => spread("first tokens", &facts.first_tokens),
        _ => spread("whole answers", &facts.durations),
    }
}

fn window(found: &Knobs, facts: &Facts) -> String {
    let Some(window) = found.window else {
        return "The window is by count.".into();
    };
    #[expect(clippy::cast_precision_loss, reason = "calls of a minute")]
    let held = facts.calls_a_minute as f64 * window.as_secs_f64() / 60.0;
    format!(
        "A window of {} holds about {held:.0} calls here, and a rate is asked from {} on.",
        span(window),
        counted(found.minimum_calls.into(), "call")
    )
}

fn spread(what: &str, spread: &Spread) -> String {
    let at = |percentage| spread.percentile(percentage).map(|it| seconds(it.as_secs_f64()));
    match (at(50.0), at(99.9)) {
        (Some(median), Some(most)) => {
            format!(
                "Of good calls the {what} took {median} in the median, and 99.9 % at most {most}."
            )
        }
        _ => format!("Of good calls no {what} were measured."),
    }
}
