//! Bedrock: converse and invoke, and their binary event streams.

use super::anthropic;
use super::errors::{
    Place::{Aws, Message},
    Row,
};
use super::events::{Field, Kind, Role, paths, places, with_errors};
use super::facts::ERROR_FIELDS;
use super::route::{Path, Route};
use super::{Api, Tables};
use crate::category::Category::{
    Authentication, ClientError, ContextLength, Overloaded, QuotaExhausted, RateLimited,
    ServerError, Timeout,
};
use crate::stream::json::paths::{Node, Paths, size, tree};

pub(super) const TABLES: Tables = Tables {
    route,
    errors: ERRORS,
    fields: FIELDS,
    paths: PATHS,
    places: PLACES,
    event,
    limits: &[],
};

/// The member of an `invoke-with-response-stream` chunk that holds the model's own event, in
/// base64: botocore 1.44.5, bedrock-runtime service-2.json, `PayloadPart.bytes` (a blob that is
/// not the event's payload, so part of its JSON). aimock 1.43 sends the event itself.
pub(super) const ENVELOPE: Paths<'_> = Paths::of(ENVELOPE_TREE).streaming(0);
const BYTES: &[&[&str]] = &[&["bytes"]];
const ENVELOPE_TREE: &[Node<'_>] = &tree::<{ size(BYTES) }>(BYTES);

/// botocore 1.44.5, bedrock-runtime service-2.json: `/model/{modelId}/…`. A colon in the last
/// segment is none of Bedrock's.
fn route(path: &Path<'_>) -> Option<Route> {
    let [.., "model", _, operation] = path.segments.as_slice() else { return None };
    let model = path.segments.len().checked_sub(2);
    let route = match *operation {
        "converse" => Route::to(Api::Converse, Some(false)),
        "converse-stream" => Route::to(Api::Converse, Some(true)),
        "invoke" => Route::to(Api::Invoke, Some(false)),
        "invoke-with-response-stream" => Route::to(Api::Invoke, Some(true)),
        "count-tokens" | "invoke-with-bidirectional-stream" => Route::OTHER,
        _ => return None,
    };
    path.method.is_none().then_some(Route { model, ..route })
}

/// The exceptions of botocore 1.44.5, bedrock-runtime service-2.json, by `x-amzn-errortype`,
/// `__type` or `:exception-type`, whose names begin with a small letter in a stream.
const ERRORS: &[Row] = &[
    // 429. "Too many tokens per day" makes it a quota: minorun365/agent-book/issues/29.
    Row::new(Aws, "ThrottlingException", RateLimited),
    // 429: the model is not ready to serve; the SDK retries it.
    Row::new(Aws, "ModelNotReadyException", Overloaded),
    // 503, 500, 408, 424, 424.
    Row::new(Aws, "ServiceUnavailableException", Overloaded),
    Row::new(Aws, "InternalServerException", ServerError),
    Row::new(Aws, "ModelTimeoutException", Timeout),
    Row::new(Aws, "ModelErrorException", ServerError),
    Row::new(Aws, "ModelStreamErrorException", ServerError),
    // 400.
    Row::new(Aws, "ServiceQuotaExceededException", QuotaExhausted),
    // A 400 ValidationException; as agents' code matches it.
    Row::new(Message, "Input is too long for requested model", ContextLength),
    // No more precise than a status: 400, 403, 404, 400.
    Row::coarse(Aws, "ValidationException", ClientError),
    Row::coarse(Aws, "AccessDeniedException", Authentication),
    Row::coarse(Aws, "ResourceNotFoundException", ClientError),
    Row::coarse(Aws, "ConflictException", ClientError),
];

/// botocore 1.44.5, service-2.json: MessageStopEvent; then what models stream through `invoke`,
/// Anthropic's being the only ones with events of their own.
const OWN: &[Field] = &[
    Field::finish(&["stopReason"]),
    // The last chunk of every model: cohere 7.3.1, aws_client.py; langchain-aws/pull/85.
    Field { path: &["amazon-bedrock-invocationMetrics"], role: Role::Terminal },
    // Anthropic's, as in its own file.
    Field::content(&["delta", "text"]),
    Field::content(&["delta", "thinking"]),
    Field::content(&["delta", "partial_json"]),
    Field::content(&["delta", "signature"]),
    Field::content(&["content_block", "text"]),
    Field::content(&["content_block", "thinking"]),
    Field::content(&["content_block", "name"]),
    Field::content(&["content_block", "data"]),
    Field::content(&["content_block", "tool_use_id"]),
    Field::finish(&["stop_reason"]),
    Field::finish(&["delta", "stop_reason"]),
];

const FIELDS: &[Field] = &with_errors::<{ ERROR_FIELDS.len() + OWN.len() }>(OWN);
const PATHS: &[&[&str]] = &paths::<{ FIELDS.len() }>(FIELDS);
const TREE: &[Node<'_>] = &tree::<{ size(PATHS) }>(PATHS);
const PLACES: Paths<'_> = places(PATHS, TREE);

/// botocore 1.44.5, service-2.json: ConverseStreamOutput. `messageStop` carries the stop reason;
/// `metadata` follows it and is the last.
fn event(name: &str) -> Kind {
    match name {
        "messageStart" => Kind::Preamble,
        "contentBlockDelta" => Kind::Content,
        "metadata" => Kind::Terminal,
        // A model's own event without a type: only a model that works sends one.
        "chunk" => Kind::Content,
        _ => anthropic::event(name),
    }
}
