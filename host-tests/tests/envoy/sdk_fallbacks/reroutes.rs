//! *reroute*: the SDK gets another provider's answer, and that one none of the first's credentials.

use llm_breaker_host_tests::simulator::Received;
use serde_json::{Value, json};

use super::calls;
use super::stage::{BARE, SPARE, Stage};
use crate::bodies::{behaviour, corpus};
use crate::scene::Outcome;
use crate::sdks::driver::{Language, Sdks};
use crate::sdks::stage::Requests;

/// What the SDKs have as every credential: `sdk/apis.py`, `sdk/apis.mjs`.
const KEY: &str = "key-of-the-application";

/// The other provider's answers: cases of the corpus, whole and streamed, and what they say.
const ANSWERS: [(&str, [(&str, &str); 2]); 5] = [
    ("chat", [("openai/whole-chat", HELLO), ("openai/chat-text-usage-last", HELLO)]),
    ("responses", [("openai/whole-responses", HELLO), ("openai/responses-text", HELLO)]),
    ("messages", [("anthropic/whole-message", HELLO), ("anthropic/text", HELLO)]),
    ("gemini", [("gemini/whole-text", HELLO), ("gemini/text", HELLO)]),
    ("converse", [("bedrock/converse-whole", "Hi"), ("bedrock/converse-text", HELLO)]),
];
const HELLO: &str = "Hello there";

fn policies() -> Value {
    let reroute = json!({
        "kind": "reroute",
        "header": "x-llm-route",
        "value": SPARE,
        "cluster": SPARE,
        "set_headers": {"authorization": "Bearer key-of-the-spare"},
    });
    json!([
        {"cluster": BARE, "fallback": [{"kind": "pass"}]},
        {"cluster": "*", "fallback": [reroute]},
    ])
}

async fn reroutes_are_answers(language: Language) -> Outcome {
    let corpus = corpus()?;
    let stage = Stage::open(&policies()).await?;
    let provider_calls = stage.provider.calls();
    let mut sdks = Sdks::start(language, stage.envoy.address()).await?;
    for call in calls::plain(language) {
        let answers = ANSWERS.iter().find(|(api, _)| *api == calls::api(&call));
        let (case, text) = answers.expect("answers").1[usize::from(call["stream"] == true)];
        let (_, case) = corpus
            .iter()
            .find(|(path, _)| path.with_extension("").ends_with(case))
            .expect("a case of the corpus");
        stage.spare.queue([behaviour(case)]);
        let calls = stage.spare.calls();
        let (told, requests) = stage.ask(&mut sdks, &call).await?;
        assert_eq!(told.exception(), None, "{call}: {told:?}");
        assert_eq!(told.text, text, "{call}");
        assert_eq!(told.events > 0, call["stream"] == true, "{call}: {told:?}");
        assert_eq!(requests, Requests { received: 1.0, blocked: 1.0, sent: 0.0 }, "{call}");
        assert_eq!(stage.spare.calls(), calls + 1, "{call}");
        assert_has_the_spares_key_alone(stage.spare.received().last().expect("a call"));
    }
    assert_eq!(stage.provider.calls(), provider_calls);

    // What passes keeps its key: it was there to be seen.
    let base = format!("/{BARE}/v1");
    stage.ask(&mut sdks, &json!({"api": "chat", "base": base, "prompt": "Hello"})).await?;
    let seen = format!("{:?}", stage.provider.received().last());
    assert!(seen.contains(KEY), "{seen}");
    Ok(())
}

fn assert_has_the_spares_key_alone(call: &Received) {
    let seen = format!("{call:?}");
    assert!(!seen.contains(KEY), "{seen}");
    assert_eq!(call.headers["authorization"], "Bearer key-of-the-spare", "{seen}");
    assert!(!call.headers.contains_key("x-llm-route"), "{seen}");
}

#[tokio::test]
async fn python_sdks_get_another_providers_answer_without_telling_it_their_keys() -> Outcome {
    reroutes_are_answers(Language::Python).await
}

#[tokio::test]
async fn node_sdks_get_another_providers_answer_without_telling_it_their_keys() -> Outcome {
    reroutes_are_answers(Language::Node).await
}
