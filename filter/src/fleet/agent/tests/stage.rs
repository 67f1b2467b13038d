//! An agent, its time, and a store whose answers the test gives.

use crate::breaker::Hint;
use crate::fleet::etcd::messages::{
    EventType, Header, KeyValue, LeaseGrantRequest, LeaseGrantResponse, LeaseTimeToLiveResponse,
    PutRequest, RangeRequest, RangeResponse, StoreEvent, TxnResponse, WatchResponse,
};
use crate::fleet::keys::{Keys, Node};
use crate::fleet::{Agent, Counted, Effect, Event, Known, Method, News, Settings, Told};
use crate::stats::Ignored;
use crate::time::Instant;
use core::time::Duration;
use prost::Message;

pub(super) const CLUSTER: u64 = 7;
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// The stage.
pub(super) struct Stage {
    pub(super) agent: Agent,
    pub(super) now: Instant,
    /// What the agent wanted that the test has not looked at yet.
    pub(super) effects: Vec<Effect>,
    /// Which breakers the configuration has.
    pub(super) known: Vec<&'static str>,
    /// Which of them are not there yet.
    pub(super) listed: Vec<&'static str>,
    pub(super) random: f64,
}

/// A call that went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Called {
    pub(super) call: u32,
    pub(super) method: Method,
    pub(super) message: Vec<u8>,
}

pub(super) fn settings() -> Settings {
    Settings {
        scope: "account".to_owned(),
        prefix: "/llm-breaker/".to_owned(),
        domain: "zone-0".to_owned(),
        node: "node-0".to_owned(),
        corroborate: 2,
        announced_max: Duration::from_secs(3_600),
        reconnect_max: Duration::from_secs(8),
    }
}

pub(super) fn keys() -> Keys {
    Keys::new("/llm-breaker/", "account")
}

pub(super) fn node(number: usize) -> Node {
    Node { domain: format!("zone-{number}"), name: format!("node-{number}") }
}

pub(super) fn header(revision: i64) -> Header {
    Header { cluster_id: CLUSTER, revision }
}

/// What a node says, as a record.
pub(super) fn fact(number: usize, value: &str, revision: i64, lease: i64) -> KeyValue {
    record(keys().fact("openai", &node(number)), value, revision, lease)
}

pub(super) fn record(key: String, value: &str, mod_revision: i64, lease: i64) -> KeyValue {
    let (key, value) = (key.into_bytes(), value.as_bytes().to_vec());
    KeyValue { key, create_revision: mod_revision, mod_revision, value, lease }
}

pub(super) const OBSERVED: &str =
    r#"{"state":"open","basis":"observed","reason":"server_error","remaining_ms":30000}"#;
pub(super) const ANNOUNCED: &str =
    r#"{"state":"open","basis":"announced","reason":"quota_exhausted","remaining_ms":300000}"#;
pub(super) const CLOSED: &str = r#"{"state":"closed"}"#;

impl Stage {
    pub(super) fn new() -> Self {
        Self {
            agent: Agent::new(settings()),
            now: Instant::from_nanos(1_000_000_000_000),
            effects: Vec::new(),
            known: vec!["openai"],
            listed: Vec::new(),
            random: 0.5,
        }
    }

    /// One that has read an empty store as of revision 10, and watches it.
    pub(super) fn connected() -> Self {
        let mut stage = Self::new();
        stage.tick();
        for _ in 0..3 {
            stage.answer_page(10, Vec::new());
        }
        stage.create_watches(10);
        stage.effects.clear();
        stage
    }

    pub(super) fn on(&mut self, event: Event<'_>) {
        let (known, listed) = (self.known.clone(), self.listed.clone());
        let knows = move |breaker: &str| {
            let is_here = !listed.contains(&breaker);
            known.contains(&breaker).then_some(Known { lease: LEASE, is_here })
        };
        let random = self.random;
        self.effects.extend(self.agent.on(event, &knows, self.now, &mut || random));
    }

    pub(super) fn tick(&mut self) {
        self.on(Event::Tick);
    }

