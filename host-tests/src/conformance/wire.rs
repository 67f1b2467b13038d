//! What goes over a client's connection to the real Envoy.

use tokio::{io::AsyncReadExt, net::TcpStream};

use super::{
    layout::path_of,
    scenario::{Request, Scenario},
    trace::Outcome,
};

/// A scenario's request, but for what comes in pieces of its body.
pub(super) fn written(scenario: &Scenario) -> String {
    let path = path_of(scenario);
    let line = |method: &str| format!("{method} {path} HTTP/1.1\r\nhost: llm.test\r\n");
    let wish = |name: &str, wish: &str| match wish {
        "" => String::new(),
        wish => format!("{name}: {wish}\r\n"),
    };
    let wish = wish("x-recorder", scenario.recorder) + &wish("x-at-tick", scenario.at_tick);
    let head = |method: &str| format!("{}{wish}connection: close\r\n", line(method));
    match scenario.request {
        Request::Get => head("GET") + "\r\n",
        Request::Head => head("HEAD") + "\r\n",
        Request::Post => head("POST") + "content-length: 2\r\n\r\n{}",
        Request::HalfPost => head("POST") + "content-length: 4\r\n\r\n{}",
        Request::Pieces | Request::LargePieces => {
            let length: usize = scenario.request.pieces().iter().map(String::len).sum();
            head("POST") + &format!("content-length: {length}\r\n\r\n")
        }
        Request::PostWithTrailer => {
            head("POST") + "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n"
        }
        Request::HurriedPost => {
            let trusted = "x-forwarded-for: 10.0.0.1\r\nx-envoy-upstream-rq-timeout-ms: 300\r\n";
            head("POST") + trusted + "content-length: 2\r\n\r\n{}"
        }
        Request::Upgrade => line("GET") + "connection: upgrade\r\nupgrade: websocket\r\n\r\n",
        Request::Garbage => "this is no HTTP\r\n\r\n".into(),
    }
}

/// Status, body and end of an answer that ended with its connection.
pub(super) fn parsed(bytes: &[u8], request: Request) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Outcome::Nothing };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status in {head:?}"));
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let (body, complete) = if head.contains("transfer-encoding: chunked") {
        dechunked(body)
    } else {
        let is_whole = length.is_none_or(|length| length == body.len().to_string());
        let complete = match request {
            // Its answer names the length of a body that never comes.
            Request::Head => body.is_empty(),
            // A socket has no proper end.
            Request::Upgrade => false,
            _ => is_whole,
        };
        (body.to_owned(), complete)
    };
    Outcome::Answered { status, body, complete }
}

fn dechunked(mut text: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((length, rest)) = text.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a chunk's length");
        if length == 0 {
            return (body, true);
        }
        body += &rest[..length];
        text = rest[length..].trim_start_matches("\r\n");
    }
    (body, false)
}

/// Reads up to and including this text, or to the end.
pub(super) async fn read(connection: &mut TcpStream, until: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end like another; what came before it counts.
    while connection.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        if until.is_some_and(|text| String::from_utf8_lossy(&bytes).contains(text)) {
            break;
        }
    }
    bytes
}
