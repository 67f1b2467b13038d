//! What do a frame's headers say about it?
//!
//! A header is its name's length (one byte), its name, its value's type (one byte) and its value;
//! strings and byte arrays begin with their length in two bytes.

use super::MessageType;
use crate::stream::prefix::Prefix;

/// `:exception-type` is the longest that matters.
const HEADER_NAME_BYTES: usize = 16;
/// `exception` is the longest that matters.
const MESSAGE_TYPE_BYTES: usize = 16;
/// The longest of Bedrock's, `modelStreamErrorException`, have fewer than 32 bytes.
const NAME_BYTES: usize = 64;
const CONTENT_TYPE_BYTES: usize = 32;

/// The headers of one frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Headers {
    /// Bytes of headers that are still to come.
    left: usize,
    state: State,
    header: Prefix<HEADER_NAME_BYTES>,
    message_type: Prefix<MESSAGE_TYPE_BYTES>,
    /// Which of its headers gave the name.
    named_by: Option<MessageType>,
    name: Prefix<NAME_BYTES>,
    content_type: Prefix<CONTENT_TYPE_BYTES>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    NameLength,
    /// So many bytes of the name are still to come.
    Name(usize),
    Type,
    ValueLength,
    /// The second byte of the length, after this first.
    ValueLengthEnd(u8),
    /// So many bytes of the value are still to come.
    Value(usize),
}

/// The headers are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Headers {
    /// Before headers of that many bytes.
    pub(super) fn start(bytes: usize) -> Self {
        Self { left: bytes, ..Self::default() }
    }

    /// Whether all were read.
    pub(super) fn are_complete(&self) -> bool {
        self.left == 0
    }

    pub(super) fn message_type(&self) -> MessageType {
        match self.message_type.as_bytes() {
            b"event" => MessageType::Event,
            b"exception" => MessageType::Exception,
            b"error" => MessageType::Error,
            _ => self.named_by.unwrap_or(MessageType::Unknown),
        }
    }

    pub(super) fn name(&self) -> &[u8] {
        self.name.as_bytes()
    }

    pub(super) fn content_type(&self) -> &[u8] {
        self.content_type.as_bytes()
    }

    /// Reads on, at least one byte and none beyond the headers; tells how many.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let Some((&byte, _)) = bytes.split_first() else { return Ok(0) };
        let used = match self.state {
            State::Name(left) | State::Value(left) => left.min(self.left).min(bytes.len()),
            _ => 1,
        };
        let run = bytes.get(..used).unwrap_or_default();
        self.state = match self.state {
            State::NameLength => {
                self.header.clear();
                State::Name(usize::from(byte)).or_beyond()
            }
            State::Name(left) => {
                self.header.extend(run);
                State::Name(left.saturating_sub(used)).or_beyond()
            }
            State::Type => self.start_value(byte)?.or_beyond(),
            State::ValueLength => State::ValueLengthEnd(byte),
            State::ValueLengthEnd(first) => {
                State::Value(usize::from(u16::from_be_bytes([first, byte]))).or_beyond()
            }
            State::Value(left) => {
                self.keep(run);
                State::Value(left.saturating_sub(used)).or_beyond()
            }
        };
        self.left = self.left.saturating_sub(used);
        let cut = self.left == 0 && self.state != State::NameLength;
        if cut { Err(Malformed) } else { Ok(used) }
    }

    /// What comes after this type of a value.
    fn start_value(&mut self, value_type: u8) -> Result<State, Malformed> {
        self.forget_header();
        Ok(match value_type {
            // True and false have no bytes.
            0 | 1 => State::Value(0),
            2 => State::Value(1),
            3 => State::Value(2),
            4 => State::Value(4),
            // A long integer, a point in time.
            5 | 8 => State::Value(8),
            // Bytes, a string.
            6 | 7 => State::ValueLength,
            // A UUID.
            9 => State::Value(16),
            _ => return Err(Malformed),
        })
    }

    /// A header that comes again replaces what it said.
    fn forget_header(&mut self) {
        match self.header.whole() {
            b":message-type" => self.message_type.clear(),
            b":content-type" => self.content_type.clear(),
            header => {
                if let Some(named_by) = naming(header) {
                    self.named_by = Some(named_by);
                    self.name.clear();
                }
            }
        }
    }

    fn keep(&mut self, value: &[u8]) {
        match self.header.whole() {
            b":message-type" => self.message_type.extend(value),
            b":content-type" => self.content_type.extend(value),
            header if naming(header).is_some() => self.name.extend(value),
            _ => {}
        }
    }
}

/// The type of message that this header names, if it is one that does.
fn naming(header: &[u8]) -> Option<MessageType> {
    match header {
        b":event-type" => Some(MessageType::Event),
        b":exception-type" => Some(MessageType::Exception),
        b":error-code" => Some(MessageType::Error),
        _ => None,
    }
}

impl State {
    /// The state itself, or what comes next if none of its bytes are left.
    fn or_beyond(self) -> Self {
        match self {
            Self::Name(0) => Self::Type,
            Self::Value(0) => Self::NameLength,
            _ => self,
        }
    }
}
