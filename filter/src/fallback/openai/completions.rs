//! What is a legacy completion?

use crate::fallback::openai::DONE;
use crate::fallback::reply::Content;
use crate::fallback::said::Said;
use crate::fallback::template::{event, fill};

/// `types/completion.py`; a stream's chunks look the same.
const COMPLETION: &str = r#"{
    "id":"cmpl-llm-breaker-fallback","object":"text_completion",
    "created":$created,"model":$model,
    "choices":[{"index":0,"text":$text,"logprobs":null,"finish_reason":"stop"}],
    "usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}
}"#;

pub(super) fn completion(said: &Said, streams: bool) -> Option<Content> {
    let places = [("created", &*said.created), ("model", &said.model), ("text", said.text()?)];
    let completion = fill(COMPLETION, &places);
    Some(match streams {
        true => Content::events(event(&completion) + DONE),
        false => Content::json(completion),
    })
}
