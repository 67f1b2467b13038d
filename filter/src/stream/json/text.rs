//! How is a string read that arrives in pieces?

use super::escape::{self, Unit};
use super::found::{Found, Sink, tell};
use super::{PREFIX_BYTES, Scanner, State};
use crate::stream::run::of_json_text;

impl Scanner<'_> {
    /// Reads a string from its start: at once if all of it is there and nothing in it is escaped,
    /// as nearly always.
    pub(super) fn start_text<'b>(&mut self, bytes: &'b [u8], found: &mut Sink<'_>) -> &'b [u8] {
        let (whole, rest) = bytes.split_at_checked(of_json_text(bytes)).unwrap_or_default();
        let is_streamed = self.wanted & self.place.streamed() != 0;
        let is_short = whole.len() <= PREFIX_BYTES && !is_streamed;
        match rest {
            [b'"', after @ ..] if self.is_key => {
                self.end_key(whole);
                after
            }
            [b'"', after @ ..] if self.wanted == 0 || is_short => {
                self.tell(Found::Text { prefix: whole, cut: false }, found);
                self.state = State::After;
                after
            }
            _ => {
                self.text.clear();
                self.state = State::Text;
                bytes
            }
        }
    }

    /// Reads on within a string up to an escape or its end, if they are there.
    pub(super) fn read_text<'b>(&mut self, bytes: &'b [u8], found: &mut Sink<'_>) -> &'b [u8] {
        let (run, rest) = bytes.split_at_checked(of_json_text(bytes)).unwrap_or_default();
        if !run.is_empty() {
            self.flush_pair(found);
            self.push(run, found);
        }
        let Some((&byte, after)) = rest.split_first() else { return rest };
        match byte {
            b'"' => self.end_text(found),
            b'\\' => self.state = State::Escape,
            _ => self.state = State::Malformed,
        }
        after
    }

    fn end_text(&mut self, found: &mut Sink<'_>) {
        self.flush_pair(found);
        if self.is_key {
            let key = self.text;
            self.end_key(key.as_bytes());
        } else {
            self.tell(Found::Text { prefix: self.text.as_bytes(), cut: self.text.is_cut() }, found);
            self.state = State::After;
        }
    }

    fn end_key(&mut self, key: &[u8]) {
        if self.wanted == 0 {
            self.place.enter_other_key();
        } else {
            self.place.enter_key(key);
        }
        self.state = State::Colon;
    }

    pub(super) fn read_escape(&mut self, byte: u8, found: &mut Sink<'_>) {
        self.state = State::Text;
        if byte == b'u' {
            self.state = State::Unit(Unit::default());
        } else if let Some(character) = escape::short(byte) {
            self.flush_pair(found);
            self.push_character(character, found);
        } else {
            self.state = State::Malformed;
        }
    }

    pub(super) fn read_unit(&mut self, unit: Unit, byte: u8, found: &mut Sink<'_>) {
        let Some(unit) = unit.then(byte) else {
            self.state = State::Malformed;
            return;
        };
        self.state = State::Unit(unit);
        if let Some(unit) = unit.complete() {
            self.state = State::Text;
            for character in self.pairs.take(unit).into_iter().flatten() {
                self.push_character(character, found);
            }
        }
    }

    fn flush_pair(&mut self, found: &mut Sink<'_>) {
        if let Some(character) = self.pairs.flush() {
            self.push_character(character, found);
        }
    }

    fn push_character(&mut self, character: char, found: &mut Sink<'_>) {
        self.push(character.encode_utf8(&mut [0; 4]).as_bytes(), found);
    }

    /// The next bytes of the string, unescaped.
    fn push(&mut self, bytes: &[u8], found: &mut Sink<'_>) {
        if self.wanted == 0 {
            return;
        }
        self.text.extend(bytes);
        let cut = self.text.is_cut();
        if self.is_key {
            // No path has a key of that length.
            self.wanted = if cut { 0 } else { self.wanted };
            return;
        }
        tell(self.wanted & self.place.streamed(), Found::Piece(bytes), found);
        if cut {
            let told = Found::Text { prefix: self.text.as_bytes(), cut };
            tell(self.wanted & !self.place.streamed(), told, found);
            self.wanted &= self.place.streamed();
        }
    }
}
