//! Whatever the bytes of a stream and however they are split, the same events are read.

use llm_breaker::stream::event_stream::encode;
use llm_breaker::stream::{Completeness, event_stream, json_array, sse};
use proptest::prelude::*;

/// What was read: pieces of data are joined, for they depend on the split.
type Read = (Vec<String>, Vec<u8>, Completeness);

fn read_sse(chunks: &[&[u8]]) -> Read {
    let (mut reader, mut events, mut data) = (sse::Reader::new(), Vec::new(), Vec::new());
    for chunk in chunks {
        reader.feed(chunk, &mut |part| match part {
            sse::Part::Data(bytes) => data.extend_from_slice(bytes),
            other => events.push(format!("{other:?} {:?}", core::mem::take(&mut data))),
        });
    }
    (events, data, reader.end())
}

fn read_frames(chunks: &[&[u8]]) -> Read {
    let (mut reader, mut events, mut data) = (event_stream::Reader::new(), Vec::new(), Vec::new());
    for chunk in chunks {
        reader.feed(chunk, &mut |part| match part {
            event_stream::Part::Data(bytes) => data.extend_from_slice(bytes),
            other => events.push(format!("{other:?} {:?}", core::mem::take(&mut data))),
        });
    }
    (events, data, reader.end())
}

fn read_array(chunks: &[&[u8]]) -> Read {
    let (mut reader, mut events, mut data) =
        (json_array::Reader::default(), Vec::new(), Vec::new());
    for chunk in chunks {
        reader.feed(chunk, &mut |part| match part {
            json_array::Part::Data(bytes) => data.extend_from_slice(bytes),
            other => events.push(format!("{other:?} {:?}", core::mem::take(&mut data))),
        });
    }
    (events, data, Completeness::Empty)
}

/// The bytes in pieces that end at these places.
fn split<'b>(bytes: &'b [u8], places: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut places: Vec<usize> = places.iter().map(|it| it.index(bytes.len() + 1)).collect();
    places.push(bytes.len());
    places.sort_unstable();
    let mut from = 0;
    places.iter().map(|to| &bytes[core::mem::replace(&mut from, *to)..*to]).collect()
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..20)
}

/// What a stream of server-sent events is made of, and what it is not.
fn events() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "data: ", "data:", "event: error", "event:", "id: 1", "retry: 5", ": ping", "[DONE]",
            "{\"a\":1}", "\n", "\n", "\r\n", "\r", "\n\n", "\u{feff}", "é", "data", "datas: x",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..10),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Frames, some of them damaged.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = ("[a-zA-Z]{0,70}", prop::collection::vec(any::<u8>(), 0..80))
        .prop_map(|(name, payload)| encode(&name, &payload));
    let damage = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(frame, 0..5), damage).prop_map(|(frames, damage)| {
        let mut bytes = frames.concat();
        if let Some((at, byte)) = damage.filter(|_| !bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// A stream that is an array.
fn arrays() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "\\\"",
        "\\",
        " ",
        "\n",
        "1",
        "a",
        "\u{feff}",
        "null",
        "{\"a\":[1,{}]}",
        "\"]\"",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn server_sent_events(bytes in events(), places in places()) {
        prop_assert_eq!(read_sse(&split(&bytes, &places)), read_sse(&[&bytes]));
    }

    #[test]
    fn amazons_frames(bytes in frames(), places in places()) {
        prop_assert_eq!(read_frames(&split(&bytes, &places)), read_frames(&[&bytes]));
    }

    #[test]
    fn arrays_that_are_streams(bytes in arrays(), places in places()) {
        prop_assert_eq!(read_array(&split(&bytes, &places)), read_array(&[&bytes]));
    }
}
