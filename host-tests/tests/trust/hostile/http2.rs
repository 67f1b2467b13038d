//! Frames of HTTP/2 by hand: bursts of resets, and frames that are wrong.

use std::net::SocketAddr;
use std::time::Duration;

use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
/// Streams that one connection opens and resets.
pub(super) const BURST: u32 = 20;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// `GET` or `POST` of `/`, and one header whose value is not text.
fn header_block(is_post: bool) -> Vec<u8> {
    // From the static table: the method, the path, the scheme; `:authority` with its value.
    let mut block = vec![if is_post { 0x83 } else { 0x82 }, 0x84, 0x86, 0x41, 1, b'a'];
    block.extend(b"\x00\x03x-b\x03\xFF\xFEz");
    block
}

fn opening() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

async fn send(to: SocketAddr, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(to).await else { return };
    let _ = stream.write_all(bytes).await;
    let mut answer = [0; 4096];
    // So that the frames are read before the connection closes.
    let _ = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut answer)).await;
}

/// Opens many streams and resets each: before its body, in it, or behind it.
pub(super) async fn reset_burst(to: SocketAddr, rng: &mut Rng) {
    let mut bytes = opening();
    for stream in (0..BURST).map(|number| number * 2 + 1) {
        let is_post = rng.bool();
        let end = if is_post { 0 } else { END_STREAM };
        bytes.extend(frame(HEADERS, END_HEADERS | end, stream, &header_block(is_post)));
        if is_post && rng.bool() {
            let is_last = if rng.bool() { END_STREAM } else { 0 };
            bytes.extend(frame(DATA, is_last, stream, br#"{"model":"gpt-4.1","#));
        }
        bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL));
    }
    send(to, &bytes).await;
}

/// One frame that the protocol forbids, behind a request that it allows.
pub(super) async fn odd_frame(to: SocketAddr, rng: &mut Rng) {
    let odd = [
        frame(WINDOW_UPDATE, 0, 1, &[0; 4]),
        frame(WINDOW_UPDATE, 0, 1, &[0x7F, 0xFF, 0xFF, 0xFF]),
        frame(CONTINUATION, END_HEADERS, 1, &header_block(false)),
        frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0]),
        frame(PING, 0, 0, &[0; 3]),
        frame(DATA, END_STREAM, 0, b"for nobody"),
        frame(HEADERS, END_HEADERS, 2, &header_block(false)),
        frame(HEADERS, END_HEADERS, 3, &[0xFF; 40]),
        // Trailers that end nothing, and trailers with a pseudo-header.
        frame(HEADERS, END_HEADERS, 1, b"\x00\x01t\x01v"),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x84]),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01t\x01\xFF"),
        frame(0xEE, 0xFF, 1, &[0; 64]),
        vec![0xFF; 64],
    ];
    let request = frame(HEADERS, END_HEADERS, 1, &header_block(true));
    let bytes = [opening(), request, odd[rng.usize(..odd.len())].clone()].concat();
    send(to, &bytes).await;
}
