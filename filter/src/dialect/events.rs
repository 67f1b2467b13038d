//! What does one event of a stream mean?
//!
//! A scanner looks for a dialect's [`event_places`](Dialect::event_places) in each event's JSON and
//! hands every value it finds to an [`EventReader`], in any order; at the event's end the reader
//! says what it meant.
//! Nothing but one event's findings and two sets of 64 choices is kept.

use super::Dialect;
use super::facts::{ERROR_FIELDS, ErrorFacts, Fact};
use crate::stream::json::Found;
use crate::stream::json::paths::{Node, Paths};

/// A text or a number, if it is a short one; else nothing.
pub(super) fn text(value: Found<'_>) -> &str {
    match value {
        Found::Text { prefix, .. } | Found::Number(prefix) => {
            core::str::from_utf8(prefix).unwrap_or_default()
        }
        _ => "",
    }
}

/// What a field's value is to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Something the model made: text, a tool call, reasoning, a refusal; unless it is empty.
    Content,
    /// Why the model stopped, unless `null`.
    Finish,
    /// Which of several choices the event is about.
    Choice,
    /// It is there at the very end only.
    Terminal,
    /// It says something about an error.
    Fact(Fact),
}

/// One place in an event's JSON: keys, and `*` for every element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) path: &'static [&'static str],
    pub(super) role: Role,
}

impl Field {
    pub(super) const fn content(path: &'static [&'static str]) -> Self {
        Self { path, role: Role::Content }
    }

    pub(super) const fn finish(path: &'static [&'static str]) -> Self {
        Self { path, role: Role::Finish }
    }
}

/// The fields of errors, then a dialect's own.
#[expect(clippy::indexing_slicing, reason = "only called while compiling")]
pub(super) const fn with_errors<const N: usize>(own: &[Field]) -> [Field; N] {
    let mut all = [ERROR_FIELDS[0]; N];
    let mut at = 1;
    while at < N {
        let errors = ERROR_FIELDS.len();
        all[at] = if at < errors { ERROR_FIELDS[at] } else { own[at - errors] };
        at += 1;
    }
    all
}

/// Where those fields are.
#[expect(clippy::indexing_slicing, reason = "only called while compiling")]
pub(super) const fn paths<const N: usize>(fields: &[Field]) -> [&'static [&'static str]; N] {
    let mut paths: [&[&str]; N] = [&[]; N];
    let mut at = 0;
    while at < N {
        paths[at] = fields[at].path;
        at += 1;
    }
    paths
}

/// The same paths as a scanner looks for them. Messages are handed on whole: what they say may stand
/// at their end.
#[expect(clippy::indexing_slicing, reason = "only called while compiling")]
pub(super) const fn places(paths: &[&[&str]], tree: &'static [Node<'static>]) -> Paths<'static> {
    let mut places = Paths::of(tree);
    let mut at = 0;
    while at < paths.len() {
        if let [.., last] = paths[at]
            && let b"message" | b"Message" = last.as_bytes()
        {
            places = places.streaming(at);
        }
        at += 1;
    }
    places
}

/// What an event's name says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sent to keep a connection open.
    KeepAlive,
    /// It announces what comes.
    Preamble,
    /// There are only such events if the model works.
    Content,
    /// The protocol's end of the answer.
    Terminal,
    /// A failure.
    Error,
    /// Nothing: its fields tell.
    Fields,
}

/// The name that an event came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventName<'a> {
    /// None, as OpenAI's and Gemini's.
    Absent,
    /// The SSE `event:` line, or an Amazon frame's `:event-type`.
    Named(&'a str),
    /// An Amazon frame's `:exception-type` or `:error-code`.
    Exception(&'a str),
}

/// What one event meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing: a ping, an event without data.
    KeepAlive,
    /// Nothing that the model made: a role, `message_start`, usage.
    Preamble,
    /// Something that the model made; `finished` if it is also the last of it.
    Content {
        /// Every choice seen so far has ended.
        finished: bool,
    },
    /// The model stopped, in every choice seen so far.
    Finish,
    /// The protocol's own end of the answer.
    Terminal,
    /// A failure.
    Error(Box<ErrorFacts>),
}

/// Reads the events of one stream.
#[derive(Debug)]
pub struct EventReader {
    dialect: Dialect,
    facts: ErrorFacts,
    content: bool,
    terminal: bool,
    finish: Option<Finish>,
    /// This event's choices; all choices seen; those that ended. One bit each.
    choices: u64,
    seen: u64,
    ended: u64,
}

