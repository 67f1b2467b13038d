//! What is a chat completion?

use crate::fallback::openai::DONE;
use crate::fallback::reply::Content;
use crate::fallback::said::{Said, Words};
use crate::fallback::template::{event, fill};

/// `types/chat/chat_completion.py`.
const WHOLE: &str = r#"{
    "id":"chatcmpl-llm-breaker-fallback","object":"chat.completion",
    "created":$created,"model":$model,
    "choices":[{
        "index":0,"message":{"role":"assistant","content":$content,"refusal":$refusal},
        "logprobs":null,"finish_reason":"stop"
    }],
    "usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}
}"#;

/// `types/chat/chat_completion_chunk.py`. A chunk of its own for the usage would have no choice,
/// which trips clients that did not ask for it: the last one has it.
const CHUNK: &str = r#"{
    "id":"chatcmpl-llm-breaker-fallback","object":"chat.completion.chunk",
    "created":$created,"model":$model,
    "choices":[{"index":0,"delta":$delta,"logprobs":null,"finish_reason":$finish_reason}],
    "usage":$usage
}"#;
const USAGE: &str = r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#;

pub(super) fn completion(said: &Said, streams: bool) -> Content {
    if streams { chunks(said) } else { whole(said) }
}

fn whole(said: &Said) -> Content {
    let (content, refusal) = match &said.words {
        Words::Text(text) => (text.as_str(), "null"),
        Words::Refusal(text) => ("null", text.as_str()),
    };
    let places = [
        ("created", said.created.as_str()),
        ("model", &said.model),
        ("content", content),
        ("refusal", refusal),
    ];
    Content::json(fill(WHOLE, &places))
}

fn chunks(said: &Said) -> Content {
    let chunk = |delta: &str, finish_reason: &str, usage: &str| {
        let places = [
            ("created", said.created.as_str()),
            ("model", &said.model),
            ("delta", delta),
            ("finish_reason", finish_reason),
            ("usage", usage),
        ];
        event(&fill(CHUNK, &places))
    };
    let words = match &said.words {
        Words::Text(text) => fill(r#"{"content":$text}"#, &[("text", text)]),
        Words::Refusal(text) => fill(r#"{"refusal":$text}"#, &[("text", text)]),
    };
    let first = chunk(r#"{"role":"assistant"}"#, "null", "null");
    let said = chunk(&words, "null", "null");
    let last = chunk("{}", r#""stop""#, USAGE);
    Content::events([&first, &said, &last, DONE].concat())
}
