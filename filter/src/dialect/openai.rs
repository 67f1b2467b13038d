//! OpenAI: chat completions, responses, completions, embeddings; Azure OpenAI, vLLM, compatibles.

use super::errors::{
    Place::{Code, Detail, Message, Type},
    Row,
};
use super::events::{Field, Kind, Role, paths, places, with_errors};
use super::facts::{ERROR_FIELDS, Fact};
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

/// By the path's end, for compatibles have prefixes of their own (`/openai/v1`, `/api/v1`,
/// `/v1beta/openai`): openai-python 3.54.0, `resources/`; aimock 1.43, `COMPAT_SUFFIXES`.
/// `responses/input_tokens`, `responses/{id}/cancel` and `responses/compact` generate nothing.
fn route(path: &Path<'_>) -> Option<Route> {
    let is_ones_own = |name| path.ends(&[name]) && follows_a_base(path);
    let route = if path.ends(&["chat", "completions"]) {
        Route::to(Api::Chat, None)
    } else if is_ones_own("completions") {
        Route::to(Api::Completions, None)
    } else if is_ones_own("responses") {
        Route::to(Api::Responses, None)
    } else if is_ones_own("embeddings") {
        Route::to(Api::Embeddings, Some(false))
    } else if path.has("openai") || path.after("deployments").is_some() {
        Route::OTHER
    } else {
        return None;
    };
    // openai-python 3.54.0, lib/azure.py: `/openai/deployments/{deployment}/chat/completions`.
    Some(Route { model: path.after("deployments"), ..route })
}

/// Whether the last segment comes after nothing, or after what ends an API's base (`/v1`, `/openai`)
/// or names a deployment. Other services have responses and completions, too: a survey's are none.
fn follows_a_base(path: &Path<'_>) -> bool {
    match path.segments.as_slice() {
        [_] | [.., "openai", _] | [.., "deployments" | "engines", _, _] => true,
        [.., base, _] => base
            .strip_prefix('v')
            .is_some_and(|version| version.starts_with(|it: char| it.is_ascii_digit())),
        [] => false,
    }
}

const ERRORS: &[Row] = &[
    // OpenAI's error page; openai-python 3.54.0, types/beta/session_turn_error.py and
    // types/responses/response_error.py.
    Row::new(Code, "rate_limit_exceeded", RateLimited),
    // OpenAI's error page; session_turn_error.py but for the first.
    Row::new(Code, "insufficient_quota", QuotaExhausted),
    Row::new(Code, "credit_balance_exhausted", QuotaExhausted),
    Row::new(Code, "organization_spend_limit_exceeded", QuotaExhausted),
    Row::new(Code, "project_spend_limit_exceeded", QuotaExhausted),
    Row::new(Code, "organization_usage_limit_exceeded", QuotaExhausted),
    // session_turn_error.py: "a usage, plan, or billing limit"; "billing is not active".
    Row::new(Code, "usage_limit_exceeded", QuotaExhausted),
    Row::new(Code, "billing_not_active", QuotaExhausted),
    // OpenAI's error page (older answers have the type alone).
    Row::new(Type, "insufficient_quota", QuotaExhausted),
    // OpenAI's error page: 503; with a 429 `slow_down` is a rate limit.
    Row::new(Code, "server_is_overloaded", Overloaded),
    Row::under(503, Code, "slow_down", Overloaded),
    Row::under(429, Code, "slow_down", RateLimited),
    // session_turn_error.py: "temporarily overloaded", "temporarily unavailable".
    Row::new(Code, "server_overloaded", Overloaded),
    Row::new(Code, "flex_unavailable", Overloaded),
    Row::new(Type, "service_unavailable_error", Overloaded),
    // session_turn_error.py.
    Row::new(Code, "context_length_exceeded", ContextLength),
    // vLLM before and from 0.16: github.com/vllm-project/vllm/issues/20409,
    // github.com/harbor-framework/harbor/pull/996. It has no code for it.
    Row::new(Message, "maximum context length is", ContextLength),
    Row::new(Message, "model's context length is only", ContextLength),
    // Azure: github.com/stanford-crfm/helm/pull/3327, github.com/openai/openai-dotnet/issues/55.
    Row::new(Code, "content_filter", ContentFiltered),
    Row::new(Detail, "ResponsibleAIPolicyViolation", ContentFiltered),
    // session_turn_error.py, response_error.py: rejected by a policy.
    Row::new(Code, "cyber_policy", ContentFiltered),
    Row::new(Code, "bio_policy", ContentFiltered),
    Row::new(Code, "misalignment_policy_violation", ContentFiltered),
    Row::new(Code, "image_content_policy_violation", ContentFiltered),
    // No more precise than a status: session_turn_error.py, response_error.py.
    Row::coarse(Code, "server_error", ServerError),
    Row::coarse(Code, "internal_error", ServerError),
    Row::coarse(Code, "vector_store_timeout", Timeout),
    Row::coarse(Code, "request_timeout", Timeout),
    Row::coarse(Code, "authentication_error", Authentication),
    Row::coarse(Code, "invalid_prompt", ClientError),
    Row::coarse(Code, "invalid_request", ClientError),
    // types/beta/realtime/error_event.py; the type is also Anthropic's.
    Row::coarse(Type, "server_error", ServerError),
    Row::coarse(Type, "invalid_request_error", ClientError),
    // vLLM: github.com/vllm-project/vllm/issues/4667.
    Row::coarse(Type, "BadRequestError", ClientError),
];

