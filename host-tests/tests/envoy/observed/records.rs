//! The log's lines and the access log's records of the story.

use serde_json::{Value, json};

use super::story::{CHAIN, FORCED, MODEL, MODELS, PASSES, RECOVERS, SHADOW, SPARE, SURPLUS};
use crate::scene::{Scene, event};

/// Breaker, from, to, why, and the category that tipped the scales.
const TRANSITIONS: [[&str; 5]; 9] = [
    [MODELS, "closed", "open", "consecutive_failures", "server_error"],
    [RECOVERS, "closed", "open", "consecutive_failures", "server_error"],
    [RECOVERS, "open", "half_open", "open_time_ended", ""],
    [RECOVERS, "half_open", "open", "probe_failed", "server_error"],
    [RECOVERS, "open", "half_open", "open_time_ended", ""],
    [RECOVERS, "half_open", "closed", "probes_succeeded", "success"],
    [SHADOW, "closed", "open", "consecutive_failures", "server_error"],
    [CHAIN, "closed", "open", "verdict", "quota_exhausted"],
    [PASSES, "closed", "open", "verdict", "quota_exhausted"],
];

/// Status, cluster, admission, state, permit, fallback, category, verdict.
type Row = [&'static str; 8];

const OF_MODEL: [Row; 5] = [
    ["200", MODELS, "pass", "closed", "call", "", "success", "success"],
    ["200", MODELS, "pass", "closed", "call", "", "success", "success"],
    ["200", MODELS, "pass", "closed", "call", "", "success", "success"],
    ["400", MODELS, "pass", "closed", "call", "", "client_error", "ignore"],
    ["503", MODELS, "reject", "open", "", "error", "", ""],
];

const FAILED: [Row; 3] = [
    ["500", MODELS, "pass", "closed", "call", "", "server_error", "failure"],
    ["500", RECOVERS, "pass", "closed", "call", "", "server_error", "failure"],
    ["500", SHADOW, "pass", "closed", "call", "", "server_error", "failure"],
];

const RECOVERY: [Row; 3] = [
    ["0", RECOVERS, "pass", "closed", "call", "", "cancelled", "ignore"],
    ["500", RECOVERS, "probe", "half_open", "probe", "", "server_error", "failure"],
    ["200", RECOVERS, "probe", "half_open", "probe", "", "success", "success"],
];

const REST: [Row; 10] = [
    ["200", SHADOW, "would_block", "open", "", "", "success", "success"],
    ["200", FORCED, "reject", "open", "", "completion", "", ""],
    ["402", CHAIN, "pass", "closed", "call", "", "quota_exhausted", "open"],
    ["200", CHAIN, "reject", "open", "", "reroute", "success", "success"],
    ["200", CHAIN, "last_resort", "open", "last_resort", "last_resort", "success", "success"],
    ["200", PASSES, "pass", "closed", "call", "", "slow", "success"],
    ["402", PASSES, "pass", "closed", "call", "", "quota_exhausted", "open"],
    ["500", PASSES, "reject", "open", "", "pass", "server_error", "failure"],
    ["200", SURPLUS, "untracked", "", "", "", "", ""],
    ["200", SPARE, "pass", "closed", "call", "", "success", "success"],
];

fn expected() -> Vec<Row> {
    let [model, recovers, shadow] = FAILED.map(|row| [row; 5]);
    let (healthy, refused) = OF_MODEL.split_at(4);
    let (left, probes) = RECOVERY.split_at(1);
    [healthy, &model, refused, left, &recovers, probes, &shadow, &REST].concat()
}

pub(super) fn transitions_are_logged_once(scene: &Scene) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let seen: Vec<_> = scene
        .transitions()
        .iter()
        .map(|it| ["breaker", "from", "to", "reason", "category"].map(|name| text(&it[name])))
        .collect();
    assert_eq!(seen, TRANSITIONS);
    assert_eq!(scene.transitions()[0]["model"], MODEL);
    assert_eq!(scene.transitions()[7]["announced_seconds"], 7200.0);
    let reset = scene.envoy.log().matching(|line| event(line, "shared_state_reset").is_some());
    assert_eq!(reset.len(), 2, "the list and one record: {reset:?}");
}

pub(super) async fn each_request_left_one(scene: &Scene) {
    let expected = expected();
    let has_record = |line: &str| line.contains(r#""llm_breaker":{"#);
    let lines = scene.envoy.access_log().wait_for_count(expected.len(), has_record).await;
    let lines: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let seen: Vec<_> = lines.iter().map(row).collect();
    assert_eq!(seen, expected);
    assert_details(&lines);
}

fn row(line: &Value) -> [String; 8] {
    let record = &line["llm_breaker"];
    let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let [key, admission, state, permit] = ["key", "admission", "state", "permit"].map(text);
    let [fallback, category, verdict] = ["fallback", "category", "verdict"].map(text);
    [line["status"].to_string(), key, admission, state, permit, fallback, category, verdict]
}

/// What the rows leave out.
fn assert_details(lines: &[Value]) {
    let of = |at: usize| &lines[at]["llm_breaker"];
    assert_eq!(of(0)["model"], MODEL);
    assert_eq!(of(0)["provider"]["permit"], "call");
    assert!(of(1)["first_token_ms"].is_number(), "a stream: {}", lines[1]);
    assert!(of(2)["first_token_ms"].is_null(), "a compressed one: {}", lines[2]);
    for line in lines {
        let record = &line["llm_breaker"];
        assert_eq!(line["path"], "/v1/chat/completions");
        let [admitted, decided] = ["admitted_ns", "decided_ns"].map(|it| record[it].as_u64());
        assert_eq!(admitted.is_some(), record["admission"] != "untracked", "{line}");
        assert_eq!(decided.is_some(), record["category"].is_string(), "{line}");
        assert!(decided.is_none_or(|at| admitted.is_some_and(|before| before < at)), "{line}");
        assert!(!line.to_string().contains("gpt-4.1:free-7"), "what a client chose: {line}");
    }
    let chain = lines.iter().position(|it| it["llm_breaker"]["key"] == CHAIN).expect("a chain");
    assert_eq!(of(chain)["announced_ms"], 7_200_000);
    let rerouted = &lines[chain + 1];
    assert_eq!(
        (&rerouted["cluster"], &rerouted["details"]),
        (&json!(SPARE), &json!("via_upstream"))
    );
    let way = &of(chain + 1)["rerouted"];
    let way = ["key", "admission", "state", "permit"].map(|name| &way[name]);
    assert_eq!(way, [SPARE, "pass", "closed", "call"]);
    let slow = lines.iter().find(|it| it["llm_breaker"]["category"] == "slow").expect("a slow one");
    assert_eq!(slow["llm_breaker"]["slow"], true);
}