    /// Time passes, with a tick a second, and a sign of life of a store that is heard.
    pub(super) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            self.message(&WatchResponse::default());
            self.tick();
        }
    }

    /// Only as much as it waits for.
    pub(super) fn wake(&mut self) {
        let at = self.agent.wakes_at().expect("it waits for something");
        self.now = self.now.max(at);
        self.tick();
    }

    pub(super) fn tell(&mut self, news: News) {
        self.on(Event::Told(Told { breaker: "openai".to_owned(), news }));
    }

    pub(super) fn message(&mut self, message: &WatchResponse) {
        self.on(Event::Message(&message.encode_to_vec()));
    }

    pub(super) fn reply(&mut self, call: u32, message: &impl Message) {
        self.on(Event::Reply { call, result: Ok(&message.encode_to_vec()) });
    }

    pub(super) fn refuse(&mut self, call: u32, status: u32) {
        self.on(Event::Reply { call, result: Err(status) });
    }

    /// A record was written.
    pub(super) fn written(&mut self, record: KeyValue) {
        let header = Some(header(record.mod_revision));
        let event = StoreEvent { r#type: EventType::Put.into(), kv: Some(record) };
        self.message(&WatchResponse { header, events: vec![event], ..Default::default() });
    }

    /// A record is gone.
    pub(super) fn deleted(&mut self, key: String, revision: i64) {
        let kv = Some(record(key, "", revision, 0));
        let event = StoreEvent { r#type: EventType::Delete.into(), kv };
        let header = Some(header(revision));
        self.message(&WatchResponse { header, events: vec![event], ..Default::default() });
    }

    /// The calls that went out since the last look.
    pub(super) fn calls(&mut self) -> Vec<Called> {
        let mut calls = Vec::new();
        self.effects.retain(|effect| match effect {
            Effect::Call { call, method, message } => {
                let (call, method, message) = (*call, *method, message.clone());
                calls.push(Called { call, method, message });
                false
            }
            _ => true,
        });
        calls
    }

    /// The one call that went out, which is of this method.
    pub(super) fn the_call(&mut self, method: Method) -> Called {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        let call = calls.remove(0);
        assert_eq!(call.method, method);
        call
    }

    /// A page is asked for, and these records are all that the part holds.
    pub(super) fn answer_page(&mut self, revision: i64, records: Vec<KeyValue>) -> RangeRequest {
        let call = self.the_call(Method::Range);
        let count = records.len() as i64;
        let header = Some(header(revision));
        self.reply(call.call, &RangeResponse { header, kvs: records, more: false, count });
        RangeRequest::decode(call.message.as_slice()).expect("a request")
    }

    pub(super) fn create_watches(&mut self, revision: i64) {
        for _ in 0..3 {
            let header = Some(header(revision));
            self.message(&WatchResponse { header, created: true, ..Default::default() });
        }
    }

    /// A lease is asked for, for so many seconds: here it is.
    pub(super) fn grant(&mut self, id: i64) -> i64 {
        let call = self.the_call(Method::LeaseGrant);
        let asked = LeaseGrantRequest::decode(call.message.as_slice()).expect("a request");
        self.reply(call.call, &LeaseGrantResponse { header: None, id, ttl: asked.ttl });
        asked.ttl
    }

    /// A record is written: so it is.
    pub(super) fn put(&mut self) -> PutRequest {
        let call = self.the_call(Method::Put);
        self.reply(call.call, &TxnResponse::default());
        PutRequest::decode(call.message.as_slice()).expect("a request")
    }

    /// The only lease that is asked about has so many seconds left.
    pub(super) fn answer_time_to_live(&mut self, ttl: i64) {
        let call = self.the_call(Method::LeaseTimeToLive);
        self.reply(call.call, &LeaseTimeToLiveResponse { header: None, id: 1, ttl });
    }

    /// The latest hint.
    pub(super) fn hint(&self) -> Option<Hint> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Hear { hint, .. } => Some(*hint),
            _ => None,
        })
    }

    pub(super) fn ignored(&self, why: Ignored) -> u64 {
        let ignored = self.effects.iter().filter_map(|effect| match effect {
            Effect::Count { what: Counted::Ignored(it), by, .. } if *it == why => Some(*by),
            _ => None,
        });
        ignored.sum()
    }

    pub(super) fn did(&self, effect: &Effect) -> bool {
        self.effects.contains(effect)
    }

    pub(super) fn seconds(&self, seconds: u64) -> Instant {
        self.now + Duration::from_secs(seconds)
    }
}
