//! What an operator sees of the fleet, and orders for all of it, by the admin listener.

use llm_breaker_host_tests::host::{Answer, Request};
use serde_json::{Value, json};

use super::{FleetScene, Health, override_key, with_fleet};
use crate::scene::{chat, secs};

const TOKEN: &str = "correct-horse-battery-staple";
const OPENAI_PATH: &str = "/api/v1/breakers/outbound%7C443%7C%7Capi.openai.com";

/// A process of the fleet with a listener for those who look at it.
struct Watched {
    scene: FleetScene,
    listener: usize,
}

impl Watched {
    fn new() -> Self {
        let traffic = with_fleet(json!({}), json!({}));
        let fleet = traffic["fleet"].clone();
        let scene = FleetScene::starting(traffic, |world| world.allow_on_headers_stop_iteration());
        scene.succeed(1);
        scene.pass(secs(2));
        let admin = json!({
            "role": "admin", "stop_iteration": true, "admin": {"token": TOKEN}, "fleet": fleet,
        });
        let listener = scene.listen(admin).expect("a good configuration");
        Self { scene, listener }
    }

    fn answer(&self, request: Request) -> Answer {
        let request = request.direct_response(503, "not loaded");
        self.scene.worker(1).listener(self.listener).request(request).answer()
    }

    fn breaker(&self) -> Value {
        let answer = self.answer(Request::new("GET", OPENAI_PATH));
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    fn fleet(&self) -> Value {
        self.breaker()["fleet"].clone()
    }

    fn order(&self, action: &str, body: &Value) -> u16 {
        let order = Request::new("POST", &format!("{OPENAI_PATH}/{action}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(body.to_string());
        let status = self.answer(order).status;
        self.scene.settle();
        status
    }
}

#[test]
fn who_reported_what_is_shown_a_second_later_at_most() {
    let watched = Watched::new();
    assert_eq!(watched.fleet()["connected"], true);
    watched.scene.hears("b", "announced", 60);
    watched.scene.pass(secs(2));
    let fleet = watched.fleet();
    let report = &fleet["reports"][0];
    assert_eq!((&report["domain"], &report["basis"]), (&json!("b"), &json!("announced")));
    assert_eq!((&fleet["scope"], &fleet["domain"]), (&json!("acme"), &json!("node-1")));
}

#[test]
fn an_order_for_the_fleet_goes_through_the_store_and_is_taken_back_the_same_way() {
    let watched = Watched::new();
    let order = json!({"scope": "fleet", "duration": "600s", "user": "ann"});
    assert_eq!(watched.order("open", &order), 202);
    watched.scene.pass(secs(2));
    let stored = watched.scene.store.value(&override_key()).expect("it is published");
    assert_eq!(serde_json::from_str::<Value>(&stored).expect("JSON")["mode"], "forced_open");
    watched.scene.held_back();
    assert_eq!(watched.fleet()["override"]["mode"], "forced_open");
    assert_eq!(watched.breaker()["override"]["scope"], "fleet");
    assert_eq!(watched.order("mode", &json!({"mode": null, "scope": "fleet"})), 202);
    watched.scene.pass(secs(2));
    assert_eq!(watched.scene.store.value(&override_key()), None);
    assert!(watched.scene.send(chat()).is_forwarded());
}

#[test]
fn without_the_store_no_order_for_the_fleet_is_taken_and_those_for_this_process_are() {
    let watched = Watched::new();
    watched.scene.store.health(Health::Down);
    watched.scene.pass(secs(2));
    assert_eq!(watched.order("open", &json!({"scope": "fleet"})), 503);
    assert_eq!(watched.order("open", &json!({})), 200);
    watched.scene.held_back();
}
