//! What does etcd do? A store in memory with its revisions, leases, watches and transactions, as far as
//! the fleet uses them, speaking its messages. The time is an argument.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use llm_breaker::fleet::Method;
use llm_breaker::fleet::etcd::messages::{
    DeleteRangeRequest, EventType, Header, KeyValue, LeaseGrantRequest, LeaseGrantResponse,
    LeaseRequest, LeaseTimeToLiveResponse, Operation, PutRequest, RangeRequest, RangeResponse,
    StoreEvent, TargetUnion, TxnRequest, TxnResponse, WatchAsk, WatchRequest, WatchResponse,
};
use llm_breaker::time::Instant;
use prost::Message;

/// gRPC statuses that the store answers with.
pub mod status {
    /// The request says nothing.
    pub const INVALID_ARGUMENT: u32 = 3;
    /// There is no such lease.
    pub const NOT_FOUND: u32 = 5;
    /// The store is full.
    pub const RESOURCE_EXHAUSTED: u32 = 8;
    /// The revision is no longer kept.
    pub const OUT_OF_RANGE: u32 = 11;
}

/// A stream of watches.
pub type StreamId = u64;

/// A message on a stream; many streams may get the same.
pub type Sent = (StreamId, Rc<[u8]>);

/// The keys from one to before another; with an empty end the one key.
type Span = (Vec<u8>, Vec<u8>);

/// A store.
#[derive(Debug)]
pub struct Etcd {
    /// Which cluster it is.
    pub cluster_id: u64,
    /// Whether it takes no more writes.
    pub is_full: bool,
    /// What it was asked for so far.
    pub asked: Asked,
    revision: i64,
    /// What can no longer be watched from.
    compacted: i64,
    records: BTreeMap<Vec<u8>, KeyValue>,
    leases: BTreeMap<i64, Lease>,
    /// The leases in the order of their ends.
    ends: BTreeSet<(Instant, i64)>,
    last_lease: i64,
    log: Vec<(i64, StoreEvent)>,
    watches: BTreeMap<Span, BTreeSet<StreamId>>,
    last_stream: StreamId,
    out: Vec<Sent>,
}

/// How much it was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Changes that went through its log: puts, deletions, transactions, leases begun and ended.
    pub writes: u64,
    /// Records that were written.
    pub puts: u64,
    /// Reads of ranges and leases.
    pub reads: u64,
    /// Events that went out on streams.
    pub events: u64,
}

#[derive(Debug)]
struct Lease {
    until: Instant,
    granted: Duration,
    keys: BTreeSet<Vec<u8>>,
}

impl Etcd {
    /// An empty store.
    #[must_use]
    pub fn new(cluster_id: u64) -> Self {
        Self {
            cluster_id,
            is_full: false,
            asked: Asked::default(),
            revision: 1,
            compacted: 0,
            records: BTreeMap::new(),
            leases: BTreeMap::new(),
            ends: BTreeSet::new(),
            last_lease: 0,
            log: Vec::new(),
            watches: BTreeMap::new(),
            last_stream: 0,
            out: Vec::new(),
        }
    }

    /// Answer a call, or refuse it with a gRPC status.
    ///
    /// # Errors
    /// What etcd refuses, and bytes that are no request.
    pub fn call(&mut self, method: Method, bytes: &[u8], now: Instant) -> Result<Vec<u8>, u32> {
        self.pass_time(now);
        match method {
            Method::Range => self.range(&read(bytes)?),
            Method::Put => self.put_alone(read(bytes)?),
            Method::DeleteRange => self.delete(&read(bytes)?),
            Method::Txn => self.transact(&read(bytes)?),
            Method::LeaseGrant => self.grant(&read(bytes)?, now),
            Method::LeaseRevoke => self.revoke(&read(bytes)?),
            Method::LeaseTimeToLive => self.time_to_live(&read(bytes)?, now),
        }
    }

    /// A stream is opened.
    pub fn open(&mut self) -> StreamId {
        self.last_stream += 1;
        self.last_stream
    }

    /// Something is asked on it.
    pub fn ask(&mut self, stream: StreamId, bytes: &[u8]) {
        let Ok(WatchRequest { request: Some(asked) }) = read(bytes) else { return };
        let create = match asked {
            WatchAsk::Create(create) => create,
            WatchAsk::Progress(_) => {
                let header = Some(self.header());
                return self.send(&[stream], &WatchResponse { header, ..Default::default() });
            }
        };
        let header = Some(self.header());
        let start = create.start_revision;
        let created = WatchResponse { header: header.clone(), created: true, ..Default::default() };
        self.send(&[stream], &created);
        if start > 0 && start <= self.compacted {
            let compact_revision = self.compacted + 1;
            let canceled =
                WatchResponse { header, canceled: true, compact_revision, ..Default::default() };
            return self.send(&[stream], &canceled);
        }
        let span = (create.key, create.range_end);
        let missed: Vec<StoreEvent> = self
            .log
            .iter()
            .filter(|(revision, event)| start > 0 && *revision >= start && concerns(&span, event))
            .map(|(_, event)| event.clone())
            .collect();
        self.watches.entry(span).or_default().insert(stream);
        if !missed.is_empty() {
            self.asked.events += missed.len() as u64;
            let header = Some(self.header());
            self.send(&[stream], &WatchResponse { header, events: missed, ..Default::default() });
        }
    }

