//! What is a made completion to say, in any dialect?

use crate::fallback::Wants;
use crate::fallback::template::quoted;
use crate::policy::CompletionAnswer;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is said, by whom and when: all as JSON.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) words: Words,
    pub(super) model: String,
    /// Seconds since 1970.
    pub(super) created: String,
}

/// A text, as JSON.
#[derive(Debug)]
pub(super) enum Words {
    /// What the request asked for.
    Text(String),
    /// What it did not ask for, fit to be shown to a user in its place.
    Refusal(String),
}

impl Said {
    /// What this request is told.
    pub(super) fn of(answer: &CompletionAnswer, wants: Wants, now: SystemTime) -> Self {
        let words = match (wants, &answer.json) {
            (Wants::Text, _) => Words::Text(quoted(&answer.text)),
            (Wants::Json, Some(json)) => Words::Text(quoted(json)),
            (Wants::Json | Wants::Tool, _) => Words::Refusal(quoted(&answer.text)),
        };
        let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { words, model: quoted(&answer.model), created: since_1970.as_secs().to_string() }
    }

    /// What the request asked for, in a dialect that has no refusals.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.words {
            Words::Text(text) => Some(text),
            Words::Refusal(_) => None,
        }
    }
}
