//! The whole module with a fleet on a host that keeps no order: callbacks as the bytes say, host calls that
//! fail or lie, a store that says anything. The fuzzer is guided by the edges that the module takes, which is instrumented for it.
#![no_main]

use core::sync::atomic::{AtomicU8, Ordering};
use libfuzzer_sys::fuzz_target;
use llm_breaker_host_tests::host::{Module, unruly::play_in_a_fleet};
use std::sync::LazyLock;

/// More than the module has edges.
const EDGES: usize = 1 << 17;

/// The fuzzer reads these as it does its own counters, and clears them before each run.
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static TAKEN: [AtomicU8; EDGES] = [const { AtomicU8::new(0) }; EDGES];

static MODULE: LazyLock<Module> = LazyLock::new(|| Module::optimized("llm_breaker_fleet"));

fuzz_target!(init: { let _ = LazyLock::force(&MODULE); }, |bytes: &[u8]| {
    let played = play_in_a_fleet(&MODULE, bytes);
    assert!((1..=EDGES).contains(&played.edges.len()), "{} edges", played.edges.len());
    for (taken, times) in TAKEN.iter().zip(played.edges) {
        taken.store(times, Ordering::Relaxed);
    }
});
