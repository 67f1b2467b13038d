//! Callers that go on calling while something happens, and what became of each of their calls.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::client::{Answer, Call, Client, Ending, NoAnswer};
use crate::patience::{PATIENCE, POLL_INTERVAL, patiently};

/// Some callers at work.
#[derive(Debug)]
pub struct Load {
    callers: JoinSet<Results>,
    is_over: Arc<AtomicBool>,
    ended: Arc<AtomicUsize>,
}

/// What became of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// All of them.
    pub sent: usize,
    /// With a complete answer, by its status.
    pub whole: BTreeMap<u16, usize>,
    /// With an answer that was cut.
    pub cut: usize,
    /// Without any.
    pub unanswered: Vec<String>,
    /// Without an end.
    pub hung: usize,
}

impl Load {
    /// So many callers, each with one of these calls, over HTTP/1 and HTTP/2 in turn.
    #[must_use]
    pub fn start(to: SocketAddr, calls: &[Call], callers: usize) -> Self {
        let (is_over, ended) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut load = JoinSet::new();
        for number in 0..callers {
            let client = if number % 4 == 3 { Client::http2(to) } else { Client::http1(to) };
            let call = calls[number % calls.len()].clone();
            load.spawn(go_on(client, call, Arc::clone(&is_over), Arc::clone(&ended)));
        }
        Self { callers: load, is_over, ended }
    }

    /// Waits until so many more calls have ended.
    ///
    /// # Panics
    /// When they do not within [`PATIENCE`].
    pub async fn more(&self, calls: usize) {
        let target = self.ended.load(Ordering::Relaxed) + calls;
        let reached = async {
            while self.ended.load(Ordering::Relaxed) < target {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently("more calls to end", reached).await;
    }

    /// Lets the callers end the calls that they are in, and tells what became of all.
    pub async fn stop(self) -> Results {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Results::default();
        for results in self.callers.join_all().await {
            all.add(results);
        }
        all
    }
}

async fn go_on(
    client: Client,
    call: Call,
    is_over: Arc<AtomicBool>,
    ended: Arc<AtomicUsize>,
) -> Results {
    let mut results = Results::default();
    while !is_over.load(Ordering::Relaxed) {
        results.note(tokio::time::timeout(PATIENCE, client.send(&call)).await.ok());
        ended.fetch_add(1, Ordering::Relaxed);
    }
    results
}

impl Results {
    fn note(&mut self, answer: Option<Result<Answer, NoAnswer>>) {
        self.sent += 1;
        match answer {
            None => self.hung += 1,
            Some(Err(why)) => self.unanswered.push(why.to_string()),
            Some(Ok(answer)) if answer.ending == Ending::Cut => self.cut += 1,
            Some(Ok(answer)) => *self.whole.entry(answer.status.as_u16()).or_default() += 1,
        }
    }

    /// Adds those of another caller.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.cut += other.cut;
        self.hung += other.hung;
        self.unanswered.extend(other.unanswered);
        for (status, count) in other.whole {
            *self.whole.entry(status).or_default() += count;
        }
    }

    /// Every call got exactly one complete answer.
    ///
    /// # Panics
    /// When one did not.
    #[track_caller]
    pub fn assert_all_whole(&self) {
        let lost = (self.cut, self.unanswered.as_slice(), self.hung);
        assert_eq!(lost, (0, &[] as &[String], 0), "{self:?}");
        assert_eq!(self.whole.values().sum::<usize>(), self.sent);
    }
}

impl std::fmt::Display for Results {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} calls, {} cut, {} unanswered, {} hung",
            self.sent,
            self.cut,
            self.unanswered.len(),
            self.hung
        )?;
        self.whole.iter().try_for_each(|(status, count)| write!(f, ", {count} × {status}"))
    }
}
