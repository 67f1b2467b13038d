//! What does a frame look like?

use super::crc32;

/// The bytes around a frame's headers and its payload.
const AROUND_BYTES: usize = super::PRELUDE_BYTES + super::CHECKSUM_BYTES;

/// The headers' values are strings.
const STRING: u8 = 7;

/// A frame with an event of this name, at most 255 bytes, whose payload is JSON.
#[must_use]
pub fn encode(name: &str, json: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in
        [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")]
    {
        headers.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        headers.extend_from_slice(name.as_bytes());
        headers.push(STRING);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let length = AROUND_BYTES.saturating_add(headers.len()).saturating_add(json.len());
    let mut frame = Vec::with_capacity(length);
    for length in [length, headers.len()] {
        frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
    frame.extend_from_slice(&crc32(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(json);
    frame.extend_from_slice(&crc32(&frame).to_be_bytes());
    frame
}
