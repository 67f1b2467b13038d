//! The plugin's configuration: values or errors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_breaker::config::Config;

fuzz_target!(|bytes: &[u8]| {
    match Config::parse(bytes) {
        Ok(config) => assert!(!config.defaults.fallback.is_empty()),
        Err(errors) => assert!(!errors.to_string().is_empty()),
    }
});
