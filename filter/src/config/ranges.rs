//! The bounds of every field, as the docs of [`Policy`](crate::policy::Policy) state them.
//!
//! Lower bounds of durations are small enough for tests in real time; upper bounds only keep out
//! what is surely a slip of the pen.

use core::time::Duration;

use super::LogFormat;
use super::order::Scope;
use super::role::{Name, Secret};
use super::rules::{AnyBut, Entries, Exact, Number, OneOf, Rate, ReasonBut, Span, Whole};
use super::texts::{
    ClusterName, HeaderName, JsonPath, JsonText, KeyName, KeyPrefix, Line, Pattern, RequestPath,
    Text, Words,
};
use crate::category::{Category, Verdict};
use crate::dialect::Dialect;
use crate::policy::{FallbackKind, Mode, WindowShape};

const MILLISECOND: Duration = Duration::from_millis(1);
const TENTH: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) const MAX_BREAKERS: Whole = Whole { min: 1, max: 16_384 };
/// As many as a linear search for a cluster's first match can bear.
pub(super) const BREAKERS: Entries = Entries { min: 0, max: 1024, of: "objects" };
/// Far above the names that Istio makes of the longest host name.
pub(super) const CLUSTER: Pattern = Pattern { max_bytes: 512 };

pub(super) const ROLE: OneOf<Name> = OneOf(&[("traffic", Name::Traffic), ("admin", Name::Admin)]);
pub(super) const ADMIN_TOKEN: Secret = Secret { min: 16, max: 256 };
pub(super) const ORDER_USER: Words = Words { max: 128 };
pub(super) const ORDER_REASON: Words = Words { max: 512 };
pub(super) const ORDER_SCOPE: OneOf<Scope> = if super::fleet::CONNECTS {
    OneOf(&[("local", Scope::Local), ("fleet", Scope::Fleet)])
} else {
    OneOf(&[("local", Scope::Local)])
};
pub(super) const ORDER_DURATION: Span = Span { min: SECOND, max: MONTH };

pub(super) const LOG_FORMAT: OneOf<LogFormat> =
    OneOf(&[("json", LogFormat::Json), ("logfmt", LogFormat::Logfmt)]);

pub(super) const MODE: OneOf<Mode> = OneOf(&[
    (Mode::Enforce.name(), Mode::Enforce),
    (Mode::Shadow.name(), Mode::Shadow),
    (Mode::Disabled.name(), Mode::Disabled),
    (Mode::ForcedOpen.name(), Mode::ForcedOpen),
]);
pub(super) const RESET_GENERATION: Exact = Exact;

pub(super) const PROVIDER: OneOf<Option<Dialect>> = OneOf(&[
    ("auto", None),
    (Dialect::OpenAi.name(), Some(Dialect::OpenAi)),
    (Dialect::Anthropic.name(), Some(Dialect::Anthropic)),
    (Dialect::Gemini.name(), Some(Dialect::Gemini)),
    (Dialect::Bedrock.name(), Some(Dialect::Bedrock)),
    (Dialect::Generic.name(), Some(Dialect::Generic)),
]);

pub(super) const KEY_HEADER: HeaderName = HeaderName { but: &[] };
pub(super) const KEY_VALUES: Entries = Entries { min: 1, max: 256, of: "texts" };
pub(super) const KEY_VALUE: KeyName = KeyName { kind: "a text", max_bytes: 128 };
pub(super) const MODELS: Entries = Entries { min: 0, max: 256, of: "globs" };
pub(super) const MODEL: KeyName = KeyName { kind: "a glob", max_bytes: 256 };
pub(super) const MODEL_HEADER: HeaderName = HeaderName { but: &[] };
pub(super) const PROVIDER_WIDE: Entries =
    Entries { min: 0, max: Category::ALL.len(), of: "categories" };
/// A model whose successes were all its provider's would never close its breaker again.
pub(super) const PROVIDER_WIDE_CATEGORY: AnyBut = AnyBut(&[Category::Success, Category::Slow]);

