//! Where do the elements of a JSON array that is a stream begin and end?
//!
//! Gemini's `streamGenerateContent` without `alt=sse` sends one array, an element for each event. A
//! document that is no array is one element. Only brackets and strings are told apart: whether an
//! element is JSON is for its reader to find out.

use super::Completeness;
use super::run::before_quote;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The next bytes of the element.
    Data(&'a [u8]),
    /// The element is complete.
    Dispatch,
}

/// Takes the bytes of a stream, in any split.
#[derive(Clone, Debug)]
pub struct Reader {
    state: State,
    is_array: bool,
    /// The containers of the element that are open.
    depth: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the document.
    First,
    /// Before an element, or the array's end.
    Between,
    Element,
    Text,
    Escape,
    /// After the document; whatever follows is not read.
    Ended,
}

/// Where a byte of an element stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Within,
    /// It is the last.
    Last,
    /// It comes after the last: nothing else ends a number or a word.
    After,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader before the first byte.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::First, is_array: false, depth: 0 }
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Part<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.state {
                State::First | State::Between => {
                    if self.starts_element(byte) {
                        self.state = State::Element;
                        rest
                    } else {
                        after
                    }
                }
                State::Element | State::Text | State::Escape => self.read_element(rest, sink),
                State::Ended => return,
            };
        }
    }

    /// How the stream ends if it ends here. A document that is a number or a word is truncated:
    /// it could go on.
    #[must_use]
    pub const fn end(&self) -> Completeness {
        match self.state {
            State::First => Completeness::Empty,
            State::Ended => Completeness::Whole,
            _ => Completeness::Truncated,
        }
    }

    /// Whether an element begins at this byte, which else is what stands between two.
    fn starts_element(&mut self, byte: u8) -> bool {
        match (self.state, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => false,
            (State::First, _) if BYTE_ORDER_MARK.contains(&byte) => false,
            (State::First, b'[') => {
                self.is_array = true;
                self.state = State::Between;
                false
            }
            (State::Between, b',') => false,
            (State::Between, b']') => {
                self.state = State::Ended;
                false
            }
            _ => true,
        }
    }

    /// Reads on in an element, to its end if it is there.
    fn read_element<'b>(&mut self, bytes: &'b [u8], sink: &mut dyn FnMut(Part<'_>)) -> &'b [u8] {
        let end = self.end_of_element(bytes);
        let (run, rest) = bytes.split_at_checked(end.unwrap_or(bytes.len())).unwrap_or_default();
        if !run.is_empty() {
            sink(Part::Data(run));
        }
        if end.is_some() {
            self.state = if self.is_array { State::Between } else { State::Ended };
            sink(Part::Dispatch);
        }
        rest
    }

    /// Where the element ends, if it does in these bytes.
    fn end_of_element(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0_usize;
        loop {
            if self.state == State::Text {
                at = at.saturating_add(before_quote(bytes.get(at..)?));
            }
            let after = at.saturating_add(1);
            match self.step(*bytes.get(at)?) {
                At::Within => at = after,
                At::Last => return Some(after),
                At::After => return Some(at),
            }
        }
    }

    fn step(&mut self, byte: u8) -> At {
        match (self.state, byte) {
            (State::Escape, _) => self.state = State::Text,
            (State::Text, b'\\') => self.state = State::Escape,
            (State::Text, b'"') => self.state = State::Element,
            (State::Text, _) => {}
            (_, b'"') => self.state = State::Text,
            (_, b'{' | b'[') => self.depth = self.depth.saturating_add(1),
            (_, b',' | b']') if self.depth == 0 && self.is_array => return At::After,
            (_, b'}' | b']') if self.depth > 0 => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return At::Last;
                }
            }
            _ => {}
        }
        At::Within
    }
}

#[cfg(test)]
mod tests {
    use super::super::splits::{self, Random};
    use super::*;

    /// The elements, what is begun of another, and how the stream ended.
    fn read_chunks(chunks: &[&[u8]]) -> (Vec<String>, String, Completeness) {
        let (mut reader, mut elements, mut data) = (Reader::new(), Vec::new(), Vec::new());
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        for chunk in chunks {
            reader.feed(chunk, &mut |part| match part {
                Part::Data(bytes) => data.extend_from_slice(bytes),
                Part::Dispatch => elements.push(text(core::mem::take(&mut data))),
            });
        }
        (elements, text(data), reader.end())
    }

    /// What is read, which no split may change.
    fn read(stream: &[u8]) -> (Vec<String>, String, Completeness) {
        let whole = read_chunks(&[stream]);
        for chunks in splits::of(stream) {
            assert_eq!(read_chunks(&chunks), whole, "{chunks:?}");
        }
        whole
    }

    fn elements(stream: &str) -> Vec<String> {
        let (elements, begun, end) = read(stream.as_bytes());
        assert_eq!((begun.as_str(), end), ("", Completeness::Whole), "{stream}");
        elements
    }

    #[test]
    fn each_element_is_an_event() {
        let array = "[{\"a\": [1, {}]}\n,\r\n{\"b\": \"},]\\\\\\\"\"}, \"c,\", 1.5 ,null,[[]]]\n";
        let expected =
            [r#"{"a": [1, {}]}"#, r#"{"b": "},]\\\""}"#, r#""c,""#, "1.5 ", "null", "[[]]"];
        assert_eq!(elements(array), expected);
    }

    #[test]
    fn an_empty_array_has_none() {
        assert_eq!(elements(" [ ] "), [""; 0]);
    }

    #[test]
    fn a_document_that_is_no_array_is_one_event_and_nothing_follows_it() {
        assert_eq!(elements("{\"a\": 1}"), ["{\"a\": 1}"]);
        assert_eq!(elements("\u{feff} {}\n{}]"), ["{}"]);
        assert_eq!(elements("[{}] {}"), ["{}"]);
    }

    #[test]
    fn a_stream_that_is_cut_is_truncated() {
        for (stream, count, begun) in
            [("[", 0, ""), ("[{\"a", 0, "{\"a"), ("[{}", 1, ""), ("[{},", 1, ""), ("{\"", 0, "{\"")]
        {
            let (elements, unfinished, end) = read(stream.as_bytes());
            let expected = (count, begun, Completeness::Truncated);
            assert_eq!((elements.len(), unfinished.as_str(), end), expected, "{stream}");
        }
        assert_eq!(read(b" \n").2, Completeness::Empty);
    }

    #[test]
    fn what_is_no_json_comes_to_an_end_too() {
        for stream in ["[}{]", "<html>]", "[,,]", "]", ",", "[\"", "[{]}", "]}[{"] {
            let (elements, ..) = read(stream.as_bytes());
            assert!(elements.len() <= 2, "{stream}");
        }
        let mut random = Random(11);
        for _ in 0..2_000 {
            let stream = (0..random.below(24)).map(|_| b"[]{},\"\\ 1a"[random.below(10)]);
            let stream: Vec<u8> = stream.collect();
            let halves = stream.split_at(stream.len() / 2);
            assert_eq!(read_chunks(&[halves.0, halves.1]), read_chunks(&[&stream]));
        }
    }
}
