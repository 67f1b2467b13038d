//! An etcd in memory at the other end of the module's gRPC: as much of it as the module speaks, by the
//! rules that a stock etcd 3.4 was seen to keep.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};

use llm_breaker::fleet::etcd::messages::{
    Compare, DeleteRangeRequest, EventType, Header, KeyValue, LeaseGrantRequest,
    LeaseGrantResponse, LeaseRequest, LeaseTimeToLiveResponse, Operation, PutRequest, RangeRequest,
    RangeResponse, StoreEvent, TargetUnion, TxnRequest, TxnResponse, WatchAsk, WatchRequest,
    WatchResponse,
};
use llm_breaker_host_tests::host::{GrpcCall, GrpcStream, UNAVAILABLE, World};
use prost::Message;

const WATCH: &str = "etcdserverpb.Watch/Watch";
const CLUSTER_ID: u64 = 0xcafe;
const OUT_OF_RANGE: u32 = 11;

/// How it behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    /// As it should.
    #[default]
    Up,
    /// It cannot be reached: what is open is closed, and what is called fails.
    Down,
    /// It takes everything and answers nothing.
    Frozen,
}

/// The store.
#[derive(Default)]
pub(crate) struct Store {
    health: Cell<Health>,
    held: RefCell<Held>,
}

#[derive(Default)]
struct Held {
    revision: i64,
    records: BTreeMap<Vec<u8>, KeyValue>,
    /// Each with the moment of its end.
    leases: BTreeMap<i64, u64>,
    granted: i64,
    /// All that happened, by its revision.
    history: Vec<(i64, StoreEvent)>,
    compacted: i64,
    watches: Vec<Watch>,
    /// How often each method was called.
    calls: BTreeMap<String, usize>,
}

struct Watch {
    stream: GrpcStream,
    from: Vec<u8>,
    to: Vec<u8>,
    /// Up to which revision it was told.
    told: i64,
}

impl Store {
    pub(crate) fn health(&self, health: Health) {
        self.health.set(health);
    }

    /// Another proxy, or an operator, puts a record that lives for so long.
    pub(crate) fn put(&self, world: &World, key: &str, value: &str, ttl: Option<u64>) {
        let mut held = self.held.borrow_mut();
        let lease = ttl.map_or(0, |ttl| held.grant(ttl as i64, world.monotonic_ns()));
        held.put(PutRequest { key: key.into(), value: value.into(), lease });
    }

    pub(crate) fn delete(&self, key: &str) {
        self.held.borrow_mut().delete(key.as_bytes());
    }

    /// What happened so far can be read no more.
    pub(crate) fn compact(&self) {
        let mut held = self.held.borrow_mut();
        held.compacted = held.revision;
    }

    /// All is gone, and the revisions begin anew, as when its disk was lost.
    pub(crate) fn wipe(&self) {
        let calls = std::mem::take(&mut self.held.borrow_mut().calls);
        self.held.replace(Held { calls, ..Held::default() });
    }

    /// The value of a key, if it is there.
    pub(crate) fn value(&self, key: &str) -> Option<String> {
        let held = self.held.borrow();
        let record = held.records.get(key.as_bytes())?;
        Some(String::from_utf8_lossy(&record.value).into_owned())
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        let held = self.held.borrow();
        held.records.keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
    }

    /// How often a method was called, such as `Put`.
    pub(crate) fn calls(&self, method: &str) -> usize {
        let held = self.held.borrow();
        let of_it = held.calls.iter().filter(|(path, _)| path.ends_with(&format!("/{method}")));
        of_it.map(|(_, count)| count).sum()
    }

    /// Answer all that the module asked, tell what happened, and let its VMs tell each other, until
    /// nobody has anything more to say.
    pub(crate) fn serve(&self, world: &World) {
        world.wake();
        self.held.borrow_mut().expire(world.monotonic_ns());
        for round in 0.. {
            assert!(round < 10_000, "it never comes to rest");
            let is_busy = match self.health.get() {
                Health::Up => self.answer(world) | self.watch(world),
                Health::Down => Self::refuse(world),
                Health::Frozen => false,
            };
            world.wake();
            if !is_busy {
                return;
            }
        }
    }

