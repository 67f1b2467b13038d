//! One call's answer, as the behaviour of the moment has it.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TRAILER};
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::observed::{InFlight, Received};
use super::{Behaviour, Chunk, Pause, State, StreamEnd};

/// How many content events a healthy stream has.
const HEALTHY_EVENTS: usize = 3;

/// An answer's body, which keeps its call in flight; it fails where the connection is to be cut.
pub(super) struct AnswerBody {
    frames: mpsc::Receiver<io::Result<Frame<Bytes>>>,
    _call: InFlight,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(ready!(self.frames.poll_recv(context)))
    }
}

/// Tells one call of the releases since it arrived.
type Releases = watch::Receiver<u64>;

/// What is still to be sent after the headers.
enum Rest {
    Whole(Bytes, HeaderMap),
    Chunks { chunks: Vec<Chunk>, end: StreamEnd },
    Cut(Bytes),
}

/// Answers a call; an error makes the server hang up before any answer.
pub(super) async fn answer(
    state: &Arc<State>,
    request: Request<Incoming>,
) -> io::Result<Response<AnswerBody>> {
    let (head, incoming) = request.into_parts();
    let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let (method, headers) = (head.method, head.headers);
    let behaviour = state.next_behaviour();
    // Before the call is seen to have arrived: a release that follows at once is not missed.
    let mut releases = state.releases.subscribe();
    let call = state.observed.arrived(Received { method, path, headers, body: Bytes::new() });
    let body = incoming.collect().await.map_err(io::Error::other)?.to_bytes();
    call.body(body.clone());
    let wants_stream =
        serde_json::from_slice::<Value>(&body).is_ok_and(|body| body["stream"] == true);

    let (response, rest) = respond(behaviour, wants_stream, &mut releases).await?;
    let (sender, frames) = mpsc::channel(1);
    tokio::spawn(send(rest, releases, sender));
    Ok(response.map(|()| AnswerBody { frames, _call: call }))
}

/// Waits as the behaviour says, then makes the headers and what follows them.
async fn respond(
    mut behaviour: Behaviour,
    wants_stream: bool,
    releases: &mut Releases,
) -> io::Result<(Response<()>, Rest)> {
    loop {
        behaviour = match behaviour {
            Behaviour::Delay { milliseconds, then } => {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                *then
            }
            Behaviour::Held { then } => {
                released(releases).await;
                *then
            }
            Behaviour::Hang => {
                released(releases).await;
                Behaviour::Healthy
            }
            now => break answer_now(now, wants_stream),
        }
    }
}

fn answer_now(behaviour: Behaviour, wants_stream: bool) -> io::Result<(Response<()>, Rest)> {
    match behaviour {
        Behaviour::Healthy if wants_stream => {
            stream(&BTreeMap::new(), content(HEALTHY_EVENTS, 0), StreamEnd::Done)
        }
        // What is still waited for does not get here.
        Behaviour::Healthy | Behaviour::Hang | Behaviour::Held { .. } | Behaviour::Delay { .. } => {
            whole(200, &BTreeMap::new(), completion(), HeaderMap::new())
        }
        Behaviour::Status { status, headers, body } => {
            let body = body.unwrap_or_else(|| error_body(status).into());
            whole(status, &headers, body.bytes(), HeaderMap::new())
        }
        Behaviour::Close => Err(io::Error::other("told to close")),
        Behaviour::Stream { events, interval_milliseconds, end } => {
            stream(&BTreeMap::new(), content(events, interval_milliseconds), end)
        }
        Behaviour::Script { headers, chunks, end } => stream(&headers, chunks, end),
        Behaviour::ShortBody => Ok(short()),
        Behaviour::Trailers { mut headers, trailers } => {
            let names: Vec<_> = trailers.keys().map(String::as_str).collect();
            headers.insert(TRAILER.to_string(), names.join(", "));
            whole(200, &headers, completion(), header_map(&trailers)?)
        }
    }
}

/// Waits for a release since the call arrived.
async fn released(releases: &mut Releases) {
    // The sender lives in the state, so the channel cannot close meanwhile.
    let _ = releases.changed().await;
}

fn whole(
    status: u16,
    headers: &BTreeMap<String, String>,
    body: Bytes,
    trailers: HeaderMap,
) -> io::Result<(Response<()>, Rest)> {
    Ok((head(status, "application/json", headers)?, Rest::Whole(body, trailers)))
}

fn stream(
    headers: &BTreeMap<String, String>,
    chunks: Vec<Chunk>,
    end: StreamEnd,
) -> io::Result<(Response<()>, Rest)> {
    Ok((head(200, "text/event-stream", headers)?, Rest::Chunks { chunks, end }))
}

