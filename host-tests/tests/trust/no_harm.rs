//! With a healthy upstream nothing tells whether the filter is there: every header, every byte and
//! the order in which things arrive are the same on both sides.

use std::sync::Arc;

use fastrand::Rng;
use llm_breaker_host_tests::envoy::{Builder, Cluster, Envoy, Listener, OPENAI};
use llm_breaker_host_tests::scripted::{
    Event, Framing, Message, Pace, Protocol, Record, Script, Trace, Upstream,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::amount::{amount, seed};
use crate::everything::{everything, listener};
use crate::{Outcome, mix};

/// What differs between any two exchanges.
const INCOMPARABLE: [&str; 3] = ["date", "x-request-id", "x-envoy-upstream-service-time"];
/// Exchanges at the same time.
const AT_ONCE: usize = 8;
const FILTERED: &str = "filtered";
const SHADOW: &str = "shadow";

/// One Envoy, and an upstream that only it reaches.
struct Way {
    envoy: Envoy,
    upstream: Upstream,
}

impl Way {
    /// Over HTTP/1 or HTTP/2 to the upstream.
    async fn start(listener: Listener, to_upstream: Protocol) -> Outcome<Self> {
        let upstream = Upstream::start().await?;
        let cluster = Cluster::at(OPENAI, upstream.address());
        let cluster = match to_upstream {
            Protocol::Http1 => cluster.patch(http1_with_trailers()),
            Protocol::Http2 => cluster.http2(),
        };
        let trailers = json!({"http_protocol_options": {"enable_trailers": true}});
        let listener = listener.connection_manager_patch(trailers);
        let envoy: Builder = Envoy::builder().workers(1).cluster(cluster).listener(listener);
        Ok(Self { envoy: envoy.start().await?, upstream })
    }

    async fn play(&self, script: &Script) -> Record {
        let record = self.upstream.play(self.envoy.address(), script).await;
        record.without(&INCOMPARABLE)
    }
}

fn http1_with_trailers() -> Value {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    json!({"typed_extension_protocol_options": {options: {
        "@type": format!("type.googleapis.com/{options}"),
        "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
    }}})
}

/// The same exchange without the filter, with it, and with all of it but only watching.
struct Ways {
    plain: Way,
    others: [(&'static str, Way); 2],
}

impl Ways {
    async fn start(to_upstream: Protocol) -> Outcome<Arc<Self>> {
        let plain = Way::start(Listener::default().without_plugin(), to_upstream).await?;
        let filtered = Way::start(Listener::default(), to_upstream).await?;
        let shadow = Way::start(listener(&everything("shadow")), to_upstream).await?;
        Ok(Arc::new(Self { plain, others: [(FILTERED, filtered), (SHADOW, shadow)] }))
    }

    /// The filter was there, and saw all of it.
    async fn assert_watched(&self, played: usize) {
        for (name, way) in &self.others {
            let stats = way.envoy.stats().await;
            let outcomes = stats.sum("llm_circuit_breaker_outcomes_total");
            assert!(outcomes * 10.0 >= played as f64 * 9.0, "{name}: {outcomes} outcomes");
            assert_eq!(stats.sum("llm_circuit_breaker_state_changes_total"), 0.0, "{name}");
        }
    }

    async fn play(&self, script: &Script) -> Tally {
        let plain = self.plain.play(script).await;
        let mut tally = Tally::of(script, &plain);
        for (name, way) in &self.others {
            let record = way.play(script).await;
            if let Some(difference) = difference(&plain, &record) {
                tally.differences.push(format!("{name}: {difference} of {}", shown(script)));
            }
        }
        tally
    }
}

/// What was played, so that nobody takes for proven what did not occur.
#[derive(Debug, Default)]
struct Tally {
    played: usize,
    whole: usize,
    in_order: usize,
    with_trailers: usize,
    bytes: usize,
    differences: Vec<String>,
}

impl Tally {
    fn of(script: &Script, plain: &Record) -> Self {
        let (upstream, client) = (&plain.upstream, &plain.client);
        let has_trailers =
            |trace: &Trace| trace.0.iter().any(|it| matches!(it, Event::Trailers(_)));
        Self {
            played: 1,
            whole: usize::from(upstream.is_whole() && client.is_whole()),
            in_order: usize::from(script.pace != Pace::Free),
            with_trailers: usize::from(has_trailers(upstream) || has_trailers(client)),
            bytes: body(upstream).len() + body(client).len(),
            differences: Vec::new(),
        }
    }

    fn add(&mut self, other: Self) {
        self.played += other.played;
        self.whole += other.whole;
        self.in_order += other.in_order;
        self.with_trailers += other.with_trailers;
        self.bytes += other.bytes;
        self.differences.extend(other.differences);
    }
}

fn body(trace: &Trace) -> &[u8] {
    let body =
        trace.0.iter().find_map(|it| if let Event::Body(bytes) = it { Some(bytes) } else { None });
    body.map_or(&[], Vec::as_slice)
}

/// What is not the same in two records, in words.
fn difference(one: &Record, other: &Record) -> Option<String> {
    let sides = [
        ("the upstream's", &one.upstream, &other.upstream),
        ("the client's", &one.client, &other.client),
    ];
    for (side, one, other) in sides {
        if let Some(at) =
            (0..one.0.len().max(other.0.len())).find(|&at| one.0.get(at) != other.0.get(at))
        {
            let text = |trace: &Trace| {
                format!("{:?}", trace.0.get(at)).chars().take(600).collect::<String>()
            };
            return Some(format!(
                "{side} event {at} is\n  {}\nand was\n  {}\n",
                text(other),
                text(one)
            ));
        }
    }
    (one.order != other.order)
        .then(|| format!("the order is\n  {:?}\nand was\n  {:?}\n", other.order, one.order))
}

fn shown(script: &Script) -> String {
    format!("{script:?}").chars().take(1_000).collect()
}

async fn compare(to_upstream: Protocol, count: usize) -> Outcome {
    let ways = Ways::start(to_upstream).await?;
    let mut rng = Rng::with_seed(seed());
    let (mut playing, mut tally) = (JoinSet::new(), Tally::default());
    for _ in 0..count {
        if playing.len() == AT_ONCE {
            tally.add(playing.join_next().await.expect("one that is played")?);
        }
        let (ways, script) = (Arc::clone(&ways), mix::script(&mut rng));
        playing.spawn(async move { ways.play(&script).await });
    }
    playing.join_all().await.into_iter().for_each(|more| tally.add(more));

    ways.assert_watched(tally.played).await;
    println!(
        "{} exchanges over {to_upstream:?}, {} whole, {} in lock-step, {} with trailers, {} MB: {} differences",
        tally.played,
        tally.whole,
        tally.in_order,
        tally.with_trailers,
        tally.bytes / 1_000_000,
        tally.differences.len()
    );
    assert!(
        tally.differences.is_empty(),
        "SEED={}: {}",
        seed(),
        tally.differences.first().expect("one")
    );
    assert!(
        tally.whole * 10 >= count * 9
            && tally.in_order * 5 >= count
            && tally.with_trailers * 20 >= count
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_differs_over_http1() -> Outcome {
    compare(Protocol::Http1, amount(300, 5_000)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_differs_over_http2() -> Outcome {
    compare(Protocol::Http2, amount(300, 5_000)).await
}

/// A filter of Envoy's own that changes one byte.
fn planted(script: &str) -> Value {
    json!({"name": "planted", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": script},
    }})
}

fn small() -> Script {
    let message = |text: &'static str| Message {
        headers: vec![("x-tenant".to_owned(), b"abc".to_vec())],
        pieces: vec![text.into()],
        framing: Framing::Length,
        trailers: Vec::new(),
    };
    let (request, answer) = (message("a question"), message("an answer"));
    let (method, path) = ("POST".to_owned(), "/".to_owned());
    Script { method, path, request, status: 200, answer, pace: Pace::Free, client: Protocol::Http1 }
}

#[tokio::test]
async fn one_byte_that_is_changed_is_caught() -> Outcome {
    let plain = Way::start(Listener::default().without_plugin(), Protocol::Http1).await?;
    let expected = plain.play(&small()).await;
    assert!(expected.client.is_whole() && body(&expected.client) == b"an answer");
    assert_eq!(difference(&expected, &plain.play(&small()).await), None);
    let plants = [
        (
            "the upstream's event 0",
            "function envoy_on_request(h) h:headers():replace('x-tenant', 'abd') end",
        ),
        (
            "the upstream's event 1",
            "function envoy_on_request(h) h:body():setBytes('a puestion') end",
        ),
        (
            "the client's event 0",
            "function envoy_on_response(h) h:headers():replace('x-tenant', 'abd') end",
        ),
        (
            "the client's event 1",
            "function envoy_on_response(h) h:body():setBytes('an onswer') end",
        ),
    ];
    for (where_, lua) in plants {
        let changed = Listener::default().without_plugin().filter_before(planted(lua));
        let record = Way::start(changed, Protocol::Http1).await?.play(&small()).await;
        let caught = difference(&expected, &record).unwrap_or_default();
        assert!(caught.starts_with(where_), "{lua}: {caught}");
    }
    Ok(())
}