/// The built-in shapes that a window of the other type starts from.
pub(super) const WINDOW_TYPE: OneOf<WindowShape> = OneOf(&[
    ("time", WindowShape::Time { duration: Duration::from_secs(60), buckets: 10 }),
    ("count", WindowShape::Count { calls: 100, max_age: Duration::from_secs(600) }),
]);
/// With at most [`WINDOW_BUCKETS`], no bucket is shorter than 8 ms.
pub(super) const WINDOW_DURATION: Span = Span { min: SECOND, max: HOUR };
pub(super) const WINDOW_BUCKETS: Whole = Whole { min: 1, max: 120 };
pub(super) const WINDOW_CALLS: Whole = Whole { min: 1, max: 1000 };
pub(super) const WINDOW_MAX_AGE: Span = Span { min: SECOND, max: DAY };

pub(super) const CONSECUTIVE_FAILURES: Whole = Whole { min: 1, max: 100 };
pub(super) const FAILURE_RATE: Rate = Rate;
pub(super) const SLOW_RATE: Rate = Rate;
pub(super) const MINIMUM_CALLS: Whole = Whole { min: 1, max: 1_000_000 };
pub(super) const OPEN_ON_ANNOUNCED: Span = Span { min: TENTH, max: DAY };

pub(super) const OPEN_BASE: Span = Span { min: TENTH, max: DAY };
pub(super) const OPEN_MULTIPLIER: Number = Number { min: 1, max: 10 };
pub(super) const OPEN_MAX: Span = Span { min: TENTH, max: DAY };
pub(super) const OPEN_JITTER: Number = Number { min: 0, max: 1 };
pub(super) const OPEN_ANNOUNCED_MAX: Span = Span { min: TENTH, max: WEEK };
pub(super) const OPEN_QUOTA: Span = Span { min: TENTH, max: WEEK };
pub(super) const OPEN_RESET_AFTER: Span = Span { min: TENTH, max: DAY };

pub(super) const PROBES: Whole = Whole { min: 1, max: 16 };
pub(super) const SUCCESSES: Whole = Whole { min: 1, max: 100 };
pub(super) const LEASE: Span = Span { min: TENTH, max: HOUR };

pub(super) const RAMP: Span = Span { min: TENTH, max: HOUR };
pub(super) const SLOW_RESPONSE_HEADERS: Span = Span { min: MILLISECOND, max: HOUR };
pub(super) const SLOW_FIRST_TOKEN: Span = Span { min: MILLISECOND, max: HOUR };
pub(super) const SLOW_GAP: Span = Span { min: MILLISECOND, max: HOUR };
pub(super) const SLOW_TOTAL: Span = Span { min: MILLISECOND, max: HOUR };

pub(super) const LIMIT_FIRST_TOKEN: Span = Span { min: TENTH, max: HOUR };
pub(super) const LIMIT_GAP: Span = Span { min: TENTH, max: HOUR };
pub(super) const LIMIT_TOTAL: Span = Span { min: TENTH, max: DAY };
pub(super) const ABANDONED: Span = Span { min: TENTH, max: HOUR };

pub(super) const VERDICT: OneOf<Verdict> = OneOf(&[
    ("success", Verdict::Success),
    ("failure", Verdict::Failure),
    ("ignore", Verdict::Ignore),
    ("open", Verdict::Open),
]);

/// Each is tried on every answer that no earlier one knew.
pub(super) const MATCHERS: Entries = Entries { min: 0, max: 64, of: "objects" };
pub(super) const STATUS: Whole = Whole { min: 100, max: 599 };
pub(super) const MATCHED_HEADER: HeaderName = HeaderName { but: &[] };
pub(super) const MATCHED_PATH: JsonPath = JsonPath { max_segments: 8, max_bytes: 128 };
pub(super) const MATCHED_TEXT: Text = Text { max_bytes: 128 };
/// Slow is a matter of limits, whatever the answer says.
pub(super) const MATCHED_CATEGORY: AnyBut = AnyBut(&[Category::Slow]);

