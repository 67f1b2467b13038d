//! What Anthropic's SDKs take for an error and for a message: anthropic 2.12.0.

use super::Asked;
use super::fault::Fault;
use super::reply::Content;
use super::said::Said;
use super::template::{fill, named_event, quoted};
use crate::dialect::Api;

/// `_error_classes.py`: raised as `OverloadedError`.
pub(super) const OVERLOADED: u16 = 529;

/// `types/shared/error_response.py`; `_exceptions.py` has `error.details.error_code` as
/// `error_code`, and the text as `api_message`.
const ERROR: &str = r#"{"type":"error","error":{
    "type":$type,"message":$message,"details":{"error_code":$code}
},"request_id":null}"#;

/// `types/message.py`.
const MESSAGE: &str = r#"{
    "id":"msg_llm_breaker_fallback","type":"message","role":"assistant","model":$model,
    "content":$content,"stop_reason":$stop_reason,"stop_sequence":null,
    "usage":{"input_tokens":0,"output_tokens":0}
}"#;
const BLOCK: &str = r#"{"type":"text","text":$text}"#;

/// `types/raw_message_stream_event.py`.
const EVENTS: [(&str, &str); 6] = [
    ("message_start", r#","message":$started"#),
    ("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#),
    ("content_block_delta", r#","index":0,"delta":{"type":"text_delta","text":$text}"#),
    ("content_block_stop", r#","index":0"#),
    (
        "message_delta",
        r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":0}"#,
    ),
    ("message_stop", ""),
];

pub(super) fn error(fault: &Fault<'_>) -> Content {
    let places = [
        ("type", &*quoted(error_type(fault.status))),
        ("message", &quoted(fault.message)),
        ("code", &quoted(fault.kind.code())),
    ];
    Content::json(fill(ERROR, &places))
}

pub(super) fn completion(said: &Said, asked: &Asked) -> Option<Content> {
    let text = said.text().filter(|_| asked.api == Api::Messages)?;
    let message = |content: &str, stop_reason: &str| {
        let places = [("model", &*said.model), ("content", content), ("stop_reason", stop_reason)];
        fill(MESSAGE, &places)
    };
    if !asked.streams {
        let content = format!("[{}]", fill(BLOCK, &[("text", text)]));
        return Some(Content::json(message(&content, r#""end_turn""#)));
    }
    let started = message("[]", "null");
    let places = [("started", &*started), ("text", text)];
    let events = EVENTS.map(|(name, rest)| named_event(name, &fill(rest, &places)));
    Some(Content::events(events.concat()))
}

/// `types/shared/error_type.py`; the statuses from `_error_classes.py`.
const fn error_type(status: u16) -> &'static str {
    match status {
        503 | OVERLOADED => "overloaded_error",
        504 => "timeout_error",
        500.. => "api_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        _ => "invalid_request_error",
    }
}
