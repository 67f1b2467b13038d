//! That the wasmtime host is no fiction: the same scenarios on it and on the real Envoy, recorded
//! by the same filter, the `recorder`.

mod on_envoy;
mod on_host;
mod scenario;
mod scenarios;
mod trace;
mod upstream;

pub use self::{
    on_envoy::EnvoySide,
    on_host::HostSide,
    scenario::{Client, Request, Route, Scenario, Step},
    scenarios::ALL,
    trace::{Outcome, Trace},
};
