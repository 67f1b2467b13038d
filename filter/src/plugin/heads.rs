//! What do the heads and trailers of this call say? Each map is read once, in its own callback.

use crate::call::{
    ClientTimeouts, Coding, Ending, Flags, GrpcStatus, MediaType, Protocol, ResponseHead, Source,
    announced, error_type,
};
use crate::dialect::{self, Detected, Dialect, Lately, MODEL_LIMIT, announced_by_limits};
use crate::fallback::MARK;
use crate::key::{part_of_model, part_of_value};
use crate::matcher::{self, AtHead, Matcher};
use crate::outcome::Category;
use crate::pairs;
use crate::plugin::host::{self, Map};
use crate::policy::{KeyBy, Policy};
use std::cell::RefCell;

/// Envoy's code details of an answer that the upstream gave.
const VIA_UPSTREAM: &[u8] = b"via_upstream";

/// Where a gRPC answer says how it went.
const GRPC_STATUS: &str = "grpc-status";

thread_local! {
    /// The VM's: what a head is does not depend on the configuration.
    static LATELY: RefCell<Lately> = const { RefCell::new(Lately::new()) };
}

/// The cluster that the router chose.
pub(super) fn routed_cluster() -> Option<String> {
    let name = host::property("xds\0cluster_name")?;
    String::from_utf8(name).ok().filter(|name| !name.is_empty())
}

/// Whether a host was chosen before the filter saw the request's headers: so it is, and only so, where
/// the filter is one of a cluster's own.
pub(super) fn is_beneath_router() -> bool {
    host::property("upstream\0address").is_some()
}

/// What a request's head says.
pub(super) struct RequestHead {
    /// How long the client itself waits for its answer.
    pub(super) timeouts: ClientTimeouts,
    /// How to read the answer.
    pub(super) protocol: Protocol,
    /// Which part of the cluster's calls it is of.
    pub(super) part: Part,
    /// The size of its body in bytes, where it says so.
    pub(super) content_length: Option<u64>,
    /// The model that its path names.
    pub(super) model: Option<String>,
}

/// Which part of a cluster's calls a request is of.
#[derive(PartialEq, Eq)]
pub(super) enum Part {
    /// They are not told apart.
    Whole,
    /// That of the model, which its path or a header names, if any does.
    OfModel(Option<String>),
    /// That of the model, which only its body names.
    InBody,
    /// That of a header's value.
    OfValue(Option<Vec<u8>>),
}

impl Part {
    /// Its name, where there are parts.
    pub(super) fn name<'p>(&self, policy: &'p Policy, in_body: Option<&str>) -> Option<&'p str> {
        match (self, &policy.key_by) {
            (Self::OfModel(model), _) => Some(part_of_model(&policy.models, model.as_deref())),
            (Self::InBody, _) => Some(part_of_model(&policy.models, in_body)),
            (Self::OfValue(value), KeyBy::Header { values, .. }) => {
                Some(part_of_value(values, value.as_deref()))
            }
            (Self::OfValue(_) | Self::Whole, _) => None,
        }
    }

    fn of(policy: &Policy, detected: &Detected, named: Option<&[u8]>) -> Self {
        match policy.key_by {
            KeyBy::Cluster => Self::Whole,
            KeyBy::Header { .. } => Self::OfValue(named.map(<[u8]>::to_vec)),
            KeyBy::Model => {
                // A client can send a header of any length, and every glob would be tried on it.
                let named = named.filter(|it| it.len() <= MODEL_LIMIT);
                let in_header = || named.and_then(|it| String::from_utf8(it.to_vec()).ok());
                match detected.model.clone().or_else(in_header) {
                    None if detected.api.generates() => Self::InBody,
                    model => Self::OfModel(model),
                }
            }
        }
    }
}

