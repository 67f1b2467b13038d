//! Every stat of the README's table, as `/stats/prometheus` shows it after the story.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use llm_breaker_host_tests::envoy::Stats;
use llm_breaker_host_tests::patience::{PATIENCE, POLL_INTERVAL};

use super::story::{CHAIN, FORCED, MODEL, MODELS, PASSES, RECOVERS, SHADOW, SPARE};
use crate::scene::Scene;

const PREFIX: &str = "llm_circuit_breaker_";

/// The kinds, by name. Prometheus shows a stat of Envoy's only once it was used.
const KINDS: [(&str, &str); 18] = [
    ("breakers_overflow_total", "counter"),
    ("call_duration_milliseconds", "histogram"),
    ("failures_total", "counter"),
    ("fallbacks_total", "counter"),
    ("half_open_requests_total", "counter"),
    ("mode", "gauge"),
    ("open_remaining_seconds", "gauge"),
    ("outcomes_total", "counter"),
    ("requests_blocked_total", "counter"),
    ("requests_would_block_total", "counter"),
    ("shared_state_resets_total", "counter"),
    ("slow_calls_total", "counter"),
    ("state", "gauge"),
    ("state_changes_total", "counter"),
    ("successes_total", "counter"),
    ("time_to_first_token_milliseconds", "histogram"),
    ("unread_bodies_total", "counter"),
    // Only where two workers met at one record.
    ("shared_state_conflicts_total", "counter"),
];

/// In milliseconds, as the shipped YAML has them.
const BUCKETS: [&str; 23] = [
    "25", "50", "100", "250", "500", "1000", "2000", "3000", "5000", "7500", "10000", "15000",
    "20000", "30000", "45000", "60000", "90000", "120000", "180000", "300000", "600000", "1800000",
    "+Inf",
];

/// How much of an open time of an hour the story and a busy machine leave.
const AN_HOUR: RangeInclusive<f64> = 3_000.0..=3_600.0;

/// What one breaker shows from its first call on, and so whatever happens.
const SHOWN: [&str; 8] = [
    "state",
    "mode",
    "open_remaining_seconds",
    "successes_total",
    "failures_total",
    "requests_blocked_total",
    "requests_would_block_total",
    "half_open_requests_total",
];

type Samples = BTreeMap<String, f64>;

/// One breaker's samples that are not zero: name, further labels, value.
type Moved = &'static [(&'static str, &'static str, f64)];

/// An open time of an hour that is running, in what is expected and in what is compared with it.
const RUNNING: f64 = 3_600.0;

const OF_MODEL: Moved = &[
    ("state", "", 1.0),
    ("open_remaining_seconds", "", RUNNING),
    ("successes_total", "", 3.0),
    ("failures_total", "", 5.0),
    ("outcomes_total", "category=success", 3.0),
    ("outcomes_total", "category=client_error", 1.0),
    ("outcomes_total", "category=server_error", 5.0),
    ("state_changes_total", "from=closed to=open", 1.0),
    ("requests_blocked_total", "", 1.0),
    ("fallbacks_total", "kind=error", 1.0),
    ("unread_bodies_total", "reason=compressed", 1.0),
    ("call_duration_milliseconds_count", "result=success", 3.0),
    ("call_duration_milliseconds_count", "result=failure", 5.0),
    ("call_duration_milliseconds_count", "result=ignored", 1.0),
    ("time_to_first_token_milliseconds_count", "", 1.0),
];

const OF_RECOVERS: Moved = &[
    ("successes_total", "", 1.0),
    ("failures_total", "", 6.0),
    ("outcomes_total", "category=success", 1.0),
    ("outcomes_total", "category=server_error", 6.0),
    ("outcomes_total", "category=cancelled", 1.0),
    ("half_open_requests_total", "", 2.0),
    ("state_changes_total", "from=closed to=open", 1.0),
    ("state_changes_total", "from=open to=half_open", 2.0),
    ("state_changes_total", "from=half_open to=open", 1.0),
    ("state_changes_total", "from=half_open to=closed", 1.0),
    ("call_duration_milliseconds_count", "result=success", 1.0),
    ("call_duration_milliseconds_count", "result=failure", 6.0),
    ("call_duration_milliseconds_count", "result=ignored", 1.0),
];

const OF_FORCED: Moved = &[
    ("state", "", 1.0),
    ("mode", "", 3.0),
    ("requests_blocked_total", "", 1.0),
    ("fallbacks_total", "kind=completion", 1.0),
];

const OF_SHADOW: Moved = &[
    ("state", "", 1.0),
    ("mode", "", 1.0),
    ("open_remaining_seconds", "", RUNNING),
    ("successes_total", "", 1.0),
    ("failures_total", "", 5.0),
    ("outcomes_total", "category=success", 1.0),
    ("outcomes_total", "category=server_error", 5.0),
    ("state_changes_total", "from=closed to=open", 1.0),
    ("requests_would_block_total", "", 1.0),
    ("call_duration_milliseconds_count", "result=success", 1.0),
    ("call_duration_milliseconds_count", "result=failure", 5.0),
];

