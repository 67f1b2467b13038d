//! What has reached the simulator.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use tokio::sync::watch;

/// One call as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty while it is still arriving.
    pub body: Bytes,
}

/// How many calls there were and are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) calls: usize,
    pub(super) in_flight: usize,
}

/// The record of all calls; a clone is the same record.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    counts: Arc<watch::Sender<Counts>>,
    received: Arc<Mutex<Vec<Received>>>,
    is_forgetful: Arc<AtomicBool>,
}

/// Keeps a call counted as in flight until it is dropped, with the answer or with the connection.
#[derive(Debug)]
pub(super) struct InFlight {
    observed: Observed,
    /// Where it is kept, if it is.
    index: Option<usize>,
}

impl Observed {
    pub(super) fn arrived(&self, call: Received) -> InFlight {
        // Before it is counted: whoever has waited for the count may look at the call.
        let index = (!self.is_forgetful.load(Ordering::Relaxed)).then(|| {
            let mut received = self.lock();
            received.push(call);
            received.len() - 1
        });
        self.counts.send_modify(|counts| {
            counts.calls += 1;
            counts.in_flight += 1;
        });
        InFlight { observed: self.clone(), index }
    }

    /// Only counts from now on.
    pub(super) fn forget(&self) {
        self.is_forgetful.store(true, Ordering::Relaxed);
    }

    pub(super) fn calls(&self) -> usize {
        self.counts.borrow().calls
    }

    pub(super) fn in_flight(&self) -> usize {
        self.counts.borrow().in_flight
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Received>> {
        // Every change is a single statement, so a panic elsewhere leaves nothing half done.
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn until(&self, reached: impl Fn(Counts) -> bool) {
        let mut counts = self.counts.subscribe();
        // The sender lives in self, so the channel cannot close meanwhile.
        drop(counts.wait_for(|now| reached(*now)).await);
    }
}

impl InFlight {
    /// Notes the body once it has come whole.
    pub(super) fn body(&self, body: Bytes) {
        if let Some(index) = self.index {
            self.observed.lock()[index].body = body;
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.observed.counts.send_modify(|counts| counts.in_flight -= 1);
    }
}
