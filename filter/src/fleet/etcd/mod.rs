//! How is etcd spoken to? Its messages, which of its methods are called, and what is read of its
//! answers.

mod answer;
mod ask;
pub mod messages;
mod method;

pub(super) use answer::{
    Happened, Page, Seen, lease_granted, page, time_to_live, txn_succeeded, watched,
};
pub(super) use ask::{
    Span, create_watch, delete, grant, lease, progress, put, put_if_absent, read_keys, read_page,
};
pub use method::{CALL_TIMEOUT, MAX_MESSAGE_BYTES, Method, WATCH_METHOD, WATCH_SERVICE};

/// gRPC statuses that mean something of their own here.
pub(super) mod status {
    /// The answer is too large, or the store is full.
    pub(in crate::fleet) const RESOURCE_EXHAUSTED: u32 = 8;
    /// Nobody answers.
    pub(in crate::fleet) const UNAVAILABLE: u32 = 14;
}
