//! The runbook has what whoever is paged needs, for every alert and for nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use crate::Outcome;
use crate::dashboard::{Kind, Query};
use crate::rules;

/// In this order, in every section.
const PARTS: [&str; 4] = [
    "**What it means.**",
    "**What to look at.**",
    "**What to do.**",
    "**How to be sure that it is over.**",
];

fn text() -> Outcome<String> {
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    Ok(std::fs::read_to_string(workspace.join("docs/runbook.md"))?)
}

/// The sections under "Alerts", each with its title.
fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let (_, alerts) = text.split_once("\n## Alerts\n").expect("a chapter of alerts");
    alerts.split("\n### ").skip(1).filter_map(|section| section.split_once('\n'))
}

/// What it tells the reader to ask of Prometheus.
pub(crate) fn queries() -> Outcome<Vec<Query>> {
    let text = text()?;
    let blocks = text.split("```promql\n").skip(1);
    let to_query = |block: &str| Query {
        place: "docs/runbook.md".to_owned(),
        expression: block.split("\n```").next().unwrap_or_default().to_owned(),
        kind: Kind::Instant,
    };
    Ok(blocks.map(to_query).collect())
}

#[test]
fn each_alert_links_to_a_section_that_has_all_four_parts() -> Outcome {
    let text = text()?;
    let mut anchors = BTreeSet::new();
    for (title, section) in sections(&text) {
        // As forges make an anchor of a heading of one word.
        anchors.insert(format!("#{}", title.to_lowercase()));
        let places: Vec<_> = PARTS.iter().map(|part| section.find(part)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{title}: {places:?}");
    }
    let mut linked = BTreeSet::new();
    for alert in rules::alerts()? {
        let url = alert["annotations"]["runbook_url"].as_str().expect("a runbook_url");
        linked.insert(url[url.find('#').expect("an anchor")..].to_owned());
    }
    assert_eq!(anchors, linked);
    Ok(())
}
