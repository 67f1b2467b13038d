//! How does a text begin that arrives in pieces?

/// The first `N` bytes of a text; `N` is at most 255. Where it is cut, no UTF-8 character is.
#[derive(Clone, Copy, Debug)]
pub struct Prefix<const N: usize> {
    bytes: [u8; N],
    length: u8,
    cut: bool,
}

impl<const N: usize> Default for Prefix<N> {
    fn default() -> Self {
        const { assert!(N <= 255, "the length is a byte") };
        Self { bytes: [0; N], length: 0, cut: false }
    }
}

impl<const N: usize> Prefix<N> {
    /// Begins another text.
    pub fn clear(&mut self) {
        self.length = 0;
        self.cut = false;
    }

    /// Takes the next bytes of the text, as far as there is room.
    pub fn extend(&mut self, piece: &[u8]) {
        if self.cut {
            return;
        }
        let free = self.bytes.get_mut(usize::from(self.length)..).unwrap_or_default();
        let fitting = piece.len().min(free.len());
        if let (Some(free), Some(piece)) = (free.get_mut(..fitting), piece.get(..fitting)) {
            free.copy_from_slice(piece);
        }
        self.length = self.length.saturating_add(u8::try_from(fitting).unwrap_or(u8::MAX));
        if let Some(&excess) = piece.get(fitting) {
            self.cut = true;
            if is_continuation(excess) {
                self.drop_last_character();
            }
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Whether the text had more.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The bytes if they are the whole text, else none.
    #[must_use]
    pub fn whole(&self) -> &[u8] {
        if self.cut { &[] } else { self.as_bytes() }
    }

    fn drop_last_character(&mut self) {
        let start = self.as_bytes().iter().rposition(|byte| !is_continuation(*byte));
        self.length = start.and_then(|start| u8::try_from(start).ok()).unwrap_or(0);
    }
}

/// Whether the byte goes on with a UTF-8 character.
fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(pieces: &[&[u8]]) -> Prefix<8> {
        let mut prefix = Prefix::default();
        pieces.iter().for_each(|piece| prefix.extend(piece));
        prefix
    }

    #[test]
    fn a_text_that_fits_is_kept_whole() {
        assert_eq!(prefix(&[b"1234", b"", b"5678", b""]).as_bytes(), b"12345678");
        assert_eq!(prefix(&[b"1234", b"5678", b""]).whole(), b"12345678");
    }

    #[test]
    fn a_longer_text_is_cut_and_a_later_piece_is_not_mistaken_for_its_middle() {
        let cut = prefix(&["123456é".as_bytes(), "é".as_bytes(), b"x"]);
        assert_eq!((cut.as_bytes(), cut.is_cut()), ("123456é".as_bytes(), true));
        assert_eq!(cut.whole(), b"");
    }

    #[test]
    fn no_character_is_cut_wherever_the_pieces_end() {
        let text = "12345€€".as_bytes();
        for split in 0..=text.len() {
            let cut = prefix(&[&text[..split], &text[split..]]);
            assert_eq!((cut.as_bytes(), cut.is_cut()), ("12345€".as_bytes(), true), "{split}");
            let cut = prefix(&[b"1", &text[..split], &text[split..]]);
            assert_eq!((cut.as_bytes(), cut.is_cut()), (&b"112345"[..], true), "{split}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_cut_without_a_panic() {
        assert_eq!(prefix(&[&[0x80; 9]]).as_bytes(), b"");
        assert_eq!(prefix(&[&[0xff; 9]]).as_bytes(), [0xff; 8]);
    }

    #[test]
    fn a_cleared_prefix_begins_again() {
        let mut again = prefix(&[b"123456789"]);
        again.clear();
        again.extend(b"ab");
        assert_eq!((again.as_bytes(), again.is_cut()), (&b"ab"[..], false));
    }
}
