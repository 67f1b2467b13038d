//! What changed a breaker's state, and when: as the live filter logged it, and as a replay tells it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use llm_breaker::breaker::{OpenFor, Transition};
use llm_breaker::category::Category;
use llm_breaker::replay::{Findings, Turn};
use serde_json::Value;

/// Live, time-driven changes are up to a tick late; and the log's line a little more.
const TICK_MS: i64 = 1_000 + 250;

/// Of each breaker, by its cluster and part.
pub(super) type Of = BTreeMap<String, Vec<Change>>;

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    unix_ms: i64,
    /// All that must be the same.
    what: String,
    /// Rounded to milliseconds by the log.
    open_ms: Option<i64>,
}

/// Those that the filter logged.
pub(super) fn live(lines: &[String]) -> Of {
    let mut all = Of::new();
    for line in lines {
        let Some(begin) = line.find("{\"") else { continue };
        let Ok(event) = serde_json::from_str::<Value>(&line[begin..]) else { continue };
        if event["event"] != "transition" {
            continue;
        }
        let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
        let what = format!(
            "{} {} {} {} {}",
            text("from"),
            text("to"),
            text("reason"),
            text("category"),
            event["announced"]
        );
        let open_ms = event["open_seconds"].as_f64().map(|it| (it * 1e3).round() as i64);
        let name = format!("{} {}", text("breaker"), text("model"));
        all.entry(name).or_default().push(Change { unix_ms: unix_ms(line), what, open_ms });
    }
    all
}

/// Those that the replay tells.
pub(super) fn replayed(findings: &Findings) -> Of {
    let mut all = Of::new();
    for breaker in &findings.configurations[0].breakers {
        let name = format!("{} {}", breaker.cluster, breaker.part.as_deref().unwrap_or("-"));
        if !breaker.turns.is_empty() {
            all.insert(name, breaker.turns.iter().map(change).collect());
        }
    }
    all
}

fn change(turn: &Turn) -> Change {
    let Transition { from, to, cause, open_for, .. } = turn.transition;
    let announced = open_for.map(|it| matches!(it, OpenFor::Announced(_)));
    let what = format!(
        "{} {} {} {} {}",
        from.as_str(),
        to.as_str(),
        cause.name(),
        turn.category.map_or("-", Category::name),
        announced.map_or(Value::Null, Value::Bool)
    );
    let open_ms = open_for.map(|it| (it.duration().as_secs_f64() * 1e3).round() as i64);
    Change { unix_ms: (turn.unix_ns / 1_000_000) as i64, what, open_ms }
}

/// Every breaker did the same, in the same order, for as long and within a tick.
pub(super) fn assert_same(live: &Of, replayed: &Of) {
    let breakers = |of: &Of| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(breakers(live), breakers(replayed));
    for (breaker, live) in live {
        let replayed = &replayed[breaker];
        let is_same = live.len() == replayed.len()
            && live.iter().zip(replayed).all(|(live, replayed)| live.is(replayed));
        assert!(is_same, "{breaker}:\n{}", side_by_side(live, replayed));
    }
}

impl Change {
    fn is(&self, other: &Self) -> bool {
        let is_as_long = match (self.open_ms, other.open_ms) {
            (Some(one), Some(other)) => (one - other).abs() <= 1,
            (one, other) => one == other,
        };
        self.what == other.what && is_as_long && (self.unix_ms - other.unix_ms).abs() <= TICK_MS
    }
}

fn side_by_side(live: &[Change], replayed: &[Change]) -> String {
    let mut text = String::new();
    for index in 0..live.len().max(replayed.len()) {
        let [one, other] = [live, replayed].map(|all| all.get(index));
        let differs = !one.zip(other).is_some_and(|(one, other)| one.is(other));
        let mark = if differs { "≠" } else { " " };
        let show = |it: Option<&Change>| {
            it.map_or("nothing".into(), |it| format!("{} {} {:?}", it.unix_ms, it.what, it.open_ms))
        };
        let _ = writeln!(text, "{mark} {:<90} {}", show(one), show(other));
    }
    text
}

/// Envoy begins its lines with the time, `[2026-11-28 17:30:16.347]`, which is local.
fn unix_ms(line: &str) -> i64 {
    let time = line.get(1..24).expect("a time");
    let at = humantime::parse_rfc3339_weak(time).expect("a time");
    let since: Duration = at.duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_millis() as i64
}
