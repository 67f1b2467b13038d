//! That the wasmtime host is no fiction: the same scenarios on it and on the real Envoy, recorded
//! by the same filter, the `recorder`.

mod held;
mod layout;
mod on_envoy;
mod on_host;
mod scenario;
mod scenarios;
mod trace;
mod upstream;
mod wire;

pub use self::{
    on_envoy::EnvoySide,
    on_host::HostSide,
    scenario::{BUFFER_LIMIT_BYTES, Client, Moment, Plugin, Request, Route, Scenario, Step},
    trace::{Outcome, Trace},
};

/// All scenarios, in the order in which they are run.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    scenarios::ALL.iter().chain(held::ALL)
}
