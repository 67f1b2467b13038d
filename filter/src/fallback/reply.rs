//! An answer of the filter's own, as the host is given it.

use crate::category::Category;
use crate::fallback::fault::{Fault, Kind, whole_seconds};
use core::time::Duration;
use std::borrow::Cow;

/// The header that marks every answer of this filter, and by which the next breaker on the way
/// knows that no upstream gave it.
pub const MARK: &str = "x-llm-breaker";

/// With `debug_headers`: the cluster that served a call that was sent another way.
pub const SERVED_BY: &str = "x-llm-breaker-served-by";

/// Headers that say how the body is framed and what it is, or that are a reply's own.
const RESERVED: [&str; 9] = [
    MARK,
    "content-encoding",
    "content-length",
    "content-type",
    "retry-after",
    "retry-after-ms",
    "transfer-encoding",
    "x-amzn-errortype",
    "x-should-retry",
];

/// As many as most replies have.
const HEADERS: usize = 8;

/// Whether a configured header of this name, in lower case, is not sent.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(':') || RESERVED.contains(&name)
}

/// An answer of the filter's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status; Envoy makes it 200 for gRPC.
    pub status: u32,
    /// The headers.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The body; for gRPC, of whose answers Envoy makes trailers alone, the message.
    pub body: Vec<u8>,
    /// The gRPC status, of an answer to a gRPC call.
    pub grpc_status: Option<u32>,
}

/// A body and what it is.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) media_type: &'static str,
    pub(super) bytes: Vec<u8>,
}

impl Content {
    pub(super) fn json(text: String) -> Self {
        Self { media_type: "application/json", bytes: text.into_bytes() }
    }

    pub(super) fn events(text: String) -> Self {
        Self { media_type: "text/event-stream", bytes: text.into_bytes() }
    }
}

/// Why the filter answered, as [`MARK`] says it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Marked {
    Open,
    Fallback,
}

impl Reply {
    pub(super) fn new(status: u16, marked: Marked, content: Content) -> Self {
        let Content { media_type, bytes } = content;
        let mut reply = Self::marked(status, marked, bytes);
        reply.add("content-type", media_type);
        reply
    }

    /// An answer to a gRPC call; the type of its content is Envoy's to say.
    pub(super) fn grpc(fault: &Fault<'_>, marked: Marked) -> Self {
        let mut reply = Self::marked(fault.status, marked, fault.message.into());
        reply.grpc_status = Some(fault.kind.grpc_status());
        reply.say_when_to_retry(fault.kind);
        reply
    }

    fn marked(status: u16, marked: Marked, body: Vec<u8>) -> Self {
        let mark = match marked {
            Marked::Open => "open",
            Marked::Fallback => "fallback",
        };
        let mut headers = Vec::with_capacity(HEADERS);
        headers.push((Cow::Borrowed(MARK), Cow::Borrowed(mark)));
        Self { status: u32::from(status), headers, body, grpc_status: None }
    }

    /// Says whose breaker refused, and which category opened it: for debugging alone.
    pub fn explain(&mut self, cluster: &str, because: Option<Category>) {
        self.add("x-llm-breaker-cluster", cluster.to_owned());
        if let Some(category) = because {
            self.add("x-llm-breaker-reason", category.name());
        }
    }

    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.headers.push((Cow::Borrowed(name), value.into()));
    }

    /// Adds an operator's headers, but none that is a reply's own.
    pub(super) fn add_configured(&mut self, headers: &[(String, String)]) {
        let free = headers.iter().filter(|(name, _)| !is_reserved(name));
        self.headers.extend(
            free.map(|(name, value)| (Cow::Owned(name.clone()), Cow::Owned(value.clone()))),
        );
    }

    /// Says when to come back. The SDKs of OpenAI and Anthropic obey `x-should-retry`, and would
    /// else try every 5xx twice more; openai 3.54.0, `_base_client.py`, `_should_retry`.
    pub(super) fn say_when_to_retry(&mut self, kind: Kind) {
        self.add("x-should-retry", "false");
        if let Some(wait) = kind.retry_after() {
            self.add("retry-after", whole_seconds(wait).to_string());
            self.add("retry-after-ms", whole_milliseconds(wait).to_string());
        }
    }
}

/// Whole milliseconds, at least one, and never fewer than really left.
fn whole_milliseconds(wait: Duration) -> u64 {
    let started = u64::from(!wait.subsec_nanos().is_multiple_of(1_000_000));
    let whole = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    whole.saturating_add(started).max(1)
}
