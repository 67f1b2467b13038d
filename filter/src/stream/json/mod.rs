//! What stands at these few paths of a JSON document?
//!
//! The document is judged as strictly as the SDKs' own parsers judge it where that is cheap:
//! structure, literals, numbers, escapes and control characters. It is not judged whether strings
//! are UTF-8. `NaN` and `Infinity` are taken, since Python's servers write and Python's SDKs read
//! them, and so is a byte-order mark at the start.

mod escape;
mod found;
mod number;
pub mod paths;
mod place;
mod text;

use super::Completeness;
use super::prefix::Prefix;
use escape::{Pairs, Unit};
use found::{Sink, tell};
use number::Number;
use paths::PathSet;
use place::Place;

pub use found::Found;
pub use paths::Paths;

/// Enough for the names of Google's quotas, and longer than any key that is looked for.
const PREFIX_BYTES: usize = 128;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Takes the bytes of one document, in any split.
#[derive(Clone, Debug)]
pub struct Scanner<'p> {
    place: Place<'p>,
    state: State,
    /// The paths for which the text, number or container now being read matters; of a key, none or
    /// any.
    wanted: PathSet,
    /// Whether the string now being read is an object's key.
    is_key: bool,
    text: Prefix<PREFIX_BYTES>,
    pairs: Pairs,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The document; so many bytes of a byte-order mark were read.
    First(u8),
    Value,
    /// A container's first element or key, or its end.
    Opened,
    Key,
    Colon,
    /// A comma or the container's end; behind a text or number that is all, white space alone.
    After,
    /// White space alone: the outermost container has ended.
    Closed,
    /// A string's first byte.
    TextStart,
    Text,
    Escape,
    Unit(Unit),
    Number(Number),
    /// A word of which so many letters were read.
    Word(Word, u8),
    Malformed,
    TooDeep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Null,
    True,
    False,
    NotANumber,
    Infinity,
    MinusInfinity,
}

impl Word {
    fn start(byte: u8) -> Option<Self> {
        Some(match byte {
            b'n' => Self::Null,
            b't' => Self::True,
            b'f' => Self::False,
            b'N' => Self::NotANumber,
            b'I' => Self::Infinity,
            _ => return None,
        })
    }

    const fn text(self) -> &'static [u8] {
        match self {
            Self::Null => b"null",
            Self::True => b"true",
            Self::False => b"false",
            Self::NotANumber => b"NaN",
            Self::Infinity => b"Infinity",
            Self::MinusInfinity => b"-Infinity",
        }
    }

    const fn value(self) -> Found<'static> {
        match self {
            Self::Null => Found::Null,
            Self::True => Found::Bool(true),
            Self::False => Found::Bool(false),
            Self::NotANumber | Self::Infinity | Self::MinusInfinity => Found::Number(self.text()),
        }
    }
}

/// Of a key, whether any path may have it.
const ANY: PathSet = PathSet::MAX;

impl<'p> Scanner<'p> {
    /// A scanner before a document's first byte, looking for these paths.
    #[must_use]
    pub fn new(paths: Paths<'p>) -> Self {
        Self {
            place: Place::new(paths),
            state: State::First(0),
            wanted: 0,
            is_key: false,
            text: Prefix::default(),
            pairs: Pairs::default(),
        }
    }

    /// Begins another document, with the same paths.
    pub fn restart(&mut self) {
        self.place.restart();
        self.state = State::First(0);
        self.pairs = Pairs::default();
    }

