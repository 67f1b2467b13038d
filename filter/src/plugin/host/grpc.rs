//! gRPC from a root context: streams, unary calls, and what comes of them.
//!
//! The SDK hands callbacks on only for tokens that its own host calls registered, so what opens is
//! opened through these; all else is declared here and total, as in the rest of [`host`](super).
//! What could make the SDK panic cannot happen, by Envoy's `context.cc` (1.36 to 1.40):
//!
//! - It expects success, `ParseFailure` and `InternalFailure`. The only other status is
//!   `BadArgument`, for a service of which no client can be made; of one that names an Envoy cluster
//!   and nothing else one always can, for whether there is such a cluster is not looked at.
//! - It expects no token twice. Envoy counts them up by four, and each ends long before it comes
//!   again.
//! - It borrows its contexts for as long as a callback runs. What ends during a host call is told
//!   when the callback has returned; and what could not even be opened has a token that the SDK does
//!   not know, and ignores.

use super::{OK, body};
use core::time::Duration;
use proxy_wasm::hostcalls;

const GRPC_RECEIVE_BUFFER: u32 = 5;

unsafe extern "C" {
    fn proxy_grpc_send(token: u32, message: *const u8, size: usize, end: u32) -> u32;
    fn proxy_grpc_cancel(token: u32) -> u32;
}

/// A method of a gRPC service in a cluster.
#[derive(Clone, Copy, Debug)]
pub(in crate::plugin) struct Method<'a> {
    pub(in crate::plugin) cluster: &'a str,
    pub(in crate::plugin) service: &'a str,
    pub(in crate::plugin) name: &'a str,
}

/// Open a stream; `None` if that cannot be done now, or the cluster's name is too long.
pub(in crate::plugin) fn open_stream(to: Method<'_>) -> Option<u32> {
    let target = target(to.cluster)?;
    hostcalls::open_grpc_stream(&target, to.service, to.name, Vec::new()).ok()
}

/// Make a call that is answered once, or fails after `timeout`; `None` as for a stream.
pub(in crate::plugin) fn call(to: Method<'_>, message: &[u8], timeout: Duration) -> Option<u32> {
    let (target, message) = (target(to.cluster)?, Some(message));
    let Method { service, name, .. } = to;
    hostcalls::dispatch_grpc_call(&target, service, name, Vec::new(), message, timeout).ok()
}

/// Send a message on a stream; whether the host took it.
pub(in crate::plugin) fn send(stream: u32, message: &[u8]) -> bool {
    // SAFETY: the pointer and size are those of a live buffer, which the host only reads.
    let status = unsafe { proxy_grpc_send(stream, message.as_ptr(), message.len(), 0) };
    status == OK
}

/// End a stream or a call, of which nothing more is told; or, when its end is told, have Envoy forget
/// it: else it keeps a pointer to what is gone, and follows it when the context ends.
pub(in crate::plugin) fn cancel(token: u32) {
    // SAFETY: no pointer is involved.
    unsafe { proxy_grpc_cancel(token) };
}

/// The message that the running callback is about, of this size.
pub(in crate::plugin) fn received(size: usize) -> Option<Vec<u8>> {
    if size == 0 { Some(Vec::new()) } else { body(GRPC_RECEIVE_BUFFER, 0, size) }
}

/// The bytes of Envoy's `GrpcService` for a cluster. A bare name would do, unless it happens to be
/// such bytes itself: for `etcd1`, which names no service at all, Envoy aborts.
fn target(cluster: &str) -> Option<String> {
    const ENVOY_GRPC: char = '\x0a';
    const CLUSTER_NAME: char = '\x0a';
    // Longer ones would take lengths of two bytes, which are no text.
    let length = u8::try_from(cluster.len()).ok().filter(|length| *length <= MAX_CLUSTER_BYTES)?;
    let [outer, inner] = [length.saturating_add(2), length].map(char::from);
    Some(format!("{ENVOY_GRPC}{outer}{CLUSTER_NAME}{inner}{cluster}"))
}

/// The longest name of a cluster that gRPC can be sent to.
const MAX_CLUSTER_BYTES: u8 = 125;
