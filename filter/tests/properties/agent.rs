//! Whatever the store answers, in whatever order, the agent goes on, and wants a bounded number of
//! things done.

use core::time::Duration;
use llm_breaker::category::Category;
use llm_breaker::fleet::etcd::messages::{
    Header, KeyValue, LeaseGrantResponse, LeaseTimeToLiveResponse, RangeResponse, StoreEvent,
    TxnResponse, WatchResponse,
};
use llm_breaker::fleet::{Agent, Author, Basis, Effect, Event, Known, News, Settings, Told};
use llm_breaker::policy::Mode;
use llm_breaker::time::Instant;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use prost::Message;

/// Effects of one event at most: hints, orders and lookups are told in portions.
const MOST_AT_ONCE: usize = 1_500;
const MOST_CALLS: usize = 64;

#[derive(Clone, Debug)]
enum Happens {
    Tick(u64),
    Told(Told),
    Bytes(Vec<u8>),
    Message(WatchResponse),
    Closed,
    Reply(Index, Answer),
    Stray(u32),
}

#[derive(Clone, Debug)]
enum Answer {
    Bytes(Vec<u8>),
    Status(u32),
    Page(RangeResponse),
    Lease(i64),
    TimeToLive(i64),
    Txn(bool),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let breaker = select(vec!["openai", "azure", "stranger", "%7C", "%zz", ""]);
    let rest = select(vec!["/zone-1/node-1", "/zone-2/node-2", "/zone-0/node-0", "/a", "", "//"]);
    let part = select(vec!["v1", "turn/v1", "override/v1", "v2"]);
    prop_oneof![
        8 => (part, breaker, rest).prop_map(|(part, breaker, rest)| {
            format!("/llm-breaker/{part}/account/{breaker}{rest}").into_bytes()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let basis = select(vec!["announced", "observed", "probe", "rumoured"]);
    prop_oneof![
        6 => (basis, any::<u64>()).prop_map(|(basis, remaining)| {
            format!(r#"{{"state":"open","basis":"{basis}","remaining_ms":{remaining}}}"#).into_bytes()
        }),
        2 => Just(br#"{"state":"closed"}"#.to_vec()),
        1 => Just(b"zone-1/node-1".to_vec()),
        1 => Just(br#"{"mode":"forced_open","remaining_ms":60000}"#.to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..600),
    ]
}

fn record() -> impl Strategy<Value = KeyValue> {
    (key(), value(), prop_oneof![0_i64..50, any::<i64>()], 0_i64..4).prop_map(
        |(key, value, mod_revision, lease)| KeyValue {
            key,
            create_revision: mod_revision,
            mod_revision,
            value,
            lease,
        },
    )
}

fn header() -> impl Strategy<Value = Option<Header>> {
    let revision = prop_oneof![4 => 1_i64..50, 1 => any::<i64>()];
    prop::option::weighted(
        0.9,
        (0_u64..2, revision).prop_map(|(cluster_id, revision)| Header { cluster_id, revision }),
    )
}

fn message() -> impl Strategy<Value = WatchResponse> {
    let event = (0_i32..3, prop::option::weighted(0.9, record()))
        .prop_map(|(r#type, kv)| StoreEvent { r#type, kv });
    let events = prop::collection::vec(event, 0..5);
    (header(), prop::bool::weighted(0.6), prop::bool::weighted(0.03), events).prop_map(
        |(header, created, canceled, events)| WatchResponse {
            header,
            created: created && events.is_empty(),
            canceled,
            compact_revision: 0,
            events,
        },
    )
}

fn answer() -> impl Strategy<Value = Answer> {
    let page =
        (header(), prop::collection::vec(record(), 0..5), prop::bool::weighted(0.1), any::<i64>())
            .prop_map(|(header, kvs, more, count)| RangeResponse { header, kvs, more, count });
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Answer::Bytes),
        1 => (0_u32..20).prop_map(Answer::Status),
        8 => page.prop_map(Answer::Page),
        4 => any::<i64>().prop_map(Answer::Lease),
        2 => (-1_i64..1_000).prop_map(Answer::TimeToLive),
        2 => any::<bool>().prop_map(Answer::Txn),
    ]
}

fn told() -> impl Strategy<Value = Told> {
    let breaker = select(vec!["openai", "azure", "stranger"]);
    let basis = select(Basis::ALL.to_vec());
    let reason = select(Category::ALL.to_vec());
    let until = prop_oneof![(1_000_u64..2_000).prop_map(|it| it * 1_000_000_000), any::<u64>()];
    let until = until.prop_map(Instant::from_nanos);
    let open = (prop::option::of(basis.clone()), reason.clone(), until.clone())
        .prop_map(|(basis, reason, until)| News::Opened { basis, reason, until });
    let failed = (basis, reason, until).prop_map(|(basis, reason, until)| News::ProbeFailed {
        basis,
        reason,
        until,
    });
    let lasts = prop::option::of((0_u64..1_000).prop_map(Duration::from_secs));
    let text = || prop::option::of(".{0,300}");
    let author =
        (text(), text()).prop_map(|(user, reason)| Author::of(user.as_deref(), reason.as_deref()));
    let ordered = (select(Mode::ALL.to_vec()), lasts, author)
        .prop_map(|(mode, lasts, author)| News::Ordered { mode, lasts, author });
    let news = prop_oneof![
        open,
        failed,
        any::<bool>().prop_map(|proven| News::Closed { proven }),
        Just(News::Wanted),
        Just(News::ProbeReturned),
        ordered,
        Just(News::Withdrawn),
    ];
    (breaker, news).prop_map(|(breaker, news)| Told { breaker: breaker.to_owned(), news })
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0_u64..3_000).prop_map(Happens::Tick),
        3 => told().prop_map(Happens::Told),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Happens::Bytes),
        6 => message().prop_map(Happens::Message),
        1 => Just(Happens::Closed),
        9 => (any::<Index>(), answer()).prop_map(|(which, answer)| Happens::Reply(which, answer)),
        1 => any::<u32>().prop_map(Happens::Stray),
    ]
}

struct Play {
    agent: Agent,
    now: Instant,
    out: Vec<u32>,
}

impl Play {
    fn on(&mut self, event: Event<'_>) -> usize {
        let knows = |breaker: &str| {
            let lease = Duration::from_secs(60);
            let is_here = breaker != "azure";
            matches!(breaker, "openai" | "azure" | "|").then_some(Known { lease, is_here })
        };
        let effects = self.agent.on(event, &knows, self.now, &mut || 0.7);
        for effect in &effects {
            match effect {
                Effect::Call { call, .. } => self.out.push(*call),
                Effect::CloseWatch | Effect::Connected(false) => self.out.clear(),
                Effect::Hear { breaker, .. } => assert!(knows(breaker).is_some()),
                _ => {}
            }
        }
        effects.len()
    }

    fn reply(&mut self, which: Index, answer: &Answer) -> usize {
        if self.out.is_empty() {
            return 0;
        }
        let call = self.out.swap_remove(which.index(self.out.len()));
        let bytes = match answer {
            Answer::Bytes(bytes) => bytes.clone(),
            Answer::Status(status) => {
                return self.on(Event::Reply { call, result: Err(*status) });
            }
            Answer::Page(page) => page.encode_to_vec(),
            Answer::Lease(id) => {
                LeaseGrantResponse { header: None, id: *id, ttl: 5 }.encode_to_vec()
            }
            Answer::TimeToLive(ttl) => {
                LeaseTimeToLiveResponse { header: None, id: 1, ttl: *ttl }.encode_to_vec()
            }
            Answer::Txn(succeeded) => {
                TxnResponse { header: None, succeeded: *succeeded }.encode_to_vec()
            }
        };
        self.on(Event::Reply { call, result: Ok(&bytes) })
    }
}

fn agent() -> Agent {
    Agent::new(Settings {
        scope: "account".to_owned(),
        prefix: "/llm-breaker/".to_owned(),
        domain: "zone-0".to_owned(),
        node: "node-0".to_owned(),
        corroborate: 2,
        announced_max: Duration::from_secs(3_600),
        reconnect_max: Duration::from_secs(2),
    })
}

proptest! {
    #[test]
    fn nothing_that_happens_stops_it(all in prop::collection::vec(happens(), 0..120)) {
        let now = Instant::from_nanos(1_000_000_000_000);
        let mut play = Play { agent: agent(), now, out: Vec::new() };
        for happens in all {
            let effects = match happens {
                Happens::Tick(milliseconds) => {
                    play.now = play.now + Duration::from_millis(milliseconds);
                    play.on(Event::Tick)
                }
                Happens::Told(told) => play.on(Event::Told(told)),
                Happens::Bytes(bytes) => play.on(Event::Message(&bytes)),
                Happens::Message(message) => play.on(Event::Message(&message.encode_to_vec())),
                Happens::Closed => play.on(Event::Closed),
                Happens::Reply(which, answer) => play.reply(which, &answer),
                Happens::Stray(call) => play.on(Event::Reply { call, result: Ok(&[]) }),
            };
            prop_assert!(effects <= MOST_AT_ONCE, "{} effects", effects);
            prop_assert!(play.out.len() <= 2 * MOST_CALLS, "{} calls", play.out.len());
            let _ = play.agent.wakes_at();
            let _ = play.agent.seen_of("openai", play.now);
        }
    }

    #[test]
    fn any_bytes_are_news_or_none(bytes in prop::collection::vec(any::<u8>(), 0..1_000)) {
        if let Some(told) = Told::decode(&bytes) {
            prop_assert_eq!(told.encode(), bytes);
        }
    }

    #[test]
    fn news_survive_the_queue(told in told()) {
        prop_assert_eq!(Told::decode(&told.encode()), Some(told));
    }

    #[test]
    fn a_message_of_many_empty_parts_is_refused_before_it_takes_room(parts in 3_000_usize..60_000) {
        let now = Instant::from_nanos(1_000_000_000_000);
        let mut play = Play { agent: agent(), now, out: Vec::new() };
        play.on(Event::Tick);
        // `kvs` of no bytes, over and over.
        let bytes = [0x12, 0x00].repeat(parts);
        let call = play.out.pop().expect("a page is asked for");
        let effects = play.on(Event::Reply { call, result: Ok(&bytes) });
        prop_assert!(effects < 10);
    }
}
