//! What happens: eight breakers, each with a trouble of its own, and a cluster that is one too many.

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{Builder, Cluster, Listener, Route, built_module};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Encoding, Pause, Simulator, StreamEnd};
use serde_json::{Value, json};

use crate::scene::{CLOSED, HALF_OPEN, Outcome, Scene, value};

/// Told apart by model; its names hold all that a label could stumble over.
pub(super) const MODELS: &str = "outbound|443|v1/x:y|api.openai.com";
pub(super) const MODEL: &str = "org/gpt-4.1:free*";
/// Fails, fails as a probe, and recovers.
pub(super) const RECOVERS: &str = "outbound|8000||llm.internal";
pub(super) const FORCED: &str = "forced open";
pub(super) const SHADOW: &str = "shadow";
/// Where those of `CHAIN` go.
pub(super) const SPARE: &str = "spare";
pub(super) const CHAIN: &str = "chain";
pub(super) const PASSES: &str = "passes";
/// The ninth: of eight breakers there is room for.
pub(super) const SURPLUS: &str = "surplus";

const CLUSTERS: [&str; 8] = [MODELS, RECOVERS, FORCED, SHADOW, SPARE, CHAIN, PASSES, SURPLUS];
const ROUTE: &str = "x-llm-route";

/// Above it a success of `PASSES` is slow. There nothing else succeeds that a busy machine could
/// slow down.
const SLOW_MILLISECONDS: u64 = 2_000;

/// The story when it is over.
pub(super) struct Story {
    pub(super) scene: Scene,
}

fn configuration() -> Value {
    let completion = json!({"kind": "completion", "text": "Later."});
    let reroute = json!({"kind": "reroute", "header": ROUTE, "value": "spare", "cluster": SPARE,
                         "max_per_minute": 1});
    json!({
        "max_breakers": 8,
        "stop_iteration": true,
        "defaults": {"open": {"base": "3600s", "max": "3600s", "jitter": 0}},
        "breakers": [
            {"cluster": MODELS, "key_by": "model", "models": [MODEL], "model_header": "x-model"},
            {"cluster": RECOVERS, "open": {"base": "1s", "multiplier": 1}},
            {"cluster": FORCED, "mode": "forced_open", "fallback": [completion]},
            {"cluster": SHADOW, "mode": "shadow"},
            {"cluster": CHAIN, "fallback": [reroute, {"kind": "last_resort"}]},
            {"cluster": PASSES, "fallback": [{"kind": "pass"}],
             "slow": {"response_headers": format!("{}s", SLOW_MILLISECONDS / 1_000)}},
        ],
    })
}

fn shape(envoy: Builder, provider: &Simulator) -> Builder {
    let listener = CLUSTERS.iter().fold(
        Listener::default()
            .configuration(&configuration())
            .allow_on_headers_stop_iteration()
            .route(Route::to(SPARE).header(ROUTE, "spare")),
        |listener, name| listener.route(Route::to(name).header("x-cluster", name)),
    );
    let same_shared_data = json!({"vm_config": {"vm_id": "llm-breaker"}});
    let vandal =
        Listener::new("vandal").module(&built_module("vandal")).plugin_patch(same_shared_data);
    let envoy = CLUSTERS
        .iter()
        .fold(envoy, |envoy, name| envoy.cluster(Cluster::at(name, provider.address())));
    envoy.listener(listener).listener(vandal)
}

fn chat(cluster: &str) -> Call {
    Call::chat().header("x-cluster", cluster)
}

impl Story {
    pub(super) async fn told() -> Outcome<Self> {
        let provider = Simulator::start().await?;
        let envoy = shape(llm_breaker_host_tests::envoy::Envoy::builder(), &provider);
        let scene = Scene { envoy: envoy.start().await?, provider };
        let story = Self { scene };
        story.a_model_fails().await;
        story.a_provider_recovers().await;
        story.fail(SHADOW, 5).await;
        story.send(&chat(SHADOW), Behaviour::Healthy, 200).await;
        story.send(&chat(FORCED), Behaviour::Healthy, 200).await;
        story.a_chain_is_used_up().await;
        story.a_slow_one_passes().await;
        story.send(&chat(SURPLUS), Behaviour::Healthy, 200).await;
        story.shared_data_is_damaged().await?;
        Ok(story)
    }

