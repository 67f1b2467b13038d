//! What bytes does a base64 text stand for that arrives in pieces?

/// Digits that are decoded at once, and the bytes they make at most.
const DIGITS: usize = 64;
const BYTES: usize = DIGITS / 4 * 3;

/// Decodes one text; what is no digit (padding, white space) is skipped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    /// The bits that make no whole byte yet, and how many they are.
    bits: u32,
    count: u32,
}

impl Decoder {
    /// Decodes the next piece of the text.
    pub fn feed(&mut self, text: &[u8], sink: &mut dyn FnMut(&[u8])) {
        for digits in text.chunks(DIGITS) {
            let mut bytes = [0; BYTES];
            let mut length = 0_usize;
            for digit in digits.iter().filter_map(|byte| value(*byte)) {
                if let (Some(byte), Some(slot)) = (self.push(digit), bytes.get_mut(length)) {
                    *slot = byte;
                    length = length.saturating_add(1);
                }
            }
            sink(bytes.get(..length).unwrap_or_default());
        }
    }

    fn push(&mut self, digit: u8) -> Option<u8> {
        // At most 6 bits are left over, and 6 are added.
        self.bits = (self.bits << 6 | u32::from(digit)) & 0xFFF;
        self.count = self.count.saturating_add(6);
        if self.count < 8 {
            return None;
        }
        self.count = self.count.saturating_sub(8);
        u8::try_from(self.bits >> self.count & 0xFF).ok()
    }
}

const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(digit.wrapping_sub(b'a').wrapping_add(26)),
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0').wrapping_add(52)),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut decoder, mut bytes) = (Decoder::default(), Vec::new());
        pieces.iter().for_each(|piece| {
            decoder.feed(piece, &mut |decoded| bytes.extend_from_slice(decoded));
        });
        bytes
    }

    #[test]
    fn texts_of_every_length_are_decoded_in_any_split() {
        // RFC 4648, section 10.
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            for split in 0..=text.len() {
                let (left, right) = text.as_bytes().split_at(split);
                assert_eq!(decoded(&[left, right]), bytes.as_bytes(), "{text} {split}");
            }
        }
    }

    #[test]
    fn a_long_text_loses_nothing() {
        assert_eq!(decoded(&["Zm9v".repeat(100).as_bytes()]), "foo".repeat(100).as_bytes());
        assert_eq!(
            decoded(&[b"Z", "m9vZ".repeat(99).as_bytes(), b"m9v"]),
            "foo".repeat(100).as_bytes()
        );
    }

    #[test]
    fn both_alphabets_are_known_and_all_else_is_skipped() {
        assert_eq!(decoded(&[b"+/-_"]), [0xFB, 0xFF, 0xBF]);
        assert_eq!(decoded(&[b"Z\nm\xff9 v"]), b"foo");
    }
}