    /// A stream ended.
    pub fn close(&mut self, stream: StreamId) {
        for streams in self.watches.values_mut() {
            streams.remove(&stream);
        }
        self.out.retain(|(to, _)| *to != stream);
    }

    /// All streams end, as when it stops.
    pub fn close_all(&mut self) {
        self.watches.clear();
        self.out.clear();
    }

    /// What is to go out on streams.
    pub fn take_sent(&mut self) -> Vec<Sent> {
        core::mem::take(&mut self.out)
    }

    /// It was set up anew: nothing is left, and revisions begin again.
    pub fn wipe(&mut self) {
        let (asked, last_stream) = (self.asked, self.last_stream);
        *self = Self { asked, last_stream, ..Self::new(self.cluster_id) };
    }

    /// Nothing before now can be watched any more.
    pub fn compact(&mut self) {
        self.compacted = self.revision;
        self.log.clear();
    }

    /// How much of the past it keeps at most: what came before is compacted.
    pub fn keep_only(&mut self, events: usize) {
        if let Some(excess) = self.log.len().checked_sub(events).filter(|it| *it > 0)
            && let Some((revision, _)) = self.log.drain(..excess).next_back()
        {
            self.compacted = revision;
        }
    }

    /// Somebody writes a record by hand.
    pub fn put_by_hand(&mut self, key: &[u8], value: &[u8]) {
        self.revision += 1;
        self.write(PutRequest { key: key.to_vec(), value: value.to_vec(), lease: 0 });
    }

    /// Somebody deletes one.
    pub fn delete_by_hand(&mut self, key: &[u8]) {
        self.revision += 1;
        self.remove(&[key.to_vec()]);
    }

    /// What it holds.
    pub fn records(&self) -> impl Iterator<Item = &KeyValue> {
        self.records.values()
    }

    /// Leases end.
    pub fn pass_time(&mut self, now: Instant) {
        while let Some((_, id)) = self.ends.first().copied().filter(|(until, _)| now >= *until) {
            self.end_lease(id);
        }
    }

    fn range(&mut self, asked: &RangeRequest) -> Result<Vec<u8>, u32> {
        self.asked.reads += 1;
        if asked.revision != 0 && asked.revision <= self.compacted && asked.revision < self.revision
        {
            return Err(status::OUT_OF_RANGE);
        }
        let span = (asked.key.clone(), asked.range_end.clone());
        let all = self.records.range(span.0.clone()..).take_while(|(key, _)| holds(&span, key));
        // It keeps no past values: what changed since is left out, and comes by the watch.
        let all = all.filter(|(_, it)| asked.revision == 0 || it.mod_revision <= asked.revision);
        let mut kvs: Vec<KeyValue> = all.map(|(_, record)| record.clone()).collect();
        let count = kvs.len() as i64;
        let limit = usize::try_from(asked.limit).unwrap_or(0);
        let more = limit > 0 && kvs.len() > limit;
        if more {
            kvs.truncate(limit);
        }
        if asked.keys_only {
            kvs.iter_mut().for_each(|record| record.value.clear());
        }
        let header = Some(self.header());
        Ok(RangeResponse { header, kvs, more, count }.encode_to_vec())
    }

    fn put_alone(&mut self, put: PutRequest) -> Result<Vec<u8>, u32> {
        self.check_write(put.lease)?;
        self.revision += 1;
        self.write(put);
        Ok(self.plain_answer())
    }

    fn delete(&mut self, asked: &DeleteRangeRequest) -> Result<Vec<u8>, u32> {
        self.asked.writes += 1;
        let span = (asked.key.clone(), asked.range_end.clone());
        let keys: Vec<Vec<u8>> =
            self.records.keys().filter(|key| holds(&span, key)).cloned().collect();
        if !keys.is_empty() {
            self.revision += 1;
            self.remove(&keys);
        }
        Ok(self.plain_answer())
    }

    fn transact(&mut self, txn: &TxnRequest) -> Result<Vec<u8>, u32> {
        let holds = txn.compare.iter().all(|compare| {
            let created = self.records.get(&compare.key).map_or(0, |it| it.create_revision);
            compare.target_union == Some(TargetUnion::CreateRevision(created))
        });
        let puts: Vec<PutRequest> = txn
            .success
            .iter()
            .filter_map(|operation| operation.request.clone())
            .map(|Operation::Put(put)| put)
            .collect();
        if holds {
            for put in puts {
                self.check_write(put.lease)?;
                self.revision += 1;
                self.write(put);
            }
        } else {
            self.asked.writes += 1;
        }
        Ok(TxnResponse { header: Some(self.header()), succeeded: holds }.encode_to_vec())
    }

