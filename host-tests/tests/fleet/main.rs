//! Do proxies that share an etcd learn once? Several real Envoys, each with a node id and a domain of its
//! own, on a real etcd that is stopped, frozen, wiped and filled while they work.
//!
//! `make test` runs a share of it, `make fleet-test` all: see `amount.rs`.

mod amount;
mod fault;
mod journal;
mod latency;
mod orders;
mod outage;
mod owner;
mod propagation;
mod recovery;
mod restart;
mod security;
mod shipped;
mod stage;
mod steady;
mod store;
mod trial;

/// What a test returns, so that it can use `?`.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
