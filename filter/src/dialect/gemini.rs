//! Gemini, and Google's own models on Vertex.

use super::errors::{
    Place::{Message, Status},
    Row,
};
use super::events::{Field, Kind, Role, paths, places, with_errors};
use super::facts::ERROR_FIELDS;
use super::route::{Path, Route};
use super::{Api, Tables};
use crate::category::Category::{
    Authentication, ClientError, ContextLength, Overloaded, RateLimited, ServerError, Timeout,
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

/// google-genai 3.4.0, models.py: `{model}:generateContent` and its siblings, where the model is
/// `models/…`, `tunedModels/…`, `publishers/google/models/…` or `endpoints/…`.
fn route(path: &Path<'_>) -> Option<Route> {
    let publisher = path.after("publishers").and_then(|at| path.segments.get(at));
    if publisher.is_some_and(|it| *it != "google") {
        return None;
    }
    let parent = path.segments.iter().rev().nth(1);
    let named = matches!(parent, Some(&("models" | "tunedModels" | "endpoints")));
    let model = named.then(|| path.segments.len() - 1);
    let route = match path.method? {
        "generateContent" => Route::to(Api::GenerateContent, Some(false)),
        // One of the parameters of all of Google's APIs: cloud.google.com/apis/docs/system-parameters.
        "streamGenerateContent" if path.asks("alt=sse") || path.asks("$alt=sse") => {
            Route::to(Api::GenerateContent, Some(true))
        }
        "streamGenerateContent" => Route::to(Api::GenerateContentArray, Some(true)),
        "embedContent" | "batchEmbedContents" => Route::to(Api::Embeddings, Some(false)),
        // Image and video models, jobs, counts: an answer of any shape.
        "predict"
        | "predictLongRunning"
        | "countTokens"
        | "computeTokens"
        | "batchGenerateContent" => Route::OTHER,
        _ => return None,
    };
    Some(Route { model, ..route })
}

const ERRORS: &[Row] = &[
    // google.rpc.Code; google-genai 3.4.0, errors.py, reads `error.status`. A quota per day makes
    // it exhausted: github.com/google-gemini/gemini-cli/issues/8437, langgenius/dify/issues/19838.
    Row::new(Status, "RESOURCE_EXHAUSTED", RateLimited),
    // Gemini's troubleshooting page: 503 "the model is overloaded", 504.
    Row::new(Status, "UNAVAILABLE", Overloaded),
    Row::new(Status, "DEADLINE_EXCEEDED", Timeout),
    // A 400 INVALID_ARGUMENT: github.com/googleapis/python-genai/issues/2466; some without a number.
    Row::new(Message, "exceeds the maximum number of tokens allowed", ContextLength),
    // No more precise than a status: google.rpc.Code.
    Row::coarse(Status, "INTERNAL", ServerError),
    Row::coarse(Status, "UNKNOWN", ServerError),
    Row::coarse(Status, "ABORTED", ServerError),
    Row::coarse(Status, "UNAUTHENTICATED", Authentication),
    Row::coarse(Status, "PERMISSION_DENIED", Authentication),
    Row::coarse(Status, "INVALID_ARGUMENT", ClientError),
    Row::coarse(Status, "FAILED_PRECONDITION", ClientError),
    Row::coarse(Status, "NOT_FOUND", ClientError),
    Row::coarse(Status, "OUT_OF_RANGE", ClientError),
];

/// google-genai 3.4.0, types.py: Candidate, Part, GenerateContentResponsePromptFeedback. Every
/// finish reason is the model's, or its filters', none the server's (FinishReason). A prompt that
/// was blocked has no candidate: its feedback is the end.
const OWN: &[Field] = &[
    Field { path: &["candidates", "*", "index"], role: Role::Choice },
    Field::content(&["candidates", "*", "content", "parts", "*", "text"]),
    Field::content(&["candidates", "*", "content", "parts", "*", "functionCall"]),
    Field::content(&["candidates", "*", "content", "parts", "*", "inlineData"]),
    Field::content(&["candidates", "*", "content", "parts", "*", "fileData"]),
    Field::content(&["candidates", "*", "content", "parts", "*", "executableCode"]),
    Field::content(&["candidates", "*", "content", "parts", "*", "codeExecutionResult"]),
    Field::content(&["candidates", "*", "content", "parts", "*", "thoughtSignature"]),
    Field::finish(&["candidates", "*", "finishReason"]),
    Field::finish(&["promptFeedback", "blockReason"]),
];

const FIELDS: &[Field] = &with_errors::<{ ERROR_FIELDS.len() + OWN.len() }>(OWN);
const PATHS: &[&[&str]] = &paths::<{ FIELDS.len() }>(FIELDS);
const TREE: &[Node<'_>] = &tree::<{ size(PATHS) }>(PATHS);
const PLACES: Paths<'_> = places(PATHS, TREE);

/// No event has a name, and none is the last: google-genai 3.4.0, _api_client.py, reads until the
/// connection ends; aimock 1.43 ends after the chunk with the finish reason.
fn event(name: &str) -> Kind {
    match name {
        "error" => Kind::Error,
        "ping" => Kind::KeepAlive,
        _ => Kind::Fields,
    }
}
