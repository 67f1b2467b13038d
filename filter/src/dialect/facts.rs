//! What do the few telling fields of an error's body say?

use super::errors::{Place, bare_exception};
use super::events::{Field, Role, paths, places, text};
use crate::stream::json::Found;
use crate::stream::json::paths::{Node, Paths, size, tree};
use core::time::Duration;

/// Codes, types and states are short; what is longer is none.
const WORD_LIMIT: usize = 96;
/// Bytes of a message that are kept: Gemini ends its longest ones with the time to come back.
pub const MESSAGE_LIMIT: usize = 1024;

/// One thing that an error's body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// `error`: an object, or the message itself.
    Error,
    /// `error.code`, a word or a status.
    Code,
    /// `error.type`.
    Type,
    /// `error.status` (Google).
    Status,
    /// `error.message`.
    Message,
    /// `error.details.error_code` (Anthropic), `error.innererror.code` (Azure).
    Detail,
    /// `error.details[].retryDelay` (Google).
    RetryDelay,
    /// The name of a quota that was exceeded (Google).
    Quota,
    /// `__type` (AWS).
    AwsType,
    /// The document's own `type`.
    TopType,
    /// The document's own `object`.
    TopObject,
    /// The document's own `code`.
    TopCode,
    /// The document's own `message`.
    TopMessage,
}

const fn fact(path: &'static [&'static str], fact: Fact) -> Field {
    Field { path, role: Role::Fact(fact) }
}

/// Where error bodies of all dialects say something.
pub(super) const ERROR_FIELDS: &[Field] = &[
    fact(&["error"], Fact::Error),
    fact(&["error", "code"], Fact::Code),
    fact(&["error", "type"], Fact::Type),
    fact(&["error", "status"], Fact::Status),
    fact(&["error", "message"], Fact::Message),
    fact(&["error", "details", "error_code"], Fact::Detail),
    fact(&["error", "innererror", "code"], Fact::Detail),
    fact(&["error", "details", "*", "retryDelay"], Fact::RetryDelay),
    fact(&["error", "details", "*", "violations", "*", "quotaId"], Fact::Quota),
    fact(&["error", "details", "*", "violations", "*", "quotaMetric"], Fact::Quota),
    fact(&["__type"], Fact::AwsType),
    fact(&["type"], Fact::TopType),
    fact(&["object"], Fact::TopObject),
    fact(&["code"], Fact::TopCode),
    fact(&["message"], Fact::TopMessage),
    fact(&["Message"], Fact::TopMessage),
];

/// The places to look at in an error's body, `*` being every element of an array. Of a document
/// that is an array (Gemini without `alt=sse`) its first element is the body.
pub const ERROR_PATHS: &[&[&str]] = &paths::<{ ERROR_FIELDS.len() }>(ERROR_FIELDS);

/// The same as a scanner looks for them.
pub const ERROR_PLACES: Paths<'static> = places(ERROR_PATHS, ERROR_TREE);
const ERROR_TREE: &[Node<'_>] = &tree::<{ size(ERROR_PATHS) }>(ERROR_PATHS);

/// The few things an error's body said, all bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorFacts {
    has_error: bool,
    code: Option<String>,
    said_status: Option<u16>,
    kind: Option<String>,
    status: Option<String>,
    message: Vec<u8>,
    message_whole: bool,
    detail: Option<String>,
    aws_type: Option<String>,
    top_type: Option<String>,
    /// Whether the document's `object` is `error`; `None` if it has none.
    object_is_error: Option<bool>,
    retry_delay: Option<Duration>,
    pub(super) per_day: bool,
}

impl ErrorFacts {
    /// The value at the path of [`ERROR_PATHS`] with this index was found.
    pub fn found(&mut self, index: usize, value: Found<'_>) {
        if let Some(Field { role: Role::Fact(fact), .. }) = ERROR_FIELDS.get(index) {
            self.note(*fact, value);
        }
    }

    /// One more thing is known; the first of a kind counts.
    pub(super) fn note(&mut self, fact: Fact, value: Found<'_>) {
        let word = text(value);
        match fact {
            Fact::Error => {
                let is_some = !matches!(word, "" | "0");
                self.has_error |= value == Found::Object { empty: false } || is_some;
                self.note_message(value);
            }
            Fact::Message | Fact::TopMessage => self.note_message(value),
            Fact::Code | Fact::TopCode => self.note_code(word),
            Fact::RetryDelay => {
                self.retry_delay = self.retry_delay.max(super::limits::go_duration(word));
            }
            Fact::Quota => self.per_day |= is_per_day(word),
            Fact::TopObject if (1..=WORD_LIMIT).contains(&word.len()) => {
                self.object_is_error.get_or_insert(word == "error");
            }
            _ => self.note_word(fact, word),
        }
    }

