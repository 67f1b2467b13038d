//! Anthropic: messages, also on Vertex.

use super::errors::{
    Place::{Detail, Message, Type},
    Row,
};
use super::events::{Field, Kind, paths, places, with_errors};
use super::facts::ERROR_FIELDS;
use super::limits::Limit;
use super::route::{Path, Route};
use super::{Api, Tables};
use crate::category::Category::{
    Authentication, ClientError, ContentFiltered, ContextLength, Overloaded, QuotaExhausted,
    RateLimited, ServerError, Timeout,
};
use crate::stream::json::paths::{Node, Paths, size, tree};

pub(super) const TABLES: Tables = Tables {
    route,
    errors: ERRORS,
    fields: FIELDS,
    paths: PATHS,
    places: PLACES,
    event,
    limits: LIMITS,
};

/// anthropic 2.12.0: resources/messages/, resources/completions.py, lib/vertex/_client.py.
fn route(path: &Path<'_>) -> Option<Route> {
    if path.ends(&["v1", "messages"]) {
        return Some(Route::to(Api::Messages, None));
    }
    if path.ends(&["v1", "complete"]) {
        return Some(Route::to(Api::Completions, None));
    }
    let publisher = path.after("publishers").and_then(|at| path.segments.get(at));
    if publisher == Some(&"anthropic") {
        let model = path.after("models");
        let counts = path.ends_in("count-tokens");
        return Some(match path.method {
            Some("rawPredict") if !counts => {
                Route { model, ..Route::to(Api::Messages, Some(false)) }
            }
            Some("streamRawPredict") => Route { model, ..Route::to(Api::Messages, Some(true)) },
            _ => Route::OTHER,
        });
    }
    // messages/count_tokens, messages/batches/…
    let messages = path.after("messages").and_then(|at| path.segments.get(at));
    matches!(messages, Some(&("count_tokens" | "batches"))).then_some(Route::OTHER)
}

const ERRORS: &[Row] = &[
    // anthropic 2.12.0, types/shared/enforced_spend_limit_reached_error.py (429): "has crossed the
    // monthly API usage threshold"; its siblings contract_… (429) and linked_organization_… (402).
    Row::new(Detail, "enforced_spend_limit_reached", QuotaExhausted),
    Row::new(Detail, "contract_spend_limit_reached", QuotaExhausted),
    Row::new(Detail, "linked_organization_spend_limit_reached", QuotaExhausted),
    Row::new(Detail, "linked_organization_billing_unavailable", QuotaExhausted),
    // ramp_limit_exceeded_error.py (429): "retry after the time in the `retry-after` header".
    Row::new(Detail, "ramp_limit_exceeded", RateLimited),
    // types/shared/error_type.py and *_error_object.py; statuses from _exceptions.py.
    Row::new(Type, "billing_error", QuotaExhausted),
    Row::new(Type, "overloaded_error", Overloaded),
    // A 400 whose type is invalid_request_error: github.com/anthropics/claude-code/issues/66297.
    Row::new(Message, "credit balance is too low", QuotaExhausted),
    // Likewise: github.com/anthropics/claude-code/issues/62817.
    Row::new(Message, "blocked by content filtering policy", ContentFiltered),
    // Likewise; as gateways' and agents' code matches it.
    Row::new(Message, "prompt is too long", ContextLength),
    // 429.
    Row::new(Type, "rate_limit_error", RateLimited),
    // No more precise than a status: error_type.py.
    Row::coarse(Type, "api_error", ServerError),
    Row::coarse(Type, "timeout_error", Timeout),
    Row::coarse(Type, "authentication_error", Authentication),
    Row::coarse(Type, "permission_error", Authentication),
    Row::coarse(Type, "invalid_request_error", ClientError),
    Row::coarse(Type, "not_found_error", ClientError),
    Row::coarse(Type, "conflict_error", ClientError),
];

/// anthropic 2.12.0: types/raw_content_block_start_event.py, raw_content_block_delta.py (text,
/// input JSON, citations, thinking, signature), raw_message_delta_event.py.
const OWN: &[Field] = &[
    Field::content(&["delta", "text"]),
    Field::content(&["delta", "thinking"]),
    Field::content(&["delta", "partial_json"]),
    Field::content(&["delta", "signature"]),
    Field::content(&["delta", "citation"]),
    // A block that begins with text, and the blocks that have no deltas: a tool's name, redacted
    // thinking, a hosted tool's result, an uploaded file.
    Field::content(&["content_block", "text"]),
    Field::content(&["content_block", "thinking"]),
    Field::content(&["content_block", "name"]),
    Field::content(&["content_block", "data"]),
    Field::content(&["content_block", "tool_use_id"]),
    Field::content(&["content_block", "file_id"]),
    // Legacy completions: types/completion.py.
    Field::content(&["completion"]),
    Field::finish(&["stop_reason"]),
    Field::finish(&["delta", "stop_reason"]),
];

const FIELDS: &[Field] = &with_errors::<{ ERROR_FIELDS.len() + OWN.len() }>(OWN);
const PATHS: &[&[&str]] = &paths::<{ FIELDS.len() }>(FIELDS);
const TREE: &[Node<'_>] = &tree::<{ size(PATHS) }>(PATHS);
const PLACES: Paths<'_> = places(PATHS, TREE);

/// anthropic 2.12.0: _streaming.py (`ping` is skipped, `error` raises), types/raw_message_*.py.
pub(super) fn event(name: &str) -> Kind {
    match name {
        "ping" => Kind::KeepAlive,
        "error" => Kind::Error,
        "message_start" => Kind::Preamble,
        "message_stop" => Kind::Terminal,
        _ => Kind::Fields,
    }
}

/// Anthropic's rate-limit page; as seen in a recorded answer of 2025-08-21 (CRAN's tidyllm,
/// tests/testthat/claude).
const LIMITS: &[Limit] = &[
    Limit {
        remaining: "anthropic-ratelimit-requests-remaining",
        reset: "anthropic-ratelimit-requests-reset",
    },
    Limit {
        remaining: "anthropic-ratelimit-tokens-remaining",
        reset: "anthropic-ratelimit-tokens-reset",
    },
    Limit {
        remaining: "anthropic-ratelimit-input-tokens-remaining",
        reset: "anthropic-ratelimit-input-tokens-reset",
    },
    Limit {
        remaining: "anthropic-ratelimit-output-tokens-remaining",
        reset: "anthropic-ratelimit-output-tokens-reset",
    },
];
