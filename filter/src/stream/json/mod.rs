//! What stands at these few paths of a JSON document?
//!
//! The document is judged as strictly as the SDKs' own parsers judge it where that is cheap:
//! structure, literals, numbers, escapes and control characters. It is not judged whether strings
//! are UTF-8. `NaN` and `Infinity` are taken, since Python's servers write and Python's SDKs read
//! them, and so is a byte-order mark at the start.

mod escape;
mod found;
mod number;
mod place;
mod text;

use super::Completeness;
use super::prefix::Prefix;
use escape::{Pairs, Unit};
use found::{Sink, tell};
use number::Number;
use place::{PathSet, Place};

pub use found::Found;
pub use place::MAX_PATHS;

/// Enough for the names of Google's quotas, and longer than any key that is looked for.
const PREFIX_BYTES: usize = 128;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Takes the bytes of one document, in any split.
#[derive(Clone, Debug)]
pub struct Scanner<'p> {
    place: Place<'p>,
    /// The paths whose strings are streamed.
    streamed: PathSet,
    state: State,
    /// The paths for which the text, number or container now being read matters.
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
    First(usize),
    Value,
    /// A container's first element or key, or its end.
    Opened,
    Key,
    Colon,
    /// A comma or the container's end; outside of all, white space alone.
    After,
    Text,
    Escape,
    Unit(Unit),
    Number(Number),
    /// The rest of a word.
    Word(Word, &'static [u8]),
    Malformed,
    TooDeep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Null,
    Bool(bool),
    Number(&'static [u8]),
}

impl<'p> Scanner<'p> {
    /// A scanner before a document's first byte, looking for these paths.
    ///
    /// A path's segments are keys of objects, and `*` for any element of an array; the empty path
    /// is the document itself. At most 32 paths of at most 8 segments are found.
    #[must_use]
    pub fn new(paths: &'p [&'p [&'p str]]) -> Self {
        Self {
            place: Place::new(paths),
            streamed: 0,
            state: State::First(0),
            wanted: 0,
            is_key: false,
            text: Prefix::default(),
            pairs: Pairs::default(),
        }
    }

    /// Also streams the strings at the path with this index, piece by piece.
    #[must_use]
    pub fn streaming(mut self, index: usize) -> Self {
        self.stream(index);
        self
    }

    /// The same of a scanner where it stands.
    pub fn stream(&mut self, index: usize) {
        self.streamed |= place::only_path(index);
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
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.state {
                State::Text => self.read_text(rest, found),
                State::Malformed | State::TooDeep => return,
                _ => {
                    self.step(byte, found);
                    after
                }
            };
        }
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
            State::Number(number) => self.read_number(number, byte, found),
            State::Word(word, rest) => self.read_word(word, rest, byte, found),
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

    fn read_first(&mut self, seen: usize, byte: u8, found: &mut Sink<'_>) {
        let next = seen.saturating_add(1);
        if BYTE_ORDER_MARK.get(seen) == Some(&byte) {
            self.state =
                if next == BYTE_ORDER_MARK.len() { State::Value } else { State::First(next) };
        } else if seen == 0 {
            self.state = State::Value;
            self.step(byte, found);
        } else {
            self.state = State::Malformed;
        }
    }

    fn start_value(&mut self, byte: u8) {
        self.wanted = self.place.ending_here();
        self.text.clear();
        self.state = match byte {
            b'"' => {
                self.is_key = false;
                State::Text
            }
            b'{' | b'[' => match self.place.open(byte == b'[') {
                Ok(()) => State::Opened,
                Err(place::TooDeep) => State::TooDeep,
            },
            b'n' => State::Word(Word::Null, b"ull"),
            b't' => State::Word(Word::Bool(true), b"rue"),
            b'f' => State::Word(Word::Bool(false), b"alse"),
            b'N' => State::Word(Word::Number(b"NaN"), b"aN"),
            b'I' => State::Word(Word::Number(b"Infinity"), b"nfinity"),
            _ => match Number::start(byte) {
                Some(number) => {
                    self.text.extend(&[byte]);
                    State::Number(number)
                }
                None => State::Malformed,
            },
        };
    }

    fn read_first_inside(&mut self, byte: u8, found: &mut Sink<'_>) {
        let array = self.place.is_in_array();
        let empty = byte == if array { b']' } else { b'}' };
        self.tell(if array { Found::Array { empty } } else { Found::Object { empty } }, found);
        if empty {
            self.place.close();
            self.state = State::After;
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
            self.place.close();
        } else {
            self.state = State::Malformed;
        }
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
        self.wanted = self.place.inside();
        self.text.clear();
        self.is_key = true;
        self.state = if byte == b'"' { State::Text } else { State::Malformed };
    }

    fn read_number(&mut self, number: Number, byte: u8, found: &mut Sink<'_>) {
        if let Some(number) = number.then(byte) {
            self.state = State::Number(number);
            self.text.extend(&[byte]);
        } else if number.is_complete() {
            self.tell(Found::Number(self.text.as_bytes()), found);
            self.state = State::After;
            self.step(byte, found);
        } else if number == Number::Minus && byte == b'I' {
            self.state = State::Word(Word::Number(b"-Infinity"), b"nfinity");
        } else {
            self.state = State::Malformed;
        }
    }

    fn read_word(&mut self, word: Word, rest: &'static [u8], byte: u8, found: &mut Sink<'_>) {
        match rest.split_first() {
            Some((&expected, [])) if byte == expected => {
                self.tell(
                    match word {
                        Word::Null => Found::Null,
                        Word::Bool(value) => Found::Bool(value),
                        Word::Number(text) => Found::Number(text),
                    },
                    found,
                );
                self.state = State::After;
            }
            Some((&expected, rest)) if byte == expected => self.state = State::Word(word, rest),
            _ => self.state = State::Malformed,
        }
    }

    fn tell(&self, what: Found<'_>, found: &mut Sink<'_>) {
        tell(self.wanted, what, found);
    }
}

#[cfg(test)]
mod tests;
