//! Requests of all shapes and their healthy answers, from a seed.

use bytes::Bytes;
use fastrand::Rng;
use llm_breaker_host_tests::scripted::{Fields, Framing, Message, Pace, Protocol, Script};
use llm_breaker_host_tests::simulator::Encoding;
use serde_json::json;

/// A path that is known, what is asked for there, and whether its answers are events.
const GENERATING: [(&str, &str, bool); 6] = [
    ("/v1/chat/completions", "gpt-4.1", false),
    ("/v1/chat/completions", "gpt-4.1-mini", true),
    ("/openai/deployments/gpt-4.1/chat/completions?api-version=2024-10-21", "gpt-4.1", true),
    ("/v1/messages", "claude-sonnet-4-5", false),
    ("/v1/messages", "claude-sonnet-4-5", true),
    ("/v1/chat/completions", "nobody-knows-it", false),
];
const OTHER_PATHS: [&str; 5] =
    ["/", "/v1/models", "/files/%C3%A4?q=%00&r=a%2Fb", "/x//y/./z", "/v1/files?a=1"];
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PURGE"];
const SIZES: [usize; 7] = [0, 1, 100, 4_000, 16_384, 70_000, 300_000];

/// One exchange.
pub(crate) fn script(rng: &mut Rng) -> Script {
    let mut script = if rng.bool() { generating(rng) } else { other(rng) };
    if rng.u8(..8) == 0 {
        script.request.trailers = vec![field("x-checksum", "abc")];
    }
    if rng.u8(..8) == 0 && !script.answer.pieces.is_empty() {
        script.answer.framing = Framing::Chunks;
        script.answer.headers.push(field("trailer", "x-cost"));
        script.request.headers.push(field("te", "trailers"));
        script.answer.trailers = vec![field("x-cost", "12"), field("x-cost", "13")];
    }
    script.pace = pace(rng, &script);
    script
}

fn pace(rng: &mut Rng, script: &Script) -> Pace {
    // A request of known length may rightly be held until it is whole.
    let streams = script.request.framing == Framing::Chunks && script.request.pieces.len() > 1;
    let may_wait = script.request.framing != Framing::Length || script.request.pieces.len() <= 1;
    // An answer of known length ends with its last piece, which would be before the request does: Envoy
    // then breaks the request off, and how soon the upstream sees that is anybody's guess.
    let takes_turns = streams
        && script.answer.framing == Framing::Chunks
        && script.client == Protocol::Http2
        && script.request.pieces.len() == script.answer.pieces.len();
    match rng.u8(..3) {
        0 if takes_turns => Pace::Duplex,
        0 | 1 if may_wait => Pace::Lockstep,
        _ => Pace::Free,
    }
}

fn generating(rng: &mut Rng) -> Script {
    let (path, model, is_stream) = GENERATING[rng.usize(..GENERATING.len())];
    let padding = "x".repeat(SIZES[rng.usize(..SIZES.len())]);
    let message = json!({"role": "user", "content": padding});
    let body = json!({"model": model, "stream": is_stream, "messages": [message]}).to_string();
    let mut headers =
        vec![field("content-type", "application/json"), field("authorization", "Bearer secret")];
    headers.extend(odd_headers(rng));
    let answer = if is_stream { events(rng, path) } else { completion(rng, path) };
    let framing = if rng.u8(..4) == 0 { Framing::Chunks } else { Framing::Length };
    let request =
        Message { headers, pieces: cut(rng, body.into_bytes()), framing, trailers: Vec::new() };
    Script {
        method: "POST".to_owned(),
        path: path.to_owned(),
        request,
        status: 200,
        answer,
        pace: Pace::Free,
        client: protocol(rng),
    }
}

