//! What is ordered holds for every request on every worker, as long as it was ordered for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use llm_breaker_host_tests::client::{Answer, Call, Client};
use llm_breaker_host_tests::envoy::Update;
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::stage::{Stage, audited, is_about_openai, status_listener};
use crate::scene::{Outcome, assert_blocked, assert_reached};

/// Requests in flight at once.
const CALLERS: usize = 8;
/// Requests that begin after an order was answered.
const AFTERWARDS: usize = 1_000;

/// One request.
struct Seen {
    began: Instant,
    ended: Instant,
    is_refused: bool,
}

/// Callers who send one chat after another, each on a connection of its own.
struct Traffic {
    is_over: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Vec<Seen>>>,
}

impl Traffic {
    fn flows(client: Client) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let callers = (0..CALLERS).map(|_| tokio::spawn(calls(client, Arc::clone(&is_over))));
        Self { callers: callers.collect(), is_over }
    }

    /// When each request began and ended, and whether the filter refused it.
    async fn stops(self) -> Vec<Seen> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut seen = Vec::new();
        for caller in self.callers {
            seen.extend(caller.await.expect("a caller"));
        }
        seen
    }
}

async fn calls(client: Client, is_over: Arc<AtomicBool>) -> Vec<Seen> {
    let mut seen = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let answer = client.send(&Call::chat()).await.expect("an answer");
        let is_refused = answer.breaker() == Some("open");
        seen.push(Seen { began, ended: Instant::now(), is_refused });
    }
    seen
}

