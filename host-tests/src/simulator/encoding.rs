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
    /// `zstd` (RFC 8878), in blocks that are stored as they are: smaller they need not be.
    Zstd,
}

impl Encoding {
    /// What `content-encoding` calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
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
            Self::Zstd => chunks(Stored::new(), texts, |now| now.0.len(), |done| Ok(done.finish())),
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

/// A zstd frame of raw blocks.
struct Stored(Vec<u8>);

impl Stored {
    fn new() -> Self {
        let magic = [0x28, 0xb5, 0x2f, 0xfd];
        // No dictionary, no checksum, no content size; a window of 1 MiB.
        let (descriptor, window) = (0, 0x50);
        Self([&magic[..], &[descriptor, window]].concat())
    }

    /// `length` is below the block limit of 128 KiB.
    fn start_block(&mut self, length: usize, is_last: bool) {
        let header = (length << 3) | usize::from(is_last);
        self.0.extend_from_slice(&header.to_le_bytes()[..3]);
    }

    fn finish(mut self) -> Vec<u8> {
        self.start_block(0, true);
        self.0
    }
}

impl Write for Stored {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let block = &text[..text.len().min(1 << 16)];
        self.start_block(block.len(), false);
        self.0.extend_from_slice(block);
        Ok(block.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
            Encoding::Zstd => unreachable!("Envoy reads it, in the tests of its decompressors"),
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
