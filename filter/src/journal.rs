//! What does the log say? One line per event, with nothing in it that a client chose: JSON, but for
//! what is wrong with a configuration, which a person reads.

use crate::breaker::{OpenFor, Override, Transition};
use crate::key::Key;
use crate::outcome::Outcome;
use core::time::Duration;
use serde_json::{Map, Value, json};

/// A change of state, and the outcome that caused it, if one did.
#[must_use]
pub fn transition(breaker: &Key, transition: &Transition, outcome: Option<&Outcome>) -> String {
    let mut line = event("transition", breaker);
    line.insert("from".into(), transition.from.as_str().into());
    line.insert("to".into(), transition.to.as_str().into());
    line.insert("epoch".into(), transition.epoch.into());
    line.insert("reason".into(), transition.cause.name().into());
    if let Some(measured) = transition.cause.measured() {
        line.insert("measured".into(), json!(measured));
    }
    if let Some(outcome) = outcome {
        line.insert("category".into(), outcome.category.name().into());
        line.insert("ended_by".into(), outcome.ended_by.name().into());
    }
    if let Some(open_for) = transition.open_for {
        line.insert("open_seconds".into(), seconds(open_for.duration()));
        line.insert("announced".into(), matches!(open_for, OpenFor::Announced(_)).into());
    }
    Value::Object(line).to_string()
}

/// The time of an override is over.
#[must_use]
pub fn override_ended(breaker: &Key, ended: &Override) -> String {
    let mut line = event("override", breaker);
    line.insert("action".into(), "expire".into());
    line.insert("mode".into(), ended.mode.name().into());
    Value::Object(line).to_string()
}

/// The configuration asked for a reset.
#[must_use]
pub fn reset_generation(breaker: &Key, generation: u64) -> String {
    let mut line = event("reset_generation", breaker);
    line.insert("generation".into(), generation.into());
    Value::Object(line).to_string()
}

/// Bytes in shared data that were not ours were replaced.
#[must_use]
pub fn shared_state_reset(breaker: &Key) -> String {
    Value::Object(event("shared_state_reset", breaker)).to_string()
}

/// A call that was to go to this cluster went elsewhere: no route knows the header.
#[must_use]
pub fn reroute_not_taken(cluster: &str) -> String {
    Value::Object(event("reroute_not_taken", &Key::of_cluster(cluster))).to_string()
}

/// A part of a cluster's metadata that is not followed.
#[must_use]
pub fn metadata_ignored(cluster: &str, what: &[String]) -> String {
    let mut line = event("metadata_ignored", &Key::of_cluster(cluster));
    line.insert("ignored".into(), json!(what));
    Value::Object(line).to_string()
}

/// One thing that is wrong with a configuration.
#[must_use]
pub fn configuration_refused(error: &str) -> String {
    format!("llm-breaker: configuration refused: {error}")
}

fn event(name: &str, breaker: &Key) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("event".into(), name.into());
    line.insert("breaker".into(), breaker.cluster.as_str().into());
    if let Some(part) = &breaker.part {
        line.insert("model".into(), part.as_str().into());
    }
    line
}

fn seconds(duration: Duration) -> Value {
    // Milliseconds are as exact as a reader of logs needs.
    json!((duration.as_secs_f64() * 1_000.0).round() / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::{Cause, StateName};
    use crate::outcome::Category;

    #[test]
    fn a_transition_is_one_line_that_says_why_and_for_how_long() {
        let opened = Transition {
            from: StateName::Closed,
            to: StateName::Open,
            epoch: 2,
            cause: Cause::ConsecutiveFailures(5),
            open_for: Some(OpenFor::Backoff(Duration::from_millis(30_500))),
        };
        let line = transition(
            &Key::of_cluster("a\nb"),
            &opened,
            Some(&Outcome::of(Category::ServerError)),
        );
        assert!(!line.contains('\n'));
        let fields: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            fields,
            json!({
                "event": "transition", "breaker": "a\nb", "from": "closed", "to": "open",
                "epoch": 2, "ended_by": "upstream",
                "reason": "consecutive_failures", "measured": 5.0, "category": "server_error",
                "open_seconds": 30.5, "announced": false,
            })
        );
    }
}
