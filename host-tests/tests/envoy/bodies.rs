//! What only an answer's body tells: errors that share a status, and the answers of the corpus.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::simulator::{Behaviour, Chunk, Encoding, Pause, StreamEnd};
use serde_json::{Value, json};

use crate::scene::{CLOSED, Outcome, Scene, assert_blocked, assert_reached};

const QUOTA: &str = "insufficient_quota";

/// The body of an error with this code.
fn error(code: &str) -> String {
    json!({"error": {"message": "as told", "type": code, "param": null, "code": code}}).to_string()
}

#[tokio::test]
async fn errors_of_one_status_are_told_apart_and_arrive_as_they_were_sent() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"mode": "shadow"}})).await?;
    for (status, code, category) in [
        (429, "rate_limit_exceeded", "rate_limited"),
        (429, QUOTA, "quota_exhausted"),
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

/// A 429 of an exhausted quota, compressed as a provider's edge does it.
fn quota(coding: Option<Encoding>) -> (Behaviour, Bytes) {
    let text = error(QUOTA);
    let body = coding.map_or_else(|| text.clone().into(), |coding| coding.encode(&text));
    let headers = coding.map(|coding| ("content-encoding", coding.name()));
    (Behaviour::answer(429, headers.as_slice(), body.clone()), body)
}

#[tokio::test]
async fn one_exhausted_quota_opens_for_five_minutes_plain_or_compressed() -> Outcome {
    for coding in [None, Some(Encoding::Gzip), Some(Encoding::Deflate)] {
        let scene = Scene::start(&json!({"defaults": {"open": {"base": "1s"}}})).await?;
        let (behaviour, body) = quota(coding);
        scene.provider.queue([behaviour]);
        let received = scene.call().await;
        assert_reached(&received, 429);
        assert_eq!(received.header("content-encoding"), coding.map(Encoding::name));
        assert_eq!(received.body, body);
        assert_blocked(&scene.call().await);
        let opened = scene.transition(1).await;
        assert_eq!(
            (&opened["reason"], &opened["category"]),
            (&json!("verdict"), &json!("quota_exhausted"))
        );
        assert!(opened["open_seconds"].as_f64() >= Some(300.0), "{opened}");
        assert_eq!(scene.now("unread_bodies_total", &[("reason", "compressed")]).await, 0.0);
    }
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
async fn the_status_decides_where_the_module_cannot_inflate() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    for (number, coding) in (1..).zip([Encoding::Brotli, Encoding::Zstd]) {
        // Were it read, it would open.
        let (behaviour, body) = quota(Some(coding));
        scene.provider.queue([behaviour]);
        let received = scene.call().await;
        assert_reached(&received, 429);
        assert_eq!(received.body, body);
        scene.until_outcomes("rate_limited", number).await;
        scene.until("unread_bodies_total", &[("reason", "compressed")], number as f64).await;
    }
    let events = ["data: {\"error\": {\"code\": \"insufficient_quota\"}}\n\n"; 2];
    let (pause, end) = (Pause::None, StreamEnd::Silent);
    scene.provider.queue([Behaviour::compressed_script(Encoding::Gzip, events, pause, end)]);
    let received = scene.send(&Call::streamed_chat()).await;
    assert_eq!(received.body, Encoding::Gzip.encode_each(events).concat());
    scene.until_outcomes("success", 1).await;
    scene.until("unread_bodies_total", &[("reason", "compressed")], 3.0).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    Ok(())
}

#[tokio::test]
async fn a_compressed_bomb_is_an_error_by_its_status_and_passes_unchanged() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    for (number, coding) in (1..).zip([Encoding::Gzip, Encoding::Deflate]) {
        // A thousandth of its size on the way; what it says, it says after 4 MiB.
        let text = format!("{{\"blanks\": \"{}\",{}", " ".repeat(1 << 22), &error(QUOTA)[1..]);
        let bomb = coding.encode(text);
        let headers = [("content-encoding", coding.name())];
        scene.provider.queue([Behaviour::answer(429, &headers, bomb.clone())]);
        let received = scene.call().await;
        assert_reached(&received, 429);
        assert_eq!(received.body, bomb);
        scene.until_outcomes("rate_limited", number).await;
    }
    assert_reached(&scene.call().await, 200);
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    Ok(())
}

#[tokio::test]
async fn the_answers_of_the_corpus_have_their_categories() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"mode": "shadow"}})).await?;
    let mut expected = BTreeMap::new();
    for (path, case) in corpus()? {
        if case["ended"] == "client_left" || !case["trailers"].is_null() {
            continue;
        }
        let Some(category) = case["expected"]["category"].as_str() else { continue };
        scene.provider.queue([behaviour(&case)]);
        let received = scene.send(&call(&case)).await;
        assert_eq!(case["status"], received.status.as_u16(), "{}", path.display());
        assert_eq!(received.body, chunks(&case).concat(), "{}", path.display());

        let count = expected.entry(category.to_owned()).or_insert(0.0);
        *count += 1.0;
        let label = [("category", category)];
        eprintln!("{} is to be {category}", path.display());
        scene.until("outcomes_total", &label, *count).await;
    }
    assert!(expected.values().sum::<f64>() >= 130.0, "{expected:?}");
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

fn call(case: &Value) -> Call {
    let method = case["method"].as_str().expect("a method").parse().expect("a method");
    let call = Call::new(method, case["path"].as_str().expect("a path"));
    headers(&case["request_headers"])
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value))
}

/// The answer that a case of the corpus has.
pub(crate) fn behaviour(case: &Value) -> Behaviour {
    let mut headers = headers(&case["headers"]);
    // The simulator names a type where none is given; an empty one says as little.
    headers.entry("content-type".to_owned()).or_default();
    let status = case["status"].as_u64().and_then(|status| status.try_into().ok());
    match status.expect("a status") {
        200 => {
            let end = if case["ended"] == "reset" { StreamEnd::Cut } else { StreamEnd::Silent };
            let chunks = chunks(case).into_iter().map(Chunk::now).collect();
            Behaviour::Script { headers, chunks, end }
        }
        status => Behaviour::Status { status, headers, body: Some(chunks(case).concat().into()) },
    }
}

fn chunks(case: &Value) -> Vec<Vec<u8>> {
    let decode = |text: &str| match case["encoding"].as_str() {
        Some("base64") => STANDARD.decode(text).expect("base64"),
        _ => text.as_bytes().to_vec(),
    };
    let chunks = case["chunks"].as_array().expect("chunks").iter();
    chunks.map(|chunk| decode(chunk.as_str().expect("text"))).collect()
}

pub(crate) fn headers(of: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(of.clone()).expect("headers")
}
