//! Whatever the split of its bytes: which frames a stream has, and when it is none.

use super::super::Completeness::{Empty, Malformed, Truncated, Whole};
use super::super::splits;
use super::*;

/// As Amazon's event-stream tests of several SDKs have it: a header of another name, and
/// quotes that are no JSON.
const PUBLISHED: &[u8] = b"\x00\x00\x00\x3d\x00\x00\x00\x20\x07\xFD\x83\x96\x0Ccontent-type\
    \x07\x00\x10application/json{'foo':'bar'}\x8D\x9C\x08\xB1";
const PUBLISHED_EMPTY: &[u8] = b"\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff";

#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    message_type: MessageType,
    name: String,
    content_type: String,
    payload: String,
}

fn frame(message_type: MessageType, name: &str, payload: &str) -> Frame {
    let content_type = "application/json".to_owned();
    Frame { message_type, name: name.to_owned(), content_type, payload: payload.to_owned() }
}

fn read_chunks(chunks: &[&[u8]]) -> (Vec<Frame>, String, Completeness) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut reader = Reader::new();
    let (mut frames, mut data) = (Vec::new(), Vec::new());
    for chunk in chunks {
        reader.feed(chunk, &mut |part| match part {
            Part::Data(bytes) => data.extend_from_slice(bytes),
            Part::Dispatch { message_type, name, content_type } => frames.push(Frame {
                message_type,
                name: text(name),
                content_type: text(content_type),
                payload: text(&core::mem::take(&mut data)),
            }),
        });
    }
    (frames, text(&data), reader.end())
}

/// What is read, which no split may change.
fn read(stream: &[u8]) -> (Vec<Frame>, String, Completeness) {
    let whole = read_chunks(&[stream]);
    for chunks in splits::of(stream) {
        assert_eq!(read_chunks(&chunks), whole, "{chunks:?}");
    }
    whole
}

/// A header whose value is a string.
fn header(name: &str, value: &str) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    typed(name, 7, &[&length, value.as_bytes()].concat())
}

fn typed(name: &str, value_type: u8, value: &[u8]) -> Vec<u8> {
    [&[u8::try_from(name.len()).unwrap()], name.as_bytes(), &[value_type], value].concat()
}

fn prelude(total: usize, headers: usize) -> Vec<u8> {
    let lengths = [total, headers].map(|length| u32::try_from(length).unwrap().to_be_bytes());
    let lengths = lengths.concat();
    [&lengths[..], &crc32(&lengths).to_be_bytes()].concat()
}

fn encode(headers: &[Vec<u8>], payload: &str) -> Vec<u8> {
    let headers = headers.concat();
    let mut frame = prelude(16 + headers.len() + payload.len(), headers.len());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    let checksum = crc32(&frame);
    frame.extend_from_slice(&checksum.to_be_bytes());
    frame
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    let headers = [
        header(":event-type", name),
        header(":content-type", "application/json"),
        header(":message-type", "event"),
    ];
    encode(&headers, payload)
}

#[test]
fn published_frames_are_read() {
    let (frames, _, end) = read(&[PUBLISHED, PUBLISHED_EMPTY].concat());
    let nothing = Frame {
        message_type: MessageType::Unknown,
        name: String::new(),
        content_type: String::new(),
        payload: String::new(),
    };
    let first = Frame { payload: "{'foo':'bar'}".to_owned(), ..nothing.clone() };
    assert_eq!((frames, end), (vec![first, nothing], Whole));
}

#[test]
fn our_own_frames_have_the_published_checksums() {
    assert_eq!(encode(&[], ""), PUBLISHED_EMPTY);
    let headers = [header("content-type", "application/json")];
    assert_eq!(encode(&headers, "{'foo':'bar'}"), PUBLISHED);
}

#[test]
fn the_frames_that_the_filter_makes_are_read() {
    let made = [("messageStart", "{}"), ("metadata", "{\"text\":\"Grüße\"}")];
    let stream = made.map(|(name, json)| super::encode(name, json.as_bytes())).concat();
    assert_eq!(stream, made.map(|(name, json)| event(name, json)).concat());
    let (frames, _, end) = read(&stream);
    let expected = made.map(|(name, json)| frame(MessageType::Event, name, json));
    assert_eq!((frames, end), (expected.to_vec(), Whole));
}

