//! What did these compressed bytes say before they were compressed?
//!
//! Little is asked of it: the beginning of an error's body. So all of the input is there at once,
//! the output is one bounded buffer, and nothing is verified but the format itself: where a stream
//! is cut or damaged, what comes before that is told.

use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `gzip` (RFC 1952); of several members the first.
    Gzip,
    /// `deflate`: in zlib's wrapping (RFC 1950), as HTTP has it, or bare, as some servers send it.
    Deflate,
}

/// What the bytes say, at most `limit` bytes of it; empty if they are nothing of that format.
#[must_use]
pub fn inflate(format: Format, bytes: &[u8], limit: usize) -> Vec<u8> {
    let (deflated, wrapping) = match format {
        Format::Gzip => (after_gzip_header(bytes).unwrap_or_default(), 0),
        Format::Deflate if is_zlib(bytes) => (bytes, inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER),
        Format::Deflate => (bytes, 0),
    };
    let flags = wrapping
        | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
        | inflate_flags::TINFL_FLAG_IGNORE_ADLER32;
    let mut inflated = vec![0; limit];
    let mut decoder = Box::<DecompressorOxide>::default();
    let (_, _, length) = decompress(&mut decoder, deflated, &mut inflated, 0, flags);
    inflated.truncate(length);
    inflated
}

/// Whether the bytes begin with zlib's two: the method, and a checksum over both. A bare stream
/// would begin so with a stored block whose padding is not zero; no encoder writes one.
fn is_zlib(bytes: &[u8]) -> bool {
    let Some(&[method, flags]) = bytes.first_chunk() else { return false };
    method & 0x0F == 8 && u16::from_be_bytes([method, flags]) % 31 == 0
}

/// The bytes after gzip's header: ten bytes, then what its flags say.
fn after_gzip_header(bytes: &[u8]) -> Option<&[u8]> {
    const CHECKSUM: u8 = 1 << 1;
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    const COMMENT: u8 = 1 << 4;

    let (&[0x1F, 0x8B, 8, flags, ..], mut rest) = bytes.split_first_chunk::<10>()? else {
        return None;
    };
    if flags & EXTRA != 0 {
        let (length, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for _ in [NAME, COMMENT].into_iter().filter(|text| flags & text != 0) {
        let end = rest.iter().position(|byte| *byte == 0)?;
        rest = rest.get(end..)?.get(1..)?;
    }
    if flags & CHECKSUM == 0 { Some(rest) } else { rest.get(2..) }
}

#[cfg(test)]
mod tests {
    use super::super::splits::Random;
    use super::*;
    use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

    const TEXT: &[u8] = br#"{"error":{"code":"insufficient_quota","message":"You exceeded it"}}"#;
    const LIMIT: usize = 16 * 1024;

    /// A gzip stream with these flags and what they say comes next, without its trailer.
    fn gzip(flags: u8, fields: &[u8], text: &[u8]) -> Vec<u8> {
        let header = [0x1F, 0x8B, 8, flags, 1, 2, 3, 4, 0, 255];
        [&header[..], fields, &compress_to_vec(text, 6)].concat()
    }

    #[test]
    fn every_format_is_read() {
        assert_eq!(inflate(Format::Gzip, &gzip(0, b"", TEXT), LIMIT), TEXT);
        assert_eq!(inflate(Format::Deflate, &compress_to_vec_zlib(TEXT, 6), LIMIT), TEXT);
        assert_eq!(inflate(Format::Deflate, &compress_to_vec(TEXT, 6), LIMIT), TEXT);
        assert_eq!(inflate(Format::Deflate, &compress_to_vec(TEXT, 0), LIMIT), TEXT, "stored");
    }

    #[test]
    fn gzips_optional_fields_are_skipped() {
        let cases: [(u8, &[u8]); 6] = [
            (1 << 1, b"\x12\x34"),
            (1 << 2, b"\x03\x00abc"),
            (1 << 3, b"name.json\0"),
            (1 << 4, b"\0"),
            (0b1_1110, b"\x02\x00..name\0comment\0\x12\x34"),
            (1, b""),
        ];
        for (flags, fields) in cases {
            let whole = gzip(flags, fields, TEXT);
            assert_eq!(inflate(Format::Gzip, &whole, LIMIT), TEXT, "{flags:b}");
            for length in 0..10 + fields.len() {
                assert_eq!(inflate(Format::Gzip, &whole[..length], LIMIT), b"", "{length}");
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(0, b"", &vec![b' '; 50_000_000]);
        let inflated = inflate(Format::Gzip, &bomb, LIMIT);
        assert_eq!(inflated.len(), LIMIT);
        assert!(inflated.iter().all(|byte| *byte == b' '));
    }

    #[test]
    fn what_is_cut_or_damaged_tells_what_came_before() {
        let text: Vec<u8> =
            (0..200).flat_map(|it| format!("{{\"n\": {it}}}").into_bytes()).collect();
        let whole = gzip(0, b"", &text);
        let mut told = 0;
        for length in 0..whole.len() {
            let inflated = inflate(Format::Gzip, &whole[..length], LIMIT);
            assert!(text.starts_with(&inflated), "{length}");
            told = told.max(inflated.len());
        }
        assert!(told > text.len() / 2, "{told} of {}", text.len());
    }

    #[test]
    fn what_is_nothing_of_the_kind_says_nothing() {
        assert_eq!(inflate(Format::Gzip, TEXT, LIMIT), b"");
        assert_eq!(inflate(Format::Gzip, b"", LIMIT), b"");
        assert_eq!(inflate(Format::Deflate, b"", LIMIT), b"");
        assert_eq!(inflate(Format::Deflate, b"\x78", LIMIT), b"");
    }

    #[test]
    fn no_bytes_are_too_wild() {
        let mut random = Random(7);
        for _ in 0..5_000 {
            let mut bytes = gzip(0b1_1110, b"\x01\x00.\0\0\0\0", TEXT);
            (0..4).for_each(|_| random.damage(&mut bytes));
            for format in [Format::Gzip, Format::Deflate] {
                assert!(inflate(format, &bytes, 64).len() <= 64);
                let length = random.below(64);
                assert!(inflate(format, &random.bytes(length), 64).len() <= 64);
            }
        }
    }
}