    fn answer(&self, world: &World) -> bool {
        let calls = world.grpc_calls();
        for call in &calls {
            let reply = self.held.borrow_mut().answer(call, world.monotonic_ns());
            match reply {
                Ok(reply) => world.reply(call, &reply),
                Err(status) => world.fail(call, status),
            }
        }
        !calls.is_empty()
    }

    fn watch(&self, world: &World) -> bool {
        let mut pushes = Vec::new();
        let mut held = self.held.borrow_mut();
        let streams = world.grpc_streams();
        held.watches.retain(|watch| streams.contains(&watch.stream));
        for stream in streams {
            assert_eq!(stream.method, WATCH);
            for message in world.sent(&stream) {
                pushes.extend(held.asked(&stream, &message).map(|it| (stream.clone(), it)));
            }
        }
        pushes.extend(held.news());
        drop(held);
        for (stream, message) in &pushes {
            world.push(stream, &message.encode_to_vec());
        }
        !pushes.is_empty()
    }

    fn refuse(world: &World) -> bool {
        let (calls, streams) = (world.grpc_calls(), world.grpc_streams());
        calls.iter().for_each(|call| world.fail(call, UNAVAILABLE));
        streams.iter().for_each(|stream| world.close(stream, UNAVAILABLE));
        !calls.is_empty() || !streams.is_empty()
    }
}

impl Held {
    fn header(&self) -> Option<Header> {
        Some(Header { cluster_id: CLUSTER_ID, revision: self.revision.max(1) })
    }

    fn answer(&mut self, call: &GrpcCall, now_ns: u64) -> Result<Vec<u8>, u32> {
        *self.calls.entry(call.method.clone()).or_default() += 1;
        let message = call.message.as_slice();
        Ok(match call.method.as_str() {
            "etcdserverpb.KV/Range" => self.range(&read(message))?.encode_to_vec(),
            "etcdserverpb.KV/Put" => {
                self.put(read(message));
                Vec::new()
            }
            "etcdserverpb.KV/DeleteRange" => {
                let DeleteRangeRequest { key, range_end } = read(message);
                assert_eq!(range_end, b"", "unmodelled: a range is deleted");
                self.delete(&key);
                Vec::new()
            }
            "etcdserverpb.KV/Txn" => self.txn(&read(message)).encode_to_vec(),
            "etcdserverpb.Lease/LeaseGrant" => {
                let LeaseGrantRequest { ttl } = read(message);
                let id = self.grant(ttl, now_ns);
                LeaseGrantResponse { header: self.header(), id, ttl }.encode_to_vec()
            }
            "etcdserverpb.Lease/LeaseRevoke" => {
                let LeaseRequest { id } = read(message);
                self.leases.remove(&id);
                self.end_of_lease(id);
                Vec::new()
            }
            "etcdserverpb.Lease/LeaseTimeToLive" => {
                let LeaseRequest { id } = read(message);
                let left = self.leases.get(&id).map(|end| end.saturating_sub(now_ns));
                let ttl = left.map_or(-1, |left| Duration::from_nanos(left).as_secs() as i64);
                LeaseTimeToLiveResponse { header: self.header(), id, ttl }.encode_to_vec()
            }
            other => panic!("unmodelled method: {other}"),
        })
    }

    fn range(&self, asked: &RangeRequest) -> Result<RangeResponse, u32> {
        if asked.revision != 0 && asked.revision < self.compacted {
            return Err(OUT_OF_RANGE);
        }
        let from_to = asked.key.clone()..asked.range_end.clone();
        // What was read at an older revision is not modelled: nothing changes between pages here.
        let kvs: Vec<KeyValue> = self.records.range(from_to).map(|(_, kv)| kv.clone()).collect();
        let count = kvs.len();
        let limit = if asked.limit == 0 { count } else { asked.limit as usize };
        let mut kvs: Vec<KeyValue> = kvs.into_iter().take(limit).collect();
        if asked.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        let more = count > kvs.len();
        Ok(RangeResponse { header: self.header(), kvs, more, count: count as i64 })
    }

