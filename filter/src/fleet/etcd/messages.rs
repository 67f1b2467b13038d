//! Which of etcd's messages are spoken, and which of their fields? (API version 3, `rpc.proto` and
//! `kv.proto`; fields that are not named here are neither sent nor read.)

use prost::{Enumeration, Message, Oneof};

/// What every answer begins with.
#[derive(Clone, PartialEq, Message)]
pub struct Header {
    /// Which cluster answered; a store that was set up anew has another.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// The store's revision.
    #[prost(int64, tag = "3")]
    pub revision: i64,
}

/// A record.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// Its key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The revision that created it.
    #[prost(int64, tag = "2")]
    pub create_revision: i64,
    /// The revision that changed it last.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// Its value.
    #[prost(bytes = "vec", tag = "5")]
    pub value: Vec<u8>,
    /// The lease that it ends with; 0 if none.
    #[prost(int64, tag = "6")]
    pub lease: i64,
}

/// Read a range of keys.
#[derive(Clone, PartialEq, Message)]
pub struct RangeRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The key behind the last.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// How many at most.
    #[prost(int64, tag = "3")]
    pub limit: i64,
    /// As of which revision; 0 for the latest.
    #[prost(int64, tag = "4")]
    pub revision: i64,
    /// Without the values.
    #[prost(bool, tag = "8")]
    pub keys_only: bool,
}

/// What was read.
#[derive(Clone, PartialEq, Message)]
pub struct RangeResponse {
    /// Of the store.
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// In the order of the keys.
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
    /// Whether the range holds more than the limit let through.
    #[prost(bool, tag = "3")]
    pub more: bool,
    /// How many keys the range holds.
    #[prost(int64, tag = "4")]
    pub count: i64,
}

/// Write a record.
#[derive(Clone, PartialEq, Message)]
pub struct PutRequest {
    /// Its key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// Its value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
    /// The lease that it ends with; 0 if none.
    #[prost(int64, tag = "3")]
    pub lease: i64,
}

/// Delete records.
#[derive(Clone, PartialEq, Message)]
pub struct DeleteRangeRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The key behind the last; empty for the one key.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
}

/// Write only if.
#[derive(Clone, PartialEq, Message)]
pub struct TxnRequest {
    /// What must hold.
    #[prost(message, repeated, tag = "1")]
    pub compare: Vec<Compare>,
    /// What is then done.
    #[prost(message, repeated, tag = "2")]
    pub success: Vec<RequestOp>,
}

/// What must hold of a key: that its creation's revision is this one. 0 is that of a key that is not
/// there.
#[derive(Clone, PartialEq, Message)]
pub struct Compare {
    /// How it is compared; 0 for equality.
    #[prost(int32, tag = "1")]
    pub result: i32,
    /// What is compared.
    #[prost(enumeration = "CompareTarget", tag = "2")]
    pub target: i32,
    /// Of which key.
    #[prost(bytes = "vec", tag = "3")]
    pub key: Vec<u8>,
    /// With what.
    #[prost(oneof = "TargetUnion", tags = "5")]
    pub target_union: Option<TargetUnion>,
}

/// What can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum CompareTarget {
    /// How often the key was written.
    Version = 0,
    /// The revision that created it.
    Create = 1,
}

/// With what it is compared. Sent even when it is 0: it is what says which kind it is.
#[derive(Clone, PartialEq, Oneof)]
pub enum TargetUnion {
    /// The revision that created it.
    #[prost(int64, tag = "5")]
    CreateRevision(i64),
}

/// One thing that a transaction does.
#[derive(Clone, PartialEq, Message)]
pub struct RequestOp {
    /// What.
    #[prost(oneof = "Operation", tags = "2")]
    pub request: Option<Operation>,
}

/// What a transaction can do.
#[derive(Clone, PartialEq, Oneof)]
pub enum Operation {
    /// Write a record.
    #[prost(message, tag = "2")]
    Put(PutRequest),
}

/// What became of it.
#[derive(Clone, PartialEq, Message)]
pub struct TxnResponse {
    /// Of the store.
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// Whether what must hold held.
    #[prost(bool, tag = "2")]
    pub succeeded: bool,
}

/// What is sent on a stream of watches.
#[derive(Clone, PartialEq, Message)]
pub struct WatchRequest {
    /// What it asks for.
    #[prost(oneof = "WatchAsk", tags = "1, 3")]
    pub request: Option<WatchAsk>,
}

/// What can be asked for on a stream of watches.
#[derive(Clone, PartialEq, Oneof)]
pub enum WatchAsk {
    /// One more watch.
    #[prost(message, tag = "1")]
    Create(WatchCreateRequest),
    /// Where the store stands.
    #[prost(message, tag = "3")]
    Progress(WatchProgressRequest),
}

/// Ask for a message that says where the store stands: a heart beat.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct WatchProgressRequest {}

/// Watch a range of keys.
#[derive(Clone, PartialEq, Message)]
pub struct WatchCreateRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The key behind the last.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// From which revision on.
    #[prost(int64, tag = "3")]
    pub start_revision: i64,
    /// Whether to say the revision where nothing happens.
    #[prost(bool, tag = "4")]
    pub progress_notify: bool,
    /// Whether many events may come in several messages.
    #[prost(bool, tag = "8")]
    pub fragment: bool,
}

/// What comes on a stream of watches.
#[derive(Clone, PartialEq, Message)]
pub struct WatchResponse {
    /// Of the store.
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// Whether it says that a watch was created.
    #[prost(bool, tag = "3")]
    pub created: bool,
    /// Whether it says that a watch has ended.
    #[prost(bool, tag = "4")]
    pub canceled: bool,
    /// Where the watch began too early: the first revision that is still kept.
    #[prost(int64, tag = "5")]
    pub compact_revision: i64,
    /// What happened, in the order of the revisions.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<StoreEvent>,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Message)]
pub struct StoreEvent {
    /// Whether the record was written or deleted.
    #[prost(enumeration = "EventType", tag = "1")]
    pub r#type: i32,
    /// The record; of a deleted one the key and the revision.
    #[prost(message, optional, tag = "2")]
    pub kv: Option<KeyValue>,
}

/// What can happen to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum EventType {
    /// It was written.
    Put = 0,
    /// It was deleted, or its lease ended.
    Delete = 1,
}

/// Ask for a lease.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseGrantRequest {
    /// For how many seconds.
    #[prost(int64, tag = "1")]
    pub ttl: i64,
}

/// The lease.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseGrantResponse {
    /// Of the store.
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// Its number.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// For how many seconds.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
}

/// Give a lease back, or ask how long it has.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseRequest {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// How long a lease has.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseTimeToLiveResponse {
    /// Of the store.
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// Its number.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// Whole seconds that are left; below zero if it has ended.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
}
