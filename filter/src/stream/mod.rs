//! What do the bytes of a body say, read as they pass?
//!
//! Every reader takes its bytes in any split, also inside a UTF-8 character, keeps a constant few
//! hundred bytes of its own, allocates nothing and hands what it finds to the caller at once.
//! [`inflate`] alone is none: it takes all of its bytes at once. And frames can be made, too:
//! [`event_stream::encode`].
//!
//! | module | question |
//! |---|---|
//! | [`prefix`] | how does a text begin that arrives in pieces? |
//! | [`run`] | how far does a run of bytes go that nothing stands out of? |
//! | [`json`] | what stands at these few paths of a JSON document? |
//! | [`base64`] | what bytes does a base64 text stand for? |
//! | [`sse`] | where do the events of a `text/event-stream` begin and end? |
//! | [`event_stream`] | where do the frames of Amazon's binary event streams begin and end? |
//! | [`json_array`] | where do the elements of a JSON array that is a stream begin and end? |
//! | [`inflate`] | what did these compressed bytes say before they were compressed? |

pub mod base64;
pub mod event_stream;
pub mod inflate;
pub mod json;
pub mod json_array;
pub mod prefix;
pub mod run;
pub mod sse;

#[cfg(test)]
pub(crate) mod splits;

/// How the bytes that a reader has taken so far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Nothing but white space, if anything.
    Empty,
    /// At the end of a document, an event or a frame.
    Whole,
    /// In the midst of one.
    Truncated,
    /// They stopped being what they should be; nothing after that was read.
    Malformed,
    /// They nest deeper than the reader follows: nothing more is known, good or bad.
    TooDeep,
}
