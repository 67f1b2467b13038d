//! The upstream: it finds the script of each request by the request's number.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::message::{Outgoing, receive, send};
use super::progress::{Exchange, Side};
use super::script::Script;
use super::trace::{Event, Record, fields, map};
use super::{client, script::Message};
use crate::patience::patiently;

/// Names the script to the upstream.
const NUMBER: &str = "x-exchange";

type Exchanges = Arc<Mutex<HashMap<String, Arc<Exchange>>>>;

/// A running upstream; dropping it closes its port.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    exchanges: Exchanges,
    played: AtomicUsize,
    accepting: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Upstream {
    /// Starts one on a free port, for HTTP/1 and HTTP/2.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let exchanges = Exchanges::default();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&exchanges)));
        Ok(Self { address, exchanges, played: AtomicUsize::new(0), accepting })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Plays a script through the proxy at that address, to its end on both sides.
    ///
    /// # Panics
    /// When it hangs.
    pub async fn play(&self, proxy: SocketAddr, script: &Script) -> Record {
        let mut script = script.clone();
        let number = self.played.fetch_add(1, Ordering::Relaxed).to_string();
        script.request.headers.push((NUMBER.to_owned(), number.clone().into_bytes()));
        let exchange = Arc::new(Exchange::new(script));
        locked(&self.exchanges).insert(number.clone(), Arc::clone(&exchange));
        let what = format!("the end of {:?}", exchange.script);
        patiently(&what, client::call(proxy, &exchange)).await;
        locked(&self.exchanges).remove(&number);
        exchange.record()
    }
}

fn locked(exchanges: &Exchanges) -> MutexGuard<'_, HashMap<String, Arc<Exchange>>> {
    exchanges.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, exchanges: Exchanges) {
    loop {
        // An accept fails for want of file descriptors or because the peer is gone already.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let exchanges = Arc::clone(&exchanges);
        let service = service_fn(move |request| answer(Arc::clone(&exchanges), request));
        tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            // How a connection ends is in the records.
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    exchanges: Exchanges,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, io::Error> {
    let (mut head, body) = request.into_parts();
    // The one header that is not the same each time.
    let number = head.headers.remove(NUMBER);
    let number = number.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let found = locked(&exchanges).get(number).cloned();
    let exchange = found.ok_or_else(|| io::Error::other("a request of no script"))?;
    let line = format!("{} {} {:?}", head.method, head.uri, head.version);
    exchange.note(Side::Upstream, Event::Head(line, fields(&head.headers)));
    let receiving = Arc::clone(&exchange);
    tokio::spawn(async move { receive(&receiving, Side::Upstream, body).await });

    exchange.may_send(Side::Upstream, 0).await;
    let said: &Message = &exchange.script.answer;
    let mut response = Response::new(send(&exchange, Side::Upstream));
    *response.status_mut() = exchange.script.status.try_into().map_err(io::Error::other)?;
    *response.headers_mut() = map(&said.all_headers());
    Ok(response)
}
