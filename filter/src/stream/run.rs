//! How far does a run of bytes go that nothing stands out of? Eight bytes are looked at at once: most
//! of what passes is text.

/// What marks a byte in a word of eight.
const EACH: u64 = 0x0101_0101_0101_0101;
const HIGHEST: u64 = 0x8080_8080_8080_8080;

/// How many bytes of a JSON string come before its end, an escape, or what may not be in it.
#[must_use]
pub fn of_json_text(bytes: &[u8]) -> usize {
    let stands_out = |word| below(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
    run(bytes, stands_out, |byte| matches!(byte, b'"' | b'\\' | 0..=0x1F))
}

/// How many bytes come before a quotation mark or a backslash.
#[must_use]
pub fn before_quote(bytes: &[u8]) -> usize {
    let stands_out = |word| equal(word, b'"') | equal(word, b'\\');
    run(bytes, stands_out, |byte| matches!(byte, b'"' | b'\\'))
}

/// How many bytes come before a line's end.
#[must_use]
pub fn of_line(bytes: &[u8]) -> usize {
    let stands_out = |word| equal(word, b'\n') | equal(word, b'\r');
    run(bytes, stands_out, |byte| matches!(byte, b'\n' | b'\r'))
}

/// Of the marks of a word the lowest is right; those above it may not be.
fn run(bytes: &[u8], marks: impl Fn(u64) -> u64, stands_out: impl Fn(u8) -> bool) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut before = 0_usize;
    for word in words {
        let marked = marks(u64::from_le_bytes(*word));
        if marked != 0 {
            return before.saturating_add((marked.trailing_zeros() / 8) as usize);
        }
        before = before.saturating_add(8);
    }
    let in_rest = rest.iter().position(|byte| stands_out(*byte));
    before.saturating_add(in_rest.unwrap_or(rest.len()))
}

/// Marks the bytes that are less than `limit`, which is at most 128.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(EACH * limit as u64) & !word & HIGHEST
}

/// Marks the bytes that are this one.
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (EACH * byte as u64), 1)
}

#[cfg(test)]
mod tests {
    use super::super::splits::Random;
    use super::*;

    #[test]
    fn a_run_ends_where_a_look_at_each_byte_ends_it() {
        let ends = |bytes: &[u8], ends: &[u8], controls: bool| {
            let is_end = |byte: &u8| ends.contains(byte) || controls && *byte < 0x20;
            bytes.iter().position(is_end).unwrap_or(bytes.len())
        };
        let mut random = Random(5);
        let mut lengths = [0_usize; 3];
        for _ in 0..20_000 {
            let length = random.below(40);
            let mut bytes = random.bytes(length);
            // Else hardly a run would be longer than a word.
            bytes.iter_mut().for_each(|byte| {
                if random.below(20) > 0 {
                    *byte |= 0x81;
                }
            });
            let expected = [
                ends(&bytes, b"\"\\", true),
                ends(&bytes, b"\"\\", false),
                ends(&bytes, b"\n\r", false),
            ];
            assert_eq!(
                [of_json_text(&bytes), before_quote(&bytes), of_line(&bytes)],
                expected,
                "{bytes:?}"
            );
            lengths.iter_mut().zip(expected).for_each(|(sum, length)| *sum += length);
        }
        assert!(lengths.iter().all(|sum| *sum > 100_000), "the runs test nothing: {lengths:?}");
    }

    #[test]
    fn every_byte_is_told_at_every_place() {
        for byte in 0..=u8::MAX {
            for at in 0..9 {
                let mut bytes = [b'a'; 9];
                bytes[at] = byte;
                let expected = |is_end: bool| if is_end { at } else { 9 };
                let is_quote = matches!(byte, b'"' | b'\\');
                assert_eq!(of_json_text(&bytes), expected(is_quote || byte < 0x20), "{byte}");
                assert_eq!(before_quote(&bytes), expected(is_quote), "{byte}");
                assert_eq!(of_line(&bytes), expected(matches!(byte, b'\n' | b'\r')), "{byte}");
            }
        }
    }
}
