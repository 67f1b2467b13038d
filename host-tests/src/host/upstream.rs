//! What Envoy makes of an upstream, a route or a client that misbehaves: flags, details, answers.

use super::message::{ClusterState, EarlierReply};

/// Bits of `response.flags`.
#[allow(missing_docs)]
pub mod flags {
    pub const NO_HEALTHY_UPSTREAM: u64 = 0x2;
    pub const UPSTREAM_REQUEST_TIMEOUT: u64 = 0x4;
    pub const UPSTREAM_CONNECTION_FAILURE: u64 = 0x20;
    pub const UPSTREAM_CONNECTION_TERMINATION: u64 = 0x40;
    pub const UPSTREAM_OVERFLOW: u64 = 0x80;
    pub const NO_ROUTE: u64 = 0x100;
    pub const FAULT_INJECTED: u64 = 0x400;
    pub const DOWNSTREAM_DISCONNECTED: u64 = 0x4000;
    pub const UPSTREAM_RETRY_LIMIT_EXCEEDED: u64 = 0x8000;
    pub const STREAM_IDLE_TIMEOUT: u64 = 0x10000;
    pub const DOWNSTREAM_PROTOCOL_ERROR: u64 = 0x40000;
    pub const UPSTREAM_MAX_STREAM_DURATION_REACHED: u64 = 0x8_0000;
    pub const UPSTREAM_PROTOCOL_ERROR: u64 = 0x80_0000;
    pub const NO_CLUSTER: u64 = 0x100_0000;
}

/// What the upstream does instead of answering, or in the middle of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Refuses the connection.
    RefusesConnection,
    /// Closes the connection before the answer's headers, or in the middle of its body.
    Closes,
    /// Takes longer than the route's time-out (or the one that the client set itself by header),
    /// before or after the answer's headers.
    TimesOut,
    /// Takes longer than the route's time-out per attempt, before the answer's headers.
    AttemptTimesOut,
    /// Says nothing for longer than the stream idle time-out. Envoy blames the client, with 408,
    /// while its upload is unfinished.
    FallsSilent,
    /// Takes longer than the route's `max_stream_duration`.
    OutlastsRoute,
    /// Takes longer than the cluster's `max_stream_duration`.
    OutlastsCluster,
}

impl Upstream {
    /// Whether `retry_on: 5xx` tries this again.
    pub(crate) fn is_retried(self) -> bool {
        matches!(self, Self::RefusesConnection | Self::Closes | Self::AttemptTimesOut)
    }
}

/// How far the stream was when it ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) answer_started: bool,
    pub(crate) upload_ended: bool,
    pub(crate) is_upgrade: bool,
    pub(crate) was_retried: bool,
}

/// How Envoy ends a stream by itself.
pub(crate) struct Ending {
    pub(crate) flags: u64,
    pub(crate) details: &'static str,
    /// The local reply, where nothing was sent yet.
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) transport_failure: Option<&'static str>,
}

impl Ending {
    pub(crate) fn new(flags: u64, status: u16, details: &'static str, body: &str) -> Self {
        Self { flags, details, status, body: body.into(), transport_failure: None }
    }

    pub(crate) fn without_reply(flags: u64, details: &'static str) -> Self {
        Self::new(flags, 0, details, "")
    }

    /// A reset before the client had anything of an answer.
    fn unanswered(flags: u64, details: &'static str, reason: &str, was_retried: bool) -> Self {
        let which =
            if was_retried { "retried and the latest reset reason" } else { "reset reason" };
        let body = "upstream connect error or disconnect/reset before headers.";
        Self::new(flags, 503, details, &format!("{body} {which}: {reason}"))
    }
}

