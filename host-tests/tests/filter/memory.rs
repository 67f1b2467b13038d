//! Reading a stream takes the same little memory however long it is, and however many there are; so
//! does an error that inflates to much.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use llm_breaker_host_tests::host::{Call, Response};
use serde_json::json;

use crate::scene::{Scene, defaults};

const MIB: usize = 1024 * 1024;
const STREAM_BYTES: usize = 50 * MIB;
const CHUNK_BYTES: usize = 64 * 1024;

fn begun(scene: &Scene) -> Call {
    let call = scene.reach();
    call.response_headers(&Response::event_stream());
    call
}

fn event(content: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": content}}]}))
}

fn one_worker() -> Scene {
    Scene::configured(1, defaults(json!({})))
}

#[test]
fn a_stream_of_50_mib_leaves_the_memory_where_it_was() {
    let scene = one_worker();
    let call = begun(&scene);
    let events = event("Hello, world").repeat(CHUNK_BYTES / event("Hello, world").len());
    // One event that is longer than a chunk, and the first pieces: what is allocated then stays.
    call.body_chunk(event(&"x".repeat(2 * CHUNK_BYTES)));
    call.body_chunk(&events);
    let before = scene.memory_bytes(0);
    for _ in 0..STREAM_BYTES / events.len() {
        call.body_chunk(&events);
    }
    let after = scene.memory_bytes(0);
    println!("50 MiB of events: {before} bytes before, {after} after");
    assert_eq!(after, before);
    call.body_chunk("data: [DONE]\n\n");
    assert_eq!(scene.outcomes("success"), 1);
}

#[test]
fn a_thousand_streams_at_once_take_at_most_4_mib() {
    let scene = one_worker();
    begun(&scene).body_chunk(event("Hello"));
    let before = scene.memory_bytes(0);
    let calls: Vec<Call> = (0..1000).map(|_| begun(&scene)).collect();
    for _ in 0..3 {
        calls.iter().for_each(|call| call.body_chunk(event("Hello")));
    }
    let added = scene.memory_bytes(0) - before;
    println!("1,000 live streams: {added} bytes more");
    assert!(added <= 4 * MIB, "{added}");
    calls.iter().for_each(|call| call.body_chunk("data: [DONE]\n\n"));
    assert_eq!(scene.outcomes("success"), 1000);
}

#[test]
fn bombs_leave_the_memory_where_it_was() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    (0..32).for_each(|_| encoder.write_all(&vec![b' '; MIB]).expect("a vector takes it"));
    let bomb = encoder.finish().expect("a vector takes it");
    let error = Response::status(400)
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .chunked([&bomb]);
    let scene = one_worker();
    scene.answer(error.clone());
    let before = scene.memory_bytes(0);
    (0..100).for_each(|_| drop(scene.answer(error.clone())));
    let after = scene.memory_bytes(0);
    println!("100 bombs of 32 MiB: {before} bytes before, {after} after");
    assert_eq!((after, scene.outcomes("client_error")), (before, 101));
}
