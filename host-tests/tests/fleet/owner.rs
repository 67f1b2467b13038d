//! One VM of a process speaks to the store. When it crashes, or its configuration goes, another does.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{
    Cluster, CrashingModule, Envoy, Listener, OPENAI, Update, fleet_module,
};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::{Value, json};

use crate::Outcome;
use crate::amount::amount;
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

/// How many VMs have crashed.
fn crashes(proxy: &Proxy) -> usize {
    proxy.envoy.log().matching(|line| line.contains("panicked at")).len()
}

/// Crashes VMs of workers, the owner among them unless it is the main thread's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_its_vm_crashes_another_speaks_to_the_store() -> Outcome {
    let rounds = amount(2, 6);
    let fleet = a_alone(rounds).await?;
    let module = CrashingModule::make_of(&fleet_module())?;
    let member = Member::new("b", &policy());
    let listener = Listener::default().module(module.path()).configuration(&member.document());
    let envoy = Envoy::builder()
        .shipped("fleet/egress.yaml")
        .node("b")
        .workers(4)
        .cluster(Cluster::at(OPENAI, fleet.provider.address()))
        .cluster(Cluster::at(STORE, fleet.etcd.address()))
        .listener(listener);
    let envoy = trial::prepare(envoy, rounds, fleet.provider.address());
    let proxy = Proxy::start("b", envoy).await?;
    proxy.until_connected(true).await;
    for round in 0..rounds {
        let before = crashes(&proxy);
        // Each connection goes to a worker of Envoy's choice.
        let crashed = async {
            while crashes(&proxy) < before + 4 {
                proxy.envoy.client().burst(8, &Call::chat()).await;
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently("VMs to crash", crashed).await;
        assert_it_hears(&fleet, &proxy, round).await;
    }
    println!(
        "{} VMs of a proxy with four workers crashed, and it heard what was said each time",
        crashes(&proxy)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_its_listener_is_updated_another_speaks_to_the_store() -> Outcome {
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
        assert_eq!(proxy.envoy.update_configuration(&document).await?, Update::Applied);
        assert_it_hears(&fleet, &proxy, round).await;
        proxy.until_connected(true).await;
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
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    let active = proxy.envoy.counter("cluster.etcd.upstream_rq_active").await;
    assert_eq!(active, 1, "{}", proxy.show().await);
    Ok(())
}