/// The upstream misbehaves.
pub(crate) fn upstream_ending(upstream: Upstream, progress: Progress) -> Ending {
    let was_retried = progress.was_retried;
    match upstream {
        Upstream::RefusesConnection => {
            assert!(!progress.answer_started, "this connection was accepted");
            let details = "upstream_reset_before_response_started\
                {remote_connection_failure|delayed_connect_error:_Connection_refused}";
            let (flags, reason) = (flags::UPSTREAM_CONNECTION_FAILURE, "remote connection failure");
            let mut ending = Ending::unanswered(flags, details, reason, was_retried);
            ending.transport_failure = Some("delayed connect error: Connection refused");
            ending
        }
        Upstream::Closes if progress.is_upgrade && progress.answer_started => {
            let details = "upstream_reset_after_response_started{connection_termination}";
            Ending::without_reply(flags::UPSTREAM_CONNECTION_TERMINATION, details)
        }
        Upstream::Closes if progress.answer_started => {
            let details = "upstream_reset_after_response_started{protocol_error}";
            let flags = flags::UPSTREAM_PROTOCOL_ERROR;
            let ending = Ending::unanswered(flags, details, "protocol error", was_retried);
            Ending { status: 502, ..ending }
        }
        Upstream::Closes => {
            let details = "upstream_reset_before_response_started{connection_termination}";
            let flags = flags::UPSTREAM_CONNECTION_TERMINATION;
            Ending::unanswered(flags, details, "connection termination", was_retried)
        }
        Upstream::TimesOut
        | Upstream::AttemptTimesOut
        | Upstream::FallsSilent
        | Upstream::OutlastsRoute
        | Upstream::OutlastsCluster => too_late(upstream, progress),
    }
}

/// A time-out of Envoy strikes.
fn too_late(upstream: Upstream, progress: Progress) -> Ending {
    let (flags, details, body) = match upstream {
        Upstream::AttemptTimesOut => (
            flags::UPSTREAM_REQUEST_TIMEOUT,
            "upstream_per_try_timeout",
            "upstream request timeout",
        ),
        Upstream::FallsSilent => {
            (flags::STREAM_IDLE_TIMEOUT, "stream_idle_timeout", "stream timeout")
        }
        Upstream::OutlastsRoute => (0, "max_duration_timeout", "downstream duration timeout"),
        Upstream::OutlastsCluster => (
            flags::UPSTREAM_MAX_STREAM_DURATION_REACHED,
            "upstream_max_stream_duration_reached",
            "upstream max stream duration reached",
        ),
        _ => (flags::UPSTREAM_REQUEST_TIMEOUT, "response_timeout", "upstream request timeout"),
    };
    // While the upload is unfinished, its silence is the client's.
    let blames_client = upstream == Upstream::FallsSilent && !progress.upload_ended;
    Ending::new(flags, if blames_client { 408 } else { 504 }, details, body)
}

/// The router finds no use for the request.
pub(crate) fn cluster_ending(state: ClusterState) -> Option<Ending> {
    Some(match state {
        ClusterState::Usable => return None,
        ClusterState::Unknown => Ending::new(flags::NO_CLUSTER, 503, "cluster_not_found", ""),
        ClusterState::NoHealthyHost => {
            let body = "no healthy upstream";
            Ending::new(flags::NO_HEALTHY_UPSTREAM, 503, "no_healthy_upstream", body)
        }
        ClusterState::Overflowing => {
            let details = "upstream_reset_before_response_started{overflow}";
            Ending::unanswered(flags::UPSTREAM_OVERFLOW, details, "overflow", false)
        }
    })
}

pub(crate) fn no_route() -> Ending {
    Ending::new(flags::NO_ROUTE, 404, "route_not_found", "")
}

/// The codec refuses what the client sent.
pub(crate) fn malformed_request() -> Ending {
    Ending::new(flags::DOWNSTREAM_PROTOCOL_ERROR, 400, "http1.codec_error", "Bad Request")
}

/// The client took longer for its upload than the listener's `request_timeout`.
pub(crate) fn slow_upload() -> Ending {
    Ending::new(0, 408, "request_overall_timeout", "request timeout")
}

/// The body is larger than what Envoy keeps of it for a filter that holds it.
pub(crate) fn request_too_large() -> Ending {
    Ending::new(0, 413, "request_payload_too_large", "Payload Too Large")
}

/// The same of an answer's body.
pub(crate) fn response_too_large() -> Ending {
    Ending::new(0, 500, "response_payload_too_large", "Internal Server Error")
}

/// Another filter of the chain replies.
impl From<EarlierReply> for Ending {
    fn from(reply: EarlierReply) -> Self {
        Self::new(reply.flags, reply.status, reply.details, reply.body)
    }
}
