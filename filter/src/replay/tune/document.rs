//! How is what is advised written as configuration? With the figures that speak for it as comments.

use core::fmt::Write;
use std::collections::BTreeMap;

use super::advice::Advice;
use super::explain;
use super::knobs::{Knobs, Setting};
use super::price::Prices;
use crate::policy::Policy;
use crate::replay::report::clean;
use crate::replay::report::figures::{count, counted, span};

/// An entry for each cluster where something is to be changed: whole fields of a policy, to be merged
/// into the entry that the cluster has.
#[must_use]
pub fn yaml(advices: &[Advice], prices: &Prices) -> String {
    let mut text =
        String::from("# Thresholds that suit the calls of a log, by `llm-breaker tune`.\n#\n");
    prices_said(&mut text, prices);
    let changing = || advices.iter().filter(|it| it.reason.is_better());
    for advice in advices.iter().filter(|it| !it.reason.is_better()) {
        let verdict = explain::verdict(advice, prices);
        let _ = writeln!(text, "# {}: {}", clean(&advice.cluster), lower(&verdict));
    }
    if changing().next().is_none() {
        text.push_str("breakers: []\n");
        return text;
    }
    text.push_str("breakers:\n");
    changing().for_each(|advice| entry(&mut text, advice, prices));
    text
}

fn prices_said(text: &mut String, prices: &Prices) {
    let Prices { blocked_good, failed, second, .. } = prices;
    let _ = writeln!(
        text,
        "# A good call blocked costs {blocked_good}, a failed call {failed}, a second waited for it {second}."
    );
    if let Some(patience) = prices.patience {
        let _ =
            writeln!(text, "# An answer that begins after {} counts as failed.", span(patience));
    }
    text.push_str("#\n");
}

fn entry(text: &mut String, advice: &Advice, prices: &Prices) {
    let quoted = serde_json::Value::from(glob(&advice.cluster));
    let searched = |it: &super::search::Tried| it.bills.searched();
    let (own, found) = (searched(&advice.own), searched(&advice.found));
    let _ = writeln!(text, "# {}.", counted(advice.facts.calls, "call"));
    let _ = writeln!(
        text,
        "# On the time searched: {} good calls blocked instead of {}, {} failed calls paid instead of {}.",
        count(found.blocked_good),
        count(own.blocked_good),
        count(found.failed),
        count(own.failed)
    );
    let _ = writeln!(text, "# {}", explain::verdict(advice, prices));
    let _ = writeln!(text, "- cluster: {quoted}");
    let mut objects: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let reasons = explain::reasons(advice);
    for setting in whole(advice) {
        let name = format!("{}.{}: ", setting.object, setting.field);
        let reason = reasons.iter().find(|reason| reason.starts_with(&name));
        let lines = objects.entry(setting.object).or_default();
        lines.extend(reason.map(|reason| format!("# {reason}")));
        lines.push(format!("{}: {}", setting.field, setting.value));
    }
    for (object, lines) in objects {
        let _ = writeln!(text, "  {object}:");
        for line in lines {
            let _ = writeln!(text, "    {line}");
        }
    }
}

/// What was changed, and what else is not as built in: so that the entry holds by itself.
fn whole(advice: &Advice) -> Vec<Setting> {
    let found = &advice.found.knobs;
    let changed = found.changed_from(&advice.own.knobs);
    let built_in = found.changed_from(&Knobs::of(&Policy::default()));
    let is_said = |setting: &Setting| changed.contains(setting) || built_in.contains(setting);
    // A window by count has no duration to be said.
    let has_it = |setting: &Setting| setting.object != "window" || found.window.is_some();
    found.settings().into_iter().filter(|it| is_said(it) && has_it(it)).collect()
}

/// A cluster's name as a glob that means no other: what would stand for others stands for itself, and
/// for any one letter.
fn glob(cluster: &str) -> String {
    cluster.replace('*', "?")
}

fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|it| it.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