impl Stage {
    /// Waits until so many further requests were answered by anybody.
    async fn requests_pass(&self, count: usize) {
        let total = || async {
            let stats = self.scene.envoy.stats().await;
            let labels = [("envoy_http_conn_manager_prefix", "llm_egress")];
            stats.value("envoy_http_downstream_rq_completed", &labels).unwrap_or_default()
        };
        let wanted = total().await + count as f64;
        let passed = async {
            while total().await < wanted {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently("requests", passed).await;
    }

    /// How many connections each worker took, hardly any of them at the status page's listener.
    async fn connections_by_worker(&self) -> Vec<u64> {
        let call = Call::get("/stats?format=json&filter=listener.*worker_.*downstream_cx_total");
        let stats = self.scene.envoy.admin(&call).await.json();
        let all = stats["stats"].as_array().cloned().unwrap_or_default();
        let workers = all.iter().filter(|stat| !stat["name"].to_string().contains("admin."));
        workers.filter_map(|stat| stat["value"].as_u64()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_its_answer_on_no_request_on_any_worker_sees_the_old_mode() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    let traffic = Traffic::flows(stage.scene.envoy.client());
    stage.requests_pass(100).await;
    stage.ordered("open", &json!({"user": "ann", "reason": "an exercise"})).await;
    let opened = Instant::now();
    stage.requests_pass(AFTERWARDS + 2 * CALLERS).await;
    let before_release = Instant::now();
    stage.ordered("close", &json!({})).await;
    let released = Instant::now();
    stage.requests_pass(AFTERWARDS + 2 * CALLERS).await;
    let seen = traffic.stops().await;

    let during: Vec<bool> = seen
        .iter()
        // One that was still on its way may have been decided by the next order.
        .filter(|it| it.began > opened && it.ended < before_release)
        .map(|it| it.is_refused)
        .collect();
    assert!(during.len() >= AFTERWARDS, "{} requests", during.len());
    assert!(during.iter().all(|is_refused| *is_refused), "a request was let through");
    let after: Vec<bool> =
        seen.iter().filter(|it| it.began > released).map(|it| it.is_refused).collect();
    assert!(after.len() >= AFTERWARDS, "{} requests", after.len());
    assert!(!after.contains(&true), "a request was refused");
    let workers = stage.connections_by_worker().await;
    assert!(workers.len() == 2 && workers.iter().all(|count| *count > 100), "{workers:?}");
    Ok(())
}

#[tokio::test]
async fn an_override_ends_by_itself_and_that_is_told_once() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    stage.scene.call().await;
    stage.ordered("open", &json!({"duration": "2s"})).await;
    let refused = stage.scene.call().await;
    assert_blocked(&refused);
    let wait: f64 = refused.header("retry-after").expect("a Retry-After").parse()?;
    assert!((1.0..=2.0).contains(&wait), "{wait}");
    stage.scene.until("mode", &[], 0.0).await;
    let answers = stage.scene.calls(8).await;
    answers.iter().for_each(|answer| assert_reached(answer, 200));
    let seen = stage.breaker().await;
    assert_eq!((&seen["override"], &seen["mode"]), (&json!(null), &json!("enforce")));
    let actions: Vec<Value> = audited(&stage.scene)
        .into_iter()
        .filter(is_about_openai)
        .map(|it| it["action"].clone())
        .collect();
    assert_eq!(json!(actions), json!(["open", "expire"]));
    Ok(())
}

#[tokio::test]
async fn it_is_audited_and_shown_in_the_stats() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    stage.scene.open().await;
    let order = json!({"mode": "shadow", "user": "ann", "reason": "look\u{2028}\"first\"", "duration": "600s"});
    stage.ordered("mode", &order).await;
    assert_eq!(stage.scene.now("mode", &[]).await, 1.0);
    let line = audited(&stage.scene).pop().expect("a line");
    for (field, expected) in [
        ("action", json!("mode")),
        ("mode", json!("shadow")),
        ("user", json!("ann")),
        ("reason", json!("look\u{2028}\"first\"")),
        ("duration_seconds", json!(600.0)),
    ] {
        assert_eq!(line[field], expected);
    }
    assert_reached(&stage.scene.call().await, 200);
    stage.ordered("reset", &json!({})).await;
    assert_eq!(stage.scene.now("mode", &[]).await, 0.0);
    assert_eq!(stage.scene.now("state", &[]).await, 0.0);
    let changes = [("from", "open"), ("to", "closed")];
    assert_eq!(stage.scene.now("state_changes_total", &changes).await, 1.0);
    let log = stage.scene.envoy.log().lines().join("\n");
    assert!(!log.contains(super::stage::TOKEN));
    Ok(())
}

#[tokio::test]
async fn it_outlives_configurations() -> Outcome {
    let stage = Stage::set_as(&json!({}), status_listener(), |envoy| envoy.updatable()).await?;
    let mut stage = stage;
    stage.scene.call().await;
    stage.ordered("open", &json!({"user": "ann"})).await;
    for mode in ["shadow", "disabled", "enforce"] {
        let configuration = json!({"defaults": {"mode": mode}});
        let updated = stage.scene.envoy.update_configuration(&configuration).await?;
        assert_eq!(updated, Update::Applied);
        let answers: Vec<Answer> = stage.scene.calls(4).await;
        answers.iter().for_each(assert_blocked);
        let seen = patiently("the new configuration's word", async {
            loop {
                let seen = stage.breaker().await;
                if seen["configured_mode"] == mode {
                    return seen;
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        })
        .await;
        assert_eq!(
            (&seen["mode"], &seen["override"]["user"]),
            (&json!("forced_open"), &json!("ann"))
        );
    }
    stage.ordered("mode", &json!({"mode": null})).await;
    assert_reached(&stage.scene.call().await, 200);
    Ok(())
}

#[tokio::test]
async fn a_push_of_a_higher_generation_resets_once() -> Outcome {
    let stage = Stage::set_as(&json!({}), status_listener(), |envoy| envoy.updatable()).await?;
    let mut stage = stage;
    stage.scene.open().await;
    let pushed = json!({"defaults": {"reset_generation": 7}});
    assert_eq!(stage.scene.envoy.update_configuration(&pushed).await?, Update::Applied);
    stage.scene.until("state", &[], 0.0).await;
    stage.scene.open().await;
    let again = json!({"defaults": {"reset_generation": 7, "debug_headers": true}});
    assert_eq!(stage.scene.envoy.update_configuration(&again).await?, Update::Applied);
    assert_blocked(&stage.scene.call().await);
    let resets = stage.scene.envoy.log().lines();
    let resets = resets.iter().filter(|it| crate::scene::event(it, "reset_generation").is_some());
    assert_eq!(resets.count(), 1);
    let kinds = stage.breaker().await["events"].clone();
    let kinds: Vec<&Value> =
        kinds.as_array().expect("a list").iter().map(|it| &it["kind"]).collect();
    assert_eq!(json!(kinds), json!(["transition", "transition", "reset_generation", "transition"]));
    Ok(())
}