    fn grant(&mut self, asked: &LeaseGrantRequest, now: Instant) -> Result<Vec<u8>, u32> {
        self.check_write(0)?;
        self.asked.writes += 1;
        // The server's shortest.
        let ttl = asked.ttl.max(2);
        self.last_lease += 1;
        let id = self.last_lease;
        let granted = Duration::from_secs(ttl as u64);
        self.ends.insert((now + granted, id));
        self.leases.insert(id, Lease { until: now + granted, granted, keys: BTreeSet::new() });
        Ok(LeaseGrantResponse { header: Some(self.header()), id, ttl }.encode_to_vec())
    }

    fn revoke(&mut self, asked: &LeaseRequest) -> Result<Vec<u8>, u32> {
        if !self.leases.contains_key(&asked.id) {
            return Err(status::NOT_FOUND);
        }
        self.end_lease(asked.id);
        Ok(self.plain_answer())
    }

    fn time_to_live(&mut self, asked: &LeaseRequest, now: Instant) -> Result<Vec<u8>, u32> {
        self.asked.reads += 1;
        let left =
            self.leases.get(&asked.id).map(|lease| lease.until.since(now).min(lease.granted));
        let ttl = left.map_or(-1, |left| left.as_secs() as i64);
        let header = Some(self.header());
        Ok(LeaseTimeToLiveResponse { header, id: asked.id, ttl }.encode_to_vec())
    }

    fn check_write(&self, lease: i64) -> Result<(), u32> {
        if self.is_full {
            return Err(status::RESOURCE_EXHAUSTED);
        }
        if lease != 0 && !self.leases.contains_key(&lease) {
            return Err(status::NOT_FOUND);
        }
        Ok(())
    }

    fn end_lease(&mut self, id: i64) {
        let Some(lease) = self.leases.remove(&id) else { return };
        self.ends.remove(&(lease.until, id));
        self.asked.writes += 1;
        let keys: Vec<Vec<u8>> = lease.keys.into_iter().collect();
        if !keys.is_empty() {
            self.revision += 1;
            self.remove(&keys);
        }
    }

    fn write(&mut self, put: PutRequest) {
        self.asked.writes += 1;
        self.asked.puts += 1;
        let PutRequest { key, value, lease } = put;
        let before = self.records.get(&key);
        let create_revision = before.map_or(self.revision, |record| record.create_revision);
        if let Some(old) = before.map(|record| record.lease)
            && let Some(old) = self.leases.get_mut(&old)
        {
            old.keys.remove(&key);
        }
        if let Some(lease) = self.leases.get_mut(&lease) {
            lease.keys.insert(key.clone());
        }
        let mod_revision = self.revision;
        let record = KeyValue { key: key.clone(), create_revision, mod_revision, value, lease };
        self.records.insert(key, record.clone());
        self.happen(vec![StoreEvent { r#type: EventType::Put.into(), kv: Some(record) }]);
    }

    fn remove(&mut self, keys: &[Vec<u8>]) {
        let revision = self.revision;
        let gone = keys.iter().filter(|key| self.records.remove(*key).is_some());
        let events = gone.map(|key| {
            let kv = KeyValue { key: key.clone(), mod_revision: revision, ..Default::default() };
            StoreEvent { r#type: EventType::Delete.into(), kv: Some(kv) }
        });
        let events = events.collect();
        self.happen(events);
    }

    fn happen(&mut self, events: Vec<StoreEvent>) {
        let header = Some(self.header());
        let watches = core::mem::take(&mut self.watches);
        for (span, streams) in watches.iter().filter(|(_, streams)| !streams.is_empty()) {
            let its: Vec<StoreEvent> =
                events.iter().filter(|event| concerns(span, event)).cloned().collect();
            if !its.is_empty() {
                let streams: Vec<StreamId> = streams.iter().copied().collect();
                self.asked.events += (its.len() * streams.len()) as u64;
                let header = header.clone();
                self.send(&streams, &WatchResponse { header, events: its, ..Default::default() });
            }
        }
        self.watches = watches;
        self.log.extend(events.into_iter().map(|event| (self.revision, event)));
    }

    fn send(&mut self, streams: &[StreamId], message: &WatchResponse) {
        let bytes: Rc<[u8]> = message.encode_to_vec().into();
        self.out.extend(streams.iter().map(|stream| (*stream, Rc::clone(&bytes))));
    }

    fn header(&self) -> Header {
        Header { cluster_id: self.cluster_id, revision: self.revision }
    }

    /// Answers of which nothing is read but that they came.
    fn plain_answer(&self) -> Vec<u8> {
        TxnResponse { header: Some(self.header()), succeeded: false }.encode_to_vec()
    }
}

fn read<M: Message + Default>(bytes: &[u8]) -> Result<M, u32> {
    M::decode(bytes).map_err(|_| status::INVALID_ARGUMENT)
}

fn concerns(span: &Span, event: &StoreEvent) -> bool {
    event.kv.as_ref().is_some_and(|kv| holds(span, &kv.key))
}

fn holds((from, to): &Span, key: &[u8]) -> bool {
    if to.is_empty() {
        key == from.as_slice()
    } else {
        from.as_slice() <= key && key < to.as_slice()
    }
}