pub(super) const BODY_LIMIT: Whole = Whole { min: 1024, max: 1024 * 1024 };

pub(super) const FALLBACKS: Entries = Entries { min: 1, max: 16, of: "objects" };
pub(super) const FALLBACK_KIND: OneOf<FallbackKind> = OneOf(&[
    (FallbackKind::Error.name(), FallbackKind::Error),
    (FallbackKind::Completion.name(), FallbackKind::Completion),
    (FallbackKind::Reroute.name(), FallbackKind::Reroute),
    (FallbackKind::Pass.name(), FallbackKind::Pass),
    (FallbackKind::LastResort.name(), FallbackKind::LastResort),
]);
/// An entry for no reason at all would never be used.
pub(super) const WHEN: Entries = Entries { min: 1, max: Category::ALL.len(), of: "reasons" };
/// Entries of `models` or of a header's `values`, as they are written, or `other`.
pub(super) const PARTS: Entries = Entries { min: 1, max: 257, of: "models" };
pub(super) const PART: Text = Text { max_bytes: 256 };
pub(super) const REASON: ReasonBut = ReasonBut(&[Category::Success]);

/// What belongs to a connection or frames a message: RFC 9110, sections 7.6.1 and 8.6.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) const ERROR_STATUS: Whole = Whole { min: 400, max: 599 };
pub(super) const ERROR_MESSAGE: Text = Text { max_bytes: 1024 };
pub(super) const MAX_HEADERS: usize = 16;
/// Body and waiting time are this filter's to describe.
pub(super) const ERROR_HEADER: HeaderName = HeaderName {
    but: &[
        FRAMING,
        &["content-encoding", "content-type", "grpc-*", "retry-after*", "x-should-retry"],
    ],
};
pub(super) const HEADER_VALUE: Line = Line { max_bytes: 1024 };

pub(super) const COMPLETION_TEXT: Text = Text { max_bytes: 16 * 1024 };
pub(super) const COMPLETION_JSON: JsonText = JsonText { max_bytes: 16 * 1024 };
pub(super) const COMPLETION_MODEL: Line = Line { max_bytes: 128 };

/// Clients are refused that send it: nothing that they, or Envoy for them, send anyway.
pub(super) const ROUTE_HEADER: HeaderName = HeaderName {
    but: &[
        FRAMING,
        &["host", "content-*", "accept*", "user-agent"],
        &["x-envoy-*", "x-forwarded-*", "x-request-id"],
    ],
};
pub(super) const TARGET: ClusterName = ClusterName { max_bytes: 512 };
pub(super) const TARGET_PATH: RequestPath = RequestPath { max_bytes: 1024 };
pub(super) const TARGET_MODEL: Line = Line { max_bytes: 256 };
/// A route rewrites the host, not this filter.
pub(super) const REQUEST_HEADER: HeaderName = HeaderName { but: &[FRAMING, &["host"]] };
pub(super) const REMOVED_HEADERS: Entries = Entries { min: 0, max: 32, of: "names" };
pub(super) const MAX_REQUEST_BYTES: Whole = Whole { min: 1, max: 1024 * 1024 * 1024 };
pub(super) const MAX_PER_MINUTE: Whole = Whole { min: 1, max: 1_000_000 };

/// The name travels to Envoy inside of a gRPC service's bytes, whose length is one byte.
pub(super) const FLEET_CLUSTER: ClusterName = ClusterName { max_bytes: 125 };
/// Segments of keys, and shown on the status page.
pub(super) const SCOPE: Line = Line { max_bytes: 128 };
pub(super) const DOMAIN: Line = Line { max_bytes: 128 };
pub(super) const KEY_PREFIX: KeyPrefix = KeyPrefix { max_bytes: 256 };
pub(super) const CORROBORATE: Whole = Whole { min: 1, max: 16 };
pub(super) const RECONNECT_MAX: Span = Span { min: TENTH, max: HOUR };

pub(super) const HOLD_MAX: Span = Span { min: TENTH, max: Duration::from_secs(30) };
