//! A circuit breaker for LLM upstreams, as a proxy-wasm filter for Envoy and Istio.
//!
//! Values in, values out: everything but `plugin` is a function of its arguments and runs natively
//! in tests, benchmarks and tools. Only `plugin` calls the host, and it exists in the Wasm build
//! alone. A module uses the ones above it:
//!
//! | module | question |
//! |---|---|
//! | [`time`] | what is a point in time? |
//! | [`span`] | how long is a number of units, told in decimals? |
//! | [`category`] | how can a call end, and what does that mean? |
//! | [`glob`] | which names does a pattern mean? |
//! | [`stream`] | what do the bytes of a body say, read as they pass? |
//! | [`dialect`] | which LLM protocol does a call speak, and what do its answers mean? |
//! | [`matcher`] | what does an operator recognise that no table knows? |
//! | [`policy`] | what is one breaker told to do? |
//! | [`config`] | what does the operator's document say? |
//! | [`outcome`] | what does one finished call say about its upstream? |
//! | [`key`], [`level`] | whose breaker is it, and what does it hear of a call with two? |
//! | [`breaker`] | may this call go out, and what does that outcome change? |
//! | [`shared`] | how do all workers share one breaker? |
//! | [`admission`] | may a call with several breakers go out, and what is each of them told of it? |
//! | [`call`] | what has been seen of one call? |
//! | [`fallback`] | what is answered in an upstream's place? |
//! | [`stats`], [`journal`], [`access_log`] | what do operators see in the stats and the logs? |
//! | `fleet` | what do proxies tell each other, and what does one make of it? (in the Wasm build: feature `fleet`) |
//! | [`pairs`] | how does proxy-wasm write maps? |
//! | [`admin`] | what does the admin listener answer? |
//! | `replay` | what would these breakers have done with the calls of a log? (feature `tools`) |
//! | `plugin` | which callback does what, and which host calls? |
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::todo,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod access_log;
pub mod admin;
pub mod admission;
pub mod breaker;
pub mod call;
pub mod category;
pub mod config;
pub mod dialect;
pub mod fallback;
#[cfg(fleet)]
pub mod fleet;
pub mod glob;
pub mod journal;
pub mod key;
pub mod level;
pub mod matcher;
pub mod outcome;
pub mod pairs;
pub mod policy;
#[cfg(all(feature = "tools", not(target_arch = "wasm32")))]
pub mod replay;
pub mod shared;
pub mod span;
pub mod stats;
pub mod stream;
pub mod time;

#[cfg(target_arch = "wasm32")]
mod plugin;
