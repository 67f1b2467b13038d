//! What does the request say about how its answer must be read?

use crate::dialect::{Api, Detected, Dialect};

/// The protocol of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Whose words its errors and events use.
    pub dialect: Dialect,
    /// What the request asks for.
    pub api: Api,
    /// What is known of a stream that answers it.
    pub streams: Streams,
    /// What the request asked for, as far as its path and headers tell.
    pub asked_for: AskedFor,
}

/// How a request wants its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskedFor {
    /// In one piece.
    Whole,
    /// As a stream.
    Stream,
    /// Only its body says.
    #[default]
    Unsaid,
}

/// What is known of the streams that answer a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// Nothing: they are not looked into.
    Unknown,
    /// Errors and content can be told, but they may end as they like.
    OfEvents,
    /// Their end can be told from a break, too.
    OfGeneration,
}

impl Protocol {
    /// HTTP, and nothing more is known.
    pub const HTTP: Self = Self {
        dialect: Dialect::Generic,
        api: Api::Other,
        streams: Streams::Unknown,
        asked_for: AskedFor::Unsaid,
    };

    /// The protocol of a request with this method.
    #[must_use]
    pub fn of(detected: &Detected, method: &str) -> Self {
        let Detected { dialect, api, .. } = *detected;
        let streams = match dialect {
            Dialect::Generic if method == "POST" => Streams::OfEvents,
            Dialect::Generic => Streams::Unknown,
            _ if api.generates() => Streams::OfGeneration,
            _ => Streams::Unknown,
        };
        let asked_for = match detected.streams {
            Some(true) => AskedFor::Stream,
            Some(false) => AskedFor::Whole,
            None => AskedFor::Unsaid,
        };
        Self { dialect, api, streams, asked_for }
    }
}
