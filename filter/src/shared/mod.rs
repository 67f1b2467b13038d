//! What lives in shared data: breakers as bytes, the list of them, what happened to them and what
//! their policies and their clusters' metadata say, how much targets are sent, and the
//! compare-and-set loop.
//!
//! Shared data is one map per process. Every worker reads and writes it, other plugins may too, and
//! nothing in it is ever freed: so keys are few and prefixed, and bytes are never trusted.

pub mod allowance;
#[cfg(fleet)]
mod backlog;
mod cell;
#[cfg(fleet)]
mod fleet_view;
mod frame;
mod history;
mod index;
mod ledger;
mod metadata;
#[cfg(fleet)]
mod owner;
mod profile;
mod record;
#[cfg(test)]
mod tests;

#[cfg(fleet)]
pub use backlog::{Backlog, MAX_WAITING};
#[cfg(test)]
pub(crate) use cell::tests::Map;
pub use cell::{Cell, Loaded, Stored, cas_of};
#[cfg(fleet)]
pub use fleet_view::{FleetStatus, FleetView, MAX_REPORTS, Report};
pub use history::{Explains, History, MAX_EVENTS, Noted};
pub use index::{MAX_NAME_BYTES, Registration, key_names, register};
pub use ledger::{Decided, Ledger};
pub use metadata::Metadata;
#[cfg(fleet)]
pub use owner::{Ownership, Tenure};
pub use profile::Profile;
pub use record::{decode, decode_into, encode, encode_into};

/// The version of everything stored, as part of each key: during an upgrade two versions of the
/// module do not reset each other's records.
pub const LAYOUT_VERSION: u16 = 1;

/// The key of a breaker's record.
#[must_use]
pub fn breaker_key(name: &str) -> String {
    format!("llm-breaker/v{LAYOUT_VERSION}/breaker/{name}")
}

/// The key of the list of breakers.
#[must_use]
pub fn index_key() -> String {
    format!("llm-breaker/v{LAYOUT_VERSION}/index")
}

/// The key of how much a target is sent.
#[must_use]
pub fn allowance_key(target: &str) -> String {
    format!("llm-breaker/v{LAYOUT_VERSION}/allowance/{target}")
}

/// The key of what a cluster's metadata says about its breaker.
#[must_use]
pub fn metadata_key(name: &str) -> String {
    format!("llm-breaker/v{LAYOUT_VERSION}/metadata/{name}")
}

/// The key of what happened to a breaker lately.
#[must_use]
pub fn history_key(name: &str) -> String {
    format!("llm-breaker/v{LAYOUT_VERSION}/history/{name}")
}

/// The key of what a breaker's policy says.
#[must_use]
pub fn profile_key(name: &str) -> String {
    format!("llm-breaker/v{LAYOUT_VERSION}/profile/{name}")
}

/// The key of what the VM says that keeps a fleet's connection to its store.
#[cfg(fleet)]
#[must_use]
pub fn fleet_key(fleet: &str) -> String {
    format!("llm-breaker/v{LAYOUT_VERSION}/fleet/{fleet}")
}

/// The key of what a fleet says of a breaker.
#[cfg(fleet)]
#[must_use]
pub fn fleet_view_key(name: &str) -> String {
    format!("llm-breaker/v{LAYOUT_VERSION}/fleet-view/{name}")
}

/// The key of how many messages wait in a queue between VMs.
#[cfg(fleet)]
#[must_use]
pub fn backlog_key(queue: &str) -> String {
    format!("llm-breaker/v{LAYOUT_VERSION}/backlog/{queue}")
}

/// The key of which VM keeps a fleet's connection.
#[cfg(fleet)]
#[must_use]
pub fn owner_key(fleet: &str) -> String {
    format!("llm-breaker/v{LAYOUT_VERSION}/fleet-owner/{fleet}")
}
