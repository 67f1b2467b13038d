//! What is a response of the Responses API?

use crate::fallback::reply::Content;
use crate::fallback::said::{Said, Words};
use crate::fallback::template::{fill, named_event};

/// `types/responses/response.py`.
const RESPONSE: &str = r#"{
    "id":"resp_llm_breaker_fallback","object":"response","created_at":$created,"status":$status,
    "error":null,"incomplete_details":null,"instructions":null,"metadata":{},"model":$model,
    "output":[$output],"parallel_tool_calls":true,"temperature":null,
    "text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":null,"usage":$usage
}"#;

/// `types/responses/response_usage.py`.
const USAGE: &str = r#"{
    "input_tokens":0,"input_tokens_details":{"cache_write_tokens":0,"cached_tokens":0},
    "output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0
}"#;

/// `types/responses/response_output_message.py`.
const ITEM: &str = r#"{
    "id":"msg_llm_breaker_fallback","type":"message","status":$status,"role":"assistant",
    "content":[$content]
}"#;

/// `types/responses/response_output_text.py`, `response_output_refusal.py`.
const TEXT: &str = r#"{"type":"output_text","text":$words,"annotations":[],"logprobs":[]}"#;
const REFUSAL: &str = r#"{"type":"refusal","refusal":$words}"#;

/// `types/responses/response_stream_event.py`.
type Events = [(&'static str, &'static str); 9];
const TEXT_EVENTS: Events = events(
    ("response.output_text.delta", r#"$at,"delta":$words,"logprobs":[]"#),
    ("response.output_text.done", r#"$at,"text":$words,"logprobs":[]"#),
);
const REFUSAL_EVENTS: Events = events(
    ("response.refusal.delta", r#"$at,"delta":$words"#),
    ("response.refusal.done", r#"$at,"refusal":$words"#),
);
const AT: &str = r#""item_id":"msg_llm_breaker_fallback","output_index":0,"content_index":0"#;

const fn events(delta: (&'static str, &'static str), done: (&'static str, &'static str)) -> Events {
    [
        ("response.created", r#""response":$started"#),
        ("response.in_progress", r#""response":$started"#),
        ("response.output_item.added", r#""output_index":0,"item":$item_started"#),
        ("response.content_part.added", r#"$at,"part":$part_started"#),
        delta,
        done,
        ("response.content_part.done", r#"$at,"part":$part"#),
        ("response.output_item.done", r#""output_index":0,"item":$item"#),
        ("response.completed", r#""response":$completed"#),
    ]
}

pub(super) fn response(said: &Said, streams: bool) -> Content {
    let (words, part, events) = match &said.words {
        Words::Text(text) => (text, TEXT, TEXT_EVENTS),
        Words::Refusal(text) => (text, REFUSAL, REFUSAL_EVENTS),
    };
    let [part_started, part] = [r#""""#, words].map(|words| fill(part, &[("words", words)]));
    let item_started = message(r#""in_progress""#, "");
    let item = message(r#""completed""#, &part);
    let completed = whole(said, r#""completed""#, &item, &fill(USAGE, &[]));
    if !streams {
        return Content::json(completed);
    }
    let started = whole(said, r#""in_progress""#, "", "null");
    let places = [
        ("at", AT),
        ("words", words),
        ("part_started", &part_started),
        ("part", &part),
        ("item_started", &item_started),
        ("item", &item),
        ("started", &started),
        ("completed", &completed),
    ];
    let numbered = events.into_iter().zip(0_u8..);
    let events = numbered.map(|((name, rest), number)| {
        let rest = fill(rest, &places);
        named_event(name, &format!(",\"sequence_number\":{number},{rest}"))
    });
    Content::events(events.collect())
}

fn message(status: &str, content: &str) -> String {
    fill(ITEM, &[("status", status), ("content", content)])
}

fn whole(said: &Said, status: &str, output: &str, usage: &str) -> String {
    let places = [
        ("created", said.created.as_str()),
        ("status", status),
        ("model", &said.model),
        ("output", output),
        ("usage", usage),
    ];
    fill(RESPONSE, &places)
}