    fn note_word(&mut self, fact: Fact, word: &str) {
        let slot = match fact {
            Fact::Type => &mut self.kind,
            Fact::Status => &mut self.status,
            Fact::Detail => &mut self.detail,
            Fact::AwsType => &mut self.aws_type,
            Fact::TopType => &mut self.top_type,
            _ => return,
        };
        if slot.is_none() && (1..=WORD_LIMIT).contains(&word.len()) {
            *slot = Some(word.to_owned());
        }
    }

    fn note_code(&mut self, word: &str) {
        // Google and OpenRouter say the status there, Azure and LiteLLM as a text.
        match word.parse() {
            Ok(status @ 100..=599) => self.said_status = self.said_status.or(Some(status)),
            Ok(_) => {}
            Err(_) if self.code.is_none() && (1..=WORD_LIMIT).contains(&word.len()) => {
                self.code = Some(word.to_owned());
            }
            Err(_) => {}
        }
    }

    fn note_message(&mut self, value: Found<'_>) {
        let (bytes, whole) = match value {
            // At the end of a text that came in pieces its beginning comes once more.
            Found::Text { .. } if !self.message.is_empty() => (&[][..], true),
            Found::Text { prefix, .. } => (prefix, !prefix.is_empty()),
            Found::Piece(bytes) => (bytes, false),
            _ => return,
        };
        if !self.message_whole {
            let room = MESSAGE_LIMIT.saturating_sub(self.message.len());
            self.message.extend(bytes.iter().take(room));
            self.message_whole = whole;
        }
    }

    /// What is UTF-8 of the message.
    pub(super) fn message(&self) -> &str {
        let valid =
            core::str::from_utf8(&self.message).map_or_else(|it| it.valid_up_to(), str::len);
        let valid = self.message.get(..valid).unwrap_or_default();
        core::str::from_utf8(valid).unwrap_or_default()
    }

    /// The exception that a binary event stream's frame, or a header, named.
    pub(super) fn note_exception(&mut self, name: &str) {
        self.note_word(Fact::AwsType, name);
    }

    /// Whether the document is an error whatever status it came with: it has an `error`, or says
    /// that it is one. An `error` that is `null` (OpenAI's responses), empty or 0 is none.
    #[must_use]
    pub fn is_error(&self) -> bool {
        // vLLM's older servers: {"object":"error","message":…,"type":…,"code":400}.
        self.has_error
            || self.aws_type.is_some()
            || self.top_type.as_deref() == Some("error")
            || self.object_is_error == Some(true)
    }

    /// The document's own `type`: the kind of an event, where a dialect has one.
    pub(super) fn top_type(&self) -> Option<&str> {
        self.top_type.as_deref()
    }

    /// The HTTP status that the body claims (`"code": 429`): how an error under a 200 is judged
    /// when no table knows its words.
    #[must_use]
    pub const fn said_status(&self) -> Option<u16> {
        self.said_status
    }

    /// How long the body asks to wait: Google's `retryDelay`, or its message's "Please retry in
    /// 10h17m5.7s"; the longer one. Capped by the breaker's policy, not here.
    #[must_use]
    pub fn announced(&self) -> Option<Duration> {
        let said = self.message().split_once("Please retry in ").and_then(|(_, after)| {
            let word = after
                .split(|it: char| !it.is_ascii_alphanumeric() && !matches!(it, '.' | 'µ'))
                .next()?;
            super::limits::go_duration(word.trim_end_matches('.'))
        });
        self.retry_delay.max(said).filter(|wait| !wait.is_zero())
    }

    pub(super) fn word(&self, at: Place) -> Option<&str> {
        match at {
            Place::Detail => self.detail.as_deref(),
            Place::Code => self.code.as_deref(),
            Place::Type => self.kind.as_deref().or(self.top_type.as_deref()),
            Place::Status => self.status.as_deref(),
            Place::Aws => self.aws_type.as_deref().or(self.code.as_deref()).map(bare_exception),
            Place::Message => Some(self.message()).filter(|it| !it.is_empty()),
        }
    }
}

/// `GenerateRequestsPerDayPerProjectPerModel-FreeTier`, `…_per_day`, `Too many tokens per day`.
pub(super) fn is_per_day(text: &str) -> bool {
    ["PerDay", "per_day", "per day"].iter().any(|word| text.contains(word))
}
