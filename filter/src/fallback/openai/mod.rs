//! What OpenAI's SDKs take for an error and for a completion: openai 3.54.0.

mod chat;
mod completions;
mod responses;

use super::Asked;
use super::fault::Fault;
use super::reply::Content;
use super::said::Said;
use super::template::{fill, quoted};
use crate::dialect::Api;

/// `_exceptions.py`: an APIError has the `message`, `type`, `param` and `code` of it.
const ERROR: &str = r#"{"error":{"message":$message,"type":$type,"param":null,"code":$code}}"#;

/// `_streaming.py`: what ends a stream of chunks.
const DONE: &str = "data: [DONE]\n\n";

pub(super) fn error(fault: &Fault<'_>) -> Content {
    let places = [
        ("message", &*quoted(fault.message)),
        ("type", &quoted(error_type(fault.status))),
        ("code", &quoted(fault.kind.code())),
    ];
    Content::json(fill(ERROR, &places))
}

pub(super) fn completion(said: &Said, asked: &Asked) -> Option<Content> {
    match asked.api {
        Api::Chat => Some(chat::completion(said, asked.streams)),
        Api::Completions => completions::completion(said, asked.streams),
        Api::Responses => Some(responses::response(said, asked.streams)),
        _ => None,
    }
}

/// As OpenAI's error page has them.
const fn error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        503 => "service_unavailable_error",
        504 => "timeout_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}
