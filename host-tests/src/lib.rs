//! The test bench: a proxy-wasm host on wasmtime, a harness for the real Envoy, and the LLM
//! simulator that both the tests and `make run` put behind it.

pub mod client;
pub mod conformance;
pub mod envoy;
pub mod etcd;
pub mod host;
pub mod load;
pub mod matrix;
pub mod patience;
pub mod ports;
pub mod prometheus;
pub mod scripted;
pub mod simulator;
pub mod site;
