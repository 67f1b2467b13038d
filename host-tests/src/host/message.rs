//! What clients send and what upstreams answer.

use super::pairs::Pairs;

/// A request as a client sends it, and where Envoy's route table takes it.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) headers: Pairs,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) trailers: Pairs,
    pub(crate) ended: bool,
    pub(crate) route: Route,
    pub(crate) other_filter: Option<EarlierReply>,
    pub(crate) retries: u32,
    pub(crate) properties: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// What the router does with a request before any upstream connection is tried.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    Cluster { name: String, state: ClusterState },
    NotFound,
    DirectResponse { status: u16, body: String },
}

/// A reply that another filter of the chain gives, so that no upstream sees the request.
#[derive(Clone, Debug)]
pub struct EarlierReply {
    /// The status.
    pub status: u16,
    /// What that filter puts into `response.flags`; see [`flags`](super::flags).
    pub flags: u64,
    /// What it puts into `response.code_details`.
    pub details: &'static str,
    /// The body.
    pub body: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClusterState {
    Usable,
    Unknown,
    NoHealthyHost,
    Overflowing,
}

impl Request {
    /// A request without a body; see [`body`](Self::body).
    pub fn new(method: &str, path: &str) -> Self {
        let headers =
            [(":authority", "llm.test"), (":path", path), (":method", method), (":scheme", "http")];
        Self {
            headers: headers.map(|(name, value)| (name.into(), value.into())).into(),
            chunks: Vec::new(),
            trailers: Vec::new(),
            ended: true,
            route: Route::NotFound,
            other_filter: None,
            retries: 0,
            properties: Vec::new(),
        }
    }

    /// A GET, which has no body.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST with a body of two bytes.
    pub fn post(path: &str) -> Self {
        Self::new("POST", path).body("{}")
    }

    /// Adds a header; the name is made lower case, as Envoy does.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_ascii_lowercase().into_bytes(), value.as_ref().into()));
        self
    }

    /// Asks for this path instead, which may be any bytes.
    pub fn path(mut self, path: impl AsRef<[u8]>) -> Self {
        let own = self.headers.iter_mut().filter(|(name, _)| name == b":path");
        own.for_each(|(_, value)| *value = path.as_ref().into());
        self
    }

    /// The whole body, in one piece.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.chunks = vec![body.as_ref().into()];
        self
    }

    /// Adds a trailer, with which the body then ends.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_ascii_lowercase().into_bytes(), value.into()));
        self
    }

    /// Nothing of the body yet: it comes with [`Call::upload`](super::Call::upload).
    pub fn without_upload(mut self) -> Self {
        self.chunks.clear();
        self.unfinished()
    }

    /// The body stops short: its end comes with [`Call::finish_upload`](super::Call::finish_upload)
    /// or never.
    pub fn unfinished(mut self) -> Self {
        self.ended = false;
        self
    }

    /// Asks for a web socket, so that the request has no end before the socket's.
    pub fn upgrade(self) -> Self {
        let mut socket = self.header("connection", "upgrade").header("upgrade", "websocket");
        socket.chunks = vec![Vec::new()];
        socket.unfinished()
    }

    /// Routed to this cluster, whose host is up.
    pub fn cluster(self, name: &str) -> Self {
        self.routed(name, ClusterState::Usable)
    }

    /// Routed to a cluster that Envoy does not know.
    pub fn unknown_cluster(self, name: &str) -> Self {
        self.routed(name, ClusterState::Unknown)
    }

    /// Routed to a cluster without a healthy host.
    pub fn no_healthy_host_in(self, name: &str) -> Self {
        self.routed(name, ClusterState::NoHealthyHost)
    }

    /// Routed to a cluster whose own circuit breaker (`max_requests`) is full.
    pub fn overflowing_cluster(self, name: &str) -> Self {
        self.routed(name, ClusterState::Overflowing)
    }

    /// No route matches. This is also what a request starts with.
    pub fn no_route(mut self) -> Self {
        self.route = Route::NotFound;
        self
    }

    /// The route answers by itself, without a cluster.
    pub fn direct_response(mut self, status: u16, body: &str) -> Self {
        self.route = Route::DirectResponse { status, body: body.into() };
        self
    }

    /// A filter behind ours replies in the upstream's stead.
    pub fn another_filter_replies(mut self, reply: EarlierReply) -> Self {
        self.other_filter = Some(reply);
        self
    }

    /// The route retries this often; the upstream's behaviour then is that of the last attempt.
    pub fn retried(mut self, times: u32) -> Self {
        self.retries = times;
        self
    }

    /// Makes the stream's property at `path` answer these bytes, whatever the host models.
    pub fn property(mut self, path: &[&str], value: impl AsRef<[u8]>) -> Self {
        self.properties.push((path.join("\0").into(), Some(value.as_ref().into())));
        self
    }

    /// Makes the stream's property at `path` absent, whatever the host models.
    pub fn without_property(mut self, path: &[&str]) -> Self {
        self.properties.push((path.join("\0").into(), None));
        self
    }

    pub(crate) fn is_upgrade(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == b"upgrade")
    }

    pub(crate) fn has_body(&self) -> bool {
        !self.chunks.is_empty() || !self.trailers.is_empty() || !self.ended
    }

    fn routed(mut self, name: &str, state: ClusterState) -> Self {
        self.route = Route::Cluster { name: name.into(), state };
        self
    }
}

/// An upstream's answer; without a body it ends with its headers.
///
/// Over HTTP/1 the end of a body arrives by itself, as an empty piece, and so it does here; see
/// [`Call::last_chunk`](super::Call::last_chunk) for HTTP/2.
#[derive(Clone, Debug)]
pub struct Response {
    pub(crate) headers: Pairs,
    pub(crate) has_body: bool,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) trailers: Pairs,
}

impl Response {
    /// An answer with this status and neither headers nor body.
    pub fn status(status: u16) -> Self {
        Self {
            headers: vec![(b":status".to_vec(), status.to_string().into())],
            has_body: false,
            chunks: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// An answer without even a status, which no codec lets through but another filter can make.
    pub fn without_status() -> Self {
        Self { headers: Vec::new(), ..Self::status(0) }
    }

    /// Adds a header; the name is made lower case, as Envoy does.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_ascii_lowercase().into_bytes(), value.as_ref().into()));
        self
    }

    /// A body under a content-length, in one piece.
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut whole = self.header("content-length", body.len().to_string());
        whole.has_body = !body.is_empty();
        whole.chunks = vec![body.into()];
        whole
    }

    /// A chunked body; without chunks, its pieces come by
    /// [`Call::body_chunk`](super::Call::body_chunk).
    pub fn chunked<C: AsRef<[u8]>>(self, chunks: impl IntoIterator<Item = C>) -> Self {
        let mut chunked = self.header("transfer-encoding", "chunked");
        chunked.has_body = true;
        chunked.chunks = chunks.into_iter().map(|chunk| chunk.as_ref().into()).collect();
        chunked
    }

    /// A stream of server-sent events that is just beginning.
    pub fn event_stream() -> Self {
        Self::status(200).header("content-type", "text/event-stream").chunked([""; 0])
    }

    /// Adds a trailer, with which the body then ends.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_ascii_lowercase().into_bytes(), value.into()));
        self.has_body = true;
        self
    }
}