fn completion(rng: &mut Rng, path: &str) -> Message {
    let text = "Hello. ".repeat(rng.usize(1..3_000));
    let body = if path == "/v1/messages" {
        let content = json!([{"type": "text", "text": text}]);
        json!({"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn"})
    } else {
        let message = json!({"role": "assistant", "content": text});
        json!({"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    };
    encoded(rng, "application/json", &[body.to_string()])
}

fn events(rng: &mut Rng, path: &str) -> Message {
    let count = rng.usize(1..40);
    let texts: Vec<String> = if path == "/v1/messages" {
        let delta = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}});
        let stop = json!({"type": "message_stop"});
        let deltas = vec![format!("event: content_block_delta\ndata: {delta}\n\n"); count];
        deltas.into_iter().chain([format!("event: message_stop\ndata: {stop}\n\n")]).collect()
    } else {
        let event = json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Größe"}}]});
        let events = vec![format!("data: {event}\n\n"); count];
        events.into_iter().chain(["data: [DONE]\n\n".to_owned()]).collect()
    };
    let mut message = encoded(rng, "text/event-stream", &texts);
    message.framing = Framing::Chunks;
    message
}

/// The texts, a piece each, as they are or compressed.
fn encoded(rng: &mut Rng, content_type: &str, texts: &[String]) -> Message {
    let mut headers = vec![field("content-type", content_type)];
    let encoding = [None, None, Some(Encoding::Gzip), Some(Encoding::Brotli)][rng.usize(..4)];
    let pieces = match encoding {
        None => texts.iter().map(|text| Bytes::from(text.clone())).collect(),
        Some(encoding) => {
            headers.push(field("content-encoding", encoding.name()));
            encoding.encode_each(texts)
        }
    };
    headers.extend(odd_headers(rng));
    Message { headers, pieces, framing: Framing::Length, trailers: Vec::new() }
}

fn other(rng: &mut Rng) -> Script {
    let method = METHODS[rng.usize(..METHODS.len())];
    let path = OTHER_PATHS[rng.usize(..OTHER_PATHS.len())].to_owned();
    let has_body = matches!(method, "POST" | "PUT" | "PATCH" | "PURGE");
    let request = if has_body { bytes(rng) } else { Message::empty(odd_headers(rng)) };
    let status = [200, 200, 201, 204, 206, 301, 304, 400, 401, 404, 422][rng.usize(..11)];
    let answer = if method == "HEAD" || matches!(status, 204 | 304) {
        Message::empty(odd_headers(rng))
    } else {
        bytes(rng)
    };
    Script {
        method: method.to_owned(),
        path,
        request,
        status,
        answer,
        pace: Pace::Free,
        client: protocol(rng),
    }
}

/// A body of any bytes.
fn bytes(rng: &mut Rng) -> Message {
    let mut headers = vec![field("content-type", "application/octet-stream")];
    headers.extend(odd_headers(rng));
    let mut body = vec![0; SIZES[rng.usize(..SIZES.len())]];
    rng.fill(&mut body);
    let framing = if rng.bool() { Framing::Length } else { Framing::Chunks };
    Message { headers, pieces: cut(rng, body), framing, trailers: Vec::new() }
}

/// The same bytes in up to five pieces, none of them empty.
fn cut(rng: &mut Rng, body: Vec<u8>) -> Vec<Bytes> {
    let mut rest = Bytes::from(body);
    let mut pieces = Vec::new();
    while !rest.is_empty() && pieces.len() < 4 {
        pieces.push(rest.split_to(rng.usize(1..=rest.len())));
    }
    pieces.extend((!rest.is_empty()).then_some(rest));
    pieces
}

/// Headers that are repeated, empty, long or no text.
fn odd_headers(rng: &mut Rng) -> Fields {
    let odd: [Fields; 5] = [
        vec![field("x-twice", "1"), field("x-twice", "2")],
        vec![field("x-empty", "")],
        vec![field("x-long", &"v".repeat(8_000))],
        vec![("x-bytes".to_owned(), vec![b'a', 0xFF, 0xC3, b'z'])],
        vec![field("cookie", "a=1; b=2"), field("x-llm-breaker-debug", "1")],
    ];
    odd.into_iter().filter(|_| rng.u8(..4) == 0).flatten().collect()
}

fn protocol(rng: &mut Rng) -> Protocol {
    if rng.bool() { Protocol::Http1 } else { Protocol::Http2 }
}

fn field(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}
