//! Where do the events of a `text/event-stream` begin and end?
//!
//! As the WHATWG's standard has it: lines end in LF, CRLF or CR, a byte-order mark may come first,
//! an event is dispatched by an empty line if it had any data. Data is handed on as it arrives and
//! never kept.

use super::Completeness;
use super::prefix::Prefix;
use super::run::of_line;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// The longest names in use, OpenAI's `response.…`, have fewer than 50 bytes.
const NAME_BYTES: usize = 64;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The next bytes of the event's data, a line feed between its lines.
    Data(&'a [u8]),
    /// The event is complete.
    Dispatch {
        /// Its `event:`, at most 64 bytes; empty if it has none.
        event: &'a [u8],
    },
    /// A comment began; servers send them to keep a connection warm.
    Comment,
}

/// Takes the bytes of a stream, in any split.
#[derive(Clone, Debug)]
pub struct Reader {
    line: Line,
    after_carriage_return: bool,
    has_data: bool,
    event: Prefix<NAME_BYTES>,
}

/// Where in a line the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Before the first, so many bytes of the byte-order mark read.
    First(usize),
    Start,
    /// So many bytes of this field's name read.
    Name(Field, usize),
    /// After the colon, where one space is no part of the value.
    Colon(Field),
    Value(Field),
    /// In a comment or a field that means nothing here.
    Skipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Data,
    Event,
}

