//! What is answered, or done, in an upstream's place: plain data, already validated.

use crate::category::Category;
use crate::dialect::Dialect;
use core::time::Duration;

/// One entry of the list of fallbacks. The first that holds and can answer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// For which reasons it is meant; an empty list is for all. Never [`Category::Success`].
    pub when: Vec<Reason>,
    /// For which parts of the cluster's calls, with a key finer than the cluster; none named are
    /// all.
    pub parts: Vec<String>,
    /// What it does.
    pub fallback: Fallback,
}

/// Why a call gets a fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The category of the outcome that opened its breaker, or of this very call.
    Category(Category),
    /// The mode is `forced_open`.
    ForcedOpen,
}

/// What a fallback does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Answers with a typed error.
    Error(ErrorAnswer),
    /// Answers with a made completion.
    Completion(CompletionAnswer),
    /// Sends the call to another cluster.
    Reroute(Box<Reroute>),
    /// Lets the call through.
    Pass,
    /// Lets one call at a time through, to the target whose wait ends first.
    LastResort,
}

/// A kind of fallback, as stats and logs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackKind {
    /// A typed error.
    Error,
    /// A made completion.
    Completion,
    /// Another cluster.
    Reroute,
    /// Through all the same.
    Pass,
    /// Through under a lease.
    LastResort,
}

impl FallbackKind {
    /// The name in stats, logs and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Completion => "completion",
            Self::Reroute => "reroute",
            Self::Pass => "pass",
            Self::LastResort => "last_resort",
        }
    }
}

impl Fallback {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FallbackKind {
        match self {
            Self::Error(_) => FallbackKind::Error,
            Self::Completion(_) => FallbackKind::Completion,
            Self::Reroute(_) => FallbackKind::Reroute,
            Self::Pass => FallbackKind::Pass,
            Self::LastResort => FallbackKind::LastResort,
        }
    }
}

/// What of a typed error is not left to the dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The status, 400 to 599; `None` for what the dialect's SDKs type best.
    pub status: Option<u16>,
    /// The message, 1 to 1024 bytes; `None` for the built-in one.
    pub message: Option<String>,
    /// Further headers, at most 16, names in lower case, none of those that every answer has;
    /// values of 1 to 1024 bytes without control characters.
    pub headers: Vec<(String, String)>,
}

/// A made completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletionAnswer {
    /// What the model is made to say, 1 to 16,384 bytes.
    pub text: String,
    /// What is said instead to a request that asks for JSON: a document of 1 to 16,384 bytes.
    pub json: Option<String>,
    /// Which model says so, 1 to 128 bytes, else [`COMPLETION_MODEL`]: a mark that tells a machine
    /// that none did.
    pub model: String,
}

/// Another way for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reroute {
    /// The request header by which a route is chosen, in lower case; neither set nor removed below.
    pub header: String,
    /// Its value, 1 to 1024 bytes.
    pub value: String,
    /// The cluster that this route leads to, whose breaker is asked first, 1 to 512 bytes; no other
    /// entry of the list leads there.
    pub cluster: String,
    /// What the target speaks; `None` for whatever it is asked in.
    pub provider: Option<Dialect>,
    /// Whether something on the way translates requests of other dialects; never with a `model`.
    pub translates: bool,
    /// The path to ask it for, in place of the request's, 1 to 1024 bytes from its `/` on.
    pub path: Option<String>,
    /// The model to ask it for, in place of the request's, 1 to 256 bytes; only a request in the
    /// target's own dialect can get another.
    pub model: Option<String>,
    /// Request headers to set after those below are removed, at most 16, names in lower case; often
    /// the target's own credential.
    pub set_headers: Vec<(String, String)>,
    /// Request headers to remove, at most 32, in lower case; [`CREDENTIALS`] unless told otherwise.
    pub remove_headers: Vec<String>,
    /// The longest request body it takes, 1 byte to 1 GiB; one of unknown length is too long.
    pub max_request_bytes: Option<u64>,
    /// How many calls in a minute are sent to it, by all workers of the process, 1 to 1,000,000.
    pub max_per_minute: Option<u32>,
}

/// The credentials of providers: those of one must not reach another.
pub const CREDENTIALS: [&str; 5] =
    ["authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token"];

/// The model that a completion names, if nothing else is said.
pub const COMPLETION_MODEL: &str = "llm-breaker-fallback";

/// For how long an answer is held at most, if nothing else is said.
pub const HOLD_MAX: Duration = Duration::from_secs(2);
