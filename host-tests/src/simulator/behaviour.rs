//! What the simulated provider does with a call.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Body, Encoding};

/// What happens to one call; as JSON `{"kind": "status", "status": 500}` and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Behaviour {
    /// A whole chat completion, as events if the request says `"stream": true`.
    #[default]
    Healthy,
    /// This status, these headers, and an OpenAI-shaped error unless a body is given.
    Status {
        /// 101 to 999.
        status: u16,
        /// Beside a content type, which is `application/json` unless it is among them.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Sent as it is.
        #[serde(default)]
        body: Option<Body>,
    },
    /// Nothing, until [`super::Simulator::release`]; then as [`Behaviour::Healthy`].
    Hang,
    /// Nothing, until [`super::Simulator::release`]; then something else.
    Held {
        /// What comes then.
        then: Box<Behaviour>,
    },
    /// Nothing for a while, then something else.
    Delay {
        /// How long.
        milliseconds: u64,
        /// What comes then.
        then: Box<Behaviour>,
    },
    /// Closes the connection, or resets the HTTP/2 stream, before any answer.
    Close,
    /// Events, whether the request asked for them or not.
    Stream {
        /// How many content events come before the end.
        events: usize,
        /// The time between two of them.
        #[serde(default)]
        interval_milliseconds: u64,
        /// How it ends.
        end: StreamEnd,
    },
    /// A 200 whose body comes in these chunks, whatever they are: events of any dialect, compressed
    /// ones, bytes that are none. As JSON `{"kind": "script", "chunks": [{"body": "data: 1\n\n"},
    /// {"after": {"milliseconds": 500}, "body": {"base64": "…"}}, {"after": "release", "body": ""}],
    /// "end": "silent"}`.
    Script {
        /// Beside a content type, which is `text/event-stream` unless it is among them.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Each leaves on its own, as one chunk or HTTP/2 data frame; an empty one is only a wait.
        chunks: Vec<Chunk>,
        /// What follows them.
        end: StreamEnd,
    },
    /// Promises more bytes than it sends, then closes.
    ShortBody,
    /// A healthy answer followed by these trailers; over HTTP/1 they are dropped on the way unless
    /// both sides agreed on them.
    Trailers {
        /// Beside a content type, which is `application/json` unless it is among them.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Their names and values.
        trailers: BTreeMap<String, String>,
    },
}

/// A piece of a scripted body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// What is waited for first.
    #[serde(default)]
    pub after: Pause,
    /// What is sent then.
    pub body: Body,
}

impl Chunk {
    /// Leaves as soon as the one before it has.
    #[must_use]
    pub fn now(body: impl Into<Body>) -> Self {
        Self { after: Pause::None, body: body.into() }
    }

    /// Leaves so long after the one before it.
    #[must_use]
    pub fn after_milliseconds(milliseconds: u64, body: impl Into<Body>) -> Self {
        Self { after: Pause::Milliseconds(milliseconds), body: body.into() }
    }

    /// Leaves at the next [`super::Simulator::release`] after the one before it has left.
    #[must_use]
    pub fn released(body: impl Into<Body>) -> Self {
        Self { after: Pause::Release, body: body.into() }
    }
}

/// What a chunk waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pause {
    /// Nothing.
    #[default]
    None,
    /// Time.
    Milliseconds(u64),
    /// The next [`super::Simulator::release`].
    Release,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamEnd {
    /// With OpenAI's finish reason and `data: [DONE]`.
    Done,
    /// With nothing of its own, but as HTTP wants it: the end of a script that says all itself.
    Silent,
    /// The connection closes, or the HTTP/2 stream is reset.
    Cut,
    /// Nothing more comes until [`super::Simulator::release`]; then as [`StreamEnd::Done`].
    Hang,
}

impl Behaviour {
    /// This status with an OpenAI-shaped error body.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self::Status { status, headers: BTreeMap::new(), body: None }
    }

    /// This status with one header.
    #[must_use]
    pub fn status_with_header(status: u16, name: &str, value: &str) -> Self {
        let headers = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Self::Status { status, headers, body: None }
    }

    /// This status, these headers and this body, a string or any bytes.
    #[must_use]
    pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Self {
        Self::Status { status, headers: pairs(headers), body: Some(body.into()) }
    }

    /// Events, or what else the chunks are.
    #[must_use]
    pub fn script(chunks: impl IntoIterator<Item = Chunk>, end: StreamEnd) -> Self {
        let chunks = chunks.into_iter().collect();
        Self::Script { headers: BTreeMap::new(), chunks, end }
    }

    /// As [`Self::script`], each text compressed into a chunk that can be read as soon as it comes.
    #[must_use]
    pub fn compressed_script<T: AsRef<[u8]>>(
        encoding: Encoding,
        texts: impl IntoIterator<Item = T>,
        pause: Pause,
        end: StreamEnd,
    ) -> Self {
        let chunk = |bytes: Bytes| Chunk { after: pause, body: bytes.into() };
        let chunks = encoding.encode_each(texts).into_iter().map(chunk).collect();
        Self::Script { headers: pairs(&[("content-encoding", encoding.name())]), chunks, end }
    }

    /// This behaviour, but only when it is released.
    #[must_use]
    pub fn held(self) -> Self {
        Self::Held { then: Box::new(self) }
    }

    /// This behaviour, but only after a while.
    #[must_use]
    pub fn after_milliseconds(self, milliseconds: u64) -> Self {
        Self::Delay { milliseconds, then: Box::new(self) }
    }

    /// A gRPC answer that ends with this status, as the code of `grpc-status`.
    #[must_use]
    pub fn grpc(status: u8) -> Self {
        let one = |name: &str, value: String| BTreeMap::from([(name.to_owned(), value)]);
        Self::Trailers {
            headers: one("content-type", "application/grpc".to_owned()),
            trailers: one("grpc-status", status.to_string()),
        }
    }

    /// A stream that is cut after so many content events.
    #[must_use]
    pub const fn cut_after(events: usize) -> Self {
        Self::Stream { events, interval_milliseconds: 0, end: StreamEnd::Cut }
    }

    /// A stream that says nothing more after so many content events.
    #[must_use]
    pub const fn hang_after(events: usize) -> Self {
        Self::Stream { events, interval_milliseconds: 0, end: StreamEnd::Hang }
    }
}

fn pairs(headers: &[(&str, &str)]) -> BTreeMap<String, String> {
    headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}
