//! Steering a simulator over HTTP, from a terminal beside `make run`.
//!
//! | request | effect |
//! |---|---|
//! | `GET /` | `{"calls": 7, "in_flight": 0}` |
//! | `PUT /behaviour` with a [`Behaviour`] as JSON, such as `{"kind": "status", "status": 500}` | from now on |
//! | `POST /queue` with an array of them | these first, one call each |
//! | `POST /release` | what hangs goes on |
//!
//! The kinds, their fields and the defaults are those of [`Behaviour`] and what it is made of, names
//! in snake case; a body is a string or `{"base64": "…"}`.
//!
//! What it does not understand is answered 400 with the reason, or 404.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::net::TcpListener;

use super::{Behaviour, Simulator, State};

/// More than any behaviour needs.
const LONGEST_BODY_BYTES: usize = 1 << 20;

impl Simulator {
    /// Serves the control interface on this address, for as long as the returned future is polled;
    /// also says where, as port 0 asks for a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn control(
        &self,
        address: SocketAddr,
    ) -> io::Result<(SocketAddr, impl Future<Output = Infallible> + Send + use<>)> {
        let listener = TcpListener::bind(address).await?;
        Ok((listener.local_addr()?, serve(listener, Arc::clone(&self.state))))
    }
}

/// One connection after the other: the only user is a person with a terminal.
async fn serve(listener: TcpListener, state: Arc<State>) -> Infallible {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let service = service_fn(|request| {
            let state = Arc::clone(&state);
            async move { Ok::<_, hyper::Error>(control(&state, request).await) }
        });
        let mut builder = http1::Builder::new();
        builder.keep_alive(false);
        // A client that breaks off has changed its mind.
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    }
}

async fn control(state: &State, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LONGEST_BODY_BYTES).collect().await else {
        return reply(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long\n");
    };
    let done = match (head.method, head.uri.path()) {
        (Method::GET, "/") => Ok(()),
        (Method::PUT, "/behaviour") => parse(&body.to_bytes()).map(|b: Behaviour| {
            state.plan().then = b;
        }),
        (Method::POST, "/queue") => parse(&body.to_bytes()).map(|queue: Vec<Behaviour>| {
            state.plan().first.extend(queue);
        }),
        (Method::POST, "/release") => {
            state.releases.send_modify(|releases| *releases += 1);
            Ok(())
        }
        _ => return reply(StatusCode::NOT_FOUND, "GET /, PUT /behaviour, POST /queue, /release\n"),
    };
    let (calls, in_flight) = (state.observed.calls(), state.observed.in_flight());
    match done {
        Ok(()) => {
            reply(StatusCode::OK, &format!("{}\n", json!({"calls": calls, "in_flight": in_flight})))
        }
        Err(error) => reply(StatusCode::BAD_REQUEST, &format!("{error}\n")),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(body)
}

fn reply(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text.to_owned()));
    *response.status_mut() = status;
    response
}