    async fn send(&self, call: &Call, behaviour: Behaviour, status: u16) {
        self.scene.provider.behave(behaviour);
        let answer = self.scene.send(call).await;
        assert_eq!(answer.status, status, "{call:?}: {}", answer.text());
    }

    async fn fail(&self, cluster: &str, times: usize) {
        for _ in 0..times {
            self.send(&chat(cluster), Behaviour::status(500), 500).await;
        }
    }

    async fn a_model_fails(&self) {
        let of_model =
            |call: Call| call.header("x-cluster", MODELS).header("x-model", "org/gpt-4.1:free-7");
        let chat = of_model(Call::chat());
        let stream = of_model(Call::streamed_chat());
        self.send(&chat, Behaviour::Healthy, 200).await;
        self.send(&stream, Behaviour::Healthy, 200).await;
        let compressed = ["data: [DONE]\n\n"];
        let compressed = Behaviour::compressed_script(
            Encoding::Gzip,
            compressed,
            Pause::None,
            StreamEnd::Silent,
        );
        self.send(&stream, compressed, 200).await;
        self.send(&chat, Behaviour::status(400), 400).await;
        for _ in 0..5 {
            self.send(&chat, Behaviour::status(500), 500).await;
        }
        self.send(&chat, Behaviour::Healthy, 503).await;
    }

    async fn a_provider_recovers(&self) {
        self.a_client_leaves().await;
        self.fail(RECOVERS, 5).await;
        self.until_state(HALF_OPEN).await;
        self.fail(RECOVERS, 1).await;
        self.until_state(HALF_OPEN).await;
        self.send(&chat(RECOVERS), Behaviour::Healthy, 200).await;
        self.until_state(CLOSED).await;
    }

    async fn a_client_leaves(&self) {
        let arrived = self.scene.provider.calls();
        self.scene.provider.behave(Behaviour::Healthy.held());
        let client = self.scene.envoy.client();
        let call = tokio::spawn(async move { client.send(&chat(RECOVERS)).await });
        self.scene.provider.wait_for_calls(arrived + 1).await;
        call.abort();
        let left = |line: &str| line.contains(r#""flags":"DC""#);
        self.scene.envoy.access_log().wait_for(left).await;
    }

    async fn until_state(&self, wanted: f64) {
        let reached = async {
            while value(&self.scene.envoy.stats().await, RECOVERS, "state", &[]) != wanted {
                tokio::time::sleep(llm_breaker_host_tests::patience::POLL_INTERVAL).await;
            }
        };
        patiently("the state", reached).await;
    }

    async fn a_chain_is_used_up(&self) {
        let quota = Behaviour::status_with_header(402, "retry-after", "7200");
        self.send(&chat(CHAIN), quota, 402).await;
        self.send(&chat(CHAIN), Behaviour::Healthy, 200).await;
        self.send(&chat(CHAIN), Behaviour::Healthy, 200).await;
    }

    async fn a_slow_one_passes(&self) {
        let slow = Behaviour::Healthy.after_milliseconds(SLOW_MILLISECONDS + 100);
        self.send(&chat(PASSES), slow, 200).await;
        self.send(&chat(PASSES), Behaviour::status(402), 402).await;
        self.send(&chat(PASSES), Behaviour::status(500), 500).await;
    }

    async fn shared_data_is_damaged(&self) -> Outcome {
        let vandal = Client::http1(self.scene.envoy.address_of("vandal"));
        for key in ["llm-breaker/v1/index".to_owned(), format!("llm-breaker/v1/breaker/{SPARE}")] {
            let call = Call::get("/").header("x-key", key).header("x-kind", "text");
            assert_eq!(vandal.send(&call).await?.text(), "done");
        }
        self.send(&chat(SPARE), Behaviour::Healthy, 200).await;
        Ok(())
    }
}
