//! What do the heads and trailers of this call say? Each map is read once, in its own callback.

use crate::call::{
    ClientTimeouts, Coding, Ending, Flags, GrpcStatus, MediaType, Protocol, ResponseHead, Source,
    announced, error_type,
};
use crate::dialect::{self, Dialect, announced_by_limits};
use crate::fallback::MARK;
use crate::matcher::{self, AtHead, Matcher};
use crate::outcome::Category;
use crate::pairs;
use crate::plugin::host::{self, Map};

/// Envoy's code details of an answer that the upstream gave.
const VIA_UPSTREAM: &[u8] = b"via_upstream";

/// Where a gRPC answer says how it went.
const GRPC_STATUS: &str = "grpc-status";

/// The cluster that the router chose.
pub(super) fn routed_cluster() -> Option<String> {
    let name = host::property(&["xds", "cluster_name"])?;
    String::from_utf8(name).ok().filter(|name| !name.is_empty())
}

/// What a request's head says about how long to wait for its answer, and how to read it.
pub(super) fn request_head() -> (ClientTimeouts, Protocol) {
    let headers = host::headers(Map::RequestHeaders);
    let mut timeouts = ClientTimeouts::default();
    let mut request = dialect::Request::default();
    for (name, value) in pairs::decode(&headers) {
        timeouts.note(name, value);
        request.anthropic_version |= name == b"anthropic-version";
        request.goog |= name == b"x-goog-api-key" || name == b"x-goog-api-client";
        let Ok(value) = core::str::from_utf8(value) else { continue };
        match name {
            b":method" => request.method = value,
            b":path" => request.path = value,
            b"content-type" => request.content_type = Some(value),
            b"accept" => request.accept = Some(value),
            _ => {}
        }
    }
    (timeouts, Protocol::of(&Dialect::detect(&request, None), request.method))
}

/// What an answer's head says, also to these matchers.
pub(super) fn response_head(dialect: Dialect, matchers: &[Matcher]) -> ResponseHead {
    let headers = host::headers(Map::ResponseHeaders);
    let value = |wanted: &str| values(&headers, wanted).next();
    let status =
        value(":status").and_then(|status| core::str::from_utf8(status).ok()?.parse().ok());
    let details = host::response_code_details();
    let source = if details != VIA_UPSTREAM {
        Source::Envoy(Ending::new(Flags(host::response_flags()), &details))
    } else if value(MARK).is_some() {
        Source::OtherBreaker
    } else {
        Source::Upstream
    };
    let mut head = ResponseHead::new(status.unwrap_or_default(), source);
    head.media_type = MediaType::of(value("content-type"));
    head.coding = Coding::of(value("content-encoding"));
    head.grpc_status = value(GRPC_STATUS).map(GrpcStatus::of);
    if source == Source::Upstream {
        let readable_json = head.media_type == MediaType::Json && head.coding != Coding::Other;
        let values = |name| values(&headers, name);
        head.matched = matcher::at_head(matchers, head.status, values, readable_json);
    }
    if head.status >= 400 || head.matched != AtHead::NoneHolds {
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
