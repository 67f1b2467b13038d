//! What does the request say about how its answer must be read?

use crate::dialect::{Detected, Dialect};

/// The protocol of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Whose words its errors and events use.
    pub dialect: Dialect,
    /// What is known of a stream that answers it.
    pub streams: Streams,
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
    pub const HTTP: Self = Self { dialect: Dialect::Generic, streams: Streams::Unknown };

    /// The protocol of a request with this method.
    #[must_use]
    pub fn of(detected: &Detected, method: &str) -> Self {
        let Detected { dialect, generation, .. } = *detected;
        let streams = match dialect {
            Dialect::Generic if method == "POST" => Streams::OfEvents,
            Dialect::Generic => Streams::Unknown,
            _ if generation => Streams::OfGeneration,
            _ => Streams::Unknown,
        };
        Self { dialect, streams }
    }
}