    fn put(&mut self, asked: PutRequest) {
        self.revision = self.revision.max(1) + 1;
        let revision = self.revision;
        let known = self.records.get(&asked.key);
        let kv = KeyValue {
            create_revision: known.map_or(revision, |known| known.create_revision),
            mod_revision: revision,
            key: asked.key.clone(),
            value: asked.value,
            lease: asked.lease,
        };
        self.records.insert(asked.key, kv.clone());
        self.history.push((revision, StoreEvent { r#type: EventType::Put.into(), kv: Some(kv) }));
    }

    fn delete(&mut self, key: &[u8]) {
        if self.records.remove(key).is_none() {
            return;
        }
        self.revision += 1;
        let revision = self.revision;
        let kv = KeyValue { key: key.to_vec(), mod_revision: revision, ..KeyValue::default() };
        let event = StoreEvent { r#type: EventType::Delete.into(), kv: Some(kv) };
        self.history.push((revision, event));
    }

    fn txn(&mut self, asked: &TxnRequest) -> TxnResponse {
        let holds = |compare: &Compare| {
            assert_eq!(compare.target_union, Some(TargetUnion::CreateRevision(0)));
            !self.records.contains_key(&compare.key)
        };
        let succeeded = asked.compare.iter().all(holds);
        if succeeded {
            for operation in &asked.success {
                if let Some(Operation::Put(put)) = &operation.request {
                    self.put(put.clone());
                }
            }
        }
        TxnResponse { header: self.header(), succeeded }
    }

    fn grant(&mut self, ttl: i64, now_ns: u64) -> i64 {
        self.granted += 1;
        let id = 0x7000_0000 + self.granted;
        self.leases.insert(id, now_ns + ttl as u64 * 1_000_000_000);
        id
    }

    fn expire(&mut self, now_ns: u64) {
        let over: Vec<i64> =
            self.leases.iter().filter(|(_, end)| **end <= now_ns).map(|(id, _)| *id).collect();
        for id in over {
            self.leases.remove(&id);
            self.end_of_lease(id);
        }
    }

    fn end_of_lease(&mut self, id: i64) {
        let its = self.records.values().filter(|kv| kv.lease == id);
        let keys: Vec<Vec<u8>> = its.map(|kv| kv.key.clone()).collect();
        keys.iter().for_each(|key| self.delete(key));
    }

    /// What is answered to a message on a stream of watches.
    fn asked(&mut self, stream: &GrpcStream, message: &[u8]) -> Option<WatchResponse> {
        let response = WatchResponse { header: self.header(), ..WatchResponse::default() };
        let Some(WatchAsk::Create(create)) = read::<WatchRequest>(message).request else {
            // Whatever else is asked is how far the store is.
            return Some(response);
        };
        if create.start_revision <= self.compacted && create.start_revision != 0 {
            let (canceled, compact_revision) = (true, self.compacted);
            return Some(WatchResponse { created: true, canceled, compact_revision, ..response });
        }
        self.watches.push(Watch {
            stream: stream.clone(),
            from: create.key,
            to: create.range_end,
            told: create.start_revision - 1,
        });
        Some(WatchResponse { created: true, ..response })
    }

    fn news(&mut self) -> Vec<(GrpcStream, WatchResponse)> {
        let header = self.header();
        let mut news = Vec::new();
        for watch in &mut self.watches {
            let is_its = |event: &StoreEvent| {
                let key = event.kv.as_ref().map(|kv| &kv.key);
                key.is_some_and(|key| *key >= watch.from && *key < watch.to)
            };
            let untold = self.history.iter().filter(|(revision, _)| *revision > watch.told);
            let events: Vec<StoreEvent> =
                untold.filter(|(_, event)| is_its(event)).map(|(_, event)| event.clone()).collect();
            watch.told = self.revision;
            if !events.is_empty() {
                let header = header.clone();
                let response = WatchResponse { header, events, ..WatchResponse::default() };
                news.push((watch.stream.clone(), response));
            }
        }
        news
    }
}

fn read<M: Message + Default>(bytes: &[u8]) -> M {
    M::decode(bytes).expect("the module speaks protobuf")
}
