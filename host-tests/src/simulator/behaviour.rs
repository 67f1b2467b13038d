//! What the simulated provider does with a call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
        /// In addition to the content type.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Sent as it is.
        #[serde(default)]
        body: Option<String>,
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
    /// Promises more bytes than it sends, then closes.
    ShortBody,
    /// A healthy answer followed by these trailers; over HTTP/1 they are dropped on the way unless
    /// both sides agreed on them.
    Trailers {
        /// Their names and values.
        trailers: BTreeMap<String, String>,
    },
}

/// How a stream of events ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamEnd {
    /// With a finish reason and `data: [DONE]`.
    Done,
    /// Without either, but as HTTP wants it.
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
