//! One Envoy whose breakers are open, and what its SDKs are told there.

use llm_breaker_host_tests::client::{Answer, Call};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, Route};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use super::calls::api;
use crate::scene::{OPEN, Outcome, value};
use crate::sdks::driver::{Sdks, Told};
use crate::sdks::stage::Requests;

/// The clusters, most of them named like their API, and one of the paths that lead to each.
const CLUSTERS: [(&str, &str); 6] = [
    ("chat", "/v1/chat/completions"),
    ("responses", "/v1/responses"),
    ("messages", "/v1/messages"),
    ("gemini", "/v1beta/models/gemini-2.5-flash:generateContent"),
    ("converse", "/model/anthropic.claude/converse"),
    (BARE, "/bare/v1/chat/completions"),
];

/// The path by which Gemini is asked for a stream.
const GEMINI_STREAM: &str = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";

/// Chats below this path have a cluster of their own, for which a test may want other fallbacks.
pub(super) const BARE: &str = "bare";

/// The cluster that calls are rerouted to.
pub(super) const SPARE: &str = "spare";

/// For how long a breaker is open: longer than a test runs, and shorter than the 120 s after which
/// OpenAI's SDK would not try again, whatever else it is told.
pub(super) const OPEN_SECONDS: u64 = 100;

pub(super) struct Stage {
    pub(super) provider: Simulator,
    pub(super) spare: Simulator,
    pub(super) envoy: Envoy,
}

impl Stage {
    /// Starts the Envoy with these policies, and opens the breakers of all clusters but the spare's.
    pub(super) async fn open(breakers: &Value) -> Outcome<Self> {
        let (provider, spare) = (Simulator::start().await?, Simulator::start().await?);
        let open = json!({"base": format!("{OPEN_SECONDS}s"), "jitter": 0});
        let configuration = json!({
            "stop_iteration": true,
            "breakers": breakers,
            "defaults": {"open": open},
        });
        let to_the_spare = json!({"request_headers_to_remove": ["x-llm-route"]});
        let mut listener = Listener::default()
            .allow_on_headers_stop_iteration()
            .configuration(&configuration)
            .route(Route::to(SPARE).header("x-llm-route", SPARE).patch(to_the_spare));
        let mut envoy = Envoy::builder().cluster(Cluster::at(SPARE, spare.address()));
        for (cluster, path) in CLUSTERS {
            envoy = envoy.cluster(Cluster::at(cluster, provider.address()));
            let prefix = path.split(':').next().expect("a path");
            listener = listener.route(Route::to(cluster).prefix(prefix));
        }
        listener = listener.route(Route::to("converse").prefix("/model/"));
        let envoy = envoy.listener(listener).start().await?;
        let stage = Self { provider, spare, envoy };
        stage.fail().await?;
        Ok(stage)
    }

    async fn fail(&self) -> Outcome {
        self.provider.behave(Behaviour::status(500));
        for (cluster, _) in CLUSTERS {
            for _ in 0..5 {
                let answer = self.plain(cluster, false).await?;
                assert_eq!(answer.status, 500, "{cluster}: {}", answer.text());
            }
            let stats = self.envoy.stats().await;
            assert_eq!(value(&stats, cluster, "state", &[]), OPEN, "{cluster}");
        }
        Ok(())
    }

    /// Makes one call. Returns what came of it and how many requests it was for Envoy.
    pub(super) async fn ask(&self, sdks: &mut Sdks, call: &Value) -> Outcome<(Told, Requests)> {
        let cluster = if call["base"].is_null() { api(call) } else { BARE };
        let before = Requests::so_far(&self.envoy, cluster).await;
        let told = sdks.ask(call).await?;
        Ok((told, Requests::so_far(&self.envoy, cluster).await.since(before)))
    }

    /// What a client gets that does nothing but HTTP.
    pub(super) async fn plain(&self, api: &str, stream: bool) -> Outcome<Answer> {
        let mut call = plain_call(api);
        if stream {
            call = call.body(json!({"messages": [], "stream": true}).to_string());
            if api == "gemini" {
                call = call.path(GEMINI_STREAM);
            }
        }
        Ok(patiently("an answer", self.envoy.client().send(&call)).await?)
    }

    /// How many seconds a call takes by its SDK, and by a client that does nothing but HTTP: the
    /// medians of some calls, made in turns so that both have the same machine.
    pub(super) async fn seconds(&self, sdks: &mut Sdks, call: &Value) -> Outcome<(f64, f64)> {
        let (mut by_sdk, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            by_sdk.push(sdks.ask(call).await?.seconds);
            plain.push(self.plain(api(call), false).await?.elapsed.as_secs_f64());
        }
        Ok((median(by_sdk), median(plain)))
    }
}

/// What leads to a cluster.
fn plain_call(cluster: &str) -> Call {
    let path = CLUSTERS.iter().find(|(name, _)| *name == cluster).map(|(_, path)| path);
    Call::post_json(path.expect("a cluster"), &json!({"messages": []}))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
