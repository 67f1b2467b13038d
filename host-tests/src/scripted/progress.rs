//! How far an exchange has come on either side, and what each piece waits for.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::script::{Pace, Script};
use super::trace::{Event, Record};

/// Which side something arrived at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Upstream,
    Client,
}

/// What has arrived so far.
#[derive(Clone, Copy, Debug, Default)]
struct Arrived {
    of_request: usize,
    of_answer: usize,
    is_request_whole: bool,
}

/// One exchange while it is played.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) script: Script,
    arrived: watch::Sender<Arrived>,
    record: Mutex<Record>,
}

impl Exchange {
    pub(super) fn new(script: Script) -> Self {
        Self { script, arrived: watch::Sender::default(), record: Mutex::default() }
    }

    pub(super) fn record(&self) -> Record {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what arrived, and tells who waits for it.
    pub(super) fn note(&self, side: Side, event: Event) {
        let length = if let Event::Body(bytes) = &event { bytes.len() } else { 0 };
        let is_over = matches!(event, Event::End | Event::Broken);
        self.write(side, event);
        self.arrived.send_modify(|arrived| match side {
            Side::Upstream => {
                arrived.of_request += length;
                arrived.is_request_whole |= is_over;
            }
            Side::Client => arrived.of_answer += length,
        });
    }

    fn write(&self, side: Side, event: Event) {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        if self.script.pace != Pace::Free {
            let who = if side == Side::Upstream { "upstream" } else { "client" };
            let entry = (who, kind(&event));
            if record.order.last() != Some(&entry) {
                record.order.push(entry);
            }
        }
        match side {
            Side::Upstream => record.upstream.push(event),
            Side::Client => record.client.push(event),
        }
    }

    /// Waits until the piece of that number, counted from 0, or what follows the last, may be sent.
    pub(super) async fn may_send(&self, from: Side, piece: usize) {
        let (request, answer) = (&self.script.request, &self.script.answer);
        let is_last = piece >= answer.pieces.len();
        match (self.script.pace, from) {
            (Pace::Free, Side::Client) => {}
            (Pace::Free, Side::Upstream) => self.until(|now| now.is_request_whole).await,
            // Whoever has all of a body but its end may wait for that.
            (Pace::Lockstep, Side::Client) if piece == request.pieces.len() => {}
            (Pace::Lockstep, Side::Client) => {
                self.until(|now| now.of_request >= request.length_of(piece)).await;
            }
            (Pace::Lockstep, Side::Upstream) => {
                let before = answer.length_of(piece);
                self.until(|now| now.is_request_whole && now.of_answer >= before).await;
            }
            (Pace::Duplex, Side::Client) => {
                self.until(|now| now.of_answer >= answer.length_of(piece)).await;
            }
            (Pace::Duplex, Side::Upstream) if is_last => {
                self.until(|now| now.is_request_whole).await;
            }
            (Pace::Duplex, Side::Upstream) => {
                self.until(|now| now.of_request >= request.length_of(piece + 1)).await;
            }
        }
    }

    async fn until(&self, reached: impl Fn(Arrived) -> bool) {
        let mut arrived = self.arrived.subscribe();
        // The sender lives in self, so the channel cannot close meanwhile.
        drop(arrived.wait_for(|now| reached(*now)).await);
    }
}

const fn kind(event: &Event) -> &'static str {
    match event {
        Event::Head(..) => "head",
        Event::Body(_) => "body",
        Event::Trailers(_) => "trailers",
        Event::End => "end",
        Event::Broken => "broken",
    }
}
