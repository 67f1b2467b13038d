//! What Google's SDKs take for an error and for generated content: google-genai 3.4.0.

use super::Asked;
use super::fault::{Fault, Kind, whole_seconds};
use super::reply::Content;
use super::said::Said;
use super::template::{event, fill, quoted};
use crate::dialect::Api;

/// `errors.py` reads `code`, `message` and `status`; the details are google.rpc's `ErrorInfo`, whose
/// reasons are in capital letters, and `RetryInfo`.
const ERROR: &str = r#"{"error":{
    "code":$status,"message":$message,"status":$name,
    "details":[{
        "@type":"type.googleapis.com/google.rpc.ErrorInfo",
        "reason":$reason,"domain":"llm-breaker","metadata":{"code":$code}
    }$retry]
}}"#;
const RETRY: &str = r#",{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":$delay}"#;

/// `types.py`: GenerateContentResponse. Of a stream it is the only chunk.
const CONTENT: &str = r#"{
    "candidates":[{
        "content":{"role":"model","parts":[{"text":$text}]},"finishReason":"STOP","index":0
    }],
    "usageMetadata":{"promptTokenCount":0,"candidatesTokenCount":0,"totalTokenCount":0},
    "modelVersion":$model,"responseId":"llm-breaker-fallback"
}"#;

pub(super) fn error(fault: &Fault<'_>, asked: &Asked) -> Content {
    let retry = match fault.kind {
        Kind::Open { retry_after } | Kind::Failed { retry_after } => {
            let delay = quoted(&format!("{}s", whole_seconds(retry_after)));
            fill(RETRY, &[("delay", &delay)])
        }
        Kind::TimedOut | Kind::Refused | Kind::BrokenOff => String::new(),
    };
    let places = [
        ("status", &*fault.status.to_string()),
        ("message", &quoted(fault.message)),
        ("name", &quoted(status_name(fault.status))),
        ("reason", &quoted(&fault.kind.code().to_ascii_uppercase())),
        ("code", &quoted(fault.kind.code())),
        ("retry", &retry),
    ];
    let error = fill(ERROR, &places);
    Content::json(if asked.api == Api::GenerateContentArray { array(&error) } else { error })
}

pub(super) fn completion(said: &Said, asked: &Asked) -> Option<Content> {
    let content = fill(CONTENT, &[("text", said.text()?), ("model", &said.model)]);
    match asked.api {
        Api::GenerateContent if asked.streams => Some(Content::events(event(&content))),
        Api::GenerateContent => Some(Content::json(content)),
        Api::GenerateContentArray => Some(Content::json(array(&content))),
        _ => None,
    }
}

fn array(element: &str) -> String {
    format!("[{element}]")
}

/// google.rpc.Code, by the statuses that it has in HTTP.
const fn status_name(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNKNOWN",
    }
}
