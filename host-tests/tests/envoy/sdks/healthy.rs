//! Whatever a healthy answer looks like, the SDK reads it to its end and it is no failure.

use std::collections::BTreeMap;

use llm_breaker_host_tests::simulator::Simulator;
use serde_json::{Value, json};

use super::aimock::Aimock;
use super::recorded::recorded_streams;
use super::stage::{APIS, Stage};
use crate::scene::{CLOSED, Outcome};

#[tokio::test]
async fn the_healthy_streams_of_the_corpus_are_whole_and_no_failures() -> Outcome {
    let upstream = Simulator::start().await?;
    let mut stage = Stage::start(upstream.address(), &json!({})).await?;
    let mut healthy = BTreeMap::new();
    for stream in recorded_streams()?.iter().filter(|stream| stream.verdict == "success") {
        for line_end in ["\n", "\r\n", "\r"] {
            upstream.queue([stream.with_line_ends(line_end)]);
            let told = stage.sdks.ask(&stream.call).await?;
            assert_eq!(told.exception(), None, "{} {line_end:?}: {told:?}", stream.name);
            assert!(!told.finish.is_empty(), "{} {line_end:?}: {told:?}", stream.name);
            *healthy.entry(stream.cluster).or_insert(0) += 1;
        }
    }
    assert_healthy(&stage, &healthy, 40).await;
    Ok(())
}

#[tokio::test]
async fn every_healthy_answer_of_a_mock_server_is_whole_and_no_failure() -> Outcome {
    let aimock = Aimock::start().await?;
    let mut stage = Stage::start(aimock.address(), &json!({})).await?;
    let mut healthy = BTreeMap::new();
    for (prompt, text) in [
        ("a text", "Hello from the mock server."),
        ("a long text", &"A word and another. ".repeat(500)),
        ("nothing", ""),
        ("a tool", ""),
        ("a tool, then a text", "It is sunny."),
        ("thoughts", "Forty-two."),
        ("half a text", "Hello from"),
        ("a hesitant text", "Let me see, I have to look that up."),
        ("JSON", "{\"answer\":42}"),
    ] {
        for api in APIS {
            for stream in [false, true] {
                let call = json!({
                    "api": api,
                    "prompt": prompt,
                    "stream": stream,
                    "options": options(api, prompt, stream),
                });
                let told = stage.sdks.ask(&call).await?;
                assert_eq!(told.exception(), None, "{call}: {told:?}");
                assert_eq!(told.text, text, "{call}: {told:?}");
                assert_eq!(told.finish.len(), 1, "{call}: {told:?}");
                assert_eq!(told.events > 0, stream, "{call}: {told:?}");
                *healthy.entry(api).or_insert(0) += 1;
            }
        }
    }
    assert_healthy(&stage, &healthy, 40).await;
    Ok(())
}

/// What is asked for beside the text: an object, and a last chunk with the usage alone.
fn options(api: &str, prompt: &str, stream: bool) -> Value {
    let mut options = json!({});
    if prompt == "JSON" && api == "chat" {
        options["response_format"] = json!({"type": "json_object"});
    }
    if stream && api == "chat" {
        options["stream_options"] = json!({"include_usage": true});
    }
    options
}

/// All these calls of each cluster have succeeded, and nothing has failed.
async fn assert_healthy(stage: &Stage, calls: &BTreeMap<&str, usize>, at_least: usize) {
    assert!(calls.values().sum::<usize>() >= at_least, "{calls:?}");
    assert_eq!(calls.len(), APIS.len(), "{calls:?}");
    for (cluster, &calls) in calls {
        stage.until_outcomes(cluster, "success", calls).await;
        assert_eq!(stage.now(cluster, "successes_total", &[]).await, calls as f64, "{cluster}");
        assert_eq!(stage.now(cluster, "failures_total", &[]).await, 0.0, "{cluster}");
        assert_eq!(stage.now(cluster, "state", &[]).await, CLOSED, "{cluster}");
    }
}