/// The worse one is the larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Finish {
    Stopped,
    Failed,
}

impl EventReader {
    /// A reader of a stream in this dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            facts: ErrorFacts::default(),
            content: false,
            terminal: false,
            finish: None,
            choices: 0,
            seen: 0,
            ended: 0,
        }
    }

    /// The value at the path of [`Dialect::event_paths`] with this index was found.
    pub fn found(&mut self, index: usize, value: Found<'_>) {
        let Some(field) = self.dialect.tables().fields.get(index) else { return };
        match field.role {
            Role::Content => self.content |= !value.is_empty(),
            Role::Terminal => self.terminal |= !value.is_empty(),
            // More than 64 choices share the last bit.
            Role::Choice => self.choices |= 1 << text(value).parse().unwrap_or(u32::MAX).min(63),
            Role::Finish => self.finish = self.finish.max(finish_of(value)),
            Role::Fact(fact) => self.facts.note(fact, value),
        }
    }

    /// The event is over; `data` is how its data began, 8 bytes or more if there were so many.
    pub fn end_of_event(&mut self, name: EventName<'_>, data: &[u8]) -> Meaning {
        let facts = core::mem::take(&mut self.facts);
        let content = core::mem::take(&mut self.content);
        let terminal = core::mem::take(&mut self.terminal);
        let finish = core::mem::take(&mut self.finish);
        let choices = core::mem::take(&mut self.choices);
        let kind = self.kind(name, &facts);
        if let EventName::Exception(exception) = name {
            return Meaning::Error(Box::new(with_exception(facts, exception)));
        }
        if kind == Kind::Error || facts.is_error() || finish == Some(Finish::Failed) {
            return Meaning::Error(Box::new(facts));
        }
        // openai-python 3.54.0, _streaming.py: `sse.data.startswith("[DONE]")`.
        if data.starts_with(b"[DONE]") || terminal {
            return Meaning::Terminal;
        }
        let finished = self.note_choices(choices, content, finish);
        match kind {
            Kind::KeepAlive => Meaning::KeepAlive,
            Kind::Terminal => Meaning::Terminal,
            _ if content => Meaning::Content { finished },
            Kind::Content if !data.is_empty() => Meaning::Content { finished },
            _ if finished => Meaning::Finish,
            _ if data.is_empty() => Meaning::KeepAlive,
            _ => Meaning::Preamble,
        }
    }

    /// By the `type` in the JSON if that is telling, else by the event's name: gateways drop
    /// either, and Bedrock's name for every event of a model is `chunk`.
    fn kind(&self, name: EventName<'_>, facts: &ErrorFacts) -> Kind {
        let event = self.dialect.tables().event;
        let named = match name {
            EventName::Named(name) => event(name),
            EventName::Absent | EventName::Exception(_) => event(""),
        };
        match (facts.top_type().map(event), named) {
            (_, Kind::Error) => Kind::Error,
            // Of an event with a type of its own a mere name does not say that it is content.
            (Some(Kind::Fields), Kind::Content) => Kind::Fields,
            (None | Some(Kind::Fields), named) => named,
            (Some(typed), _) => typed,
        }
    }

    /// Whether the event ended the last open choice. An event about several choices (they mostly
    /// come one by one) ends all of them: better an end too early than a false alarm.
    fn note_choices(&mut self, choices: u64, content: bool, finish: Option<Finish>) -> bool {
        let about = if choices == 0 && (content || finish.is_some()) { 1 } else { choices };
        self.seen |= about;
        if finish.is_none() {
            return false;
        }
        self.ended |= about;
        self.seen & !self.ended == 0
    }
}

fn with_exception(mut facts: ErrorFacts, exception: &str) -> ErrorFacts {
    facts.note_exception(exception);
    facts
}

fn finish_of(value: Found<'_>) -> Option<Finish> {
    match text(value) {
        // Google's proto3 default, where a server spells it out.
        "" | "FINISH_REASON_UNSPECIFIED" => None,
        // The word of OpenRouter and Mistral for a generation that broke: mistralai 3.7.0,
        // CompletionResponseStreamChoiceFinishReason.
        "error" => Some(Finish::Failed),
        _ => Some(Finish::Stopped),
    }
}
