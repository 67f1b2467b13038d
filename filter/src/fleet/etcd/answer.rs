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
const MAX_ELEMENTS: usize = 256;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_etcd_writes_them() {
        // A header with cluster 1, member 2, revision 3, term 4; a record of all fields.
        let header = b"\x0a\x08\x08\x01\x10\x02\x18\x03\x20\x04";
        let record = b"\x0a\x01k\x10\x02\x18\x03\x20\x05\x2a\x01v\x30\x06";
        let kv = KeyValue {
            key: b"k".to_vec(),
            create_revision: 2,
            mod_revision: 3,
            value: b"v".to_vec(),
            lease: 6,
        };
        let header_read = Header { cluster_id: 1, revision: 3 };
        let bytes = [&header[..], b"\x12\x0e", record, b"\x18\x01\x20\x09"].concat();
        let read =
            Page { header: header_read.clone(), records: vec![kv.clone()], more: true, count: 9 };
        assert_eq!(page(&bytes), Some(read));
        let put = [&header[..], b"\x10\x02\x5a\x10\x12\x0e", record].concat();
        let seen = Seen::Happened(header_read.clone(), vec![Happened::Put(kv)]);
        assert_eq!(watched(&put), Some(seen));
        let gone = KeyValue { key: b"k".to_vec(), mod_revision: 3, ..KeyValue::default() };
        let deleted = [&header[..], b"\x5a\x09\x08\x01\x12\x05\x0a\x01k\x18\x03"].concat();
        let seen = Seen::Happened(header_read.clone(), vec![Happened::Deleted(gone)]);
        assert_eq!(watched(&deleted), Some(seen));
        let created = [&header[..], b"\x18\x01"].concat();
        assert_eq!(watched(&created), Some(Seen::Created(header_read.clone())));
        let beat = [&header[..], b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"].concat();
        assert_eq!(watched(&beat), Some(Seen::Happened(header_read, Vec::new())));
        for ended in [&b"\x18\x01\x20\x01\x32\x06denied"[..], b"\x28\x07"] {
            assert_eq!(watched(ended), Some(Seen::Ended));
        }
        assert_eq!(lease_granted(b"\x10\x07\x18\x05"), Some(7));
        assert_eq!(lease_granted(b"\x22\x04full"), None);
        assert_eq!(time_to_live(b"\x10\x07\x18\x05\x20\x09"), Some(Duration::from_secs(5)));
        let ended = b"\x10\x07\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(time_to_live(ended), None);
        assert!(txn_succeeded(b"\x10\x01") && !txn_succeeded(b"") && !txn_succeeded(b"\xff"));
    }

    #[test]
    fn a_message_of_too_many_parts_is_none() {
        let parts = |count: usize| b"\x12\x00".repeat(count);
        assert!(page(&parts(MAX_ELEMENTS)).is_some());
        assert_eq!(page(&parts(MAX_ELEMENTS + 1)), None);
    }
}
