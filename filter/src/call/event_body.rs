//! How did this stream of events go?

use crate::call::classify::{self, Request};
use crate::call::error_body::Judgement;
use crate::call::events::{End, Events};
use crate::call::protocol::{Protocol, Streams};
use crate::dialect::EventName;
use crate::outcome::Category;
use crate::stream::event_stream::{self, MessageType};
use crate::stream::{json_array, sse};

/// Many streams are open at once, some for many minutes.
const LIMIT_BYTES: usize = 2048;
const _: () = assert!(size_of::<EventBody>() <= LIMIT_BYTES, "a live stream takes 2 KiB at most");

/// The body of an answer that comes in events, as far as it was read.
#[derive(Debug)]
pub(super) struct EventBody {
    protocol: Protocol,
    status: u16,
    framing: Framing,
    events: Events,
}

/// How events are told apart.
#[derive(Debug)]
enum Framing {
    ServerSent(sse::Reader),
    Amazon(event_stream::Reader),
    JsonArray(json_array::Reader),
}

impl EventBody {
    pub(super) fn server_sent(protocol: Protocol, status: u16) -> Self {
        Self::new(protocol, status, Framing::ServerSent(sse::Reader::new()))
    }

    pub(super) fn amazon(protocol: Protocol, status: u16) -> Self {
        Self::new(protocol, status, Framing::Amazon(event_stream::Reader::new()))
    }

    pub(super) fn json_array(protocol: Protocol, status: u16) -> Self {
        Self::new(protocol, status, Framing::JsonArray(json_array::Reader::new()))
    }

    fn new(protocol: Protocol, status: u16, framing: Framing) -> Self {
        Self { protocol, status, framing, events: Events::new(protocol.dialect) }
    }

    /// Whether an event was complete that is no error.
    pub(super) const fn has_begun(&self) -> bool {
        self.events.have_begun()
    }

    /// Whether it comes as server-sent events.
    pub(super) const fn is_server_sent(&self) -> bool {
        matches!(self.framing, Framing::ServerSent(_))
    }

    /// How many events had something that the model made.
    pub(super) const fn contents(&self) -> u64 {
        self.events.contents()
    }

    /// Whether the model was seen to come to an end, so that nothing that breaks now matters.
    pub(super) const fn is_complete(&self) -> bool {
        matches!(self.events.end(), Some(End::Terminal)) || self.events.have_finished()
    }

    /// Reads the next bytes; whether the answer ended in them, well or not.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        let events = &mut self.events;
        match &mut self.framing {
            Framing::ServerSent(reader) => reader.feed(bytes, &mut |part| match part {
                sse::Part::Data(data) => events.data(data),
                sse::Part::Dispatch { event } => events.dispatch(named(event)),
                sse::Part::Comment => {}
            }),
            Framing::Amazon(reader) => reader.feed(bytes, &mut |part| match part {
                event_stream::Part::Data(data) => events.data(data),
                event_stream::Part::Dispatch { message_type, name, .. } => {
                    events.dispatch(frame_name(message_type, name));
                }
            }),
            Framing::JsonArray(reader) => reader.feed(bytes, &mut |part| match part {
                json_array::Part::Data(data) => events.data(data),
                json_array::Part::Dispatch => events.dispatch(EventName::Absent),
            }),
        }
        self.events.end().is_some()
    }

    /// The stream came to its end.
    pub(super) fn end(&mut self) {
        let events = &mut self.events;
        if let Framing::ServerSent(reader) = &mut self.framing {
            reader.dispatch_unfinished(&mut |part| {
                if let sse::Part::Dispatch { event } = part {
                    events.dispatch(named(event));
                }
            });
        }
    }

    /// What its events, and their clean end here, say.
    pub(super) fn judge(&self, request: Request) -> Judgement {
        match self.events.end() {
            Some(End::Error(facts)) => {
                let Protocol { dialect, .. } = self.protocol;
                let category = classify::of_error_in_success(dialect, self.status, facts, request)
                    .unwrap_or(Category::StreamInterrupted);
                Judgement { category, announced: facts.announced() }
            }
            _ if self.is_complete() || self.protocol.streams == Streams::OfEvents => {
                Judgement { category: Category::Success, announced: None }
            }
            _ => Judgement { category: Category::StreamInterrupted, announced: None },
        }
    }
}

fn named(event: &[u8]) -> EventName<'_> {
    match core::str::from_utf8(event) {
        Ok(name) if !name.is_empty() => EventName::Named(name),
        _ => EventName::Absent,
    }
}

fn frame_name(message_type: MessageType, name: &[u8]) -> EventName<'_> {
    match (message_type, named(name)) {
        (MessageType::Exception | MessageType::Error, EventName::Named(name)) => {
            EventName::Exception(name)
        }
        (MessageType::Exception | MessageType::Error, _) => EventName::Exception(""),
        (MessageType::Event | MessageType::Unknown, name) => name,
    }
}