impl Field {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Data => b"data",
            Self::Event => b"event",
        }
    }
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
            line: Line::First(0),
            after_carriage_return: false,
            has_data: false,
            event: Prefix::default(),
        }
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Part<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match (self.line, rest) {
                (Line::Value(_) | Line::Skipped, _) => self.read_run(rest, sink),
                // As nearly every line begins, all at once.
                (Line::Start, [b'd', b'a', b't', b'a', b':', b' ', value @ ..]) => {
                    self.after_carriage_return = false;
                    self.start_value(Field::Data, sink);
                    self.line = Line::Value(Field::Data);
                    value
                }
                _ => {
                    self.step(byte, sink);
                    after
                }
            };
        }
    }

    /// How the stream ends if it ends here: truncated in a line, or in an event whose empty line
    /// never came.
    #[must_use]
    pub fn end(&self) -> Completeness {
        match self.line {
            Line::First(0) => Completeness::Empty,
            Line::Start if !self.has_data => Completeness::Whole,
            _ => Completeness::Truncated,
        }
    }

    /// Dispatches what data the stream ended in. The standard drops an event without its empty
    /// line, but some SDKs read it: whoever follows those calls this at the stream's end.
    pub fn dispatch_unfinished(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        self.dispatch(sink);
    }

    /// Reads on within a value or a skipped line, and its end if it is there.
    fn read_run<'b>(&mut self, bytes: &'b [u8], sink: &mut dyn FnMut(Part<'_>)) -> &'b [u8] {
        let (run, rest) = bytes.split_at_checked(of_line(bytes)).unwrap_or_default();
        match self.line {
            Line::Value(Field::Data) if !run.is_empty() => sink(Part::Data(run)),
            Line::Value(Field::Event) => self.event.extend(run),
            _ => {}
        }
        match rest.split_first() {
            Some((&byte, after)) => {
                self.end_line(byte);
                after
            }
            None => rest,
        }
    }

    fn step(&mut self, byte: u8, sink: &mut dyn FnMut(Part<'_>)) {
        match (self.line, byte) {
            (Line::First(seen), _) if BYTE_ORDER_MARK.get(seen) == Some(&byte) => {
                let complete = seen.saturating_add(1) == BYTE_ORDER_MARK.len();
                self.line =
                    if complete { Line::Start } else { Line::First(seen.saturating_add(1)) };
            }
            (Line::First(seen), _) => {
                self.line = if seen == 0 { Line::Start } else { Line::Skipped };
                self.feed(&[byte], sink);
            }
            (Line::Start, b'\n') if self.after_carriage_return => {
                self.after_carriage_return = false;
            }
            (Line::Start, b'\n' | b'\r') => {
                self.dispatch(sink);
                self.end_line(byte);
            }
            (Line::Start, _) => {
                self.after_carriage_return = false;
                self.start_line(byte, sink);
            }
            (Line::Name(field, seen), _) => self.read_name(field, seen, byte, sink),
            (Line::Colon(field), b' ') => self.line = Line::Value(field),
            (Line::Colon(field), _) => {
                self.line = Line::Value(field);
                self.feed(&[byte], sink);
            }
            (Line::Value(_) | Line::Skipped, _) => {}
        }
    }

    fn start_line(&mut self, byte: u8, sink: &mut dyn FnMut(Part<'_>)) {
        self.line = match byte {
            b'd' => Line::Name(Field::Data, 1),
            b'e' => Line::Name(Field::Event, 1),
            _ => Line::Skipped,
        };
        if byte == b':' {
            sink(Part::Comment);
        }
    }

    fn read_name(&mut self, field: Field, seen: usize, byte: u8, sink: &mut dyn FnMut(Part<'_>)) {
        match (field.name().get(seen), byte) {
            (Some(&expected), _) if byte == expected => {
                self.line = Line::Name(field, seen.saturating_add(1));
            }
            (None, b':') => {
                self.start_value(field, sink);
                self.line = Line::Colon(field);
            }
            // A line of nothing but the field's name gives it the empty value.
            (None, b'\n' | b'\r') => {
                self.start_value(field, sink);
                self.end_line(byte);
            }
            (_, b'\n' | b'\r') => self.end_line(byte),
            _ => self.line = Line::Skipped,
        }
    }

    fn start_value(&mut self, field: Field, sink: &mut dyn FnMut(Part<'_>)) {
        match field {
            Field::Data if self.has_data => sink(Part::Data(b"\n")),
            Field::Data => self.has_data = true,
            Field::Event => self.event.clear(),
        }
    }

    fn end_line(&mut self, byte: u8) {
        self.line = Line::Start;
        self.after_carriage_return = byte == b'\r';
    }

    fn dispatch(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        if self.has_data {
            sink(Part::Dispatch { event: self.event.as_bytes() });
        }
        self.has_data = false;
        self.event.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::splits;
    use super::*;

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Read {
        /// Name and data of each.
        events: Vec<(String, String)>,
        comments: usize,
        unfinished: String,
    }

    fn read_chunks(chunks: &[&[u8]]) -> (Read, Reader) {
        let mut reader = Reader::new();
        let mut read = Read::default();
        let mut data = Vec::new();
        for chunk in chunks {
            reader.feed(chunk, &mut |part| match part {
                Part::Data(bytes) => data.extend_from_slice(bytes),
                Part::Dispatch { event } => {
                    let text = String::from_utf8_lossy(&core::mem::take(&mut data)).into_owned();
                    read.events.push((String::from_utf8_lossy(event).into_owned(), text));
                }
                Part::Comment => read.comments += 1,
            });
        }
        read.unfinished = String::from_utf8_lossy(&data).into_owned();
        (read, reader)
    }

    /// What is read, which no split may change.
    fn read(stream: &str) -> Read {
        let (whole, reader) = read_chunks(&[stream.as_bytes()]);
        for chunks in splits::of(stream.as_bytes()) {
            let (read, ended) = read_chunks(&chunks);
            assert_eq!((&read, ended.end()), (&whole, reader.end()), "{chunks:?}");
        }
        whole
    }

    fn events(stream: &str) -> Vec<(String, String)> {
        read(stream).events
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn an_event_is_dispatched_by_its_empty_line() {
        assert_eq!(events("data: {\"é\":1}\n\n"), [event("", "{\"é\":1}")]);
        assert_eq!(events("event: ping\ndata: {}\n\n"), [event("ping", "{}")]);
        assert_eq!(events("data: [DONE]\n"), []);
    }

    #[test]
    fn lines_end_in_lf_crlf_or_cr_and_mixed_too() {
        for [a, b, c] in [["\n"; 3], ["\r\n"; 3], ["\r"; 3], ["\r", "\r\n", "\n"]] {
            let stream = format!("event: x{a}data: 1{b}{c}data: 2{a}data: 3{b}{c}");
            assert_eq!(events(&stream), [event("x", "1"), event("", "2\n3")], "{stream:?}");
        }
    }

    #[test]
    fn a_line_feed_after_a_carriage_return_is_no_second_line() {
        assert_eq!(events("data: 1\r\ndata: 2\r\n\r\n"), [event("", "1\n2")]);
        assert_eq!(events("data: 1\r\n\ndata: 2\r\r\n"), [event("", "1"), event("", "2")]);
    }

    #[test]
    fn several_data_lines_are_joined_by_a_line_feed() {
        // The standard's own examples.
        assert_eq!(events("data: YHOO\ndata: +2\ndata: 10\n\n"), [event("", "YHOO\n+2\n10")]);
        assert_eq!(events("data\n\ndata\ndata\n\ndata:"), [event("", ""), event("", "\n")]);
        assert_eq!(events("data:test\n\ndata: test\n\n"), [event("", "test"), event("", "test")]);
    }

    #[test]
    fn only_one_space_after_the_colon_is_dropped() {
        assert_eq!(events("data:  x \n\ndata:\tx\n\n"), [event("", " x "), event("", "\tx")]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_once_at_the_start() {
        assert_eq!(events("\u{feff}data: 1\n\n\u{feff}data: 2\n\n"), [event("", "1")]);
        assert_eq!(events("\u{fefe}data: 1\ndata: 2\n\n"), [event("", "2")]);
        assert_eq!(read_chunks(&[b"\xEF\xBBdata: 1\n\n"]).0.events, []);
    }

    #[test]
    fn comments_are_told_and_other_fields_skipped() {
        let read = read(":\n: keep-alive\nid: 1\nretry: 5\ndatum: x\ndat: y\ndata: 1\n: x\n\n");
        assert_eq!((read.events, read.comments), (vec![event("", "1")], 3));
    }

    #[test]
    fn an_event_without_data_is_none_and_takes_its_name_along() {
        assert_eq!(events("event: error\n\ndata: 1\n\n\n\n"), [event("", "1")]);
    }

    #[test]
    fn the_last_name_counts_wherever_it_stands() {
        assert_eq!(events("event: a\nevent: b\ndata: 1\n\n"), [event("b", "1")]);
        assert_eq!(events("data: 1\nevent: late\n\n"), [event("late", "1")]);
        assert_eq!(events("event: a\nevent\ndata: 1\n\n"), [event("", "1")]);
    }

    #[test]
    fn a_long_name_is_cut() {
        let stream = format!("event: {}\ndata: 1\n\n", "n".repeat(100));
        assert_eq!(events(&stream), [event(&"n".repeat(64), "1")]);
    }

    #[test]
    fn data_is_handed_on_before_its_event_ends() {
        let read = read("data: {\"choices\":");
        assert_eq!((read.unfinished.as_str(), read.events.len()), ("{\"choices\":", 0));
    }

    #[test]
    fn the_end_tells_whether_an_event_was_cut() {
        let end = |stream: &str| read_chunks(&[stream.as_bytes()]).1.end();
        assert_eq!(end(""), Completeness::Empty);
        assert_eq!(end("data: 1\n\n"), Completeness::Whole);
        assert_eq!(end("data: 1\r\r"), Completeness::Whole);
        assert_eq!(end(": ping\n"), Completeness::Whole);
        assert_eq!(end("data: 1\n"), Completeness::Truncated);
        assert_eq!(end("data: 1\n\nda"), Completeness::Truncated);
    }

    #[test]
    fn an_unfinished_event_can_be_dispatched_at_the_end() {
        let last = |stream: &str| {
            let mut last = None;
            let (_, mut reader) = read_chunks(&[stream.as_bytes()]);
            reader.dispatch_unfinished(&mut |part| {
                if let Part::Dispatch { event } = part {
                    last = Some(event.to_vec());
                }
            });
            last
        };
        assert_eq!(last("event: x\ndata: 1"), Some(b"x".to_vec()));
        assert_eq!(last("data: [DONE]\n"), Some(Vec::new()));
        assert_eq!(last("data: 1\n\n"), None);
        assert_eq!(last("data: 1\n\n: bye"), None);
    }

    /// The standard's rules over whole lines, written the other way round.
    fn expected(stream: &str) -> Vec<(String, String)> {
        let (mut events, mut name, mut data) = (Vec::new(), "", None::<String>);
        let lines = stream.replace("\r\n", "\n").replace('\r', "\n");
        let complete = lines.rfind('\n').map_or("", |end| &lines[..end]);
        for line in complete.split('\n') {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match (line, field) {
                ("", _) => {
                    events.extend(data.take().map(|data| event(name, &data)));
                    name = "";
                }
                (_, "event") => name = value,
                (_, "data") => {
                    data = Some(data.map_or(value.to_owned(), |data| data + "\n" + value));
                }
                _ => {}
            }
        }
        events
    }

    #[test]
    fn random_streams_are_read_as_the_standard_says() {
        let pieces = ["data", "event", ":", " ", "\n", "\r", "\r\n", "\n\n", "x", "é", "data: 1"];
        let mut random = splits::Random(7);
        let mut dispatched = 0;
        for _ in 0..20_000 {
            let stream: String = (0..random.below(24)).map(|_| random.pick(&pieces)).collect();
            let chunks: Vec<&[u8]> = stream.as_bytes().chunks(1 + random.below(5)).collect();
            let events = read_chunks(&chunks).0.events;
            assert_eq!(events, expected(&stream), "{stream:?}");
            dispatched += events.len();
        }
        assert!(dispatched > 5_000, "the streams test nothing: {dispatched}");
    }

    #[test]
    fn random_bytes_do_not_panic() {
        let mut random = splits::Random(11);
        for _ in 0..2_000 {
            let length = random.below(200);
            read_chunks(&[&random.bytes(length)]);
        }
    }

    #[test]
    fn a_reader_stays_small() {
        assert!(size_of::<Reader>() <= 128, "{}", size_of::<Reader>());
    }
}
