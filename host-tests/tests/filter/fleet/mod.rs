//! A process that learns from other proxies, and tells them, through an etcd in memory.

mod learning;
mod orders;
mod ownership;
mod plain;
mod queue;
mod store;
mod telling;
mod trouble;

use std::{ops::Deref, time::Duration};

use llm_breaker_host_tests::host::{Module, Response, VmName, WorldBuilder};
use serde_json::{Value, json};

use crate::scene::{OPENAI, Scene, TRIP, defaults, millis};
pub(crate) use store::{Health, Store};

/// The account that the providers are called with.
pub(crate) const SCOPE: &str = "acme";
/// How the provider is named in keys.
const OPENAI_KEY: &str = "outbound%7C443%7C%7Capi.openai.com";

/// The key under which a node says what it knows of the provider.
pub(crate) fn fact_key(domain: &str, node: &str) -> String {
    format!("/llm-breaker/v1/{SCOPE}/{OPENAI_KEY}/{domain}/{node}")
}

/// The key of whose turn it is to probe the provider.
pub(crate) fn turn_key() -> String {
    format!("/llm-breaker/turn/v1/{SCOPE}/{OPENAI_KEY}")
}

/// The key of what is ordered for all proxies about the provider.
pub(crate) fn override_key() -> String {
    format!("/llm-breaker/override/v1/{SCOPE}/{OPENAI_KEY}")
}

/// A value that says that it is open.
pub(crate) fn open(basis: &str, seconds: u64) -> String {
    let value = json!({
        "state": "open", "basis": basis, "reason": "server_error", "remaining_ms": seconds * 1_000,
    });
    value.to_string()
}

/// A configuration with a fleet, the policies' defaults and more of the fleet's fields.
pub(crate) fn with_fleet(policy: Value, more: Value) -> Value {
    let mut document = defaults(policy);
    let mut fleet = json!({"cluster": "etcd", "scope": SCOPE, "reconnect_max": "2s"});
    let fields = fleet.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    document["fleet"] = fleet;
    document
}

/// A process of the fleet, and the store.
pub(crate) struct FleetScene {
    scene: Scene,
    pub(crate) store: Store,
}

impl Deref for FleetScene {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl FleetScene {
    /// Two workers that know the provider from a first call, and the store.
    pub(crate) fn under(policy: Value) -> Self {
        Self::configured(with_fleet(policy, json!({})))
    }

    pub(crate) fn configured(document: Value) -> Self {
        let scene = Self::starting(document, |world| world);
        scene.succeed(1);
        scene.pass(Duration::from_secs(2));
        assert!(scene.is_connected());
        scene
    }

    /// The same before its first call and tick.
    pub(crate) fn starting(
        document: Value,
        extras: impl FnOnce(WorldBuilder) -> WorldBuilder,
    ) -> Self {
        let module = Module::built("llm_breaker_fleet");
        let built =
            |world: WorldBuilder| extras(world.grpc_cluster("etcd").configuration(document));
        let scene = Scene::of_module(&module, 2, built);
        Self { scene, store: Store::default() }
    }

    /// Time passes for the process and its store: a tick each tenth of a second, as VMs ask for when
    /// they have something to do soon.
    pub(crate) fn pass(&self, duration: Duration) {
        let steps = duration.as_millis() / 100;
        for _ in 0..steps {
            self.advance(millis(100));
            self.tick();
            self.store.serve(&self.scene);
        }
    }

    /// What is under way between the process and its store comes to its end, in no time.
    pub(crate) fn settle(&self) {
        self.store.serve(&self.scene);
    }

    /// Another proxy says something about the provider that holds for so many seconds.
    pub(crate) fn hears(&self, domain: &str, basis: &str, seconds: u64) {
        let (key, value) = (fact_key(domain, domain), open(basis, seconds));
        self.store.put(&self.scene, &key, &value, Some(seconds));
        self.settle();
    }

    /// Another proxy says that it works again.
    pub(crate) fn hears_closed(&self, domain: &str) {
        let value = json!({"state": "closed"}).to_string();
        self.store.put(&self.scene, &fact_key(domain, domain), &value, Some(60));
        self.settle();
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.gauge("llm_circuit_breaker_fleet_connected") == 1
    }

    /// The VM that has a stream to the store.
    pub(crate) fn owner(&self) -> Option<VmName> {
        let streams = self.grpc_streams();
        assert!(streams.len() <= 1, "more than one owner: {streams:?}");
        streams.first().map(|stream| stream.vm)
    }

    /// The provider fails as often as it takes.
    pub(crate) fn trip(&self) {
        self.fail(TRIP);
        self.settle();
    }

    /// The provider says that it has no quota left.
    pub(crate) fn exhaust_quota(&self) {
        let body = r#"{"error": {"code": "insufficient_quota", "message": "…"}}"#;
        self.answer(Response::status(429).header("content-type", "application/json").body(body));
        self.settle();
    }

    /// A counter of what is told about the provider or about none of this process.
    pub(crate) fn told(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let label = |(name, value): &(&str, &str)| format!("{name}=.={value};.;");
        let labels: String = labels.iter().map(label).collect();
        let bare = self.counter(&format!("llm_circuit_breaker_{name}.{labels}"));
        let its = format!("llm_circuit_breaker_{name}.llm_cluster=.={OPENAI};.;{labels}");
        bare + self.counter(&its)
    }
}
