//! How do policies compare in what they cost? As text.

use super::advice::Advice;
use super::knobs::Knobs;
use super::price::{Bill, Prices};
use super::search::Tried;
use crate::replay::report::aligned;
use crate::replay::report::figures::{count, seconds, share};

const COSTS: [&str; 5] =
    ["good calls blocked", "of all good", "failed calls paid", "waited for them", "cost"];

/// The policy as it is beside what was found, on either part of the time.
pub(super) fn comparison(advice: &Advice, prices: &Prices) -> String {
    let mut rows = vec![head([""])];
    for (part, of) in PARTS {
        let mut all = vec![("as it is", &advice.own)];
        if advice.found.knobs != advice.own.knobs {
            all.push(("found", &advice.found));
        }
        for (which, tried) in all {
            rows.push(row([format!("{part}, {which}")], &of(tried), prices));
        }
    }
    aligned(&rows)
}

/// A part of the time, and how to get its bill.
type Part = (&'static str, fn(&Tried) -> Bill);

const PARTS: [Part; 2] =
    [("searched", |it| it.bills.searched()), ("held back", |it| it.bills.held_back())];

/// The policies to choose from, with the fields in which they differ.
pub(super) fn front(advice: &Advice, prices: &Prices) -> String {
    let mut all: Vec<&Tried> = advice.front.iter().collect();
    for further in [&advice.own, &advice.found] {
        if !all.iter().any(|it| it.knobs == further.knobs) {
            all.push(further);
        }
    }
    all.sort_by_key(|it| it.bills.searched().blocked_good);
    let differing = differing(&all, &advice.own.knobs);
    let mut rows = vec![head(differing.iter().map(|(_, name)| name.as_str()))];
    for tried in &all {
        let settings = tried.knobs.settings();
        let values = differing.iter().filter_map(|(at, _)| Some(settings.get(*at)?.value.clone()));
        let mut row = row(values, &tried.bills.searched(), prices);
        row.push(mark(advice, tried).into());
        rows.push(row);
    }
    aligned(&rows)
}

fn mark(advice: &Advice, tried: &Tried) -> &'static str {
    match (tried.knobs == advice.own.knobs, tried.knobs == advice.found.knobs) {
        (true, _) => "as it is",
        (false, true) => "found",
        (false, false) => "",
    }
}

fn differing(all: &[&Tried], own: &Knobs) -> Vec<(usize, String)> {
    let own = own.settings();
    let names = own.iter().enumerate();
    let differs = |at: usize| {
        all.iter().any(|it| {
            it.knobs.settings().get(at).map(|it| &it.value) != own.get(at).map(|it| &it.value)
        })
    };
    names
        .filter(|(at, _)| differs(*at))
        .map(|(at, it)| (at, format!("{}.{}", it.object, it.field)))
        .collect()
}

fn head<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    names.into_iter().chain(COSTS).map(str::to_owned).collect()
}

fn row(names: impl IntoIterator<Item = String>, bill: &Bill, prices: &Prices) -> Vec<String> {
    let costs = [
        count(bill.blocked_good),
        share(bill.blocked_good, bill.good),
        count(bill.failed),
        seconds(bill.waited),
        format!("{:.1}", bill.cost(prices)),
    ];
    names.into_iter().chain(costs).collect()
}
