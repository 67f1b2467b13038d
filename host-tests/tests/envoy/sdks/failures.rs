//! A stream that fails after its 200 is a failure, whether its SDK notices or not.

use llm_breaker_host_tests::simulator::Simulator;
use serde_json::json;

use super::aimock::Aimock;
use super::recorded::{Recorded, recorded_streams};
use super::stage::{APIS, CUT, Stage};
use crate::scene::Outcome;

/// What the SDKs raise for streams of the corpus that fail.
const RAISED: [(&str, &str); 11] = [
    ("anthropic/fail-cut", "RemoteProtocolError"),
    ("anthropic/fail-error-event-first", "APIStatusError"),
    ("anthropic/fail-overloaded-event-after-content", "APIStatusError"),
    ("anthropic/fail-unknown-error-event", "APIStatusError"),
    ("gemini/fail-cut", "RemoteProtocolError"),
    ("gemini/fail-error-event-first", "ClientError"),
    ("gemini/fail-error-event", "ServerError"),
    ("openai/fail-anthropic-shaped-error-event", "APIError"),
    ("openai/fail-cut-after-content", "APIConnectionError"),
    ("openai/fail-error-event-first", "APIError"),
    ("openai/fail-error-event-status-only", "APIError"),
];

/// What they hand out to their end as if it were whole: no SDK misses a terminal marker or a finish
/// reason, Anthropic's passes over events without a name, and OpenAI's raises for neither way in
/// which the Responses API says that it failed.
const UNNOTICED: [&str; 8] = [
    "anthropic/fail-ends-after-pings",
    "anthropic/fail-openai-shaped-error-event",
    "gemini/fail-ends-without-finish",
    "gemini/fail-second-candidate-missing",
    "openai/fail-ends-without-finish",
    "openai/fail-responses-error-event",
    "openai/fail-responses-failed",
    "openai/fail-second-choice-missing",
];

#[tokio::test]
async fn the_failing_streams_of_the_corpus_are_failures_even_where_no_sdk_notices() -> Outcome {
    let upstream = Simulator::start().await?;
    let shadow = json!({"defaults": {"mode": "shadow"}});
    let mut stage = Stage::start(upstream.address(), &shadow).await?;
    let (mut noticed, mut unnoticed) = (0, 0);
    let fails = |stream: &&Recorded| matches!(stream.verdict.as_str(), "failure" | "open");
    for stream in recorded_streams()?.iter().filter(fails) {
        let label = [("category", stream.category.as_str())];
        let before = stage.now(stream.cluster, "outcomes_total", &label).await;
        let failures = stage.now(stream.cluster, "failures_total", &[]).await;
        upstream.queue([stream.behaviour()]);
        let told = stage.sdks.ask(&stream.call).await?;
        if let Some((_, exception)) = RAISED.iter().find(|(name, _)| *name == stream.name) {
            assert_eq!(told.exception(), Some(*exception), "{}: {told:?}", stream.name);
            noticed += 1;
        } else if UNNOTICED.contains(&stream.name.as_str()) {
            assert_eq!(told.exception(), None, "{}: {told:?}", stream.name);
            unnoticed += 1;
        }
        eprintln!("{} is to be {}", stream.name, stream.category);
        stage.until(stream.cluster, "outcomes_total", &label, before + 1.0).await;
        stage.until(stream.cluster, "failures_total", &[], failures + 1.0).await;
    }
    assert_eq!((noticed, unnoticed), (RAISED.len(), UNNOTICED.len()));
    Ok(())
}

#[tokio::test]
async fn the_streams_that_a_mock_server_cuts_are_failures() -> Outcome {
    let aimock = Aimock::start().await?;
    let mut stage = Stage::start(aimock.address(), &json!({})).await?;
    for api in APIS {
        let call = json!({"api": api, "prompt": "a cut text", "stream": true});
        for cut in 1..=5 {
            let told = stage.sdks.ask(&call).await?;
            assert!(told.events > 0, "{api}: {told:?}");
            assert!(told.exception().is_some_and(|it| CUT.contains(&it)), "{api}: {told:?}");
            stage.until_outcomes(api, "stream_interrupted", cut).await;
        }
        stage.assert_blocked(api).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_a_mock_server_refuses_has_its_category() -> Outcome {
    let aimock = Aimock::start().await?;
    let shadow = json!({"defaults": {"mode": "shadow"}});
    let mut stage = Stage::start(aimock.address(), &shadow).await?;
    for (fault, category, status) in [
        ("dropRate", "server_error", 500),
        ("disconnectRate", "connection_reset", 503),
        ("rateLimitRate", "rate_limited", 429),
    ] {
        aimock.chaos(&json!({fault: 1})).await?;
        for api in APIS {
            for (number, stream) in (1..).zip([false, true]) {
                let call = json!({"api": api, "prompt": "a text", "stream": stream, "retries": 0});
                let told = stage.sdks.ask(&call).await?;
                let raised = told.raised.expect("an exception");
                assert_eq!(raised.status, Some(status), "{call}: {raised:?}");
                stage.until_outcomes(api, category, number).await;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_answer_at_all_is_a_failure() -> Outcome {
    let aimock = Aimock::start().await?;
    let mut stage = Stage::start(aimock.address(), &json!({})).await?;
    aimock.chaos(&json!({"malformedRate": 1})).await?;
    for api in APIS {
        let whole = json!({"api": api, "prompt": "a text"});
        let told = stage.sdks.ask(&whole).await?;
        assert_eq!(told.exception(), Some("JSONDecodeError"), "{api}: {told:?}");
        stage.until_outcomes(api, "invalid_response", 1).await;

        let stream = json!({"api": api, "prompt": "a text", "stream": true});
        let told = stage.sdks.ask(&stream).await?;
        // The others find no event in it, and nothing wrong with that.
        let expected = (api == "gemini").then_some("UnknownApiResponseError");
        assert_eq!(told.exception(), expected, "{api}: {told:?}");
        stage.until(api, "failures_total", &[], 2.0).await;
    }
    Ok(())
}
