//! What only an answer's body tells: errors that share a status, and the answers of the corpus.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::{Value, json};

use crate::scene::{CLOSED, Outcome, Scene, assert_blocked, assert_reached};

/// The body of an error with this code.
fn error(code: &str) -> String {
    json!({"error": {"message": "as told", "type": code, "param": null, "code": code}}).to_string()
}

#[tokio::test]
async fn errors_of_one_status_are_told_apart_and_arrive_as_they_were_sent() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"mode": "shadow"}})).await?;
    for (status, code, category) in [
        (429, "rate_limit_exceeded", "rate_limited"),
        (429, "insufficient_quota", "quota_exhausted"),
        (503, "server_is_overloaded", "overloaded"),
        (503, "of no table", "server_error"),
        (400, "context_length_exceeded", "context_length"),
    ] {
        let label = [("category", category)];
        let before = scene.now("outcomes_total", &label).await;
        scene.provider.queue([Behaviour::answer(status, &[], error(code))]);
        let received = scene.call().await;
        assert_reached(&received, status);
        assert_eq!(received.text(), error(code));
        scene.until("outcomes_total", &label, before + 1.0).await;
    }
    Ok(())
}

#[tokio::test]
async fn one_exhausted_quota_opens_for_five_minutes() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "1s"}}})).await?;
    scene.provider.queue([Behaviour::answer(429, &[], error("insufficient_quota"))]);
    let received = scene.call().await;
    assert_reached(&received, 429);
    assert_eq!(received.text(), error("insufficient_quota"));
    assert_blocked(&scene.call().await);
    let opened = scene.transition(1).await;
    assert_eq!(
        (&opened["reason"], &opened["category"]),
        (&json!("verdict"), &json!("quota_exhausted"))
    );
    assert!(opened["open_seconds"].as_f64() >= Some(300.0), "{opened}");
    Ok(())
}

#[tokio::test]
async fn one_rate_limit_opens_nothing_and_five_open_at_least_until_their_reset() -> Outcome {
    for (base, open_seconds, announced) in [("1s", 7.0, true), ("60s", 60.0, false)] {
        let open = json!({"base": base, "jitter": 0});
        let scene = Scene::start(&json!({"defaults": {"open": open}})).await?;
        let limit =
            || Behaviour::answer(429, &[("retry-after", "7")], error("rate_limit_exceeded"));
        scene.provider.queue([limit()]);
        assert_reached(&scene.call().await, 429);
        assert_reached(&scene.call().await, 200);
        assert_eq!(scene.now("state", &[]).await, CLOSED);

        scene.provider.behave(limit());
        scene.calls(5).await.iter().for_each(|answer| assert_reached(answer, 429));
        assert_blocked(&scene.call().await);
        let opened = scene.transition(1).await;
        assert_eq!(opened["category"], "rate_limited");
        assert_eq!(
            (&opened["open_seconds"], &opened["announced"]),
            (&json!(open_seconds), &json!(announced)),
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_status_decides_where_the_body_is_compressed() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    // Were it read, it would open.
    let quota =
        Behaviour::answer(429, &[("content-encoding", "gzip")], error("insufficient_quota"));
    scene.provider.queue([quota]);
    let received = scene.call().await;
    assert_reached(&received, 429);
    assert_eq!(received.text(), error("insufficient_quota"));
    assert_reached(&scene.call().await, 200);
    scene.until_outcomes("rate_limited", 1).await;
    scene.until("unread_bodies_total", &[("reason", "compressed")], 1.0).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    Ok(())
}

#[tokio::test]
async fn errors_and_whole_streams_of_the_corpus_have_their_categories() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"mode": "shadow"}})).await?;
    let mut expected = BTreeMap::new();
    for (path, case) in corpus()? {
        if case["ended"] != "whole" || !case["encoding"].is_null() || !is_told(&case) {
            continue;
        }
        let Some(category) = case["expected"]["category"].as_str() else { continue };
        scene.provider.queue([behaviour(&case)]);
        let received = scene.send(&call(&case)).await;
        assert_eq!(case["status"], received.status.as_u16(), "{}", path.display());
        assert_eq!(received.text(), body(&case), "{}", path.display());

        let count = expected.entry(category.to_owned()).or_insert(0.0);
        *count += 1.0;
        let label = [("category", category)];
        eprintln!("{} is to be {category}", path.display());
        scene.until("outcomes_total", &label, *count).await;
    }
    assert!(expected.values().sum::<f64>() >= 100.0, "{expected:?}");
    Ok(())
}

/// All cases of the corpus, in order.
pub(crate) fn corpus() -> Outcome<Vec<(PathBuf, Value)>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../filter/corpus"));
    let mut cases = Vec::new();
    for dialect in fs::read_dir(root)? {
        let directory = dialect?.path();
        if directory.is_dir() {
            for case in fs::read_dir(directory)? {
                let path = case?.path();
                let case = serde_json::from_slice(&fs::read(&path)?)?;
                cases.push((path, case));
            }
        }
    }
    cases.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(cases)
}

/// Whether the filter judges by more than the 2xx of its head.
fn is_told(case: &Value) -> bool {
    let is_event_stream = headers(&case["headers"])
        .iter()
        .any(|(name, value)| name == "content-type" && value.contains("event-stream"));
    is_event_stream || case["status"].as_u64() >= Some(400)
}

fn call(case: &Value) -> Call {
    let method = case["method"].as_str().expect("a method").parse().expect("a method");
    let call = Call::new(method, case["path"].as_str().expect("a path"));
    headers(&case["request_headers"])
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value))
}

fn behaviour(case: &Value) -> Behaviour {
    let status = case["status"].as_u64().and_then(|status| status.try_into().ok());
    Behaviour::Status {
        status: status.expect("a status"),
        headers: headers(&case["headers"]),
        body: Some(body(case).into()),
    }
}

fn body(case: &Value) -> String {
    let chunks = case["chunks"].as_array().expect("chunks");
    chunks.iter().map(|chunk| chunk.as_str().expect("text")).collect()
}

pub(crate) fn headers(of: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(of.clone()).expect("headers")
}
