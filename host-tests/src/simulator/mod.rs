//! An LLM provider under a test's control: it speaks the chat completions of OpenAI over HTTP/1 and
//! HTTP/2 on a loopback port, counts what reaches it, and fails as it is told.
//!
//! ```ignore
//! let simulator = Simulator::start().await?;
//! simulator.behave(Behaviour::status(500));               // from now on
//! simulator.queue([Behaviour::Close, Behaviour::Hang]);   // but first these, one call each
//! simulator.queue([Behaviour::script([Chunk::now(": ping\n\n"), Chunk::released("data: 1\n\n")], StreamEnd::Cut)]);
//! simulator.queue([Behaviour::answer(429, &[("content-encoding", "gzip")], Encoding::Gzip.encode("{}"))]);
//! simulator.wait_for_calls(2).await;
//! simulator.release();                                    // what hangs is answered now
//! simulator.refuse().await;                               // connection refused, open ones closed
//! simulator.accept().await?;                              // back, on the same port
//! ```
//!
//! Any method and path is answered alike. With [`Simulator::control`] the same can be done
//! over HTTP, on another port: see the module [`control`].

mod answer;
mod behaviour;
mod body;
pub mod control;
mod encoding;
mod observed;
mod server;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub use self::behaviour::{Behaviour, Chunk, Pause, StreamEnd};
pub use self::body::Body;
pub use self::encoding::Encoding;
use self::observed::Observed;
pub use self::observed::Received;
use self::server::Port;
use crate::patience::patiently;

/// A running simulator; dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Simulator {
    state: Arc<State>,
    port: Port,
}

/// What the connections share with the test.
#[derive(Debug, Default)]
struct State {
    plan: Mutex<Plan>,
    observed: Observed,
    /// How often was released: a hanging call waits for the next time.
    releases: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Plan {
    first: VecDeque<Behaviour>,
    then: Behaviour,
}

impl State {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        // A plan is whole after every statement, so a panic elsewhere leaves nothing half done.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_behaviour(&self) -> Behaviour {
        let mut plan = self.plan();
        plan.first.pop_front().unwrap_or_else(|| plan.then.clone())
    }
}

impl Simulator {
    /// Starts a healthy provider on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a healthy provider on this address.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_on(address: SocketAddr) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let mut port = Port::reserve(address)?;
        port.open(&state)?;
        Ok(Self { state, port })
    }

    /// Where it listens, or refuses.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Does this with every call from now on, as soon as the queue is empty.
    pub fn behave(&self, behaviour: Behaviour) {
        self.state.plan().then = behaviour;
    }

    /// Does these first, one with each call.
    pub fn queue(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.state.plan().first.extend(behaviours);
    }

    /// Lets every call that hangs now go on.
    pub fn release(&self) {
        self.state.releases.send_modify(|releases| *releases += 1);
    }

    /// Refuses connections from now on and closes those that are open; the port stays ours.
    ///
    /// A call that Envoy sends before it has seen its pooled connection close is reset instead.
    pub async fn refuse(&mut self) {
        self.port.close().await;
    }

    /// Accepts connections again.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn accept(&mut self) -> io::Result<()> {
        self.port.close().await;
        self.port.open(&self.state)
    }

    /// Calls that have arrived so far, answered or not.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.state.observed.calls()
    }

    /// Calls that have arrived and are not over.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.state.observed.in_flight()
    }

    /// All calls so far, in the order of arrival.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state.observed.received()
    }

    /// Only counts the calls from now on, and keeps none: for more of them than fit into memory.
    pub fn forget_calls(&self) {
        self.state.observed.forget();
    }

    /// Waits until at least so many calls have arrived since the start.
    ///
    /// # Panics
    /// When they do not arrive within [`crate::patience::PATIENCE`].
    pub async fn wait_for_calls(&self, calls: usize) {
        let arrived = self.state.observed.until(|now| now.calls >= calls);
        patiently(&format!("{calls} calls at the simulator"), arrived).await;
    }

    /// Waits until exactly so many calls have arrived and are not over.
    ///
    /// # Panics
    /// When that does not happen within [`crate::patience::PATIENCE`].
    pub async fn wait_for_in_flight(&self, calls: usize) {
        let reached = self.state.observed.until(|now| now.in_flight == calls);
        patiently(&format!("{calls} calls in flight at the simulator"), reached).await;
    }
}
