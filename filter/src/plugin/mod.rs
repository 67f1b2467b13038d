//! The shell around the core, compiled for Wasm only: callbacks in, host calls out.

mod admin;
mod admission;
mod breakers;
mod call;
mod chain;
mod entry;
mod fleet;
mod heads;
mod host;
mod in_flight;
mod metadata;
mod remedy;
mod request;
mod reroute;
mod response;
mod root;
mod stats;
mod stream;
mod trace;
mod watchdog;

use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    // The SDK's logger also installs the hook that logs a panic before it ends the VM.
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|context| Box::new(root::Root::new(context)));
}}