#[test]
fn events_and_exceptions_are_told_by_type_and_name() {
    let exception = encode(
        &[
            header(":exception-type", "throttlingException"),
            header(":content-type", "application/json"),
            header(":message-type", "exception"),
        ],
        r#"{"message":"Too many requests"}"#,
    );
    let content = r#"{"contentBlockIndex":0,"delta":{"text":"Grüße"}}"#;
    let stream = [event("contentBlockDelta", content), exception, event("empty", "")].concat();
    let expected = [
        frame(MessageType::Event, "contentBlockDelta", content),
        frame(MessageType::Exception, "throttlingException", r#"{"message":"Too many requests"}"#),
        frame(MessageType::Event, "empty", ""),
    ];
    let (frames, _, end) = read(&stream);
    assert_eq!((frames.as_slice(), end), (&expected[..], Whole));
}

#[test]
fn an_error_has_its_code_for_a_name() {
    let headers = [
        header(":error-message", "An internal server error occurred"),
        header(":error-code", "InternalError"),
        header(":message-type", "error"),
    ];
    let (frames, ..) = read(&encode(&headers, ""));
    assert_eq!(frames[0].message_type, MessageType::Error);
    assert_eq!(frames[0].name, "InternalError");
}

#[test]
fn a_frame_without_a_message_type_is_what_its_name_is() {
    for (name, message_type) in [
        (":event-type", MessageType::Event),
        (":exception-type", MessageType::Exception),
        (":error-code", MessageType::Error),
        (":other", MessageType::Unknown),
        (":exception-typeé", MessageType::Unknown),
    ] {
        let (frames, ..) = read(&encode(&[header(name, "x")], ""));
        assert_eq!(frames[0].message_type, message_type, "{name}");
    }
}

#[test]
fn headers_of_every_type_are_passed_over() {
    let sizes = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)];
    let of_type = |(value_type, size)| typed("h", value_type, &vec![7; size]);
    let mut headers: Vec<Vec<u8>> = sizes.into_iter().map(of_type).collect();
    headers.push(typed("", 0, &[]));
    headers.push(typed("bytes", 6, &[0, 3, 1, 2, 3]));
    headers.push(header("a-name-longer-than-any-that-matters", ""));
    headers.push(header(":event-type", "chunk"));
    let (frames, _, end) = read(&encode(&headers, "x"));
    assert_eq!((frames[0].name.as_str(), end), ("chunk", Whole));
}

#[test]
fn long_values_are_cut() {
    let long = "n".repeat(300);
    let headers = [":event-type", ":content-type", ":message-type"].map(|name| header(name, &long));
    let (frames, ..) = read(&encode(&headers, ""));
    let expected = ("n".repeat(64), "n".repeat(32), MessageType::Event);
    let Frame { name, content_type, message_type, .. } = frames[0].clone();
    assert_eq!((name, content_type, message_type), expected);
}

#[test]
fn one_frame_does_not_inherit_headers_from_the_last() {
    let stream = [event("chunk", "1"), encode(&[], "2")].concat();
    let (frames, ..) = read(&stream);
    assert_eq!((frames[1].name.as_str(), frames[1].content_type.as_str()), ("", ""));
    assert_eq!(frames[1].message_type, MessageType::Unknown);
}

#[test]
fn the_payload_is_handed_on_before_its_frame_ends() {
    let stream = event("chunk", "payload");
    let (frames, data, end) = read(&stream[..stream.len() - 1]);
    assert_eq!((frames.len(), data.as_str(), end), (0, "payload", Truncated));
}

#[test]
fn the_end_tells_whether_a_frame_was_cut() {
    let stream = event("chunk", "payload");
    assert_eq!(read_chunks(&[]).2, Empty);
    for length in 1..stream.len() {
        assert_eq!(read_chunks(&[&stream[..length]]).2, Truncated, "{length}");
    }
    assert_eq!(read_chunks(&[&stream]).2, Whole);
}

#[test]
fn a_wrong_prelude_ends_the_reading() {
    for place in 0..12 {
        let mut stream = event("chunk", "x");
        stream[place] ^= 1;
        stream.extend(event("chunk", "y"));
        assert_eq!(read(&stream), (Vec::new(), String::new(), Malformed), "{place}");
    }
    assert_eq!(read(b"data: {\"a\":1}\n\n").2, Malformed);
    assert_eq!(read(&[0; 40]).2, Malformed);
}

#[test]
fn absurd_lengths_are_malformed_though_their_checksum_is_right() {
    let absurd = [
        (0, 0),
        (15, 0),
        (16, 1),
        (16 + 131_073, 131_073),
        (17 + 32 * 1024 * 1024, 0),
        (0xFFFF_FFFF, 0),
        (16, 0xFFFF_FFFF),
    ];
    for (total, headers) in absurd {
        assert_eq!(read(&prelude(total, headers)).2, Malformed, "{total} {headers}");
    }
    for (total, headers) in [(17, 0), (17, 1), (16 + 131_072, 131_072), (16 + 33_554_432, 0)] {
        assert_eq!(read(&prelude(total, headers)).2, Truncated, "{total} {headers}");
    }
}

#[test]
fn headers_that_do_not_end_where_they_should_are_malformed() {
    let whole = header(":event-type", "chunk");
    for length in 1..whole.len() {
        let cut = encode(&[whole[..length].to_vec()], "payload");
        assert_eq!(read(&cut).2, Malformed, "{length}");
    }
    assert_eq!(read(&encode(&[typed("a", 10, &[])], "payload")).2, Malformed);
}

#[test]
fn damaged_and_random_bytes_do_not_panic() {
    let mut random = splits::Random(17);
    for _ in 0..5_000 {
        let mut stream = [event("chunk", "payload"), event("x", "")].concat();
        for _ in 0..=random.below(4) {
            random.damage(&mut stream);
        }
        read_chunks(&[&stream]);
        let length = random.below(60);
        let headers = random.bytes(length);
        read_chunks(&[&encode(&[headers], "payload")]);
        let length = random.below(60);
        read_chunks(&[&random.bytes(length)]);
    }
}

#[test]
fn a_reader_stays_small() {
    assert!(size_of::<Reader>() <= 256, "{}", size_of::<Reader>());
}
