//! Callers that go on calling two providers, while one fault after the other happens to both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use tokio::task::JoinSet;

use super::SHARED;
use crate::Outcome;

/// The header by which the shared cluster's calls are told apart.
pub(super) const TEAM: &str = "x-team";

/// Callers of each provider.
const CALLERS: u64 = 6;

/// Between two calls of one caller, in milliseconds.
const PAUSE: std::ops::Range<u64> = 60..240;

/// How long a fault or a pause lasts, in milliseconds.
const PHASE: std::ops::Range<u64> = 1_000..3_000;

/// At the end, every breaker closes again.
const CALM: Duration = Duration::from_secs(8);

/// What happens to a provider.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Errors,
    SomeErrors,
    Announced,
    Quota,
    Refused,
    Hangs,
    StreamHangs,
    Cut,
    Closed,
    Slow,
}

const FAULTS: [Fault; 10] = [
    Fault::Errors,
    Fault::SomeErrors,
    Fault::Announced,
    Fault::Quota,
    Fault::Refused,
    Fault::Hangs,
    Fault::StreamHangs,
    Fault::Cut,
    Fault::Closed,
    Fault::Slow,
];

/// Callers, and what happens to whom they call.
pub(super) struct Traffic {
    to: SocketAddr,
    rng: Rng,
}

impl Traffic {
    pub(super) fn new(to: SocketAddr, seed: u64) -> Self {
        Self { to, rng: Rng::with_seed(seed) }
    }

    /// Goes on for so long; how many calls there were.
    pub(super) async fn run(
        mut self,
        providers: &mut [Simulator; 2],
        duration: Duration,
    ) -> Outcome<usize> {
        let is_over = Arc::<AtomicBool>::default();
        let mut callers = JoinSet::new();
        for number in 0..2 * CALLERS {
            let rng = Rng::with_seed(self.rng.u64(..));
            callers.spawn(go_on(self.to, number, rng, Arc::clone(&is_over)));
        }
        let end = Instant::now() + duration.saturating_sub(CALM);
        let mut order = Vec::new();
        while Instant::now() < end {
            if order.is_empty() {
                order = FAULTS.to_vec();
                self.rng.shuffle(&mut order);
            }
            let fault = order.pop().unwrap_or(Fault::Errors);
            for provider in providers.iter_mut() {
                self.begin(provider, fault).await;
            }
            self.wait().await;
            for provider in providers.iter_mut() {
                end_faults(provider).await?;
            }
            self.wait().await;
        }
        tokio::time::sleep(CALM).await;
        is_over.store(true, Ordering::Relaxed);
        let all = async {
            let mut sent = 0;
            while let Some(calls) = callers.join_next().await {
                sent += calls?;
            }
            Ok(sent)
        };
        patiently("the callers' ends", all).await
    }

    async fn begin(&mut self, provider: &mut Simulator, fault: Fault) {
        let error = Behaviour::status;
        let quota = r#"{"error": {"code": "insufficient_quota", "message": "…"}}"#;
        let behaviour = match fault {
            Fault::Errors => error(500),
            Fault::SomeErrors => {
                let fails =
                    |rng: &mut Rng| if rng.u8(..10) < 6 { error(503) } else { Behaviour::Healthy };
                let some: Vec<_> = (0..60).map(|_| fails(&mut self.rng)).collect();
                provider.queue(some);
                Behaviour::Healthy
            }
            Fault::Announced => Behaviour::status_with_header(429, "retry-after", "2"),
            Fault::Quota => Behaviour::answer(429, &[], quota),
            Fault::Refused => {
                provider.refuse().await;
                Behaviour::Healthy
            }
            Fault::Hangs => Behaviour::Hang,
            Fault::StreamHangs => Behaviour::hang_after(2),
            Fault::Cut => Behaviour::cut_after(3),
            Fault::Closed => Behaviour::Close,
            Fault::Slow => Behaviour::Healthy.after_milliseconds(350),
        };
        provider.behave(behaviour);
    }

    async fn wait(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.rng.u64(PHASE))).await;
    }
}

async fn end_faults(provider: &mut Simulator) -> Outcome {
    provider.behave(Behaviour::Healthy);
    provider.accept().await?;
    provider.release();
    Ok(())
}

async fn go_on(to: SocketAddr, number: u64, mut rng: Rng, is_over: Arc<AtomicBool>) -> usize {
    let client = if number % 4 == 3 { Client::http2(to) } else { Client::http1(to) };
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        let call = if rng.bool() { Call::chat() } else { Call::streamed_chat() };
        let call = match number % 2 {
            0 => call,
            _ => call
                .header("x-side", SHARED)
                .header(TEAM, ["search", "chat", "sales"][rng.usize(..3)]),
        };
        // What becomes of it, the access log tells.
        let _ = client.send(&call).await;
        sent += 1;
        tokio::time::sleep(Duration::from_millis(rng.u64(PAUSE))).await;
    }
    sent
}
