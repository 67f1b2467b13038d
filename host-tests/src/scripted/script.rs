//! What is sent, by whom, and who waits for whom.

use bytes::Bytes;

use super::trace::Fields;

/// One exchange.
#[derive(Clone, Debug)]
pub struct Script {
    /// The request's method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// What else the request is.
    pub request: Message,
    /// The answer's status.
    pub status: u16,
    /// What else the answer is.
    pub answer: Message,
    /// Who waits for whom.
    pub pace: Pace,
    /// What the client speaks.
    pub client: Protocol,
}

/// Headers, body and trailers of one direction.
#[derive(Clone, Debug)]
pub struct Message {
    /// Names in lower case, with their values; repeated names are sent repeatedly.
    pub headers: Fields,
    /// The body, piece by piece.
    pub pieces: Vec<Bytes>,
    /// How the other side knows where the body ends.
    pub framing: Framing,
    /// Sent behind the body.
    pub trailers: Fields,
}

/// How a body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// Its length is announced.
    Length,
    /// It is not: chunks in HTTP/1.
    Chunks,
}

/// Who waits for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Nobody, but for the answer, which follows the whole request.
    Free,
    /// A piece leaves only when the one before it has arrived: whoever holds one back hangs it.
    Lockstep,
    /// Request and answer take turns, piece by piece.
    Duplex,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
}

impl Message {
    /// Headers alone.
    #[must_use]
    pub const fn empty(headers: Fields) -> Self {
        Self { headers, pieces: Vec::new(), framing: Framing::None, trailers: Vec::new() }
    }

    /// The headers and the length that is announced.
    pub(super) fn all_headers(&self) -> Fields {
        let mut headers = self.headers.clone();
        if self.framing == Framing::Length {
            let length = self.length_of(self.pieces.len()).to_string();
            headers.push(("content-length".to_owned(), length.into_bytes()));
        }
        headers
    }

    /// Bytes of the first so many pieces.
    pub(super) fn length_of(&self, pieces: usize) -> usize {
        self.pieces.iter().take(pieces).map(Bytes::len).sum()
    }
}
