//! Amazon's frames, in two pieces or in one: the same events. Bytes that begin with an odd one are
//! put into frames with right checksums first, one for each line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_breaker::stream::event_stream::{Part, Reader, encode};

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
    let framed = || stream.split(|it| *it == b'\n').flat_map(|it| encode("chunk", it)).collect();
    let stream = if at % 2 == 1 { framed() } else { stream.to_vec() };
    let (first, second) = stream.split_at(usize::from(*at).min(stream.len()));
    assert_eq!(read(&[first, second]), read(&[&stream]));
});
