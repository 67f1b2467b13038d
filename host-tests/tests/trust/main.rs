//! Can traffic be trusted to it? The filter in the real Envoy against its absence, hostile input,
//! faults under load, and time.
//!
//! `make test` runs a share of it, `make test-all` all: see `amount.rs`.

use llm_breaker_host_tests::load;

mod amount;
mod everything;
mod faults;
mod hostile;
mod mix;
mod no_harm;
mod replayed;
mod soak;

/// What a test returns, so that it can use `?`.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
