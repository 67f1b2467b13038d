//! The body of an answer, in any dialect, coding and media type: one outcome, whatever it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_breaker::call::{
    AskedFor, ClientTimeouts, Coding, Exchange, MediaType, Protocol, ResponseHead, Source, Streams,
};
use llm_breaker::dialect::{Api, Dialect};
use llm_breaker::policy::Policy;
use llm_breaker::time::Instant;

const STATUSES: [u16; 8] = [200, 400, 401, 403, 413, 429, 500, 529];
const APIS: [Api; 5] =
    [Api::Chat, Api::Responses, Api::Messages, Api::GenerateContentArray, Api::Converse];
const TYPES: [&[u8]; 5] = [
    b"application/json",
    b"text/event-stream",
    b"application/vnd.amazon.eventstream",
    b"text/html",
    b"",
];
const CODINGS: [&[u8]; 3] = [b"", b"gzip", b"deflate"];

fn pick<T: Copy>(from: &[T], byte: u8) -> T {
    from[usize::from(byte) % from.len()]
}

fuzz_target!(|bytes: &[u8]| {
    let Some(([status, dialect, api, media, coding, at], body)) = bytes.split_first_chunk() else {
        return;
    };
    let protocol = Protocol {
        dialect: pick(&Dialect::ALL, *dialect),
        api: pick(&APIS, *api),
        streams: Streams::OfGeneration,
        asked_for: AskedFor::Unsaid,
    };
    let (policy, now) = (Policy::default(), Instant::from_nanos(1_000_000_000));
    let mut exchange = Exchange::begin(now, ClientTimeouts::default(), protocol);
    exchange.request_ended(now);
    let head = ResponseHead {
        media_type: MediaType::of(Some(pick(&TYPES, *media))),
        coding: Coding::of(Some(pick(&CODINGS, *coding))),
        ..ResponseHead::new(pick(&STATUSES, *status), Source::Upstream)
    };
    let known = exchange.response_started(&head, &policy, now);
    let (first, second) = body.split_at(usize::from(*at).min(body.len()));
    let read = [first, second].map(|piece| exchange.response_data(piece, &policy, now).outcome);
    let ended = exchange.response_ended(&policy, now);
    assert!(known.or(read[0]).or(read[1]).or(ended).is_some());
});
