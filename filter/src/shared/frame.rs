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
    #[cfg(fleet)]
    Owner = 7,
    #[cfg(fleet)]
    Backlog = 8,
    #[cfg(fleet)]
    FleetStatus = 9,
    #[cfg(fleet)]
    FleetView = 10,
}

/// Bytes of the magic, version and kind, which seed the checksum, and of the checksum.
const HEAD: usize = 8;
const HEADER: usize = 16;

/// Magic, version and kind.
const fn head(kind: Kind) -> [u8; HEAD] {
    let [a, b, c, d] = MAGIC;
    let [e, f] = LAYOUT_VERSION.to_le_bytes();
    let [g, h] = (kind as u16).to_le_bytes();
    [a, b, c, d, e, f, g, h]
}

/// Start a frame; append to it and [`seal`] it.
pub(super) fn start(kind: Kind, payload_bytes: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER.saturating_add(payload_bytes));
    frame.extend_from_slice(&head(kind));
    frame.extend_from_slice(&[0; HEADER - HEAD]);
    frame
}

/// Make of these bytes a frame with a payload of this size, which is whatever was there: overwrite
/// it whole and [`seal_in_place`].
pub(super) fn lay_out(frame: &mut Vec<u8>, kind: Kind, payload_bytes: usize) -> &mut [u8] {
    frame.resize(HEADER.saturating_add(payload_bytes), 0);
    match frame.split_first_chunk_mut() {
        Some((place, rest)) => {
            *place = head(kind);
            rest.get_mut(HEADER - HEAD..).unwrap_or_default()
        }
        None => &mut [],
    }
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
    if let Some((head, rest)) = frame.split_first_chunk_mut()
        && let Some((sum, payload)) = rest.split_first_chunk_mut()
    {
        *sum = checksum(*head, payload).to_le_bytes();
    }
}

/// The payload, if the bytes are a whole frame of this kind and layout.
pub(super) fn open(bytes: &[u8], kind: Kind) -> Option<Payload<'_>> {
    let (stored, rest) = bytes.split_first_chunk()?;
    let (sum, payload) = rest.split_first_chunk()?;
    let ours = *stored == head(kind) && u64::from_le_bytes(*sum) == checksum(*stored, payload);
    ours.then_some(Payload(payload))
}

fn checksum(head: [u8; HEAD], payload: &[u8]) -> u64 {
    xxh64(payload, u64::from_le_bytes(head))
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

    #[inline]
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// A part whose size is known when this is compiled, and with it that all is there.
    #[inline]
    pub(super) fn part<const N: usize>(&mut self) -> Option<Self> {
        let (part, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(Self(part))
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
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
