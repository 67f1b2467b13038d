//! One VM of a process speaks to the store. When it crashes, or its configuration goes, another does.

use std::time::{Duration, Instant};

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{
    Cluster, CrashingModule, Envoy, Listener, OPENAI, Update, fleet_module,
};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::{Value, json};

use crate::Outcome;
use crate::amount::amount;
use crate::journal::Logged;
use crate::stage::{Fleet, Member, Proxy, STORE};
use crate::trial;

fn policy() -> Value {
    json!({"open": {"quota": "600s"}})
}

/// Proxy A tells, and the other hears it.
async fn assert_it_hears(fleet: &Fleet, other: &Proxy, number: usize) {
    fleet.provider.queue([Behaviour::status(402)]);
    let call = Call::get("/v1/models").header("x-trial", trial::breaker(number));
    assert_eq!(fleet.proxies[0].send(&call).await.status, 402);
    other.opening(&trial::breaker(number)).await;
}

async fn a_alone(trials: usize) -> Outcome<Fleet> {
    let members = [Member::new("a", &policy())];
    Fleet::of(&members, |envoy, at| trial::prepare(envoy, trials, at)).await
}

/// Within which another is to speak for a process whose owner is gone: 2 s until it is missed, a tick,
/// and what reading the store takes.
fn limit() -> i64 {
    amount(10_000, 3_500)
}

/// The VM that speaks to the store crashes, whichever it is, at the first news of its own process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_its_vm_crashes_another_speaks_to_the_store_within_three_seconds() -> Outcome {
    let rounds = amount(2, 6);
    let fleet = a_alone(rounds).await?;
    let module = CrashingModule::at_news(&fleet_module())?;
    let member = Member::new("b", &policy());
    let (provider, store) = (fleet.provider.address(), fleet.etcd.address());
    let envoy = member.envoy_with(&module, provider, store).workers(4);
    // B's own trials follow those in which it is to hear of A.
    let envoy = trial::prepare(envoy, 3 * rounds, provider);
    let proxy = Proxy::start("b", envoy).await?;
    proxy.until_connected(true).await;
    let mut round = 0;
    for crashes in 1..=2 * rounds {
        let spoke = proxy.logged(Logged::is_connected);
        fleet.provider.queue([Behaviour::status(402)]);
        assert_eq!(proxy.send(&trial::call(rounds + crashes - 1)).await.status, 402);
        let crash = proxy.until_logged("a crash", crashes, Logged::is_panic).await;
        // One that was made anew may have the news for a moment, until the owner asks for them again.
        if spoke.last().is_none_or(|owner| owner.thread != crash.thread) {
            continue;
        }
        let next =
            proxy.until_logged("another speaks", spoke.len() + 1, Logged::is_connected).await;
        let took = next.after(&crash);
        println!(
            "the owner's VM of thread {} crashed: that of thread {} speaks to the store {took} ms later",
            crash.thread, next.thread
        );
        assert!(took <= limit(), "{took} ms");
        assert_it_hears(&fleet, &proxy, round).await;
        round += 1;
        if round == rounds {
            return Ok(());
        }
    }
    panic!("the owner's VM crashed {round} times only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_its_listener_is_updated_another_speaks_to_the_store_within_three_seconds() -> Outcome
{
    let rounds = amount(2, 6);
    let fleet = a_alone(rounds).await?;
    let member = Member::new("b", &policy());
    let envoy = member.envoy(fleet.provider.address(), fleet.etcd.address()).updatable();
    let envoy = trial::prepare(envoy, rounds, fleet.provider.address());
    let mut proxy = Proxy::start("b", envoy).await?;
    proxy.until_connected(true).await;
    for round in 0..rounds {
        let mut document = member.document();
        // No two in a row are the same.
        document["defaults"]["trip"] = json!({"consecutive_failures": 5 + round % 2});
        let before = proxy.logged(Logged::is_connected).len();
        assert_eq!(proxy.envoy.update_configuration(&document).await?, Update::Applied);
        let since = Instant::now();
        proxy.until_logged("another speaks", before + 1, Logged::is_connected).await;
        let took = i64::try_from(since.elapsed().as_millis())?;
        println!("the listener was updated: the next speaks to the store {took} ms later");
        assert!(took <= limit(), "{took} ms");
        assert_it_hears(&fleet, &proxy, round).await;
    }
    Ok(())
}

/// However many workers and listeners there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_has_one_watch() -> Outcome {
    let fleet = a_alone(1).await?;
    let member = Member::new("b", &policy());
    let listener = |name| Listener::new(name).configuration(&member.document());
    let envoy = Envoy::builder()
        .shipped("fleet/egress.yaml")
        .node("b")
        .workers(4)
        .cluster(Cluster::at(OPENAI, fleet.provider.address()))
        .cluster(Cluster::at(STORE, fleet.etcd.address()))
        .listener(listener("llm_egress"))
        .listener(listener("another"));
    let proxy = Proxy::start("b", envoy).await?;
    proxy.until_connected(true).await;
    // Whoever wanted to speak as well has had the time to.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let active = proxy.envoy.counter("cluster.etcd.upstream_rq_active").await;
    assert_eq!(active, 1, "{}", proxy.show().await);
    Ok(())
}
