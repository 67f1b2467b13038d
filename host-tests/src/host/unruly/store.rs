//! What does a store say that somebody has written into who means mischief? Messages that are what they
//! should be, or nearly.

use llm_breaker::fleet::etcd::messages::{
    Header, KeyValue, LeaseGrantResponse, LeaseTimeToLiveResponse, RangeResponse, StoreEvent,
    TxnResponse, WatchResponse,
};
use prost::Message;

use super::step::Written;

/// Keys and values that a reply may have: each bit of a number stands for one.
const RECORDS: [(&str, &str); 8] = [
    ("/llm-breaker/v1/acme/openai/b/b", OPEN),
    ("/llm-breaker/v1/acme/openai/c/c", OBSERVED),
    ("/llm-breaker/v1/acme/openai/b/b2", OBSERVED),
    ("/llm-breaker/v1/acme/openai%1Fo3/b/b", OPEN),
    ("/llm-breaker/v1/acme/spare/node-1/node-1", r#"{"state":"closed"}"#),
    ("/llm-breaker/turn/v1/acme/openai", "b/b"),
    ("/llm-breaker/override/v1/acme/openai", r#"{"mode":"forced_open","remaining_ms":60000}"#),
    ("/llm-breaker/v1/acme/nowhere/b/b", OPEN),
];

const OPEN: &str =
    r#"{"state":"open","basis":"announced","reason":"quota_exhausted","remaining_ms":60000}"#;
const OBSERVED: &str =
    r#"{"state":"open","basis":"observed","reason":"server_error","remaining_ms":30000}"#;

/// The answer to a call of this method.
pub(super) fn reply(method: &str, written: &Written) -> Vec<u8> {
    let header = Some(header(written));
    let id = i64::from(written.which) + 1;
    match method.rsplit('/').next().unwrap_or_default() {
        "Range" => {
            let kvs = records(written);
            let more = written.flags & 0b111 == 0b111;
            let count = kvs.len() as i64 + i64::from(more);
            RangeResponse { header, kvs, more, count }.encode_to_vec()
        }
        "LeaseGrant" => LeaseGrantResponse { header, id, ttl: id }.encode_to_vec(),
        "LeaseTimeToLive" => {
            LeaseTimeToLiveResponse { header, id, ttl: i64::from(written.flags) - 10 }
                .encode_to_vec()
        }
        "Txn" => TxnResponse { header, succeeded: written.flags.is_multiple_of(2) }.encode_to_vec(),
        _ => Vec::new(),
    }
}

/// What comes on a stream of watches.
pub(super) fn watched(written: &Written) -> Vec<u8> {
    let bare = WatchResponse { header: Some(header(written)), ..WatchResponse::default() };
    let response = match written.flags % 8 {
        0..=2 => WatchResponse { created: true, ..bare },
        3..=5 => {
            let of = |kv| StoreEvent { r#type: i32::from(written.flags >= 200), kv: Some(kv) };
            WatchResponse { events: records(written).into_iter().map(of).collect(), ..bare }
        }
        6 => bare,
        _ => WatchResponse { canceled: true, compact_revision: 5, ..bare },
    };
    response.encode_to_vec()
}

fn header(written: &Written) -> Header {
    Header { cluster_id: u64::from(written.flags >> 7), revision: i64::from(written.revision) }
}

fn records(written: &Written) -> Vec<KeyValue> {
    let chosen = (0..RECORDS.len()).filter(|place| written.which >> place & 1 == 1);
    let mut records: Vec<KeyValue> = chosen
        .map(|place| KeyValue {
            key: RECORDS[place].0.into(),
            value: RECORDS[place].1.into(),
            create_revision: 1,
            mod_revision: i64::from(written.revision),
            lease: i64::from(written.flags & 0b11),
        })
        .collect();
    // And one whose value is anybody's.
    if let (Some(record), false) = (records.first_mut(), written.literal.is_empty()) {
        record.value.clone_from(&written.literal);
    }
    records
}