pub(super) fn request_head(policy: &Policy) -> RequestHead {
    let headers = host::headers(Map::RequestHeaders);
    let naming = match &policy.key_by {
        KeyBy::Cluster => None,
        KeyBy::Model => policy.model_header.as_deref(),
        KeyBy::Header { name, .. } => Some(name.as_str()),
    };
    let mut named = None;
    let mut content_length = None;
    let mut timeouts = ClientTimeouts::default();
    let mut request = dialect::Request::default();
    for (name, value) in pairs::decode(&headers) {
        if naming.map(str::as_bytes) == Some(name) {
            named.get_or_insert(value);
        }
        let text = || core::str::from_utf8(value).ok();
        match name {
            b":method" => request.method = text().unwrap_or(request.method),
            b":path" => request.path = text().unwrap_or(request.path),
            b"content-type" => request.content_type = text().or(request.content_type),
            b"accept" => request.accept = text().or(request.accept),
            b"content-length" => {
                content_length = text().map_or(content_length, |it| it.parse().ok());
            }
            b"anthropic-version" => request.anthropic_version = true,
            b"x-goog-api-key" | b"x-goog-api-client" => request.goog = true,
            _ => timeouts.note(name, value),
        }
    }
    let detected = LATELY.with_borrow_mut(|lately| lately.detect(&request, policy.provider));
    let protocol = Protocol::of(&detected, request.method);
    let part = Part::of(policy, &detected, named);
    RequestHead { timeouts, protocol, part, content_length, model: detected.model }
}

/// The few headers that every answer is asked for, the first of each name.
#[derive(Default)]
struct Told<'h> {
    status: Option<&'h [u8]>,
    content_type: Option<&'h [u8]>,
    content_encoding: Option<&'h [u8]>,
    grpc_status: Option<&'h [u8]>,
    mark: Option<&'h [u8]>,
}

impl<'h> Told<'h> {
    fn by(headers: &'h [u8]) -> Self {
        let mut told = Self::default();
        for (name, value) in pairs::decode(headers) {
            let slot = match name {
                b":status" => &mut told.status,
                b"content-type" => &mut told.content_type,
                b"content-encoding" => &mut told.content_encoding,
                b"grpc-status" => &mut told.grpc_status,
                _ if name == MARK.as_bytes() => &mut told.mark,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        told
    }
}

/// What an answer's head says, also to these matchers.
pub(super) fn response_head(dialect: Dialect, matchers: &[Matcher]) -> ResponseHead {
    let headers = host::headers(Map::ResponseHeaders);
    let told = Told::by(&headers);
    let status = told.status.and_then(|status| core::str::from_utf8(status).ok()?.parse().ok());
    let details = host::response_code_details();
    let source = if details != VIA_UPSTREAM {
        Source::Envoy(Ending::new(Flags(host::response_flags()), &details))
    } else if told.mark.is_some() {
        Source::OtherBreaker
    } else {
        Source::Upstream
    };
    let mut head = ResponseHead::new(status.unwrap_or_default(), source);
    head.media_type = MediaType::of(told.content_type);
    head.coding = Coding::of(told.content_encoding);
    head.grpc_status = told.grpc_status.map(GrpcStatus::of);
    if source == Source::Upstream && !matchers.is_empty() {
        let readable_json = head.media_type == MediaType::Json && head.coding != Coding::Other;
        let values = |name| values(&headers, name);
        head.matched = matcher::at_head(matchers, head.status, values, readable_json);
    }
    if head.status >= 400 || head.matched != AtHead::NoneHolds {
        let value = |wanted: &str| values(&headers, wanted).next();
        head.announced = announced(value("retry-after-ms"), value("retry-after"), host::wall_clock);
        let limited = Category::RateLimited;
        head.limits_reset = announced_by_limits(dialect, limited, value, host::wall_clock);
        head.error_type = value("x-amzn-errortype").and_then(error_type);
    }
    head
}

/// The status in a gRPC answer's trailers.
pub(super) fn trailing_grpc_status() -> Option<GrpcStatus> {
    let trailers = host::headers(Map::ResponseTrailers);
    values(&trailers, GRPC_STATUS).next().map(GrpcStatus::of)
}

/// All values of a header.
fn values<'h>(headers: &'h [u8], wanted: &str) -> impl Iterator<Item = &'h [u8]> {
    let values = pairs::decode(headers).filter(move |(name, _)| *name == wanted.as_bytes());
    values.map(|(_, value)| value)
}
