//! Bytes on a connection that no HTTP library would send.

use std::net::SocketAddr;
use std::time::Duration;

use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer to nonsense is waited for: some of it rightly gets none.
const A_WHILE: Duration = Duration::from_millis(100);
const PATH: &str = "/v1/chat/completions";
const BODY: &str = r#"{"model":"gpt-4.1","messages":[],"stream":true}"#;

/// Head lines of a request that ends its connection.
pub(super) fn head(line: &[u8], lines: &[&[u8]]) -> Vec<u8> {
    let mut bytes = [line, b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"].concat();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// A chat with further header lines.
pub(super) fn chat(lines: &[&[u8]]) -> Vec<u8> {
    let length = format!("content-length: {}", BODY.len());
    let lines = [&[length.as_bytes()], lines].concat();
    [head(format!("POST {PATH}").as_bytes(), &lines), BODY.into()].concat()
}

async fn connect(to: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect(to).await.ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}

/// Sends all of it and reads to the end; returns the status.
pub(super) async fn whole(to: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let mut stream = connect(to).await?;
    // An answer may come before all is read.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    status(&answer)
}

/// Sends all of it and leaves after the first bytes that come back, or after a while.
pub(super) async fn nonsense(to: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let mut stream = connect(to).await?;
    let _ = stream.write_all(bytes).await;
    let mut answer = vec![0; 4096];
    let length = tokio::time::timeout(A_WHILE, stream.read(&mut answer)).await.ok()?.ok()?;
    status(&answer[..length])
}

fn status(answer: &[u8]) -> Option<u16> {
    let words = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(words).ok()?.parse().ok()
}

/// A body of so many bytes, sent in pieces.
pub(super) async fn upload(to: SocketAddr, length: usize) -> Option<u16> {
    let mut stream = connect(to).await?;
    let announced = format!("content-length: {length}");
    stream.write_all(&head(b"POST /v1/chat/completions", &[announced.as_bytes()])).await.ok()?;
    let piece = vec![b' '; 1 << 20];
    let mut rest = length;
    while rest > 0 {
        let now = rest.min(piece.len());
        if stream.write_all(&piece[..now]).await.is_err() {
            break;
        }
        rest -= now;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    status(&answer)
}

/// Leaves in one of the phases of a call, by a reset or in order.
pub(super) async fn leave(to: SocketAddr, rng: &mut Rng) -> Option<u16> {
    let mut stream = connect(to).await?;
    if rng.bool() {
        let _ = stream.set_zero_linger();
    }
    let request = chat(&[]);
    let head_length = request.len() - BODY.len();
    let phases = [0, 4, 30, head_length, head_length + 5, request.len()];
    let sent = phases[rng.usize(..phases.len())];
    stream.write_all(&request[..sent]).await.ok()?;
    if sent == request.len() && rng.bool() {
        // In the answer: its first bytes, or some of its events.
        let mut answer = vec![0; rng.usize(1..400)];
        let _ = tokio::time::timeout(A_WHILE, stream.read_exact(&mut answer)).await;
        return status(&answer);
    }
    None
}

/// A request that comes byte by byte, and not whole.
pub(super) async fn drip(to: SocketAddr, rng: &mut Rng) -> Option<u16> {
    let mut stream = connect(to).await?;
    let request = chat(&[]);
    let from = rng.usize(..request.len() - 20);
    stream.write_all(&request[..from]).await.ok()?;
    for byte in &request[from..from + 19] {
        stream.write_all(&[*byte]).await.ok()?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    None
}

/// Framing by which one side could see other requests than the other, and what is no HTTP.
pub(super) fn odd_framing(rng: &mut Rng) -> Vec<u8> {
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let post = |lines: &str, body: &str| {
        format!("POST {PATH} HTTP/1.1\r\nhost: a\r\n{lines}\r\n{body}").into_bytes()
    };
    let chunked = "transfer-encoding: chunked\r\n";
    let odd = [
        post(&format!("content-length: 4\r\n{chunked}"), &format!("0\r\n\r\n{smuggled}")),
        post("content-length: 4\r\ncontent-length: 5\r\n", "abcde"),
        post("content-length: +4\r\n", "abcd"),
        post("content-length: -1\r\n", ""),
        post("content-length: 99999999999999999999\r\n", ""),
        post("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"),
        post("transfer-encoding: xchunked\r\n", "0\r\n\r\n"),
        post("transfer-encoding : chunked\r\n", "0\r\n\r\n"),
        post(chunked, "zz\r\nabc\r\n"),
        post(chunked, "ffffffffffffffff\r\nabc\r\n"),
        post(chunked, "3;ext=\"\x01\"\r\nabc\r\n0\r\n\r\n"),
        post(chunked, "3\r\nabcdef\r\n0\r\n\r\n"),
        post(
            chunked,
            &format!("3\r\nabc\r\n0\r\nx-trailer: 1\r\ncontent-length: 4\r\n\r\n{smuggled}"),
        ),
        post(&format!("x-folded: a\r\n b\r\n{chunked}"), "0\r\n\r\n"),
        post("x-null: a\0b\r\n", ""),
        post("x-cr: a\rb\r\n", ""),
        post(": nameless\r\n", ""),
        format!("GET {PATH} HTTP/1.1\nhost: a\n\n").into_bytes(),
        format!("GET {PATH}\r\n\r\n").into_bytes(),
        format!("GET {PATH} HTTP/9.9\r\nhost: a\r\n\r\n").into_bytes(),
        [smuggled, smuggled, smuggled, smuggled].concat().into_bytes(),
        vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01],
        (0..200).map(|_| rng.u8(..)).collect(),
    ];
    odd[rng.usize(..odd.len())].clone()
}
