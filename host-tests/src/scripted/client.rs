//! The client: each script on a connection of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::message::{Outgoing, receive, send};
use super::progress::{Exchange, Side};
use super::script::Protocol;
use super::trace::{Event, fields, map};

/// What every client calls the proxy: its address is not the same through each.
const AUTHORITY: &str = "llm.example.com";

/// Ends a connection's task.
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends the request and notes the answer to its end.
pub(super) async fn call(proxy: SocketAddr, exchange: &Arc<Exchange>) {
    let Some((response, connection)) = answered(proxy, exchange).await else {
        exchange.note(Side::Client, Event::Broken);
        return;
    };
    let (head, body) = response.into_parts();
    let line = format!("{} {:?}", head.status, head.version);
    exchange.note(Side::Client, Event::Head(line, fields(&head.headers)));
    receive(exchange, Side::Client, body).await;
    drop(connection);
}

async fn answered(
    proxy: SocketAddr,
    exchange: &Arc<Exchange>,
) -> Option<(Response<Incoming>, Connection)> {
    let request = request(exchange)?;
    let stream = TcpStream::connect(proxy).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let io = TokioIo::new(stream);
    match exchange.script.client {
        Protocol::Http1 => {
            let (mut sender, connection) = http1::handshake(io).await.ok()?;
            let connection = drive(connection);
            Some((sender.send_request(request).await.ok()?, connection))
        }
        Protocol::Http2 => {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.ok()?;
            let connection = drive(connection);
            Some((sender.send_request(request).await.ok()?, connection))
        }
    }
}

fn drive<E>(connection: impl Future<Output = Result<(), E>> + Send + 'static) -> Connection {
    // The request's own future tells how it failed.
    Connection(tokio::spawn(async move { drop(connection.await) }).abort_handle())
}

fn request(exchange: &Arc<Exchange>) -> Option<Request<Outgoing>> {
    let script = &exchange.script;
    let uri = match script.client {
        Protocol::Http1 => script.path.clone(),
        Protocol::Http2 => format!("http://{AUTHORITY}{}", script.path),
    };
    let mut request = Request::new(send(exchange, Side::Client));
    *request.method_mut() = script.method.parse().ok()?;
    *request.uri_mut() = uri.parse().ok()?;
    *request.headers_mut() = map(&script.request.all_headers());
    if script.client == Protocol::Http1 {
        request.headers_mut().insert("host", AUTHORITY.parse().ok()?);
    }
    Some(request)
}
