//! What does etcd answer? Any bytes are read, with a bound on what they may become in memory.

use crate::fleet::etcd::messages::{
    EventType, Header, KeyValue, LeaseGrantResponse, LeaseTimeToLiveResponse, RangeResponse,
    TxnResponse, WatchResponse,
};
use core::time::Duration;
use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};

/// Elements of one message that are read at most: an empty one takes two bytes on the wire and a
/// hundred in memory.
const MAX_ELEMENTS: usize = 2_048;

/// A part of a span.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fleet) struct Page {
    pub(in crate::fleet) header: Header,
    pub(in crate::fleet) records: Vec<KeyValue>,
    pub(in crate::fleet) more: bool,
    /// How many records the span holds.
    pub(in crate::fleet) count: u64,
}

/// What was seen on the stream of watches.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fleet) enum Seen {
    /// A watch was created.
    Created(Header),
    /// A watch has ended: it was refused, or began at a revision that is no longer kept.
    Ended,
    /// That happened; nothing may be all.
    Happened(Header, Vec<Happened>),
}

/// What happened to one record.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fleet) enum Happened {
    Put(KeyValue),
    Deleted(KeyValue),
}

pub(in crate::fleet) fn page(bytes: &[u8]) -> Option<Page> {
    let RangeResponse { header, kvs, more, count } = bounded(bytes)?;
    let count = u64::try_from(count).unwrap_or_default();
    Some(Page { header: header.unwrap_or_default(), records: kvs, more, count })
}

pub(in crate::fleet) fn watched(bytes: &[u8]) -> Option<Seen> {
    let WatchResponse { header, created, canceled, compact_revision, events } = bounded(bytes)?;
    let header = header.unwrap_or_default();
    if canceled || compact_revision != 0 {
        return Some(Seen::Ended);
    }
    if created {
        return Some(Seen::Created(header));
    }
    let happened = events.into_iter().filter_map(|event| {
        let kv = event.kv?;
        match EventType::try_from(event.r#type).ok()? {
            EventType::Put => Some(Happened::Put(kv)),
            EventType::Delete => Some(Happened::Deleted(kv)),
        }
    });
    Some(Seen::Happened(header, happened.collect()))
}

/// The number of a lease.
pub(in crate::fleet) fn lease_granted(bytes: &[u8]) -> Option<i64> {
    let granted: LeaseGrantResponse = bounded(bytes)?;
    (granted.id != 0).then_some(granted.id)
}

/// What a lease has left; `None` if it has ended.
pub(in crate::fleet) fn time_to_live(bytes: &[u8]) -> Option<Duration> {
    let LeaseTimeToLiveResponse { ttl, .. } = bounded(bytes)?;
    u64::try_from(ttl).ok().map(Duration::from_secs)
}

/// Whether what must hold held.
pub(in crate::fleet) fn txn_succeeded(bytes: &[u8]) -> bool {
    bounded::<TxnResponse>(bytes).is_some_and(|answer| answer.succeeded)
}

fn bounded<M: Message + Default>(bytes: &[u8]) -> Option<M> {
    let mut rest = bytes;
    let mut elements = 0;
    while !rest.is_empty() {
        elements += 1;
        if elements > MAX_ELEMENTS {
            return None;
        }
        let (tag, wire_type) = decode_key(&mut rest).ok()?;
        skip_field(wire_type, tag, &mut rest, DecodeContext::default()).ok()?;
    }
    M::decode(bytes).ok()
}
