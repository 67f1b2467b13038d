//! What is answered in an upstream's place?
//!
//! An error that the official SDKs raise as their own, or a completion that they return as any
//! other: in the dialect and the form that the request asked for. One file for each dialect, all of
//! the same shape, with the JSON as it goes over the wire.

mod anthropic;
mod bedrock;
mod fault;
mod gemini;
mod openai;
mod reply;
mod said;
mod template;

pub use reply::{MARK, Reply, SERVED_BY, is_reserved};

use crate::call::{AskedFor, Facts, Protocol, Wants};
use crate::dialect::{Api, Dialect};
use crate::policy::{CompletionAnswer, ErrorAnswer};
use core::time::Duration;
use fault::{Fault, Kind, whole_seconds};
use reply::{Content, Marked};
use said::Said;
use std::time::SystemTime;

/// What is known of the request that gets an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The dialect that it speaks.
    pub dialect: Dialect,
    /// What it asks for.
    pub api: Api,
    /// Whether it wants its answer as a stream.
    pub streams: bool,
    /// What the answer is to be.
    pub wants: Wants,
}

impl Asked {
    /// What the path and the headers of a request tell: without its body, a text, and a stream only
    /// if they say so.
    #[must_use]
    pub fn of(protocol: Protocol) -> Self {
        let Protocol { dialect, api, asked_for, .. } = protocol;
        Self { dialect, api, streams: asked_for == AskedFor::Stream, wants: Wants::Text }
    }

    /// The same, with what the request's body tells.
    #[must_use]
    pub const fn with(self, facts: &Facts) -> Self {
        Self { streams: self.streams || facts.streams, wants: facts.wants, ..self }
    }
}

/// A typed error. It says when to come back and nothing about hosts, thresholds or other tenants.
#[must_use]
pub fn error(answer: &ErrorAnswer, asked: &Asked, retry_after: Duration) -> Reply {
    unavailable(answer, asked, Marked::Open, Kind::Open { retry_after }, retry_after)
}

/// The same for a call that was let through, and failed.
#[must_use]
pub fn failed(answer: &ErrorAnswer, asked: &Asked, retry_after: Duration) -> Reply {
    unavailable(answer, asked, Marked::Fallback, Kind::Failed { retry_after }, retry_after)
}

fn unavailable(
    answer: &ErrorAnswer,
    asked: &Asked,
    marked: Marked,
    kind: Kind,
    retry_after: Duration,
) -> Reply {
    let status = answer.status.unwrap_or(match asked.dialect {
        Dialect::Anthropic => anthropic::OVERLOADED,
        _ => 503,
    });
    let seconds = whole_seconds(retry_after);
    let built_in =
        || format!("The model provider is currently unavailable. Please try again in {seconds} s.");
    let message = answer.message.clone().unwrap_or_else(built_in);
    let mut reply = faulty(asked, marked, &Fault { kind, status, message: &message });
    reply.add_configured(&answer.headers);
    reply
}

/// The error of a call whose upstream kept its client waiting for too long.
#[must_use]
pub fn timed_out(asked: &Asked) -> Reply {
    let message = "The model provider did not answer in time.";
    let fault = Fault { kind: Kind::TimedOut, status: 504, message };
    faulty(asked, Marked::Fallback, &fault)
}

/// The error of a request that is not taken as it is.
#[must_use]
pub fn refused(asked: &Asked, message: &str) -> Reply {
    let fault = Fault { kind: Kind::Refused, status: 400, message };
    faulty(asked, Marked::Fallback, &fault)
}

/// A made completion; `None` where the API has none that could say what is configured. `now` is the
/// wall clock, for the APIs that date their answers.
#[must_use]
pub fn completion(answer: &CompletionAnswer, asked: &Asked, now: SystemTime) -> Option<Reply> {
    let said = Said::of(answer, asked.wants, now);
    let content = match asked.dialect {
        Dialect::OpenAi => openai::completion(&said, asked),
        Dialect::Anthropic => anthropic::completion(&said, asked),
        Dialect::Gemini => gemini::completion(&said, asked),
        Dialect::Bedrock => bedrock::completion(&said, asked),
        Dialect::Generic => None,
    }?;
    Some(Reply::new(200, Marked::Fallback, content))
}

/// The event by which the client of a stream of server-sent events learns that it ended without its
/// end. The SDKs of OpenAI and Anthropic raise it.
#[must_use]
pub fn stream_error(asked: &Asked) -> Vec<u8> {
    let message = "The model provider's answer ended before its end.";
    let fault = Fault { kind: Kind::BrokenOff, status: 502, message };
    let error = error_content(asked, &fault).bytes;
    let name: &[u8] = if asked.dialect == Dialect::Anthropic { b"event: error\n" } else { b"" };
    // First what ends an event that was left open; no line of JSON may end inside the data.
    let one_line = error.split(|byte| *byte == b'\n').flatten().copied();
    let data = b"data: ".iter().copied().chain(one_line);
    b"\n\n".iter().chain(name).copied().chain(data).chain(*b"\n\n").collect()
}

fn error_content(asked: &Asked, fault: &Fault<'_>) -> Content {
    match asked.dialect {
        Dialect::Anthropic => anthropic::error(fault),
        Dialect::Gemini => gemini::error(fault, asked),
        Dialect::Bedrock => bedrock::error(fault),
        // Most others have copied OpenAI's.
        Dialect::OpenAi | Dialect::Generic => openai::error(fault),
    }
}

fn faulty(asked: &Asked, marked: Marked, fault: &Fault<'_>) -> Reply {
    if asked.api == Api::Grpc {
        return Reply::grpc(fault, marked);
    }
    let mut reply = Reply::new(fault.status, marked, error_content(asked, fault));
    if asked.dialect == Dialect::Bedrock {
        reply.add("x-amzn-errortype", bedrock::exception(fault.status));
    }
    reply.say_when_to_retry(fault.kind);
    reply
}

#[cfg(test)]
mod tests;
