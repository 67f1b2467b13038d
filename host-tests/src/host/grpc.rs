//! The gRPC streams and calls of one VM, and what Envoy keeps of them.
//!
//! The rules are those of Envoy's `context.cc`. One of them is a trap: of a stream that the other side
//! closed Envoy keeps a pointer, and the stream is gone once the guest's callback returned. So a guest
//! that does not cancel it in that callback fails the test here.

use std::{collections::BTreeMap, time::Duration};

use prost::Message;

use super::status::Status;

/// Envoy's `GrpcService`, as far as a guest of ours says it.
#[derive(Clone, PartialEq, Message)]
struct GrpcService {
    #[prost(message, optional, tag = "1")]
    envoy_grpc: Option<EnvoyGrpc>,
}

#[derive(Clone, PartialEq, Message)]
struct EnvoyGrpc {
    #[prost(string, tag = "1")]
    cluster_name: String,
}

/// Which cluster is meant, by the bytes that a guest gives for it.
///
/// # Panics
/// For a name that is a `GrpcService` which names nothing, such as `etcd1`: Envoy would abort.
pub(crate) fn cluster(target: &[u8], is_known: impl Fn(&str) -> bool) -> Result<String, Status> {
    if let Ok(service) = GrpcService::decode(target) {
        let named = service.envoy_grpc.map(|it| it.cluster_name);
        let said = String::from_utf8_lossy(target);
        return Ok(named.unwrap_or_else(|| panic!("{said:?} would abort Envoy")));
    }
    // A bare name is looked up at once, and what is unknown is told so.
    let name = String::from_utf8_lossy(target).into_owned();
    if is_known(&name) { Ok(name) } else { Err(Status::ParseFailure) }
}

/// A stream or a call that a VM has open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// The root context that is told.
    pub(crate) root: u32,
    pub(crate) cluster: String,
    /// The method's path, `etcdserverpb.Watch/Watch`.
    pub(crate) method: String,
    pub(crate) is: Is,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    Stream {
        /// What the guest sent and nobody took yet.
        sent: Vec<Vec<u8>>,
    },
    Call {
        message: Vec<u8>,
        sent_at_ns: u64,
        timeout: Duration,
    },
}

/// The lowest bits of a token say what it is of.
const CALL: u32 = 1;
const STREAM: u32 = 2;
const KIND_BITS: u32 = 2;
const KIND: u32 = (1 << KIND_BITS) - 1;

/// All of one VM.
#[derive(Debug, Default)]
pub(crate) struct Grpc {
    tokens: u32,
    pub(crate) opened: BTreeMap<u32, Opened>,
    /// The message that the running callback is about.
    pub(crate) received: Option<Vec<u8>>,
    /// What came to nothing while it was opened: told when the guest has returned.
    pub(crate) refused: Vec<(u32, u32)>,
}

impl Grpc {
    pub(crate) fn open(&mut self, opened: Opened) -> u32 {
        let kind = match opened.is {
            Is::Stream { .. } => STREAM,
            Is::Call { .. } => CALL,
        };
        self.tokens += 1;
        let token = self.tokens << KIND_BITS | kind;
        self.opened.insert(token, opened);
        token
    }

    /// There is no such cluster: Envoy has found that out in `sendRaw` or `startRaw`.
    pub(crate) fn refuse(&mut self, opened: Opened) -> Status {
        let root = opened.root;
        let token = self.open(opened);
        self.opened.remove(&token);
        self.refused.push((root, token));
        Status::InternalFailure
    }

    pub(crate) fn send(&mut self, token: u32, message: Vec<u8>) -> Result<(), Status> {
        if token & KIND != STREAM {
            return Err(Status::BadArgument);
        }
        match self.opened.get_mut(&token) {
            Some(Opened { is: Is::Stream { sent }, .. }) => {
                sent.push(message);
                Ok(())
            }
            _ => Err(Status::NotFound),
        }
    }

    pub(crate) fn cancel(&mut self, token: u32) -> Result<(), Status> {
        if !matches!(token & KIND, CALL | STREAM) {
            return Err(Status::BadArgument);
        }
        self.opened.remove(&token).map(drop).ok_or(Status::NotFound)
    }

    /// Those of a context that ends go with it.
    pub(crate) fn forget(&mut self, root: u32) {
        self.opened.retain(|_, opened| opened.root != root);
    }

    /// The calls whose time is over.
    pub(crate) fn overdue(&self, now_ns: u64) -> Vec<u32> {
        let is_overdue = |opened: &Opened| match &opened.is {
            Is::Call { sent_at_ns, timeout, .. } => {
                !timeout.is_zero() && u128::from(now_ns - sent_at_ns) >= timeout.as_nanos()
            }
            Is::Stream { .. } => false,
        };
        self.opened.iter().filter(|(_, it)| is_overdue(it)).map(|(token, _)| *token).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_meant_by_its_name_or_by_a_service_that_names_it() {
        let is_known = |name: &str| name == "etcd";
        assert_eq!(cluster(b"etcd", is_known), Ok("etcd".into()));
        assert_eq!(cluster(b"etc", is_known), Err(Status::ParseFailure));
        assert_eq!(cluster(b"\x0a\x07\x0a\x05etcd1", is_known), Ok("etcd1".into()));
    }

    #[test]
    #[should_panic(expected = "would abort Envoy")]
    fn some_names_are_a_service_that_names_nothing() {
        let _ = cluster(b"etcd1", |_| true);
    }
}
