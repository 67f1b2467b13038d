//! Values of the headers that are looked into: a meaning or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_breaker::call::{ClientTimeouts, Coding, MediaType, announced};
use llm_breaker::category::Category;
use llm_breaker::dialect::{Dialect, announced_by_limits};
use std::time::{Duration, SystemTime};

fuzz_target!(|bytes: &[u8]| {
    let noon = || SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut parts = bytes.split(|byte| *byte == b'\n');
    let (first, second) = (parts.next(), parts.next());
    assert_ne!(announced(first, second, noon), Some(Duration::ZERO));
    for dialect in Dialect::ALL {
        let value = |name: &str| if name.len() % 2 == 0 { first } else { second };
        let wait = announced_by_limits(dialect, Category::RateLimited, value, noon);
        assert_ne!(wait, Some(Duration::ZERO));
    }
    let _ = (MediaType::of(first), Coding::of(first));
    let mut timeouts = ClientTimeouts::default();
    for name in
        ["x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-stream-duration-ms", "grpc-timeout"]
    {
        timeouts.note(name.as_bytes(), first.unwrap_or_default());
    }
});