    /// Reads the next bytes and tells what they complete: a path's index, and what stands there.
    ///
    /// A path is told as often as the document has it: for each element, and for keys that repeat.
    pub fn feed(&mut self, bytes: &[u8], found: &mut dyn FnMut(usize, Found<'_>)) {
        let behind = self.read(bytes, found);
        behind.iter().for_each(|byte| self.step(*byte, found));
    }

    /// The same, but nothing that follows the outermost object or array; whether that has ended.
    pub fn feed_container(
        &mut self,
        bytes: &[u8],
        found: &mut dyn FnMut(usize, Found<'_>),
    ) -> bool {
        self.read(bytes, found);
        self.state == State::Closed
    }

    /// Reads on to the end of the outermost container, and what is left behind that.
    fn read<'b>(&mut self, bytes: &'b [u8], found: &mut Sink<'_>) -> &'b [u8] {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.state {
                State::TextStart => self.start_text(rest, found),
                State::Text => self.read_text(rest, found),
                State::Number(number) => self.read_number(number, rest, found),
                State::Word(word, read) => self.read_word(word, read, rest, found),
                State::Closed => return rest,
                State::Malformed | State::TooDeep => return &[],
                _ => {
                    self.step(byte, found);
                    after
                }
            };
        }
        rest
    }

    /// How the document ends if it ends here.
    ///
    /// A number that is the whole document is told by nothing but this.
    #[must_use]
    pub fn end(&self) -> Completeness {
        match self.state {
            State::Malformed => Completeness::Malformed,
            State::TooDeep => Completeness::TooDeep,
            State::First(0) => Completeness::Empty,
            State::Value if self.place.is_outside() => Completeness::Empty,
            State::Closed => Completeness::Whole,
            State::After if self.place.is_outside() => Completeness::Whole,
            State::Number(number) if self.place.is_outside() && number.is_complete() => {
                Completeness::Whole
            }
            _ => Completeness::Truncated,
        }
    }

    fn step(&mut self, byte: u8, found: &mut Sink<'_>) {
        match self.state {
            State::First(seen) => self.read_first(seen, byte, found),
            State::Escape => self.read_escape(byte, found),
            State::Unit(unit) => self.read_unit(unit, byte, found),
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => {}
            State::Value => self.start_value(byte),
            State::Opened => self.read_first_inside(byte, found),
            State::Key => self.start_key(byte),
            State::Colon if byte == b':' => self.state = State::Value,
            State::After => self.read_after(byte),
            _ => self.state = State::Malformed,
        }
    }

    fn read_first(&mut self, seen: u8, byte: u8, found: &mut Sink<'_>) {
        let next = seen.saturating_add(1);
        if BYTE_ORDER_MARK.get(usize::from(seen)) == Some(&byte) {
            let is_last = usize::from(next) == BYTE_ORDER_MARK.len();
            self.state = if is_last { State::Value } else { State::First(next) };
        } else if seen == 0 {
            self.state = State::Value;
            self.step(byte, found);
        } else {
            self.state = State::Malformed;
        }
    }

    fn start_value(&mut self, byte: u8) {
        self.wanted = self.place.ending_here();
        self.state = match byte {
            b'"' => {
                self.is_key = false;
                State::TextStart
            }
            b'{' | b'[' => match self.place.open(byte == b'[') {
                Ok(()) => State::Opened,
                Err(place::TooDeep) => State::TooDeep,
            },
            _ => match (Number::start(byte), Word::start(byte)) {
                (Some(number), _) => {
                    self.text.clear();
                    self.text.extend(&[byte]);
                    State::Number(number)
                }
                (None, Some(word)) => State::Word(word, 1),
                (None, None) => State::Malformed,
            },
        };
    }

    fn read_first_inside(&mut self, byte: u8, found: &mut Sink<'_>) {
        let array = self.place.is_in_array();
        let empty = byte == if array { b']' } else { b'}' };
        self.tell(if array { Found::Array { empty } } else { Found::Object { empty } }, found);
        if empty {
            self.close();
        } else {
            self.start_next();
            self.step(byte, found);
        }
    }

    fn read_after(&mut self, byte: u8) {
        let closes = if self.place.is_in_array() { b']' } else { b'}' };
        if self.place.is_outside() {
            self.state = State::Malformed;
        } else if byte == b',' {
            self.start_next();
        } else if byte == closes {
            self.close();
        } else {
            self.state = State::Malformed;
        }
    }

    fn close(&mut self) {
        self.place.close();
        self.state = if self.place.is_outside() { State::Closed } else { State::After };
    }

    fn start_next(&mut self) {
        if self.place.is_in_array() {
            self.place.enter_element();
            self.state = State::Value;
        } else {
            self.state = State::Key;
        }
    }

    fn start_key(&mut self, byte: u8) {
        self.wanted = if self.place.leads_on() { ANY } else { 0 };
        self.is_key = true;
        self.state = if byte == b'"' { State::TextStart } else { State::Malformed };
    }

    /// Reads on in a number, up to what follows it if that is there.
    fn read_number<'b>(
        &mut self,
        number: Number,
        bytes: &'b [u8],
        found: &mut Sink<'_>,
    ) -> &'b [u8] {
        let (number, length) = number.read(bytes);
        let (run, rest) = bytes.split_at_checked(length).unwrap_or_default();
        self.text.extend(run);
        self.state = State::Number(number);
        let Some((&byte, after)) = rest.split_first() else { return rest };
        if number.is_complete() {
            self.tell(Found::Number(self.text.as_bytes()), found);
            self.state = State::After;
            return rest;
        }
        let is_infinity = number == Number::Minus && byte == b'I';
        self.state =
            if is_infinity { State::Word(Word::MinusInfinity, 2) } else { State::Malformed };
        after
    }

    /// Reads on in a word, to its end if that is there.
    fn read_word<'b>(
        &mut self,
        word: Word,
        read: u8,
        bytes: &'b [u8],
        found: &mut Sink<'_>,
    ) -> &'b [u8] {
        let left = word.text().get(usize::from(read)..).unwrap_or_default();
        let length = left.len().min(bytes.len());
        let (run, rest) = bytes.split_at_checked(length).unwrap_or_default();
        if !left.starts_with(run) {
            self.state = State::Malformed;
        } else if length < left.len() {
            self.state = State::Word(word, read.saturating_add(length as u8));
        } else {
            self.tell(word.value(), found);
            self.state = State::After;
        }
        rest
    }

    fn tell(&self, what: Found<'_>, found: &mut Sink<'_>) {
        tell(self.wanted, what, found);
    }
}

#[cfg(test)]
mod tests;
