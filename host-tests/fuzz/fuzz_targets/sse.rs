//! A stream of server-sent events, in two pieces or in one: the same events.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_breaker::stream::sse::{Part, Reader};

fn read(pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let (mut reader, mut events, mut data) = (Reader::new(), Vec::new(), Vec::new());
    for piece in pieces {
        reader.feed(piece, &mut |part| match part {
            Part::Data(bytes) => data.extend_from_slice(bytes),
            other => events.push(format!("{other:?} {:?}", std::mem::take(&mut data))),
        });
    }
    (events, data)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((at, stream)) = bytes.split_first() else { return };
    let (first, second) = stream.split_at(usize::from(*at).min(stream.len()));
    assert_eq!(read(&[first, second]), read(&[stream]));
});
