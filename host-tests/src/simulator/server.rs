//! The simulator's port: reserved for as long as it lives, open or refusing, and its connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::State;
use super::answer::answer;

/// A port that refuses connections unless it is open.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    /// Bound but never listening: while nobody else listens, the kernel refuses for it.
    _reservation: TcpSocket,
    accepting: Option<JoinHandle<Infallible>>,
}

/// Connections that Envoy may want at once before the accepting task has run.
const BACKLOG: u32 = 1024;

impl Port {
    pub(super) fn reserve(address: SocketAddr) -> io::Result<Self> {
        // Our own sockets share the port; anybody else's, another simulator's too, has to show.
        drop(std::net::TcpListener::bind(address)?);
        let reservation = TcpSocket::new_v4()?;
        reservation.set_reuseport(true)?;
        reservation.bind(address)?;
        let address = reservation.local_addr()?;
        Ok(Self { address, _reservation: reservation, accepting: None })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn open(&mut self, state: &Arc<State>) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseport(true)?;
        // Connections of a former run that linger must not keep the next one from starting.
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        let listener = socket.listen(BACKLOG)?;
        self.accepting = Some(tokio::spawn(accept_forever(listener, Arc::clone(state))));
        Ok(())
    }

    /// Stops listening and closes all connections.
    pub(super) async fn close(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // Aborted is done only when the listener and the connections are dropped.
            drop(accepting.await);
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

async fn accept_forever(listener: TcpListener, state: Arc<State>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        // An accept fails for want of file descriptors or because the peer is gone already.
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, Arc::clone(&state)));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    // Events are small and each is to leave at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { answer(&state, request).await }
    });
    // How a connection ends is what the behaviours are about.
    let builder = auto::Builder::new(TokioExecutor::new());
    drop(builder.serve_connection(TokioIo::new(stream), service).await);
}
