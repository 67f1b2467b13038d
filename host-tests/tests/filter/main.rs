//! What the compiled filter does, seen from outside: scenarios on the wasmtime host, by behaviour.

mod announced;
mod attacks;
mod cap;
mod configuration;
mod downtime;
mod epochs;
mod error_bodies;
mod fallback;
mod hostile;
mod isolation;
mod metadata;
mod modes;
mod monitoring;
mod no_request_phase;
mod outcomes;
mod phases;
mod ramp;
mod recovery;
mod reload;
mod scene;
mod shared_data;
mod slow;
mod streams;
mod window;
mod workers;
