//! Calls at a steady pace, whatever becomes of those before, and how long each took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use llm_breaker_host_tests::client::{Call, Client, Ending};
use llm_breaker_host_tests::patience::PATIENCE;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

/// One call and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Which of the addresses.
    pub(crate) to: usize,
    /// The status of a whole answer; else why there was none.
    pub(crate) status: Result<u16, String>,
    pub(crate) took: Duration,
}

/// Calls under way.
pub(crate) struct Steady {
    is_over: Arc<AtomicBool>,
    calling: JoinHandle<Vec<Sample>>,
}

impl Steady {
    /// So many calls a second, to each address in turn.
    pub(crate) fn start(addresses: Vec<SocketAddr>, per_second: u32) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let calling = tokio::spawn(call_on(addresses, per_second, Arc::clone(&is_over)));
        Self { is_over, calling }
    }

    /// Ends it, and tells what became of all.
    pub(crate) async fn stop(self) -> Vec<Sample> {
        self.is_over.store(true, Ordering::Relaxed);
        self.calling.await.expect("callers")
    }
}

async fn call_on(
    addresses: Vec<SocketAddr>,
    per_second: u32,
    is_over: Arc<AtomicBool>,
) -> Vec<Sample> {
    let mut due = tokio::time::interval(Duration::from_secs(1) / per_second);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut calls, mut samples) = (JoinSet::new(), Vec::new());
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        due.tick().await;
        let to = number % addresses.len();
        calls.spawn(one(to, addresses[to]));
        while let Some(sample) = calls.try_join_next() {
            samples.push(sample.expect("a caller"));
        }
    }
    samples.extend(calls.join_all().await);
    samples
}

async fn one(to: usize, address: SocketAddr) -> Sample {
    let since = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, Client::http1(address).send(&Call::chat())).await;
    let status = match answer {
        Err(_) => Err("it hung".to_owned()),
        Ok(Err(why)) => Err(why.to_string()),
        Ok(Ok(answer)) if answer.ending == Ending::Cut => Err("it was cut".to_owned()),
        Ok(Ok(answer)) => Ok(answer.status.as_u16()),
    };
    Sample { to, status, took: since.elapsed() }
}

/// All of them have a whole answer with this status.
#[track_caller]
pub(crate) fn assert_none_lost(samples: &[Sample], status: u16) {
    let lost: Vec<_> = samples.iter().filter(|it| it.status != Ok(status)).take(5).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

/// A quantile of how long they took.
pub(crate) fn quantile<'a>(samples: impl IntoIterator<Item = &'a Sample>, share: f64) -> Duration {
    let mut times: Vec<_> = samples.into_iter().map(|sample| sample.took).collect();
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share).round() as usize]
}
