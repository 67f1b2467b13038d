//! An upstream that answers what no HTTP library would.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running one; each connection gets the next of its answers.
pub(super) struct OddUpstream {
    pub(super) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Drop for OddUpstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl OddUpstream {
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            let answers = answers();
            for answer in answers.iter().cycle() {
                let Ok((stream, _)) = listener.accept().await else { continue };
                tokio::spawn(serve(stream, answer.clone()));
            }
        });
        Ok(Self { address, accepting })
    }
}

async fn serve(mut stream: TcpStream, answer: Vec<u8>) {
    let mut request = [0; 16_384];
    // One read is enough of a request to answer it, and the other side may be gone at any time.
    let _ = stream.read(&mut request).await;
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

fn answers() -> Vec<Vec<u8>> {
    let ok = |lines: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n{body}").into_bytes();
    let events = "content-type: text/event-stream\r\n";
    let chunked = "transfer-encoding: chunked\r\n";
    let not_text = [&b"HTTP/1.1 429 \xFF\r\nretry-after: \xFF\xFE\r\ncontent-type: \xC3\x28\r\ncontent-length: 2\r\n\r\n"[..], b"\xFF\xFE"].concat();
    vec![
        not_text,
        ok(&format!("content-length: 2\r\nx-long: {}\r\n", "v".repeat(50_000)), "{}"),
        ok("content-length: 2\r\ncontent-length: 3\r\n", "{}"),
        ok("content-length: 2\r\ncontent-type: a\r\ncontent-type: b\r\nretry-after: 1\r\nretry-after: 2\r\n", "{}"),
        ok("content-length: 2\r\n", "{} and more than was announced"),
        ok(chunked, "zz\r\n"),
        ok(&format!("{events}{chunked}"), "7\r\ndata: \u{0}\r\n"),
        ok(events, "data: {\"error\":[[[[\n\n:\r\r\ndata\n\ndata: [DONE]"),
        ok(&format!("{events}content-encoding: gzip\r\n"), "\u{1f}\u{8b}not gzip at all"),
        ok("content-type: application/json\r\n", &"[".repeat(20_000)),
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(200),
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nnobody asked".to_vec(),
        b"HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 000 What\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello".to_vec(),
        b"HTTP/0.9 200\r\n\r\n".to_vec(),
        b"\x00\x01\x02\x03".to_vec(),
        Vec::new(),
    ]
}
