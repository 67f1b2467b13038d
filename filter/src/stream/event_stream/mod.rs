//! Where do the frames of Amazon's binary event streams begin and end?
//!
//! `application/vnd.amazon.eventstream`: a frame is a prelude of twelve bytes (its length, its
//! headers' length, and the CRC-32 of both, big-endian), its headers, its payload, and a CRC-32 of
//! all that. The prelude's checksum is verified, since its lengths decide where everything else is;
//! the frame's is skipped: whether a payload was damaged is for the client to find out.

mod encode;
mod headers;

use super::Completeness;
use headers::Headers;

pub use encode::encode;

const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;

/// What the AWS SDKs take as well.
const MAX_HEADERS_BYTES: usize = 128 * 1024;

/// Twice what botocore took for long, as a later SDK may take more.
const MAX_PAYLOAD_BYTES: usize = 32 * 1024 * 1024;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The next bytes of the frame's payload.
    Data(&'a [u8]),
    /// The frame is complete.
    Dispatch {
        /// What kind of message it is.
        message_type: MessageType,
        /// Its `:event-type`, `:exception-type` or `:error-code`, at most 64 bytes.
        name: &'a [u8],
        /// Its `:content-type`, at most 32 bytes.
        content_type: &'a [u8],
    },
}

/// What a frame is, by its `:message-type` or else by the header that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageType {
    /// An event of the stream.
    Event,
    /// A failure that the service's interface describes.
    Exception,
    /// A failure that it does not.
    Error,
    /// Neither header says it.
    Unknown,
}

/// Takes the bytes of a stream, in any split.
#[derive(Clone, Debug)]
pub struct Reader {
    state: State,
    prelude: [u8; PRELUDE_BYTES],
    headers: Headers,
    payload_left: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    First,
    /// So many of its bytes were read.
    Prelude(usize),
    Headers,
    Payload,
    /// So many of its bytes were read.
    Checksum(usize),
    Malformed,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: State::First,
            prelude: [0; PRELUDE_BYTES],
            headers: Headers::default(),
            payload_left: 0,
        }
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Part<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.state {
                State::First => {
                    self.read_prelude(0, byte);
                    after
                }
                State::Prelude(seen) => {
                    self.read_prelude(seen, byte);
                    after
                }
                State::Headers => self.read_headers(rest),
                State::Payload => self.read_payload(rest, sink),
                State::Checksum(seen) => {
                    self.read_checksum(seen, sink);
                    after
                }
                State::Malformed => return,
            };
        }
    }

    /// How the stream ends if it ends here.
    #[must_use]
    pub fn end(&self) -> Completeness {
        match self.state {
            State::First => Completeness::Empty,
            State::Prelude(0) => Completeness::Whole,
            State::Malformed => Completeness::Malformed,
            _ => Completeness::Truncated,
        }
    }

    fn read_prelude(&mut self, seen: usize, byte: u8) {
        if let Some(slot) = self.prelude.get_mut(seen) {
            *slot = byte;
        }
        let seen = seen.saturating_add(1);
        self.state = State::Prelude(seen);
        if seen == PRELUDE_BYTES {
            self.state = State::Malformed;
            if let Some(lengths) = lengths(&self.prelude) {
                self.headers = Headers::start(lengths.headers);
                self.payload_left = lengths.payload;
                self.start_next();
            }
        }
    }

    fn read_headers<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        match self.headers.read(bytes) {
            Ok(used) => {
                self.start_next();
                bytes.get(used..).unwrap_or_default()
            }
            Err(headers::Malformed) => {
                self.state = State::Malformed;
                &[]
            }
        }
    }

    fn read_payload<'b>(&mut self, bytes: &'b [u8], sink: &mut dyn FnMut(Part<'_>)) -> &'b [u8] {
        let (run, rest) = bytes.split_at_checked(self.payload_left).unwrap_or((bytes, &[]));
        sink(Part::Data(run));
        self.payload_left = self.payload_left.saturating_sub(run.len());
        self.start_next();
        rest
    }

    fn read_checksum(&mut self, seen: usize, sink: &mut dyn FnMut(Part<'_>)) {
        let seen = seen.saturating_add(1);
        self.state = State::Checksum(seen);
        if seen == CHECKSUM_BYTES {
            self.state = State::Prelude(0);
            sink(Part::Dispatch {
                message_type: self.headers.message_type(),
                name: self.headers.name(),
                content_type: self.headers.content_type(),
            });
        }
    }

    /// Goes on to the first part of the frame, after its prelude, that is not read yet.
    fn start_next(&mut self) {
        self.state = if !self.headers.are_complete() {
            State::Headers
        } else if self.payload_left > 0 {
            State::Payload
        } else {
            State::Checksum(0)
        };
    }
}

struct Lengths {
    headers: usize,
    payload: usize,
}

/// The lengths that a prelude gives, in bytes, if it is one.
fn lengths(prelude: &[u8; PRELUDE_BYTES]) -> Option<Lengths> {
    let (lengths, checksum) = prelude.split_last_chunk()?;
    if crc32(lengths) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let (total, rest) = lengths.split_first_chunk()?;
    let (headers, _) = rest.split_first_chunk()?;
    let headers = usize::try_from(u32::from_be_bytes(*headers)).ok()?;
    let payload = usize::try_from(u32::from_be_bytes(*total))
        .ok()?
        .checked_sub(PRELUDE_BYTES)?
        .checked_sub(CHECKSUM_BYTES)?
        .checked_sub(headers)?;
    let plausible = headers <= MAX_HEADERS_BYTES && payload <= MAX_PAYLOAD_BYTES;
    plausible.then_some(Lengths { headers, payload })
}

/// The checksum of Ethernet and zlib, bit by bit: eight bytes per frame are not worth a table.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests;
