//! The map of the crate (see ARCHITECTURE.md).

pub mod breaker;
pub mod call;
pub mod config;
pub mod fallback;
pub mod journal;
pub mod outcome;
pub mod pairs;
pub mod policy;
pub mod shared;
pub mod stats;
pub mod time;

#[cfg(target_arch = "wasm32")]
mod plugin;