/// A head with these headers, which may name another content type.
fn head(
    status: u16,
    content_type: &'static str,
    headers: &BTreeMap<String, String>,
) -> io::Result<Response<()>> {
    let mut response = Response::builder().status(status).body(()).map_err(io::Error::other)?;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().extend(header_map(headers)?);
    Ok(response)
}

fn header_map(headers: &BTreeMap<String, String>) -> io::Result<HeaderMap> {
    let parse = |(name, value): (&String, &String)| {
        let name = name.parse::<HeaderName>().map_err(io::Error::other)?;
        Ok((name, value.parse::<HeaderValue>().map_err(io::Error::other)?))
    };
    headers.iter().map(parse).collect()
}

/// Content events, the time between two of them as given.
fn content(count: usize, interval_milliseconds: u64) -> Vec<Chunk> {
    let event = event(&json!({"content": "Hello "}), None);
    let mut chunks = vec![Chunk::after_milliseconds(interval_milliseconds, event.clone()); count];
    if let Some(first) = chunks.first_mut() {
        first.after = Pause::None;
    }
    chunks
}

fn short() -> (Response<()>, Rest) {
    let body = completion();
    let mut response = Response::new(());
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    (response, Rest::Cut(body.slice(..10)))
}

/// Sends what follows the headers; the receiver is gone as soon as the connection is.
async fn send(rest: Rest, mut releases: Releases, frames: mpsc::Sender<io::Result<Frame<Bytes>>>) {
    // Every send below fails only when nobody listens any more, and then nothing is left to do.
    match rest {
        Rest::Whole(body, trailers) => {
            let _ = frames.send(Ok(Frame::data(body))).await;
            if !trailers.is_empty() {
                let _ = frames.send(Ok(Frame::trailers(trailers))).await;
            }
        }
        Rest::Cut(body) => {
            let _ = frames.send(Ok(Frame::data(body))).await;
            cut(&frames).await;
        }
        Rest::Chunks { chunks, end } => {
            tokio::select! {
                () = send_each(chunks, end, &mut releases, &frames) => {}
                // Whatever is waited for.
                () = frames.closed() => {}
            }
        }
    }
}

async fn send_each(
    chunks: Vec<Chunk>,
    end: StreamEnd,
    releases: &mut Releases,
    frames: &mpsc::Sender<io::Result<Frame<Bytes>>>,
) {
    for Chunk { after, body } in chunks {
        match after {
            Pause::None => {}
            Pause::Milliseconds(wait) => tokio::time::sleep(Duration::from_millis(wait)).await,
            Pause::Release => released(releases).await,
        }
        let body = body.bytes();
        if !body.is_empty() {
            let _ = frames.send(Ok(Frame::data(body))).await;
        }
    }
    if end == StreamEnd::Hang {
        released(releases).await;
    }
    finish(end, frames).await;
}

async fn finish(end: StreamEnd, frames: &mpsc::Sender<io::Result<Frame<Bytes>>>) {
    match end {
        StreamEnd::Done | StreamEnd::Hang => {
            let _ = frames.send(Ok(Frame::data(event(&json!({}), Some("stop"))))).await;
            let _ = frames.send(Ok(Frame::data(Bytes::from_static(b"data: [DONE]\n\n")))).await;
        }
        StreamEnd::Silent => {}
        StreamEnd::Cut => cut(frames).await,
    }
}

async fn cut(frames: &mpsc::Sender<io::Result<Frame<Bytes>>>) {
    let _ = frames.send(Err(io::Error::other("told to cut"))).await;
}

fn event(delta: &Value, finish_reason: Option<&str>) -> Bytes {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish_reason});
    let chunk = json!({
        "id": "chatcmpl-simulated",
        "object": "chat.completion.chunk",
        "created": 1_750_000_000,
        "model": "gpt-4.1",
        "choices": [choice],
    });
    format!("data: {chunk}\n\n").into()
}

fn completion() -> Bytes {
    let message = json!({"role": "assistant", "content": "Hello from the simulator."});
    json!({
        "id": "chatcmpl-simulated",
        "object": "chat.completion",
        "created": 1_750_000_000,
        "model": "gpt-4.1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
    })
    .to_string()
    .into()
}

fn error_body(status: u16) -> String {
    let message = format!("the simulator was told to answer {status}");
    json!({"error": {"message": message, "type": "simulated_error", "code": null, "param": null}})
        .to_string()
}
