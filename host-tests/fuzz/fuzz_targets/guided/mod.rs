//! The fuzzer is guided by the edges that the module takes, which is instrumented for it.

use core::sync::atomic::{AtomicU8, Ordering};
use llm_breaker_host_tests::host::unruly::Played;

/// More than the module has edges.
const EDGES: usize = 1 << 17;

/// The fuzzer reads these as it does its own counters, and clears them before each run.
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static TAKEN: [AtomicU8; EDGES] = [const { AtomicU8::new(0) }; EDGES];

/// Shows the fuzzer what a play took.
pub(crate) fn by(played: Played) {
    assert!((1..=EDGES).contains(&played.edges.len()), "{} edges", played.edges.len());
    for (taken, times) in TAKEN.iter().zip(played.edges) {
        taken.store(times, Ordering::Relaxed);
    }
}
