//! Which LLM protocol does this call speak, and what do its answers mean?
//!
//! A dialect is a set of tables: which paths ask for what ([`route`], [`api`]), which words in an error name
//! which category ([`errors`]), which fields of a stream's event say what ([`events`]), and which
//! headers announce a reset ([`limits`]). One file per dialect, all of the same shape, with the
//! source of every row beside it; a new provider is one more such file and its corpus.

pub mod api;
pub mod errors;
pub mod events;
pub mod facts;
pub mod limits;
pub mod route;

mod lately;
mod query_key;
mod renamed;

mod anthropic;
mod bedrock;
mod gemini;
mod generic;
mod openai;

use crate::stream::json::Paths;
use events::Field;

pub use api::Api;
pub use errors::classify_error;
pub use events::{EventName, EventReader, Meaning};
pub use facts::{ERROR_PATHS, ERROR_PLACES, ErrorFacts};
pub use lately::Lately;
pub use limits::announced_by_limits;
pub use query_key::path_without_keys;
pub use renamed::path_with_model;
pub use route::{Detected, MODEL_LIMIT, Request};

/// A protocol that LLM providers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's chat completions, responses, completions and embeddings; also Azure OpenAI, vLLM
    /// and all others that are compatible.
    OpenAi,
    /// Anthropic's messages; also its models on Vertex.
    Anthropic,
    /// Gemini and Vertex.
    Gemini,
    /// Bedrock: converse and invoke.
    Bedrock,
    /// Nothing is known but HTTP.
    Generic,
}

impl Dialect {
    /// All dialects, in the order in which their paths are tried: the more particular first.
    pub const ALL: [Self; 5] =
        [Self::Bedrock, Self::Gemini, Self::Anthropic, Self::OpenAi, Self::Generic];

    /// The name in the configuration (`provider`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Generic => "generic",
        }
    }

    /// The dialect of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// What a request speaks; `configured` is the operator's word, `None` for `auto`.
    #[must_use]
    pub fn detect(request: &Request<'_>, configured: Option<Self>) -> Detected {
        route::detect(request, configured)
    }

    /// The places to look at in the JSON of a stream's event, `*` being every element of an array;
    /// an [`EventReader`] knows them by their index. Where the stream itself is an array (Gemini
    /// without `alt=sse`), its elements are the events.
    #[must_use]
    pub const fn event_paths(self) -> &'static [&'static [&'static str]] {
        self.tables().paths
    }

    /// The same places as a scanner looks for them.
    #[must_use]
    pub const fn event_places(self) -> Paths<'static> {
        self.tables().places
    }

    /// The path of the text that is, in base64, the JSON to look at in place of the event itself,
    /// in the dialect that has such events: Bedrock's `invoke-with-response-stream` wraps the
    /// model's own.
    #[must_use]
    pub const fn envelope(self) -> Option<Paths<'static>> {
        match self {
            Self::Bedrock => Some(bedrock::ENVELOPE),
            _ => None,
        }
    }

    const fn tables(self) -> &'static Tables {
        match self {
            Self::OpenAi => &openai::TABLES,
            Self::Anthropic => &anthropic::TABLES,
            Self::Gemini => &gemini::TABLES,
            Self::Bedrock => &bedrock::TABLES,
            Self::Generic => &generic::TABLES,
        }
    }

    /// This dialect first, then the others: gateways answer in another dialect than they were
    /// asked in, so the words of all of them are known everywhere, and this one breaks ties.
    fn and_others(self) -> impl Iterator<Item = Self> {
        let others = Self::ALL.into_iter().filter(move |other| *other != self);
        core::iter::once(self).chain(others)
    }
}

/// What one file says about its dialect.
struct Tables {
    /// What a path (its segments, and the last one's `:method`) is in this dialect.
    route: fn(&route::Path<'_>) -> Option<route::Route>,
    /// Which words in an error name a category.
    errors: &'static [errors::Row],
    /// Which fields of an event tell its meaning, those of errors first.
    fields: &'static [Field],
    /// Where those fields are, in the same order.
    paths: &'static [&'static [&'static str]],
    /// The same as a scanner looks for them.
    places: Paths<'static>,
    /// What an event's name (or the `type` in it) says about it.
    event: fn(&str) -> events::Kind,
    /// Which headers announce a limit and its reset.
    limits: &'static [limits::Limit],
}

#[cfg(test)]
mod tests;
