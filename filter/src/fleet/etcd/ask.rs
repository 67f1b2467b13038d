//! What is etcd asked? Requests as bytes.

use crate::fleet::etcd::messages::{
    Compare, CompareTarget, DeleteRangeRequest, LeaseGrantRequest, LeaseRequest, Operation,
    PutRequest, RangeRequest, RequestOp, TargetUnion, TxnRequest, WatchAsk, WatchCreateRequest,
    WatchProgressRequest, WatchRequest,
};
use core::time::Duration;
use prost::Message;

/// The keys from one to before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fleet) struct Span {
    /// The first.
    pub(in crate::fleet) from: Vec<u8>,
    /// The one behind the last.
    pub(in crate::fleet) to: Vec<u8>,
}

/// Records of a span as of a revision; 0 for the latest.
pub(in crate::fleet) fn read_page(span: &Span, limit: usize, revision: i64) -> Vec<u8> {
    range(span, limit, revision, false)
}

/// The same without the values.
pub(in crate::fleet) fn read_keys(span: &Span, limit: usize, revision: i64) -> Vec<u8> {
    range(span, limit, revision, true)
}

fn range(span: &Span, limit: usize, revision: i64, keys_only: bool) -> Vec<u8> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (key, range_end) = (span.from.clone(), span.to.clone());
    RangeRequest { key, range_end, limit, revision, keys_only }.encode_to_vec()
}

/// All that happens in a span from a revision on.
pub(in crate::fleet) fn create_watch(span: &Span, start_revision: i64) -> Vec<u8> {
    let create = WatchCreateRequest {
        key: span.from.clone(),
        range_end: span.to.clone(),
        start_revision,
        progress_notify: true,
        fragment: true,
    };
    WatchRequest { request: Some(WatchAsk::Create(create)) }.encode_to_vec()
}

/// A sign of life.
pub(in crate::fleet) fn progress() -> Vec<u8> {
    WatchRequest { request: Some(WatchAsk::Progress(WatchProgressRequest {})) }.encode_to_vec()
}

/// A record that ends with a lease; with number 0 it does not.
pub(in crate::fleet) fn put(key: &str, value: &[u8], lease: i64) -> Vec<u8> {
    write(key, value, lease).encode_to_vec()
}

/// The same, if there is none of this key.
pub(in crate::fleet) fn put_if_absent(key: &str, value: &[u8], lease: i64) -> Vec<u8> {
    let absent = Compare {
        result: 0,
        target: CompareTarget::Create.into(),
        key: key.as_bytes().to_vec(),
        target_union: Some(TargetUnion::CreateRevision(0)),
    };
    let put = RequestOp { request: Some(Operation::Put(write(key, value, lease))) };
    TxnRequest { compare: vec![absent], success: vec![put] }.encode_to_vec()
}

fn write(key: &str, value: &[u8], lease: i64) -> PutRequest {
    PutRequest { key: key.as_bytes().to_vec(), value: value.to_vec(), lease }
}

/// A record is to go.
pub(in crate::fleet) fn delete(key: &str) -> Vec<u8> {
    DeleteRangeRequest { key: key.as_bytes().to_vec(), range_end: Vec::new() }.encode_to_vec()
}

/// A lease that lasts at least so long: etcd counts whole seconds.
pub(in crate::fleet) fn grant(lasts: Duration) -> Vec<u8> {
    let whole = lasts.as_secs().saturating_add(u64::from(lasts.subsec_nanos() > 0));
    let ttl = i64::try_from(whole.max(1)).unwrap_or(i64::MAX);
    LeaseGrantRequest { ttl }.encode_to_vec()
}

/// A lease is to go, or how long has it?
pub(in crate::fleet) fn lease(id: i64) -> Vec<u8> {
    LeaseRequest { id }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span() -> Span {
        Span { from: b"a/".to_vec(), to: b"a0".to_vec() }
    }

    #[test]
    fn requests_are_the_bytes_that_etcd_reads() {
        assert_eq!(read_page(&span(), 128, 0), b"\x0a\x02a/\x12\x02a0\x18\x80\x01");
        assert_eq!(read_keys(&span(), 1, 7), b"\x0a\x02a/\x12\x02a0\x18\x01\x20\x07\x40\x01");
        assert_eq!(
            create_watch(&span(), 8),
            b"\x0a\x0e\x0a\x02a/\x12\x02a0\x18\x08\x20\x01\x40\x01"
        );
        assert_eq!(progress(), b"\x1a\x00");
        assert_eq!(put("k", b"v", 0), b"\x0a\x01k\x12\x01v");
        assert_eq!(put("k", b"v", 300), b"\x0a\x01k\x12\x01v\x18\xac\x02");
        assert_eq!(delete("k"), b"\x0a\x01k");
        assert_eq!(grant(Duration::from_millis(5_001)), b"\x08\x06");
        assert_eq!(lease(-1), b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    }

    #[test]
    fn the_revision_of_a_key_that_is_not_there_is_sent_although_it_is_zero() {
        let compare = b"\x0a\x07\x10\x01\x1a\x01k\x28\x00";
        let put = b"\x12\x0a\x12\x08\x0a\x01k\x12\x01v\x18\x05";
        assert_eq!(put_if_absent("k", b"v", 5), [&compare[..], put].concat());
    }
}
