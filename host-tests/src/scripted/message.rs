//! One direction's body: sent at the script's pace, and noted as it arrives.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::mpsc;

use super::progress::{Exchange, Side};
use super::script::{Framing, Message};
use super::trace::{Event, fields, map};

/// A body that is sent at the script's pace.
pub(super) struct Outgoing {
    frames: mpsc::Receiver<Frame<Bytes>>,
    is_empty: bool,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.frames.poll_recv(context).map(|frame| frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_empty { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

/// Begins to send what one side says.
pub(super) fn send(exchange: &Arc<Exchange>, from: Side) -> Outgoing {
    let message = said_by(exchange, from).clone();
    let is_empty = message.framing == Framing::None && message.trailers.is_empty();
    let (sender, frames) = mpsc::channel(1);
    if !is_empty {
        tokio::spawn(send_all(Arc::clone(exchange), from, message, sender));
    }
    Outgoing { frames, is_empty }
}

pub(super) fn said_by(exchange: &Exchange, side: Side) -> &Message {
    match side {
        Side::Client => &exchange.script.request,
        Side::Upstream => &exchange.script.answer,
    }
}

async fn send_all(
    exchange: Arc<Exchange>,
    from: Side,
    message: Message,
    frames: mpsc::Sender<Frame<Bytes>>,
) {
    let count = message.pieces.len();
    for (number, piece) in message.pieces.into_iter().enumerate() {
        exchange.may_send(from, number).await;
        if frames.send(Frame::data(piece)).await.is_err() {
            return;
        }
    }
    exchange.may_send(from, count).await;
    if !message.trailers.is_empty() {
        // It fails only when nobody listens any more.
        let _ = frames.send(Frame::trailers(map(&message.trailers))).await;
    }
}

/// Notes a body to its end.
pub(super) async fn receive(exchange: &Exchange, side: Side, mut body: Incoming) {
    loop {
        let event = match body.frame().await {
            None => Event::End,
            Some(Err(_)) => Event::Broken,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.is_empty() => continue,
                Ok(data) => Event::Body(data.to_vec()),
                Err(frame) => Event::Trailers(fields(&frame.into_trailers().unwrap_or_default())),
            },
        };
        let is_over = matches!(event, Event::End | Event::Broken);
        exchange.note(side, event);
        if is_over {
            return;
        }
    }
}
