//! Envoy's admin interface: is it serving, where, and what has it counted.

use std::net::SocketAddr;

use serde_json::Value;

use super::Stats;
use crate::client::{Answer, Call, Client};
use crate::patience::{POLL_INTERVAL, patiently};

/// The admin interface of one Envoy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admin {
    address: SocketAddr,
}

impl Admin {
    pub(super) const fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn send(&self, call: &Call) -> Answer {
        let client = Client::http1(self.address);
        let answer = patiently("Envoy's admin interface", client.send(call)).await;
        answer.expect("an answer of the admin interface")
    }

    pub(super) async fn stats(&self) -> Stats {
        Stats::parse(&self.send(&Call::get("/stats/prometheus")).await.text())
    }

    /// The counter of that name as Envoy itself spells it; 0 as long as it was not used.
    pub(super) async fn counter(&self, name: &str) -> u64 {
        let path = format!("/stats?format=json&filter=^{name}$");
        let answer = self.send(&Call::get(&path)).await.json();
        answer["stats"][0]["value"].as_u64().unwrap_or(0)
    }

    /// Waits for `LIVE`, and for the addresses of the listeners of these names; one that Envoy
    /// refused has none.
    pub(super) async fn wait_until_serving(&self, listeners: &[String]) -> Vec<Option<SocketAddr>> {
        loop {
            // Refused before the admin interface listens, 503 until all is initialised.
            let ready = Client::http1(self.address).send(&Call::get("/ready")).await;
            if ready.is_ok_and(|answer| answer.status == 200) {
                break;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let statuses = self.send(&Call::get("/listeners?format=json")).await.json();
        listeners.iter().map(|name| address_in(&statuses, name)).collect()
    }
}

fn address_in(statuses: &Value, listener: &str) -> Option<SocketAddr> {
    let statuses = statuses["listener_statuses"].as_array()?;
    let status = statuses.iter().find(|status| status["name"] == listener)?;
    let address = &status["local_address"]["socket_address"];
    let host = address["address"].as_str()?.parse().ok()?;
    let port = u16::try_from(address["port_value"].as_u64()?).ok()?;
    Some(SocketAddr::new(host, port))
}
