//! Are these bytes ours? Magic, layout version, kind and checksum around everything that is stored.

use crate::shared::LAYOUT_VERSION;
use xxhash_rust::xxh64::xxh64;

const MAGIC: [u8; 4] = *b"LLMB";

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Kind {
    Breaker = 1,
    Index = 2,
    Metadata = 3,
    Allowance = 4,
    History = 5,
    Profile = 6,
}

/// Bytes of the magic, version and kind, which seed the checksum, and of the checksum.
const HEAD: usize = 8;
const HEADER: usize = 16;

/// Start a frame; append to it and [`seal`] it.
pub(super) fn start(kind: Kind, payload_bytes: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER.saturating_add(payload_bytes));
    restart(&mut frame, kind);
    frame
}

/// The same in the place of another frame.
pub(super) fn restart(frame: &mut Vec<u8>, kind: Kind) {
    frame.clear();
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&LAYOUT_VERSION.to_le_bytes());
    frame.extend_from_slice(&(kind as u16).to_le_bytes());
    frame.extend_from_slice(&[0; HEADER - HEAD]);
}

/// Append a text of at most 64 KiB; of a longer one nothing.
pub(super) fn text(frame: &mut Vec<u8>, text: &str) {
    let (length, text) = u16::try_from(text.len()).map_or((0, ""), |length| (length, text));
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(text.as_bytes());
}

/// Write the checksum of a frame whose payload is complete.
pub(super) fn seal(mut frame: Vec<u8>) -> Vec<u8> {
    seal_in_place(&mut frame);
    frame
}

/// The same where it stands.
pub(super) fn seal_in_place(frame: &mut [u8]) {
    let checksum = checksum(frame);
    if let Some(place) = frame.get_mut(HEAD..HEADER) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The payload, if the bytes are a whole frame of this kind and layout.
pub(super) fn open(bytes: &[u8], kind: Kind) -> Option<Payload<'_>> {
    let mut head = Payload(bytes.get(..HEADER)?);
    let ours = head.take::<4>()? == MAGIC
        && head.u16()? == LAYOUT_VERSION
        && head.u16()? == kind as u16
        && head.u64()? == checksum(bytes);
    if ours { bytes.get(HEADER..).map(Payload) } else { None }
}

fn checksum(frame: &[u8]) -> u64 {
    let seed =
        frame.get(..HEAD).and_then(|head| head.try_into().ok()).map_or(0, u64::from_le_bytes);
    xxh64(frame.get(HEADER..).unwrap_or_default(), seed)
}

/// Little-endian numbers, read one after another; `None` where the bytes end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload<'a>(&'a [u8]);

impl<'a> Payload<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = usize::from(self.u16()?);
        String::from_utf8(self.bytes(length)?.to_vec()).ok()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vec<u8> {
        let mut frame = start(Kind::Index, 4);
        frame.extend_from_slice(&7_u32.to_le_bytes());
        seal(frame)
    }

    #[test]
    fn a_frame_gives_its_payload_back() {
        let frame = sealed();
        let mut payload = open(&frame, Kind::Index).expect("ours");
        assert_eq!(payload.u32(), Some(7));
        assert!(payload.is_empty());
        assert_eq!(payload.u32(), None);
    }

    #[test]
    fn any_changed_bit_or_length_is_noticed() {
        let frame = sealed();
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&damaged, Kind::Index).is_none(), "bit {bit}");
        }
        for length in 0..frame.len() {
            assert!(open(&frame[..length], Kind::Index).is_none(), "length {length}");
        }
        assert!(open(&frame, Kind::Breaker).is_none(), "another kind");
    }
}
