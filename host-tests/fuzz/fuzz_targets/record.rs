//! Bytes in shared data: a breaker or none, and what is read can be used and written again. Bytes
//! that begin with an odd one get the frame and the checksum of a record, so that what reads them
//! behind those is tried, too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_breaker::breaker::{Admission, Jitter};
use llm_breaker::category::Category;
use llm_breaker::outcome::Outcome;
use llm_breaker::policy::Policy;
use llm_breaker::shared::{LAYOUT_VERSION, decode, encode};
use llm_breaker::time::Instant;
use xxhash_rust::xxh64::xxh64;

/// A whole record with this payload.
fn framed(payload: &[u8]) -> Vec<u8> {
    let mut head = *b"LLMB\0\0\x01\0";
    head[4..6].copy_from_slice(&LAYOUT_VERSION.to_le_bytes());
    let checksum = xxh64(payload, u64::from_le_bytes(head));
    [&head[..], &checksum.to_le_bytes(), payload].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = match bytes.split_first() {
        Some((first, payload)) if first % 2 == 1 => framed(payload),
        _ => bytes.to_vec(),
    };
    let Some(mut breaker) = decode(&bytes) else { return };
    let (policy, now) = (Policy::default(), Instant::from_nanos(100_000_000_000));
    let _ = breaker.tick(&policy, now);
    if let (Admission::Pass(permit) | Admission::Probe(permit), _) =
        breaker.admit(&policy, now, 0.5)
    {
        let outcome = Outcome::of(Category::QuotaExhausted);
        let jitter = Jitter::of("openai", "node");
        let _ = breaker.record(&policy, now, Some(&permit), &outcome, jitter);
    }
    assert_eq!(decode(&encode(&breaker)), Some(breaker));
});
