//! An HTTP client for tests: every call has a connection of its own, so that dropping the call's
//! future hangs up on the server, and so that calls spread over Envoy's workers.
//!
//! ```ignore
//! let client = Client::http1(envoy.address());
//! let answer = client.send(&Call::chat()).await?;        // read to its end
//! let answers = client.burst(50, &Call::chat()).await;    // at the same time
//! let mut stream = client.open(&Call::streamed_chat()).await?;   // headers have come
//! stream.next().await;                                    // one chunk; then hang up:
//! drop(stream);
//! let call = tokio::spawn(async move { client.send(&Call::chat()).await });
//! simulator.wait_for_calls(1).await;
//! call.abort();                                           // hangs up before any byte came
//! ```

mod call;
mod raw;

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

pub use call::{Answer, Call, Ending};
pub use raw::RawConnection;

/// Sends calls to one address.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
    protocol: Protocol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// Why no answer's headers came.
#[derive(Debug)]
pub struct NoAnswer(String);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer: {}", self.0)
    }
}

impl std::error::Error for NoAnswer {}

impl Client {
    /// Speaks HTTP/1.1.
    #[must_use]
    pub const fn http1(address: SocketAddr) -> Self {
        Self { address, protocol: Protocol::Http1 }
    }

    /// Speaks HTTP/2 without TLS.
    #[must_use]
    pub const fn http2(address: SocketAddr) -> Self {
        Self { address, protocol: Protocol::Http2 }
    }

    /// Sends a call and reads its answer to the end; a cut answer is an [`Answer`] too.
    ///
    /// # Errors
    /// When no headers came: the connection was refused, or closed without an answer.
    pub async fn send(&self, call: &Call) -> Result<Answer, NoAnswer> {
        Ok(self.open(call).await?.read_to_end().await)
    }

    /// Sends the same call `count` times at once.
    ///
    /// # Panics
    /// When one of them got no answer.
    pub async fn burst(&self, count: usize, call: &Call) -> Vec<Answer> {
        let mut calls = JoinSet::new();
        for _ in 0..count {
            let (client, call) = (*self, call.clone());
            calls.spawn(async move { client.send(&call).await });
        }
        calls.join_all().await.into_iter().map(|answer| answer.expect("an answer")).collect()
    }

    /// Sends a call and waits for its answer's headers; dropping this future or what it returns
    /// hangs up.
    ///
    /// # Errors
    /// When no headers came.
    pub async fn open(&self, call: &Call) -> Result<OpenAnswer, NoAnswer> {
        let started = Instant::now();
        let request = call
            .request(&self.address.to_string(), self.protocol == Protocol::Http2)
            .map_err(|error| NoAnswer(error.to_string()))?;
        let stream = TcpStream::connect(self.address).await.map_err(|e| NoAnswer(e.to_string()))?;
        stream.set_nodelay(true).map_err(|error| NoAnswer(error.to_string()))?;
        let (response, connection) =
            self.exchange(request, stream).await.map_err(|e| NoAnswer(format!("{e:?}")))?;
        Ok(OpenAnswer { response, until_headers: started.elapsed(), started, connection })
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        stream: TcpStream,
    ) -> hyper::Result<(Response<Incoming>, Connection)> {
        let io = TokioIo::new(stream);
        match self.protocol {
            Protocol::Http1 => {
                let (mut sender, connection) = http1::handshake(io).await?;
                let connection = Connection::drive(connection);
                Ok((sender.send_request(request).await?, connection))
            }
            Protocol::Http2 => {
                let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                let connection = Connection::drive(connection);
                Ok((sender.send_request(request).await?, connection))
            }
        }
    }
}

/// The task that moves the bytes of one connection, and closes it when dropped.
#[derive(Debug)]
struct Connection(JoinHandle<()>);

impl Connection {
    fn drive<E>(connection: impl Future<Output = Result<(), E>> + Send + 'static) -> Self {
        // The request's own future tells how it failed.
        Self(tokio::spawn(async move { drop(connection.await) }))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer whose headers have come and whose body has not been read.
#[derive(Debug)]
pub struct OpenAnswer {
    response: Response<Incoming>,
    until_headers: std::time::Duration,
    started: Instant,
    connection: Connection,
}

impl OpenAnswer {
    /// The status.
    #[must_use]
    pub fn status(&self) -> hyper::StatusCode {
        self.response.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The next piece of the body, as the network cut it; nothing at the end or at a cut.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.response.body_mut().frame().await?.ok()?.into_data() {
                Ok(data) => return Some(data),
                Err(_trailers) => {}
            }
        }
    }

    /// The body's next bytes, at least so many of them unless it ends before.
    pub async fn next_bytes(&mut self, at_least: usize) -> Bytes {
        let mut bytes = BytesMut::new();
        while bytes.len() < at_least {
            match self.next().await {
                Some(piece) => bytes.extend_from_slice(&piece),
                None => break,
            }
        }
        bytes.freeze()
    }

    /// Reads the rest of the body; what [`Self::next`] returned is not part of it.
    pub async fn read_to_end(self) -> Answer {
        let Self { response, until_headers, started, connection } = self;
        let (head, mut incoming) = response.into_parts();
        let (mut body, mut trailers) = (BytesMut::new(), HeaderMap::new());
        let ending = loop {
            match incoming.frame().await {
                None => break Ending::Whole,
                Some(Err(_)) => break Ending::Cut,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => body.extend_from_slice(&data),
                    Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
                },
            }
        };
        drop(connection);
        let (status, headers, body) = (head.status, head.headers, body.freeze());
        let elapsed = started.elapsed();
        Answer { status, headers, body, trailers, ending, until_headers, elapsed }
    }
}
