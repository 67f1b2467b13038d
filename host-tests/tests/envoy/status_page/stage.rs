//! An Envoy with the status page's listener, a provider behind it, and a browser before it.

use std::net::SocketAddr;

use llm_breaker_host_tests::client::{Answer, Call, Client};
use llm_breaker_host_tests::envoy::{
    Cluster, Envoy, Listener, OPENAI, Route, STATUS, fleet_module,
};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::Simulator;
use serde_json::{Value, json};

use super::browser::{Browser, Device};
use crate::scene::{Outcome, Scene};

/// What writes need.
pub(crate) const TOKEN: &str = "a-token-of-the-tests-0123";

pub(crate) struct Stage {
    pub(crate) scene: Scene,
    pub(crate) browser: Browser,
}

impl Stage {
    /// All that, with this policy for every cluster; writes need [`TOKEN`].
    pub(crate) async fn start(policy: Value) -> Outcome<Self> {
        Self::start_with(policy, Some(TOKEN), &[]).await
    }

    /// With this token or none, and further clusters: a path that begins with their number, `/1/`,
    /// reaches the first of them.
    pub(crate) async fn start_with(
        policy: Value,
        token: Option<&str>,
        further: &[&str],
    ) -> Outcome<Self> {
        let traffic = json!({"stop_iteration": true, "defaults": policy});
        let listener = Listener::default().configuration(&traffic);
        Self::of(listener, Listener::status_page(token), further).await
    }

    /// The same of a proxy with a fleet whose store is not there.
    pub(crate) async fn start_in_a_fleet() -> Outcome<Self> {
        let fleet = json!({"cluster": "nowhere", "scope": "acme"});
        let traffic = json!({"stop_iteration": true, "fleet": fleet});
        let admin = json!({
            "role": "admin", "stop_iteration": true, "admin": {"token": TOKEN}, "fleet": fleet,
        });
        let listener = Listener::default().module(&fleet_module()).configuration(&traffic);
        let page = Listener::status_page(None).module(&fleet_module()).configuration(&admin);
        Self::of(listener, page, &[]).await
    }

    async fn of(listener: Listener, page: Listener, further: &[&str]) -> Outcome<Self> {
        let mut listener = listener.allow_on_headers_stop_iteration();
        for (at, cluster) in further.iter().enumerate() {
            listener = listener.route(Route::to(cluster).prefix(&format!("/{}/", at + 1)));
        }
        listener = listener.route(Route::to(OPENAI));
        let provider = Simulator::start().await?;
        let mut envoy = Envoy::builder().listener(listener).listener(page);
        for cluster in [&[OPENAI], further].concat() {
            envoy = envoy.cluster(Cluster::at(cluster, provider.address()));
        }
        let scene = Scene { provider, envoy: envoy.start().await? };
        Ok(Self { scene, browser: Browser::start().await? })
    }

    /// Where the page is.
    pub(crate) fn page(&self) -> SocketAddr {
        self.scene.envoy.address_of(STATUS)
    }

    /// Opens the page and waits for the first breaker.
    pub(crate) async fn open_page(&mut self, device: Device) -> Outcome {
        let page = self.page();
        self.browser.open(page, device).await?;
        self.browser.until(".breaker", &[]).await.map(drop)
    }

    /// Sends a chat to the further cluster of this number.
    pub(crate) async fn call_further(&self, number: usize) -> Answer {
        let call = Call::chat().path(&format!("/{number}/v1/chat/completions"));
        self.scene.send(&call).await
    }

    /// Changes something by the API itself.
    pub(crate) async fn order(&self, breaker: &str, action: &str, body: &Value) -> Answer {
        let key: String = breaker.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let call = Call::post_json(&format!("/api/v1/breakers/{key}/{action}"), body)
            .header("authorization", format!("Bearer {TOKEN}"));
        let answer = patiently("the API", Client::http1(self.page()).send(&call)).await;
        answer.expect("an answer of the API")
    }
}
