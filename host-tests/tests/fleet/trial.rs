//! Breakers of which nobody has heard yet: each trial has a provider, and so a breaker, of its own.

use std::net::SocketAddr;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{Builder, Cluster, OPENAI, Route};

/// Chooses the provider of a trial.
const TRIAL: &str = "x-trial";

/// Fits the breakers of all trials.
pub(crate) const ALL: &str = "provider-*";

/// The breaker of that trial, which is named as its cluster.
pub(crate) fn breaker(number: usize) -> String {
    format!("provider-{number}")
}

/// Adds a cluster for each trial; all of them lead to this address.
pub(crate) fn prepare(envoy: Builder, trials: usize, address: SocketAddr) -> Builder {
    let add = |envoy: Builder, number: usize| {
        let name = breaker(number);
        let route = Route::to(&name).header(TRIAL, &name);
        envoy.cluster(Cluster::at(&name, address)).route(route)
    };
    (0..trials).fold(envoy, add).route(Route::to(OPENAI))
}

/// A call to that trial's provider.
pub(crate) fn call(number: usize) -> Call {
    Call::chat().header(TRIAL, breaker(number))
}