const OF_SPARE: Moved = &[
    ("successes_total", "", 2.0),
    ("outcomes_total", "category=success", 2.0),
    ("call_duration_milliseconds_count", "result=success", 2.0),
    ("shared_state_resets_total", "", 1.0),
];

const OF_CHAIN: Moved = &[
    ("state", "", 1.0),
    ("open_remaining_seconds", "", RUNNING),
    ("successes_total", "", 1.0),
    ("failures_total", "", 1.0),
    ("outcomes_total", "category=quota_exhausted", 1.0),
    ("outcomes_total", "category=success", 1.0),
    ("state_changes_total", "from=closed to=open", 1.0),
    ("requests_blocked_total", "", 1.0),
    ("fallbacks_total", "kind=reroute", 1.0),
    ("fallbacks_total", "kind=last_resort", 1.0),
    ("call_duration_milliseconds_count", "result=success", 1.0),
    ("call_duration_milliseconds_count", "result=failure", 1.0),
];

const OF_PASSES: Moved = &[
    ("state", "", 1.0),
    ("open_remaining_seconds", "", RUNNING),
    ("successes_total", "", 1.0),
    ("slow_calls_total", "", 1.0),
    ("failures_total", "", 2.0),
    ("outcomes_total", "category=slow", 1.0),
    ("outcomes_total", "category=quota_exhausted", 1.0),
    ("outcomes_total", "category=server_error", 1.0),
    ("state_changes_total", "from=closed to=open", 1.0),
    ("fallbacks_total", "kind=pass", 1.0),
    ("call_duration_milliseconds_count", "result=success", 1.0),
    ("call_duration_milliseconds_count", "result=failure", 2.0),
];

fn expected() -> Samples {
    let mut samples = Samples::new();
    let breakers: [(&str, Option<&str>, Moved); 8] = [
        (MODELS, Some(MODEL), OF_MODEL),
        (MODELS, None, &[]),
        (RECOVERS, None, OF_RECOVERS),
        (FORCED, None, OF_FORCED),
        (SHADOW, None, OF_SHADOW),
        (SPARE, None, OF_SPARE),
        (CHAIN, None, OF_CHAIN),
        (PASSES, None, OF_PASSES),
    ];
    for (cluster, model, moved) in breakers {
        let labels = |further: &str| {
            let mut labels = BTreeMap::from([("llm_cluster", cluster)]);
            labels.extend(model.map(|model| ("llm_model", model)));
            labels.extend(further.split(' ').filter_map(|label| label.split_once('=')));
            format!("{labels:?}")
        };
        samples.extend(SHOWN.map(|name| (format!("{name} {}", labels("")), 0.0)));
        let moved =
            moved.iter().map(|(name, more, value)| (format!("{name} {}", labels(more)), *value));
        samples.extend(moved);
    }
    samples.insert("breakers_overflow_total {}".into(), 1.0);
    samples.insert("shared_state_resets_total {}".into(), 1.0);
    samples
}

/// All samples but those whose value nobody can know.
fn seen(stats: &Stats) -> Samples {
    let mut samples = Samples::new();
    for (name, labels, value) in stats.samples(PREFIX) {
        let name = &name[PREFIX.len()..];
        let is_known = !name.ends_with("_bucket")
            && !name.ends_with("_sum")
            && name != "shared_state_conflicts_total";
        let is_running = name == "open_remaining_seconds" && AN_HOUR.contains(&value);
        if is_known {
            samples.insert(format!("{name} {labels:?}"), if is_running { RUNNING } else { value });
        }
    }
    samples
}

pub(super) async fn are_all_there(scene: &Scene) {
    let expected = expected();
    // Some are as old as a tick, histograms as old as a flush.
    let settled = async {
        while seen(&scene.envoy.stats().await) != expected {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, settled).await;
    let stats = scene.envoy.stats().await;
    assert_eq!(seen(&stats), expected, "{}", scene.show().await);
    assert_kinds(&stats);
    assert_buckets(&stats);
    let line = "llm_circuit_breaker_state{llm_cluster=\"outbound|443|v1/x:y|api.openai.com\",\
                llm_model=\"org/gpt-4.1:free*\"} 1";
    assert!(stats.has_line(line), "{}", scene.show().await);
}

fn assert_kinds(stats: &Stats) {
    let seen = stats.kinds(PREFIX);
    let named = KINDS.map(|(name, kind)| (format!("{PREFIX}{name}"), kind.to_owned()));
    let mut expected = BTreeMap::from(named);
    let conflicts = format!("{PREFIX}shared_state_conflicts_total");
    if !seen.contains_key(&conflicts) {
        expected.remove(&conflicts);
    }
    assert_eq!(seen, expected);
}

fn assert_buckets(stats: &Stats) {
    for histogram in ["call_duration_milliseconds", "time_to_first_token_milliseconds"] {
        let name = format!("{PREFIX}{histogram}_bucket");
        let all = stats.samples(&name);
        let bounds: Vec<_> = all.iter().map(|(_, labels, _)| labels["le"].as_str()).collect();
        assert!(!bounds.is_empty());
        for breaker in bounds.chunks(BUCKETS.len()) {
            assert_eq!(breaker, BUCKETS, "{histogram}");
        }
    }
}
