//! What does the log say? One line per event, with nothing in it that a client chose, in the
//! configured format; but what is wrong with a configuration is a sentence, since a person reads it.

mod line;

use crate::breaker::{OpenFor, Override, Transition};
use crate::config::order::{Ordered, Scope};
use crate::key::Key;
use crate::outcome::Outcome;
use crate::policy::Mode;
use core::time::Duration;
use serde_json::{Value, json};

pub use line::Line;

/// A change of state, and the outcome that caused it, if one did.
#[must_use]
pub fn transition(breaker: &Key, transition: &Transition, outcome: Option<&Outcome>) -> Line {
    let Transition { from, to, epoch, cause, open_for } = transition;
    let mut line = event("transition", breaker);
    line.add("from", from.as_str());
    line.add("to", to.as_str());
    line.add("epoch", *epoch);
    line.add("reason", cause.name());
    if let Some(measured) = cause.measured() {
        line.add("measured", measured);
    }
    if let Some(threshold) = cause.threshold() {
        line.add("threshold", threshold);
    }
    if let Some((counted, share)) = cause.share() {
        line.add(counted, share.part);
        line.add("calls", share.calls);
    }
    if let Some(outcome) = outcome {
        line.add("category", outcome.category.name());
        line.add("ended_by", outcome.ended_by.name());
    }
    if let Some(open_for) = open_for {
        line.add("open_seconds", seconds(open_for.duration()));
        line.add("announced", matches!(open_for, OpenFor::Announced(_)));
    }
    if let Some(announced) = outcome.and_then(|outcome| outcome.announced) {
        line.add("announced_seconds", seconds(announced));
    }
    line
}

/// What an operator ordered, and who says so: the texts are the operator's.
#[must_use]
pub fn ordered(breaker: &Key, ordered: &Ordered) -> Line {
    let mut line = event("override", breaker);
    line.add("action", ordered.action.name());
    line.add("mode", ordered.mode.map(Mode::name));
    line.add("duration_seconds", ordered.duration.map(seconds));
    if ordered.scope == Scope::Fleet {
        line.add("scope", "fleet");
    }
    line.add("user", ordered.user.clone());
    line.add("reason", ordered.reason.clone());
    line
}

/// The time of an override is over.
#[must_use]
pub fn override_ended(breaker: &Key, ended: &Override) -> Line {
    let mut line = event("override", breaker);
    line.add("action", "expire");
    line.add("mode", ended.mode.name());
    line
}

/// What an operator ordered for the whole fleet has reached this proxy: the texts are the operator's.
#[must_use]
pub fn ordered_by_fleet(
    breaker: &Key,
    ordered: &Override,
    user: Option<String>,
    reason: Option<String>,
) -> Line {
    let mut line = event("override", breaker);
    line.add("action", "fleet");
    line.add("mode", ordered.mode.name());
    line.add("duration_seconds", ordered.remaining(ordered.since).map(seconds));
    line.add("user", user);
    line.add("reason", reason);
    line
}

/// What was ordered for the whole fleet was taken back before its time.
#[must_use]
pub fn withdrawn_by_fleet(breaker: &Key, ended: &Override) -> Line {
    let mut line = event("override", breaker);
    line.add("action", "fleet_release");
    line.add("mode", ended.mode.name());
    line
}

/// Whether this proxy hears what others say, and they hear it.
#[must_use]
pub fn fleet_connection(is_connected: bool) -> Line {
    let mut line = Line::default();
    line.add("event", "fleet");
    line.add("connection", if is_connected { "connected" } else { "lost" });
    line
}

/// The configuration asked for a reset.
#[must_use]
pub fn reset_generation(breaker: &Key, generation: u64) -> Line {
    let mut line = event("reset_generation", breaker);
    line.add("generation", generation);
    line
}

/// Bytes in shared data that were not ours were replaced.
#[must_use]
pub fn shared_state_reset(breaker: &Key) -> Line {
    event("shared_state_reset", breaker)
}

