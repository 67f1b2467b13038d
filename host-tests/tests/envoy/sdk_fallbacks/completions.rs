//! *completion*: the SDK returns an answer like any other, whole or as a stream that ends well.

use serde_json::{Value, json};

use super::calls;
use super::published::{assert_published, events};
use super::stage::{BARE, Stage};
use crate::scene::Outcome;
use crate::sdks::driver::{Language, Sdks};
use crate::sdks::stage::Requests;

/// What is said, with what has to be escaped in JSON and what has more bytes than characters.
const TEXT: &str = "The \"assistant\" is having a rest:\nback in 5 minutes … \u{1f634}";

/// What is said in the object that `parse` asks for.
const PARSED: &str = "none for now";

/// How each API says that an answer is whole.
fn finish(api: &str) -> &'static str {
    match api {
        "responses" => "completed",
        "messages" | "converse" => "end_turn",
        "gemini" => "STOP",
        _ => "stop",
    }
}

fn policies() -> Value {
    let said = json!({"kind": "completion", "text": TEXT});
    let mut with_json = said.clone();
    with_json["json"] = json!({"answer": PARSED}).to_string().into();
    json!([
        {"cluster": BARE, "fallback": [said]},
        {"cluster": "*", "fallback": [with_json]},
    ])
}

async fn completions_are_answers(language: Language) -> Outcome {
    let stage = Stage::open(&policies()).await?;
    let provider_calls = stage.provider.calls();
    let mut sdks = Sdks::start(language, stage.envoy.address()).await?;
    for call in calls::all(language) {
        let (told, requests) = stage.ask(&mut sdks, &call).await?;
        assert_eq!(told.exception(), None, "{call}: {told:?}");
        let text = if call["helper"] == "parse" { PARSED } else { TEXT };
        assert_eq!(told.text, text, "{call}");
        assert_eq!(told.events > 0, call["stream"] == true, "{call}: {told:?}");
        let is_wrapped = call["api"] == "langchain";
        // Where LangChain returns an object, it says nothing else.
        if !(is_wrapped && call["helper"] == "parse") {
            assert_eq!(told.finish, [finish(calls::api(&call))], "{call}");
        }
        // Bedrock's answers name no model, and LangChain's messages not as an attribute.
        if !(is_wrapped || call["api"] == "converse") {
            assert_eq!(told.model.as_deref(), Some("llm-breaker-fallback"), "{call}");
        }
        assert_eq!(requests, Requests { received: 1.0, blocked: 1.0, sent: 0.0 }, "{call}");
    }

    // Without JSON to say, an object is refused in the words of the text.
    let base = format!("/{BARE}/v1");
    let call = json!({"api": "chat", "helper": "parse", "base": base, "prompt": "Hello"});
    let (told, requests) = stage.ask(&mut sdks, &call).await?;
    assert_eq!((told.exception(), told.text.as_str()), (None, TEXT), "{told:?}");
    assert_eq!(requests, Requests { received: 1.0, blocked: 1.0, sent: 0.0 });

    if language == Language::Python {
        for api in ["chat", "responses", "messages", "gemini", "converse"] {
            let document = stage.plain(api, false).await?.json();
            assert_published(&mut sdks, api, "answer", vec![document]).await?;
        }
        for api in ["chat", "responses", "messages", "gemini"] {
            let events = events(&stage.plain(api, true).await?);
            assert_published(&mut sdks, api, "event", events).await?;
        }
    }
    assert_eq!(stage.provider.calls(), provider_calls);
    Ok(())
}

#[tokio::test]
async fn python_sdks_return_completions() -> Outcome {
    completions_are_answers(Language::Python).await
}

#[tokio::test]
async fn node_sdks_return_completions() -> Outcome {
    completions_are_answers(Language::Node).await
}
