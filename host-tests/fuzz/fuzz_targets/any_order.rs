//! The whole module on a host that keeps no order: callbacks as the bytes say, host calls that fail
//! or lie.
#![no_main]

mod guided;

use libfuzzer_sys::fuzz_target;
use llm_breaker_host_tests::host::{Module, unruly::play};
use std::sync::LazyLock;

static MODULE: LazyLock<Module> = LazyLock::new(|| Module::optimized("llm_breaker"));

fuzz_target!(init: { let _ = LazyLock::force(&MODULE); }, |bytes: &[u8]| {
    guided::by(play(&MODULE, bytes));
});