/// A call that was to go to this cluster went elsewhere: no route knows the header.
#[must_use]
pub fn reroute_not_taken(cluster: &str) -> Line {
    event("reroute_not_taken", &Key::of_cluster(cluster))
}

/// The filter stands among a cluster's own filters, where it leaves requests alone.
#[must_use]
pub fn misplaced(breaker: &Key) -> Line {
    let mut line = event("misplaced", breaker);
    line.add(
        "error",
        "in a cluster's http_filters a breaker sees no connection fail, no time-out and no stream \
         break: put it in front of the listener's router; until then all requests pass unwatched",
    );
    line
}

/// A part of a cluster's metadata that is not followed.
#[must_use]
pub fn metadata_ignored(cluster: &str, what: &[String]) -> Line {
    let mut line = event("metadata_ignored", &Key::of_cluster(cluster));
    line.add("ignored", json!(what));
    line
}

/// One thing that is wrong with a configuration.
#[must_use]
pub fn configuration_refused(error: &str) -> String {
    format!("llm-breaker: configuration refused: {error}")
}

/// The host gave another number of bytes than it had said.
#[must_use]
pub fn not_given(said: usize, given: usize) -> String {
    format!("the host gave {given} of {said} bytes of it")
}

fn event(name: &str, breaker: &Key) -> Line {
    let mut line = Line::default();
    line.add("event", name);
    line.add("breaker", breaker.cluster.as_str());
    if let Some(part) = &breaker.part {
        line.add("model", part.as_str());
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
    use crate::breaker::{Cause, Share, StateName};
    use crate::config::LogFormat;
    use crate::outcome::Category;

    fn opened(cause: Cause, open_for: OpenFor) -> Transition {
        let (from, to) = (StateName::Closed, StateName::Open);
        Transition { from, to, epoch: 2, cause, open_for: Some(open_for) }
    }

    fn fields(line: &Line) -> Value {
        serde_json::from_str(&line.text(LogFormat::Json)).expect("JSON")
    }

    #[test]
    fn a_transition_says_why_and_for_how_long() {
        let cause = Cause::ConsecutiveFailures { count: 6, threshold: 5 };
        let opened = opened(cause, OpenFor::Backoff(Duration::from_millis(30_500)));
        let outcome = Outcome::of(Category::ServerError);
        let line = transition(&Key::of_part("a", "gpt-4.1*"), &opened, Some(&outcome));
        assert_eq!(
            fields(&line),
            json!({
                "event": "transition", "breaker": "a", "model": "gpt-4.1*",
                "from": "closed", "to": "open", "epoch": 2, "ended_by": "upstream",
                "reason": "consecutive_failures", "measured": 6.0, "threshold": 5.0,
                "category": "server_error", "open_seconds": 30.5, "announced": false,
            })
        );
    }

    #[test]
    fn a_rate_is_told_with_the_calls_that_make_it() {
        let share = Share { part: 6, calls: 8, threshold: 0.5 };
        let announced = Duration::from_secs(90);
        let outcome = Outcome { announced: Some(announced), ..Outcome::of(Category::RateLimited) };
        for (cause, reason, counted) in [
            (Cause::FailureRate(share), "failure_rate", "failures"),
            (Cause::SlowRate(share), "slow_rate", "slow"),
        ] {
            let opened = opened(cause, OpenFor::Announced(announced));
            let line = transition(&Key::of_cluster("a"), &opened, Some(&outcome));
            assert_eq!(
                fields(&line),
                json!({
                    "event": "transition", "breaker": "a", "from": "closed", "to": "open",
                    "epoch": 2, "reason": reason, "measured": 0.75, "threshold": 0.5,
                    counted: 6, "calls": 8, "category": "rate_limited", "ended_by": "upstream",
                    "open_seconds": 90.0, "announced": true, "announced_seconds": 90.0,
                })
            );
        }
    }
}
