//! What does reading an answer cost: events of a stream, whole answers, errors?

use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use llm_breaker::call::{ClientTimeouts, Exchange, MediaType, Protocol, ResponseHead, Source};
use llm_breaker::dialect::{Dialect, Request};
use llm_breaker::policy::Policy;
use llm_breaker::stream::{event_stream, sse};
use llm_breaker::time::Instant;

const NOW: Instant = Instant::from_nanos(1_000_000_000_000);
const EVENT: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
    \"model\":\"gpt-4.1-mini-2025-04-14\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" world\"},\
    \"logprobs\":null,\"finish_reason\":null}]}\n\n";
const WHOLE: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello, world"},"finish_reason":"stop"}]}"#;
const ERROR: &str = r#"{"error":{"message":"Rate limit reached for gpt-4.1","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;

/// A chat whose answer has this head.
fn answered(status: u16, media_type: &[u8], policy: &Policy) -> Exchange {
    let request = Request { method: "POST", path: "/v1/chat/completions", ..Request::default() };
    let protocol = Protocol::of(&Dialect::detect(&request, None), "POST");
    let mut exchange = Exchange::begin(NOW, ClientTimeouts::default(), protocol);
    exchange.request_ended(NOW);
    let mut head = ResponseHead::new(status, Source::Upstream);
    head.media_type = MediaType::of(Some(media_type));
    let _ = exchange.response_started(&head, policy, NOW);
    exchange
}

/// An event's cost is the time of one iteration; the throughput is in bytes.
fn streams(criterion: &mut Criterion) {
    let policy = Policy::default();
    let mut group = criterion.benchmark_group("an event of a stream");
    group.throughput(Throughput::Bytes(EVENT.len() as u64));
    group.bench_function("nothing", |b| b.iter(|| black_box(EVENT.as_bytes()).len()));
    let mut exchange = answered(200, b"text/event-stream", &policy);
    group.bench_function("judged", |b| {
        b.iter(|| exchange.response_data(EVENT.as_bytes(), &policy, NOW))
    });
    let mut reader = sse::Reader::new();
    group.bench_function("framed", |b| {
        b.iter(|| {
            reader.feed(black_box(EVENT.as_bytes()), &mut |part| {
                black_box(&part);
            })
        });
    });
    group.finish();
}

fn frames(criterion: &mut Criterion) {
    let frame = event_stream::encode("chunk", EVENT.as_bytes());
    let mut reader = event_stream::Reader::new();
    let mut group = criterion.benchmark_group("a frame of an Amazon event stream");
    group.throughput(Throughput::Bytes(frame.len() as u64));
    group.bench_function("nothing", |b| b.iter(|| black_box(&frame).len()));
    group.bench_function("framed", |b| {
        b.iter(|| {
            reader.feed(black_box(&frame), &mut |part| {
                black_box(&part);
            })
        });
    });
    group.finish();
}

fn bodies(criterion: &mut Criterion) {
    let policy = Policy::default();
    let mut group = criterion.benchmark_group("a body");
    group.bench_function("nothing", |b| b.iter(|| black_box(WHOLE.as_bytes()).len()));
    for (name, status, body) in [("whole answer", 200, WHOLE), ("error, classified", 429, ERROR)] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut exchange = answered(status, b"application/json", &policy);
                black_box(exchange.response_data(body.as_bytes(), &policy, NOW));
                black_box(exchange.response_ended(&policy, NOW))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, streams, frames, bodies);
criterion_main!(benches);
