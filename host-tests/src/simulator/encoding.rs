//! Compressing what a provider's edge would compress: whole answers, and streams event by event.

use std::io::{self, Write};

use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::write::{GzEncoder, ZlibEncoder};

/// A content encoding of HTTP (RFC 9110, section 8.4.1; `br` is RFC 7932).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `gzip`.
    Gzip,
    /// `deflate`, which is the zlib format.
    Deflate,
    /// `br`.
    Brotli,
}

impl Encoding {
    /// What `content-encoding` calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
        }
    }

    /// The whole text.
    #[must_use]
    pub fn encode(self, text: impl AsRef<[u8]>) -> Bytes {
        self.encode_each([text]).concat().into()
    }

    /// One compressed stream in as many chunks as there are texts: each is flushed, so that it can
    /// be read as soon as it has come, and the last one ends the stream.
    #[must_use]
    pub fn encode_each<T: AsRef<[u8]>>(self, texts: impl IntoIterator<Item = T>) -> Vec<Bytes> {
        let level = flate2::Compression::default();
        let chunks = match self {
            Self::Gzip => {
                let encoder = GzEncoder::new(Vec::new(), level);
                chunks(encoder, texts, |now| now.get_ref().len(), GzEncoder::finish)
            }
            Self::Deflate => {
                let encoder = ZlibEncoder::new(Vec::new(), level);
                chunks(encoder, texts, |now| now.get_ref().len(), ZlibEncoder::finish)
            }
            Self::Brotli => {
                let (buffer_bytes, quality, window_bits) = (4096, 5, 22);
                let encoder = CompressorWriter::new(Vec::new(), buffer_bytes, quality, window_bits);
                chunks(encoder, texts, |now| now.get_ref().len(), |done| Ok(done.into_inner()))
            }
        };
        chunks.expect("a Vec takes every write")
    }
}

fn chunks<E: Write, T: AsRef<[u8]>>(
    mut encoder: E,
    texts: impl IntoIterator<Item = T>,
    written: impl Fn(&E) -> usize,
    finish: impl Fn(E) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<Bytes>> {
    let mut ends = Vec::new();
    for text in texts {
        encoder.write_all(text.as_ref())?;
        encoder.flush()?;
        ends.push(written(&encoder));
    }
    let mut rest = Bytes::from(finish(encoder)?);
    if let Some(last) = ends.last_mut() {
        *last = rest.len();
    }
    let mut start = 0;
    let mut chunk = |end| rest.split_to(end - std::mem::replace(&mut start, end));
    Ok(ends.into_iter().map(&mut chunk).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn decode(encoding: Encoding, bytes: &[u8]) -> String {
        let mut text = String::new();
        // The end is missing on purpose: what has come so far is to be readable.
        let _ = match encoding {
            Encoding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_string(&mut text),
            Encoding::Deflate => flate2::read::ZlibDecoder::new(bytes).read_to_string(&mut text),
            Encoding::Brotli => brotli::Decompressor::new(bytes, 64).read_to_string(&mut text),
        };
        text
    }

    #[test]
    fn every_chunk_can_be_read_as_soon_as_it_has_come() {
        for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Brotli] {
            let texts = ["data: 1\n\n", "data: 2\n\n", "data: 2\n\n"];
            let chunks = encoding.encode_each(texts);
            assert_eq!(chunks.len(), 3);
            let mut so_far = Vec::new();
            for (count, chunk) in (1..).zip(chunks) {
                so_far.extend_from_slice(&chunk);
                assert_eq!(decode(encoding, &so_far), texts[..count].concat(), "{encoding:?}");
            }
            assert_eq!(encoding.encode(texts.concat()).first(), so_far.first());
        }
    }
}
