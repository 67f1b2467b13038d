//! A proxy-wasm host on wasmtime that keeps Envoy's rules, for tests that read as scenarios.
//!
//! A [`World`] is one Envoy process: some workers and the main thread, each with a VM of its own,
//! and one map of shared data, one set of stats and one log for all. Time stands still until the
//! test moves it. The test plays the clients and the upstreams; Envoy's part (who is told what,
//! when, with which flags and details) is the host's, and the conformance test holds it to what
//! the real Envoy does. A host call or an attribute that is not modelled fails the test, and so
//! does a trap that the test did not ask for.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use llm_breaker_host_tests::host::{Module, Request, Response, Upstream, World};
//!
//! let world = World::running(&Module::built("llm_breaker"))
//!     .workers(2)
//!     .configuration(serde_json::json!({"defaults": {"open": {"jitter": 0}}}))
//!     .start();
//! let chat = || Request::post("/v1/chat/completions").cluster("openai");
//!
//! for _ in 0..5 {
//!     let call = world.worker(0).request(chat());
//!     assert!(call.is_forwarded());
//!     assert_eq!(call.upstream_answers(Response::status(500)).status, 500);
//! }
//! let refused = world.worker(1).request(chat());
//! assert_eq!(refused.answer().header("x-llm-breaker"), Some("open"));
//!
//! world.advance(Duration::from_secs(30));
//! world.tick();
//! let probe = world.worker(1).request(chat());
//! probe.upstream(Upstream::RefusesConnection);
//! assert_eq!(world.counter("llm_circuit_breaker_half_open_requests_total.llm_cluster=.=openai;.;"), 1);
//! ```

mod access_log;
mod answer;
mod call;
mod exchange;
mod grpc;
mod imports;
mod message;
mod metrics;
mod module;
mod pairs;
mod process;
mod properties;
mod queues;
mod shared_data;
mod status;
mod stream;
#[cfg(test)]
mod tests;
pub mod unruly;
mod upstream;
mod vm;
mod vm_state;
mod world;

pub use self::{
    answer::Answer,
    call::Call,
    message::{EarlierReply, Request, Response},
    metrics::Metric,
    module::{Module, path_of},
    process::{Level, LogLine, VmName},
    shared_data::SharedData,
    status::Status,
    upstream::{Upstream, flags},
    vm::Spent,
    world::{
        Configuration, DEADLINE_EXCEEDED, GrpcCall, GrpcStream, Rejected, UNAVAILABLE, Worker,
        World, WorldBuilder,
    },
};
