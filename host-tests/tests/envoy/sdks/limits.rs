//! What the providers' limits do to the breaker, and an open breaker to the SDKs.

use llm_breaker_host_tests::simulator::{Behaviour, Body, Encoding, Simulator};
use serde_json::{Value, json};

use super::aimock::Aimock;
use super::stage::{APIS, Stage};
use crate::scene::{CLOSED, OPEN, Outcome};

/// The seconds for which an exhausted quota opens at least, by default.
const QUOTA_SECONDS: f64 = 300.0;

/// How the provider of an API says that the quota is used up.
fn exhausted(api: &str) -> Value {
    match api {
        "messages" => json!({"type": "error", "error": {
            "type": "rate_limit_error",
            "message": "You have reached your spend limit.",
            "details": {"error_code": "enforced_spend_limit_reached"},
        }}),
        "gemini" => json!({"error": {
            "code": 429,
            "message": "You exceeded your current quota.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
            }],
        }}),
        _ => json!({"error": {
            "message": "You exceeded your current quota.",
            "type": "insufficient_quota",
            "param": null,
            "code": "insufficient_quota",
        }}),
    }
}

/// How it says that there were too many requests of late.
fn limited(api: &str) -> Value {
    match api {
        "messages" => {
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}})
        }
        "gemini" => {
            json!({"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}})
        }
        _ => json!({"error": {
            "message": "Slow down.",
            "type": "requests",
            "param": null,
            "code": "rate_limit_exceeded",
        }}),
    }
}

/// One call without a second try, that ends in one of the API's exceptions for a 429.
async fn refused(stage: &mut Stage, api: &str, prompt: &str) -> Outcome {
    let call = json!({"api": api, "prompt": prompt, "stream": true, "retries": 0});
    let told = stage.sdks.ask(&call).await?;
    let expected: &[_] = match api {
        "messages" => &["RateLimitError", "EnforcedSpendLimitReachedError"],
        "gemini" => &["ClientError"],
        _ => &["RateLimitError"],
    };
    assert!(told.exception().is_some_and(|it| expected.contains(&it)), "{api}: {told:?}");
    assert_eq!(told.raised.and_then(|raised| raised.status), Some(429));
    Ok(())
}

/// One refusal has opened the API's breaker, for as long as a quota opens at least.
async fn assert_opened_by_quota(stage: &mut Stage, api: &str) -> Outcome {
    let opened = stage.first_transition(api).await;
    assert_eq!((&opened["to"], &opened["reason"]), (&json!("open"), &json!("verdict")), "{opened}");
    assert_eq!(opened["category"], "quota_exhausted");
    assert!(opened["open_seconds"].as_f64() >= Some(QUOTA_SECONDS), "{opened}");
    let retry_after = stage.assert_blocked(api).await?;
    // However slow the machine is, not a minute has passed.
    assert!(retry_after as f64 > QUOTA_SECONDS - 60.0, "{retry_after}");
    let remaining = stage.now(api, "open_remaining_seconds", &[]).await;
    assert!(remaining > QUOTA_SECONDS - 60.0, "{remaining}");
    Ok(())
}

async fn one_quota_answer_opens(
    headers: &[(&str, &str)],
    body: impl Fn(String) -> Body,
) -> Outcome {
    let upstream = Simulator::start().await?;
    let open = json!({"base": "1s", "jitter": 0});
    let mut stage = Stage::start(upstream.address(), &json!({"defaults": {"open": open}})).await?;
    for api in APIS {
        upstream.queue([Behaviour::answer(429, headers, body(exhausted(api).to_string()))]);
        refused(&mut stage, api, "Hello").await?;
        assert_opened_by_quota(&mut stage, api).await?;
    }
    Ok(())
}

#[tokio::test]
async fn one_quota_answer_opens_for_five_minutes() -> Outcome {
    one_quota_answer_opens(&[], Body::from).await
}

#[tokio::test]
async fn one_compressed_quota_answer_opens_for_five_minutes() -> Outcome {
    let gzip = |body: String| Body::from(Encoding::Gzip.encode(body));
    one_quota_answer_opens(&[("content-encoding", Encoding::Gzip.name())], gzip).await
}

#[tokio::test]
async fn one_quota_answer_of_a_mock_server_opens_for_five_minutes() -> Outcome {
    let aimock = Aimock::start().await?;
    let mut stage = Stage::start(aimock.address(), &json!({})).await?;
    // To Gemini it says no more than that a resource is exhausted.
    for api in ["chat", "responses", "messages"] {
        refused(&mut stage, api, "more than the quota").await?;
        assert_opened_by_quota(&mut stage, api).await?;
    }
    Ok(())
}

#[tokio::test]
async fn one_rate_limit_opens_nothing_and_five_open_at_least_until_their_reset() -> Outcome {
    let upstream = Simulator::start().await?;
    // Some open for shorter than the reset of 7 s, one for longer.
    let configuration = json!({
        "breakers": [{"cluster": "responses", "open": {"base": "60s", "jitter": 0}}],
        "defaults": {"open": {"base": "1s", "jitter": 0}},
    });
    let mut stage = Stage::start(upstream.address(), &configuration).await?;
    for api in APIS {
        let body = limited(api).to_string();
        let limit = || Behaviour::answer(429, &[("retry-after", "7")], body.clone());
        upstream.queue([limit()]);
        refused(&mut stage, api, "Hello").await?;
        assert_eq!(stage.now(api, "state", &[]).await, CLOSED);

        // A success ends the run of failures.
        upstream.queue([healthy(api)]);
        let told = stage.sdks.ask(&json!({"api": api, "prompt": "Hello"})).await?;
        assert_eq!(told.exception(), None, "{api}: {told:?}");
        stage.until_outcomes(api, "success", 1).await;

        upstream.queue([(); 5].map(|()| limit()));
        for _ in 0..5 {
            assert_eq!(stage.now(api, "state", &[]).await, CLOSED);
            refused(&mut stage, api, "Hello").await?;
        }
        assert_eq!(stage.now(api, "state", &[]).await, OPEN);
        let opened = stage.first_transition(api).await;
        assert_eq!(opened["category"], "rate_limited");
        let (open_seconds, announced) =
            if api == "responses" { (60.0, false) } else { (7.0, true) };
        let seen = (&opened["open_seconds"], &opened["announced"]);
        assert_eq!(seen, (&json!(open_seconds), &json!(announced)), "{api}");
        let retry_after = stage.assert_blocked(api).await?;
        assert!((1..=open_seconds as u64).contains(&retry_after), "{api}: {retry_after}");
    }
    Ok(())
}

/// A whole answer as short as the API's SDK takes it.
fn healthy(api: &str) -> Behaviour {
    let body = match api {
        "responses" => json!({"object": "response", "status": "completed", "output": []}),
        "messages" => json!({"type": "message", "content": [], "stop_reason": "end_turn"}),
        "gemini" => json!({"candidates": [{"finishReason": "STOP"}]}),
        _ => return Behaviour::Healthy,
    };
    Behaviour::answer(200, &[], body.to_string())
}
