//! *error*: the SDK raises what it has for such an error, at once and without trying again.

use serde_json::json;

use super::calls;
use super::published::assert_published;
use super::stage::{OPEN_SECONDS, Stage};
use crate::scene::Outcome;
use crate::sdks::driver::{Language, Sdks};
use crate::sdks::stage::Requests;

const MESSAGE: &str = "The assistant is having a rest.";

/// What is raised, and for which status.
fn exception(language: Language, api: &str) -> (&'static str, u16) {
    match (language, api) {
        (_, "messages") => ("OverloadedError", 529),
        (Language::Python, "gemini") => ("ServerError", 503),
        (Language::Node, "gemini") => ("ApiError", 503),
        (_, "converse") => ("ServiceUnavailableException", 503),
        // LangChain's own is OpenAI's, too.
        (_, "langchain") => ("OpenAIAPIError", 503),
        _ => ("InternalServerError", 503),
    }
}

async fn errors_are_typed_and_prompt(language: Language) -> Outcome {
    let stage = Stage::open(&json!([{
        "cluster": "*", "fallback": [{"kind": "error", "message": MESSAGE}],
    }]))
    .await?;
    let provider_calls = stage.provider.calls();
    let mut sdks = Sdks::start(language, stage.envoy.address()).await?;
    for call in calls::all(language) {
        let (told, requests) = stage.ask(&mut sdks, &call).await?;
        let api = call["api"].as_str().expect("a name");
        let (expected, status) = exception(language, api);
        let raised = told.raised.as_ref().unwrap_or_else(|| panic!("{call}: {told:?}"));
        assert_eq!((raised.kind.as_str(), raised.status), (expected, Some(status)), "{call}");
        assert!(raised.message.contains(MESSAGE), "{call}: {raised:?}");
        // Google's error in Node keeps no headers.
        if (language, api) != (Language::Node, "gemini") {
            let wait: u64 = raised.retry_after.as_deref().unwrap_or_default().parse()?;
            assert!((1..=OPEN_SECONDS).contains(&wait), "{call}: {raised:?}");
        }
        if matches!(calls::api(&call), "chat" | "responses") {
            assert_eq!(raised.code.as_deref(), Some("circuit_open"), "{call}");
        }
        let (by_sdk, plain) = stage.seconds(&mut sdks, &call).await?;
        eprintln!(
            "{language:?} {call}: {expected} after {} requests in {:.1} ms; plain HTTP: {:.1} ms",
            requests.received,
            by_sdk * 1e3,
            plain * 1e3,
        );
        // Nothing that an answer says keeps botocore from trying a 503 again.
        if api != "converse" {
            let one = Requests { received: 1.0, blocked: 1.0, sent: 0.0 };
            assert_eq!(requests, one, "{call}");
            // A machine that is busy slows both.
            assert!(by_sdk < 0.05_f64.max(50.0 * plain), "{call}: {by_sdk} s, not {plain} s");
        }
    }
    if language == Language::Python {
        // Neither Google's SDK nor botocore has a type for errors.
        for api in ["chat", "responses", "messages"] {
            let document = stage.plain(api, false).await?.json();
            assert_published(&mut sdks, api, "error", vec![document]).await?;
        }
    }
    assert_eq!(stage.provider.calls(), provider_calls);
    Ok(())
}

#[tokio::test]
async fn python_sdks_raise_their_own_errors_at_once() -> Outcome {
    errors_are_typed_and_prompt(Language::Python).await
}

#[tokio::test]
async fn node_sdks_raise_their_own_errors_at_once() -> Outcome {
    errors_are_typed_and_prompt(Language::Node).await
}
