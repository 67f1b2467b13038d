//! What Amazon's SDKs take for an error and for a converse: botocore 1.44.5, bedrock-runtime
//! service-2.json.

use super::Asked;
use super::fault::Fault;
use super::reply::Content;
use super::said::Said;
use super::template::{fill, quoted};
use crate::dialect::Api;
use crate::stream::event_stream;

/// `parsers.py`, RestJSONParser: the type is in `x-amzn-errortype`, or in `__type`; a member `code`
/// would take its place, so the code is called a reason, as some of Amazon's services do.
const ERROR: &str = r#"{"__type":$type,"message":$message,"reason":$code}"#;

/// ConverseResponse. The trace is the one place that names a model.
const CONVERSE: &str = r#"{
    "output":{"message":{"role":"assistant","content":[{"text":$text}]}},"stopReason":"end_turn",
    "usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0},"metrics":{"latencyMs":0},
    "trace":{"promptRouter":{"invokedModelId":$model}}
}"#;

/// ConverseStreamOutput.
const EVENTS: [(&str, &str); 5] = [
    ("messageStart", r#"{"role":"assistant"}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":$text}}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
    ("messageStop", r#"{"stopReason":"end_turn"}"#),
    (
        "metadata",
        r#"{
            "usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0},"metrics":{"latencyMs":0},
            "trace":{"promptRouter":{"invokedModelId":$model}}
        }"#,
    ),
];

pub(super) fn error(fault: &Fault<'_>) -> Content {
    let places = [
        ("type", &*quoted(exception(fault.status))),
        ("message", &quoted(fault.message)),
        ("code", &quoted(fault.kind.code())),
    ];
    Content::json(fill(ERROR, &places))
}

pub(super) fn completion(said: &Said, asked: &Asked) -> Option<Content> {
    let text = said.text().filter(|_| asked.api == Api::Converse)?;
    let places = [("text", text), ("model", &said.model)];
    if !asked.streams {
        return Some(Content::json(fill(CONVERSE, &places)));
    }
    let frames =
        EVENTS.map(|(name, payload)| event_stream::encode(name, fill(payload, &places).as_bytes()));
    Some(Content { media_type: "application/vnd.amazon.eventstream", bytes: frames.concat() })
}

/// The exception by whose name the SDKs know an error of this status.
pub(super) const fn exception(status: u16) -> &'static str {
    match status {
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        // 408 in Bedrock's own answers.
        408 | 504 => "ModelTimeoutException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        500.. => "InternalServerException",
        _ => "ValidationException",
    }
}