/// openai-python 3.54.0: types/chat/chat_completion_chunk.py, types/completion_choice.py,
/// types/responses/response_failed_event.py.
const OWN: &[Field] = &[
    Field { path: &["choices", "*", "index"], role: Role::Choice },
    // Mistral's may be an array of chunks: mistralai 3.7.0.
    Field::content(&["choices", "*", "delta", "content"]),
    Field::content(&["choices", "*", "delta", "refusal"]),
    // An empty array is none: some servers send `"tool_calls": []` with the role.
    Field::content(&["choices", "*", "delta", "tool_calls"]),
    Field::content(&["choices", "*", "delta", "function_call"]),
    Field::content(&["choices", "*", "delta", "audio"]),
    // aimock 1.43 and DeepSeek; groq 1.7.0 (types/chat/chat_completion_chunk.py) says `reasoning`.
    Field::content(&["choices", "*", "delta", "reasoning_content"]),
    Field::content(&["choices", "*", "delta", "reasoning"]),
    // Legacy completions.
    Field::content(&["choices", "*", "text"]),
    Field::finish(&["choices", "*", "finish_reason"]),
    Field { path: &["response", "error", "code"], role: Role::Fact(Fact::Code) },
    Field { path: &["response", "error", "message"], role: Role::Fact(Fact::Message) },
];

const FIELDS: &[Field] = &with_errors::<{ ERROR_FIELDS.len() + OWN.len() }>(OWN);
const PATHS: &[&[&str]] = &paths::<{ FIELDS.len() }>(FIELDS);
const TREE: &[Node<'_>] = &tree::<{ size(PATHS) }>(PATHS);
const PLACES: Paths<'_> = places(PATHS, TREE);

/// The Responses API: openai-python 3.54.0, types/responses/response_stream_event.py. Events about
/// hosted tools are content: nobody but a working upstream searches.
fn event(name: &str) -> Kind {
    match name {
        "error" | "response.failed" => Kind::Error,
        // `incomplete` is how a limit of output tokens or a content filter ends an answer.
        "response.completed" | "response.incomplete" => Kind::Terminal,
        "response.created"
        | "response.queued"
        | "response.in_progress"
        | "response.output_item.added"
        | "response.content_part.added"
        | "response.reasoning_summary_part.added" => Kind::Preamble,
        "ping" | "keepalive" => Kind::KeepAlive,
        _ if name.starts_with("response.") => Kind::Content,
        _ => Kind::Fields,
    }
}

/// OpenAI's rate-limit guide; values as aimock 1.43 sends them (`sse-writer.js`).
const LIMITS: &[Limit] = &[
    Limit { remaining: "x-ratelimit-remaining-requests", reset: "x-ratelimit-reset-requests" },
    Limit { remaining: "x-ratelimit-remaining-tokens", reset: "x-ratelimit-reset-tokens" },
];
