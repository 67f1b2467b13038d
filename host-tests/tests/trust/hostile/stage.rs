//! One Envoy with the filter twice, by its defaults and with every feature, in front of a provider
//! that is well and of one that answers nonsense.

use std::net::SocketAddr;

use fastrand::Rng;
use llm_breaker_host_tests::client::{Call, Client, Ending, RawConnection};
use llm_breaker_host_tests::envoy::{
    Cluster, Envoy, Listener, OPENAI, Route, Update, built_module,
};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::Simulator;
use serde_json::{Value, json};

use super::odd_upstream::OddUpstream;
use crate::Outcome;
use crate::everything::{everything, listener};

/// The header whose requests go to the upstream that answers nonsense.
pub(super) const TO_ODD_UPSTREAM: (&str, &str) = ("x-side", "odd");
const ODD: &str = "odd";
const EVERYTHING: &str = "everything";
/// A listener through which the filter's shared data can be read.
const VANDAL: &str = "vandal";

pub(crate) struct Stage {
    pub(crate) envoy: Envoy,
    pub(crate) provider: Simulator,
    _odd: OddUpstream,
}

impl Stage {
    pub(crate) async fn start() -> Outcome<Self> {
        let provider = Simulator::start().await?;
        provider.forget_calls();
        let odd = OddUpstream::start().await?;
        let defaults = json!({"breakers": [never_opens()], "defaults": {"open": soon_over()}});
        let same_shared_data = json!({"vm_config": {"vm_id": "llm-breaker"}});
        let vandal =
            Listener::new(VANDAL).module(&built_module("vandal")).plugin_patch(same_shared_data);
        let envoy = Envoy::builder()
            .updatable()
            .cluster(Cluster::at(OPENAI, provider.address()))
            .cluster(Cluster::at(ODD, odd.address))
            .listener(lenient(Listener::default().configuration(&defaults)))
            .listener(all_features(0))
            .listener(vandal);
        Ok(Self { envoy: envoy.start().await?, provider, _odd: odd })
    }

    /// Both listeners.
    pub(crate) fn targets(&self) -> [SocketAddr; 2] {
        [self.envoy.address(), self.envoy.address_of(EVERYTHING)]
    }

    /// Either listener.
    pub(super) fn target(&self, rng: &mut Rng) -> SocketAddr {
        self.targets()[rng.usize(..2)]
    }

    /// Connections on which the head of a request never becomes whole.
    pub(super) async fn idle_connections(&self, count: usize) -> Outcome<Vec<RawConnection>> {
        let mut connections = Vec::new();
        for _ in 0..count {
            let mut connection = RawConnection::open(self.envoy.address()).await?;
            connection.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-").await?;
            connections.push(connection);
        }
        Ok(connections)
    }

    /// A good request is served by the same breaker that the attacks meet.
    pub(super) async fn assert_serves(&self, rng: &mut Rng) {
        let target = self.target(rng);
        let client = if rng.bool() { Client::http1(target) } else { Client::http2(target) };
        let is_stream = rng.bool();
        let call = if is_stream { Call::streamed_chat() } else { Call::chat() };
        let answer =
            patiently("a good request's answer", client.send(&call)).await.expect("an answer");
        let text = answer.text();
        let is_whole =
            if is_stream { text.ends_with("data: [DONE]\n\n") } else { text.ends_with('}') };
        let seen = (answer.status.as_u16(), answer.ending, answer.header("x-llm-breaker"));
        assert_eq!((seen, is_whole), ((200, Ending::Whole, None), true), "{text}");
    }

    /// What Envoy counts of its VMs.
    pub(super) async fn vms(&self) -> Vec<String> {
        let answer = self.envoy.admin(&Call::get("/stats?filter=^wasm\\.")).await;
        answer.text().lines().map(str::to_owned).collect()
    }

    /// Pushes the configuration of that number.
    pub(crate) async fn push(&mut self, number: u32) -> Outcome {
        assert_eq!(self.envoy.update(all_features(number)).await?, Update::Applied);
        Ok(())
    }

    /// A value of the filter's shared data.
    pub(crate) async fn shared(&self, key: &str) -> Outcome<Vec<u8>> {
        let vandal = Client::http1(self.envoy.address_of(VANDAL));
        let call = Call::get("/").header("x-key", key).header("x-kind", "none");
        Ok(vandal.send(&call).await?.body.to_vec())
    }

    /// No VM has trapped.
    pub(crate) fn assert_no_traps(&self) {
        let traces = ["panicked at", "Wasm VM failed", "in-VM", "wasm trap", "unreachable"];
        let is_trap = |line: &str| traces.iter().any(|trace| line.contains(trace));
        assert_eq!(self.envoy.log().matching(is_trap), [] as [String; 0]);
    }

    /// No VM has ended since, and no breaker has moved.
    pub(super) async fn assert_unharmed(&self, started: &[String]) {
        assert_eq!(self.vms().await, started);
        self.assert_no_traps();
        let stats = self.envoy.stats().await;
        assert_eq!(
            stats.sum("llm_circuit_breaker_state_changes_total"),
            0.0,
            "{:?}",
            stats.lines("llm_circuit")
        );
        assert_eq!(stats.sum("llm_circuit_breaker_shared_state_resets_total"), 0.0);
    }
}

/// The listener with every feature; two in a row of these numbers are not the same.
fn all_features(number: u32) -> Listener {
    let mut all = everything("enforce");
    let entries = all["breakers"].as_array_mut().expect("entries");
    entries[0]["trip"]["consecutive_failures"] = json!(5 + number % 2);
    entries[0]["open"] = soon_over();
    entries.push(never_opens());
    lenient(listener(&all).named(EVERYTHING))
}

/// The provider's breaker is common to both listeners, and is to close again in either.
fn soon_over() -> Value {
    json!({"base": "0.5s", "max": "1s", "quota": "1s", "announced_max": "1s"})
}

/// What this provider answers is nonsense by design, and each nonsense is to be met.
fn never_opens() -> Value {
    let trip = json!({"consecutive_failures": null, "failure_rate": null});
    json!({"cluster": ODD, "trip": trip, "verdicts": {"quota_exhausted": "failure"}})
}

/// As much as Envoy can be made to let through to its filters.
fn lenient(listener: Listener) -> Listener {
    listener
        .route(Route::to(ODD).header(TO_ODD_UPSTREAM.0, TO_ODD_UPSTREAM.1))
        .route(Route::to(OPENAI))
        .connection_manager_patch(json!({
            "max_request_headers_kb": 1024,
            "http_protocol_options": {"enable_trailers": true, "allow_chunked_length": true},
            "upgrade_configs": [{"upgrade_type": "websocket"}],
        }))
}
