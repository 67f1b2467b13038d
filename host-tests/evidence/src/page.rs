//! How is it told? As tables between their marks in the page that explains them.

use crate::campaign::{Campaign, PIECES, Size};
use crate::edges::EDGES;
use crate::incidents::{KINDS, Kind, MANNERS, Manner, PATIENCE};
use crate::known::{Known, Source};
use crate::measure::{Cost, Healthy};
use crate::profiles::PROFILES;
use crate::subject::Subject;
use crate::variants::{self, VARIANTS};
use core::fmt::{Display, Write as _};
use core::time::Duration;
use llm_breaker::replay::share;

/// A table and the name of its marks.
pub type Named = (&'static str, String);

/// Everything that the page has of a run.
#[must_use]
pub fn tables(campaign: &Campaign, size: Size) -> Vec<Named> {
    vec![
        ("run", run(size)),
        ("healthy", healthy(campaign)),
        ("incidents", incidents(campaign)),
        ("other values", other_values(campaign)),
        ("edges", edges(campaign)),
        ("traffic", traffic_parameters()),
        ("kinds", incident_parameters()),
    ]
}

/// The page with these tables between their marks.
///
/// # Errors
/// The name whose marks it lacks.
pub fn put(page: &str, tables: &[Named]) -> Result<String, String> {
    let put_one = |page: String, (name, table): &Named| {
        let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- end of {name} -->"));
        let missing = || format!("no marks of {name}");
        let (before, rest) = page.split_once(&begin).ok_or_else(missing)?;
        let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
        Ok(format!("{before}{begin}\n{}\n{end}{after}", table.trim_end()))
    };
    tables.iter().try_fold(page.to_owned(), put_one)
}

fn run(size: Size) -> String {
    let Size { seed, calls, hours, incidents } = size;
    format!(
        "{calls} calls and {hours} hours of each healthy profile, at least (seeds {seed} to {}); {incidents} \
         incidents of each kind (seeds {seed} to {}).",
        seed + PIECES - 1,
        seed + incidents - 1,
    )
}

fn healthy(campaign: &Campaign) -> String {
    let mut table = String::from("| profile | hours |");
    let names = Subject::ALL.map(Subject::name);
    let _ = writeln!(table, " {} |", names.join(" | "));
    let _ = writeln!(table, "|---|---|{}", "---|".repeat(names.len()));
    for (profile, by_subject) in PROFILES.iter().zip(&campaign.healthy) {
        let hours = by_subject[0].hours;
        let cells = by_subject.iter().map(blocked_and_hours).collect::<Vec<_>>();
        let _ = writeln!(table, "| {} | {hours} | {} |", profile.name, cells.join(" | "));
    }
    table
}

fn blocked_and_hours(healthy: &Healthy) -> String {
    format!("{}; {}", percent(healthy.share_blocked()), percent(healthy.share_of_hours()))
}

fn incidents(campaign: &Campaign) -> String {
    let mut table = String::from(
        "| incident | who | told, of those that can be | of the others | paid, of the failing | paid by one \
         | told after | first call after | all calls after | good calls held back |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (kind, costs) in KINDS.iter().zip(&campaign.incidents) {
        for (index, subject) in Subject::ALL.iter().enumerate() {
            let costs: Vec<Cost> = costs.iter().map(|costs| costs[index]).collect();
            let name = if index == 0 { kind.name } else { "" };
            let _ = writeln!(table, "| {name} | {} | {} |", subject.name(), row(&costs));
        }
    }
    table
}

fn row(costs: &[Cost]) -> String {
    let told = |can_be_told: bool| {
        let those = costs.iter().filter(|cost| cost.can_be_told == can_be_told);
        let told = those.clone().filter(|cost| cost.detected_after.is_some()).count();
        format!("{told} of {}", those.count())
    };
    let sum = |of: fn(&Cost) -> u64| costs.iter().map(of).sum::<u64>();
    let good_blocked = sum(|cost| cost.good_blocked);
    let held_back = good_blocked / (costs.len() as u64).max(1);
    let times = |of: &dyn Fn(&Cost) -> Option<Duration>| {
        spread(costs.iter().filter_map(of).map(|time| time.as_secs_f64()).collect(), " s")
    };
    [
        told(true),
        told(false),
        percent(share(sum(|cost| cost.paid), sum(|cost| cost.failing))),
        spread(costs.iter().map(|cost| cost.paid as f64).collect(), ""),
        times(&|cost| cost.detected_after),
        times(&|cost| cost.detected_after.and(cost.first_after)),
        times(&|cost| cost.detected_after.map(|_| cost.recovered_after)),
        format!("{held_back} of each; {}", percent(share(good_blocked, sum(|cost| cost.good)))),
    ]
    .join(" | ")
}

/// Of each kind: calls paid, of the failing; until none is held back; and good calls held back.
fn other_values(campaign: &Campaign) -> String {
    let tried = || KINDS.iter().enumerate().filter(|(_, kind)| variants::are_tried_on(kind));
    let names: Vec<&str> = tried().map(|(_, kind)| kind.name).collect();
    let mut table = format!("| | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for (variant, by_kind) in VARIANTS.iter().zip(&campaign.variants) {
        let cells: Vec<String> = tried().map(|(kind, _)| in_short(&by_kind[kind])).collect();
        let _ = writeln!(table, "| {} | {} |", variant.name, cells.join(" | "));
    }
    table
}

fn in_short(costs: &[Cost]) -> String {
    let sum = |of: fn(&Cost) -> u64| costs.iter().map(of).sum::<u64>();
    let told = costs.iter().filter(|cost| cost.detected_after.is_some());
    let mut after: Vec<Duration> = told.clone().map(|cost| cost.recovered_after).collect();
    after.sort_unstable();
    let after = after.get(after.len() / 2).map_or(0, Duration::as_secs);
    let paid = percent(share(sum(|cost| cost.paid), sum(|cost| cost.failing)));
    let held_back = sum(|cost| cost.good_blocked) / (costs.len() as u64).max(1);
    format!("{} told; {paid} paid; {after} s; {held_back} held back", told.count())
}

fn edges(campaign: &Campaign) -> String {
    let mut table =
        String::from("| traffic | good calls held back | hours with a trip |\n|---|---|---|\n");
    for (edge, healthy) in EDGES.iter().zip(&campaign.edges) {
        let (blocked, hours) =
            (percent(healthy.share_blocked()), percent(healthy.share_of_hours()));
        let _ = writeln!(table, "| {} | {blocked} | {hours} |", edge.name);
    }
    table
}

/// Each value once, with all profiles that have it.
fn traffic_parameters() -> String {
    let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
    let mut note =
        |row: String, profile: &'static str| match rows.iter_mut().find(|(known, _)| *known == row)
        {
            Some((_, profiles)) => profiles.push(profile),
            None => rows.push((row, vec![profile])),
        };
    for profile in &PROFILES {
        let stalls = profile.stalls.is.map_or_else(
            || "none".to_owned(),
            |(share, spread)| format!("{}: {spread}", percent(share)),
        );
        let stalls = Known { is: stalls.as_str(), from: profile.stalls.from };
        note(parameter("arrivals", &profile.arrivals), profile.name);
        note(parameter("how an answer is asked for", &profile.asks), profile.name);
        note(parameter("until the first content", &profile.first), profile.name);
        note(parameter("from there to the end", &profile.rest), profile.name);
        note(parameter("calls that stall first", &stalls), profile.name);
        for (name, share) in [
            ("cancelled, at any moment", profile.cancelled),
            ("background errors", profile.errors),
            ("callers' mistakes", profile.mistakes),
        ] {
            let shown = percent(share.is);
            note(parameter(name, &Known { is: shown.as_str(), from: share.from }), profile.name);
        }
    }
    rows.sort_by_key(|(row, _)| row.split('|').next().unwrap_or_default().to_owned());
    let mut table = String::from("| parameter | value | source | profiles |\n|---|---|---|---|\n");
    for (row, profiles) in rows {
        let _ = writeln!(table, "| {row} | {} |", profiles.join("; "));
    }
    table
}

fn incident_parameters() -> String {
    let mut table = String::from("| what | value | source |\n|---|---|---|\n");
    for kind in &KINDS {
        let _ = writeln!(table, "| {} |", parameter(&format!("**{}**", kind.name), &kind.what));
    }
    by_kind(&mut table, "how long", |kind| kind.lasts.from, |kind| kind.lasts.is.to_string());
    by_kind(&mut table, "calls", |kind| kind.rates.from, |kind| kind.rates.is.to_string());
    let _ =
        writeln!(table, "| {} |", parameter("how long a caller waits for what hangs", &PATIENCE));
    for (manner, after) in MANNERS {
        let name = match manner {
            Manner::Status(status) => format!("an outage's calls end with {status} after"),
            Manner::Refused => "or are refused after".to_owned(),
            Manner::Reset => "or are reset after".to_owned(),
        };
        let after = Known { is: after, from: Source::Assumed };
        let _ = writeln!(table, "| {} |", parameter(&name, &after));
    }
    table
}

/// A parameter that most kinds share.
fn by_kind(
    table: &mut String,
    name: &str,
    source: impl Fn(&Kind) -> Source,
    value: impl Fn(&Kind) -> String,
) {
    let mut values: Vec<(String, Source, Vec<&str>)> = Vec::new();
    for kind in &KINDS {
        let (value, source) = (value(kind), source(kind));
        match values.iter_mut().find(|(known, from, _)| *known == value && *from == source) {
            Some((.., names)) => names.push(kind.name),
            None => values.push((value, source, vec![kind.name])),
        }
    }
    for (value, from, names) in values {
        let whose =
            if names.len() > KINDS.len() / 2 { "most".to_owned() } else { names.join(", ") };
        let known = Known { is: value.as_str(), from };
        let _ = writeln!(table, "| {} |", parameter(&format!("{name}: {whose}"), &known));
    }
}

fn parameter(name: &str, known: &Known<impl Display>) -> String {
    let source = match known.from {
        Source::Published(source) => source,
        Source::Required => "what a breaker must bear",
        Source::Assumed => "*assumed*",
    };
    format!("{name} | {} | {source}", known.is)
}

fn percent(share: f64) -> String {
    match 100.0 * share {
        0.0 => "0 %".to_owned(),
        small if small < 0.01 => "< 0.01 %".to_owned(),
        whole if (whole - whole.round()).abs() < 1e-9 => format!("{whole:.0} %"),
        small if small < 10.0 => format!("{small:.2} %"),
        large => format!("{large:.0} %"),
    }
}

/// The median, 95th percentile and maximum.
fn spread(mut values: Vec<f64>, unit: &str) -> String {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((share * (values.len() as f64 - 1.0)).round() as usize);
    match (at(0.5), at(0.95), values.last()) {
        (Some(median), Some(p95), Some(most)) => {
            let shown = [median, p95, most].map(|value| {
                if *value > 0.0 && *value < 9.95 && !unit.is_empty() {
                    format!("{value:.1}")
                } else {
                    format!("{value:.0}")
                }
            });
            format!("{}{unit}", shown.join(" / "))
        }
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = "a\n<!-- t -->\nold\n<!-- end of t -->\nb";
        let changed = put(page, &[("t", "| new |\n\n".to_owned())]);
        assert_eq!(changed.as_deref(), Ok("a\n<!-- t -->\n| new |\n<!-- end of t -->\nb"));
        assert!(put(page, &[("other", String::new())]).is_err());
    }

    #[test]
    fn a_spread_is_told_by_its_median_95th_percentile_and_maximum() {
        let values = (0..=100).map(f64::from).collect();
        assert_eq!(spread(values, " s"), "50 / 95 / 100 s");
        assert_eq!(spread(Vec::new(), " s"), "–");
    }

    #[test]
    fn every_parameter_names_its_source() {
        for row in traffic_parameters().lines().chain(incident_parameters().lines()).skip(2) {
            assert!(row.matches('|').count() >= 4, "{row}");
            assert!(!row.contains("|  |"), "{row}");
        }
    }
}
