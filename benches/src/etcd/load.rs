//! Proxies that watch, some that write, and what of it arrives when.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use llm_breaker::fleet::etcd::messages::{
    LeaseGrantRequest, LeaseGrantResponse, PutRequest, WatchAsk, WatchCreateRequest, WatchRequest,
    WatchResponse,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::grpc::{Answers, Connection};

/// What a proxy watches: the facts of its scope, whose turn it is, and overrides.
const WATCHED: [&str; 3] =
    ["/llm-breaker/v1/acme/", "/llm-breaker/turn/v1/acme/", "/llm-breaker/override/v1/acme/"];
/// How long a fact lasts.
const LEASE_SECONDS: i64 = 60;
/// For the last ones to arrive.
const GRACE: Duration = Duration::from_secs(2);
/// Proxies that connect at the same time.
const AT_ONCE: usize = 50;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Proxies that watch, each on a connection of its own.
    pub watches: usize,
    /// Facts a second, each a lease and a put.
    pub facts: u32,
    /// For how long.
    pub lasts: Duration,
}

/// What etcd took.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Facts that were written, and how long a lease and a put took together.
    pub written: Vec<Duration>,
    /// Those that it would not take.
    pub refused: usize,
    /// How long after a writer began each event arrived at a watcher, as far as they did.
    pub arrived: Vec<Duration>,
    /// Those that should have.
    pub expected: usize,
}

/// Puts this load on the etcd there.
///
/// # Errors
/// When it does not take the connections.
pub async fn drive(address: SocketAddr, load: Load) -> io::Result<Taken> {
    let began = Instant::now();
    let (arrive, arrivals) = unbounded_channel();
    let watching = watch(address, load.watches, began, &arrive).await?;
    drop(arrive);
    let (written, refused) = write(address, load, began).await?;
    tokio::time::sleep(GRACE).await;
    drop(watching);
    let expected = written.len() * load.watches;
    Ok(Taken { written, refused, arrived: drain(arrivals), expected })
}

fn drain(mut arrivals: UnboundedReceiver<Duration>) -> Vec<Duration> {
    let mut all = Vec::new();
    while let Ok(arrival) = arrivals.try_recv() {
        all.push(arrival);
    }
    all
}

/// Ends the watches when it is dropped.
async fn watch(
    address: SocketAddr,
    watches: usize,
    began: Instant,
    arrive: &UnboundedSender<Duration>,
) -> io::Result<JoinSet<()>> {
    let places = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let (mut opening, mut following) = (JoinSet::new(), JoinSet::new());
    for _ in 0..watches {
        let places = Arc::clone(&places);
        opening.spawn(async move {
            let _place = places.acquire().await.map_err(io::Error::other)?;
            open_watch(address).await
        });
    }
    while let Some(opened) = opening.join_next().await {
        let (connection, answers) = opened.map_err(io::Error::other)??;
        following.spawn(follow(connection, answers, began, arrive.clone()));
    }
    Ok(following)
}

async fn open_watch(address: SocketAddr) -> io::Result<(Connection, Answers)> {
    let create = |prefix: &&str| WatchRequest {
        request: Some(WatchAsk::Create(WatchCreateRequest {
            key: prefix.as_bytes().to_vec(),
            range_end: behind(prefix),
            ..Default::default()
        })),
    };
    let creates: Vec<_> = WATCHED.iter().map(create).collect();
    let mut connection = Connection::open(address).await?;
    let mut answers = connection.stream("/etcdserverpb.Watch/Watch", &creates).await?;
    for _ in WATCHED {
        answers.next::<WatchResponse>().await?;
    }
    Ok((connection, answers))
}

/// The first key that does not begin so.
fn behind(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last += 1;
    }
    bytes
}

async fn follow(
    _connection: Connection,
    mut answers: Answers,
    began: Instant,
    arrive: UnboundedSender<Duration>,
) {
    while let Ok(answer) = answers.next::<WatchResponse>().await {
        let now = began.elapsed();
        for event in answer.events {
            let value = event.kv.map(|kv| kv.value).unwrap_or_default();
            // Those of leases that end have none.
            let sent = std::str::from_utf8(&value).ok().and_then(sent_at);
            if let Some(sent) = sent {
                let _ = arrive.send(now.saturating_sub(sent));
            }
        }
    }
}

/// A fact as a proxy writes it, and when.
fn fact(at: Duration) -> String {
    let micros = at.as_micros();
    format!(
        r#"{{"state":"open","basis":"observed","reason":"server_error","remaining_ms":30000,"sent_us":{micros}}}"#
    )
}

fn sent_at(fact: &str) -> Option<Duration> {
    let micros = fact.split("\"sent_us\":").nth(1)?.trim_end_matches('}').parse().ok()?;
    Some(Duration::from_micros(micros))
}

async fn write(
    address: SocketAddr,
    load: Load,
    began: Instant,
) -> io::Result<(Vec<Duration>, usize)> {
    let connection = Connection::open(address).await?;
    let mut due = tokio::time::interval(Duration::from_secs(1) / load.facts);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut writing = JoinSet::new();
    let until = Instant::now() + load.lasts;
    let mut number = 0_u64;
    while Instant::now() < until {
        due.tick().await;
        writing.spawn(write_one(connection.clone(), number, began));
        number += 1;
    }
    let (mut written, mut refused) = (Vec::new(), 0);
    while let Some(one) = writing.join_next().await {
        match one.map_err(io::Error::other)? {
            Ok(took) => written.push(took),
            Err(_) => refused += 1,
        }
    }
    Ok((written, refused))
}

async fn write_one(mut etcd: Connection, number: u64, began: Instant) -> io::Result<Duration> {
    let at = began.elapsed();
    let grant = LeaseGrantRequest { ttl: LEASE_SECONDS };
    let granted: LeaseGrantResponse = etcd.call("/etcdserverpb.Lease/LeaseGrant", &grant).await?;
    // A hundred breakers, each seen by a hundred domains.
    let (breaker, domain) = (number % 100, number / 100 % 100);
    let put = PutRequest {
        key: format!("{}breaker-{breaker}/domain-{domain}/node", WATCHED[0]).into_bytes(),
        value: fact(at).into_bytes(),
        lease: granted.id,
    };
    let (): () = etcd.call("/etcdserverpb.KV/Put", &put).await?;
    Ok(began.elapsed().saturating_sub(at))
}
