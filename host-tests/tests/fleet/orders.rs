//! What an operator orders at one proxy for all of them, and takes back there.

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{Builder, CrashingModule, Listener, STATUS, fleet_module};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::{Value, json};

use crate::Outcome;
use crate::journal::Logged;
use crate::stage::{Fleet, Member, NAMES, Proxy};
use crate::trial;

const TOKEN: &str = "correct-horse-battery-staple";
const OPENAI_PATH: &str = "/api/v1/breakers/outbound%7C443%7C%7Capi.openai.com";
const ORDERS: &str = "/llm-breaker/override/v1/acme/";

fn policy() -> Value {
    json!({"open": {"quota": "600s"}})
}

/// The shipped status listener, which knows the fleet and a token.
fn with_console(envoy: Builder) -> Builder {
    let fleet = Member::new("any", &policy()).document()["fleet"].clone();
    let admin = json!({"token": TOKEN});
    let document = json!({"role": "admin", "stop_iteration": true, "admin": admin, "fleet": fleet});
    envoy.listener(Listener::new(STATUS).shipped_routes().configuration(&document))
}

/// Something is ordered at this proxy, for the fleet, which takes it.
async fn order(proxy: &Proxy, action: &str, body: &Value) {
    let call = Call::post_json(&format!("{OPENAI_PATH}/{action}"), body)
        .header("authorization", format!("Bearer {TOKEN}"));
    let console = Client::http1(proxy.envoy.address_of(STATUS));
    let answer = patiently("an answer", console.send(&call)).await.expect("an answer");
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn forced_open() -> Value {
    json!({"scope": "fleet", "user": "ann", "reason": "the provider's maintenance"})
}

fn taken_back() -> Value {
    json!({"scope": "fleet", "mode": null})
}

async fn until_status(proxy: &Proxy, status: u16) {
    let reached = async {
        while proxy.call().await.status != status {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    patiently(&format!("{} to answer {status}", proxy.name), reached).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_for_all_is_in_force_at_all_until_it_is_taken_back() -> Outcome {
    let members: Vec<_> = NAMES.iter().map(|name| Member::new(name, &policy())).collect();
    let fleet = Fleet::of(&members, |envoy, _| with_console(envoy)).await?;
    // A breaker appears with its first call.
    until_status(&fleet.proxies[0], 200).await;
    order(&fleet.proxies[0], "open", &forced_open()).await;
    for proxy in &fleet.proxies {
        until_status(proxy, 503).await;
    }
    let before = fleet.provider.calls();
    for proxy in &fleet.proxies {
        assert!(proxy.call().await.breaker().is_some(), "{}", proxy.show().await);
    }
    assert_eq!(fleet.provider.calls(), before, "none reaches the provider");
    let orders = fleet.etcd.control().entries(ORDERS).await?;
    assert_eq!(orders.len(), 1, "{orders:?}");
    // Another one takes it back.
    order(&fleet.proxies[3], "mode", &taken_back()).await;
    for proxy in &fleet.proxies {
        until_status(proxy, 200).await;
    }
    assert!(fleet.etcd.control().entries(ORDERS).await?.is_empty());
    Ok(())
}

/// What holds until it is taken back must not hold for ever where nobody listened just then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_taken_back_while_nobody_listens_ends_there_too() -> Outcome {
    let fleet = Fleet::of(&[Member::new("a", &policy())], |envoy, _| with_console(envoy)).await?;
    let module = CrashingModule::at_news(&fleet_module())?;
    let member = Member::new("b", &policy());
    let (provider, store) = (fleet.provider.address(), fleet.etcd.address());
    let envoy = trial::prepare(member.envoy_with(&module, provider, store), 1, provider);
    let proxy = Proxy::start("b", envoy).await?;
    proxy.until_connected(true).await;
    // A breaker appears with its first call.
    until_status(&fleet.proxies[0], 200).await;
    order(&fleet.proxies[0], "open", &forced_open()).await;
    until_status(&proxy, 503).await;
    // Its own news crashes the VM that listens.
    fleet.provider.queue([Behaviour::status(402)]);
    assert_eq!(proxy.send(&trial::call(0)).await.status, 402);
    proxy.until_logged("a crash", 1, Logged::is_panic).await;
    order(&fleet.proxies[0], "mode", &taken_back()).await;
    proxy.until_logged("another listens", 2, Logged::is_connected).await;
    until_status(&proxy, 200).await;
    Ok(())
}
