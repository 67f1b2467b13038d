//! An Envoy with the shipped status listener beside the one for traffic.

use llm_breaker_host_tests::client::{Answer, Call, Client};
use llm_breaker_host_tests::envoy::{Builder, Listener, OPENAI};
use llm_breaker_host_tests::patience::patiently;
use serde_json::{Value, json};

use crate::scene::{Outcome, Scene};

pub(super) const TOKEN: &str = "correct-horse-battery-staple";
pub(super) const LISTENER: &str = "llm_status";
pub(super) const BREAKERS: &str = "/api/v1/breakers";
pub(super) const OPENAI_PATH: &str = "/api/v1/breakers/outbound%7C443%7C%7Capi.openai.com";

/// Both listeners, and who looks.
pub(super) struct Stage {
    pub(super) scene: Scene,
}

/// The shipped listener with a token.
pub(super) fn status_listener() -> Listener {
    let document = json!({"role": "admin", "stop_iteration": true, "admin": {"token": TOKEN}});
    Listener::new(LISTENER).shipped_routes().configuration(&document)
}

impl Stage {
    pub(super) async fn set(configuration: &Value) -> Outcome<Self> {
        Self::set_as(configuration, status_listener(), |envoy| envoy).await
    }

    /// With another status listener, or anything else of the Envoy.
    pub(super) async fn set_as(
        configuration: &Value,
        status: Listener,
        shape: impl FnOnce(Builder) -> Builder,
    ) -> Outcome<Self> {
        let both = |envoy: Builder| shape(envoy.configuration(configuration).listener(status));
        Ok(Self { scene: Scene::start_as(both).await? })
    }

    pub(super) fn client(&self) -> Client {
        Client::http1(self.scene.envoy.address_of(LISTENER))
    }

    pub(super) async fn send(&self, call: &Call) -> Answer {
        patiently("an answer", self.client().send(call)).await.expect("an answer")
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(&Call::get(path)).await
    }

    /// The breaker of the provider.
    pub(super) async fn breaker(&self) -> Value {
        documented(&self.get(OPENAI_PATH).await)
    }

    /// An order with the token, which is carried out.
    pub(super) async fn ordered(&self, action: &str, body: &Value) -> Value {
        let answer = self.send(&order(action, body)).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        documented(&answer)
    }
}

/// An order to the breaker of the provider, with the token.
pub(super) fn order(action: &str, body: &Value) -> Call {
    order_to(OPENAI_PATH, action, body)
}

pub(super) fn order_to(breaker: &str, action: &str, body: &Value) -> Call {
    Call::post_json(&format!("{breaker}/{action}"), body)
        .header("authorization", format!("Bearer {TOKEN}"))
}

/// The answer's JSON, which is as the schema says.
pub(super) fn documented(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.text());
    let schema = include_str!("../../../../docs/admin-api.schema.json");
    let schema = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let answer = answer.json();
    let errors: Vec<String> = validator.iter_errors(&answer).map(|it| it.to_string()).collect();
    assert!(errors.is_empty(), "{answer:#}: {errors:#?}");
    answer
}

/// Its status and the stable name of what is wrong.
pub(super) fn code(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), documented(answer)["error"]["code"].clone())
}

/// What of the filter's log lines are about orders.
pub(super) fn audited(scene: &Scene) -> Vec<Value> {
    let lines = scene.envoy.log().lines();
    lines.iter().filter_map(|line| crate::scene::event(line, "override")).collect()
}

pub(super) fn is_about_openai(line: &Value) -> bool {
    line["breaker"] == OPENAI
}
