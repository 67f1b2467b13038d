//! The filter in the real Envoy, two workers unless said, in front of a provider that fails as told.
//!
//! Durations are short, everything that happens is awaited, and where time itself must pass the
//! bounds are such that a busy machine only makes a test slower.

mod admin;
mod attacks;
mod bodies;
mod callers;
mod configuration;
mod cookbook;
mod crash;
mod decompressor;
mod downtime;
mod epochs;
mod gateway;
mod grpc;
mod hanging;
mod isolation;
mod manifests;
mod matchers;
mod memory;
mod metadata;
mod models;
mod monitoring;
mod observed;
mod on_failure;
mod outcomes;
mod recovery;
mod replay_report;
mod reply;
mod reroute_recipe;
mod retry_recipe;
mod scene;
mod sdk_fallbacks;
mod sdks;
mod shadow;
mod shared_state;
mod slow;
mod status_page;
mod streams;
mod transparency;
mod updates;
mod uploads;
mod upstream_filter;
mod window;
