//! Which of etcd's methods are called, and what is taken of an answer?

use core::time::Duration;

/// The service of the stream of watches.
pub const WATCH_SERVICE: &str = "etcdserverpb.Watch";
/// Its method.
pub const WATCH_METHOD: &str = "Watch";

/// A longer message is not fetched from the host: a VM's memory never shrinks.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// After that long a call is given up.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A method that answers once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read a range of keys.
    Range,
    /// Write a record.
    Put,
    /// Delete records.
    DeleteRange,
    /// Write only if.
    Txn,
    /// Ask for a lease.
    LeaseGrant,
    /// Give it back.
    LeaseRevoke,
    /// Ask how long it has.
    LeaseTimeToLive,
}

impl Method {
    /// The service that it belongs to.
    #[must_use]
    pub const fn service(self) -> &'static str {
        match self {
            Self::Range | Self::Put | Self::DeleteRange | Self::Txn => "etcdserverpb.KV",
            Self::LeaseGrant | Self::LeaseRevoke | Self::LeaseTimeToLive => "etcdserverpb.Lease",
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "Range",
            Self::Put => "Put",
            Self::DeleteRange => "DeleteRange",
            Self::Txn => "Txn",
            Self::LeaseGrant => "LeaseGrant",
            Self::LeaseRevoke => "LeaseRevoke",
            Self::LeaseTimeToLive => "LeaseTimeToLive",
        }
    }
}
