//! The store may be down, frozen, empty, full of nonsense: traffic does not notice, and what the proxies
//! know comes together again afterwards.

use std::time::{Duration, Instant};

use llm_breaker_host_tests::envoy::Cluster;
use llm_breaker_host_tests::etcd::Etcd;
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use crate::Outcome;
use crate::amount::{amount, is_all};
use crate::fault::{FAULTS, Fault, GARBAGE, until_noticed};
use crate::latency::{Round, judge};
use crate::stage::{CLOSED, Fleet, Member, NAMES, OPEN, Proxy, RECONNECT_MAX, STORE, start_all};
use crate::steady::{Sample, Steady, assert_none_lost};
use crate::trial;

/// Calls a second to the fleet; where latency is judged, as many to proxies without one.
const PACE: u32 = 200;
/// How long calls go on at least, where it is.
const PHASE: Duration = Duration::from_secs(10);
/// For a machine that is busy.
const MARGIN: Duration = Duration::from_secs(10);
/// Memory of a VM, in MiB.
const VM_MIB: f64 = 2.0;
/// Two workers and the main thread.
const VMS: f64 = 3.0;

fn policy() -> Value {
    json!({"open": {"quota": "3600s"}})
}

/// The fleet and, where latency is judged, proxies of the same module without a fleet.
struct Scene {
    fleet: Fleet,
    plain: Vec<Proxy>,
    /// Who answers the trials: each is told that its quota is used up.
    _used_up: Simulator,
    trials: usize,
}

impl Scene {
    async fn start(trials: usize) -> Outcome<Self> {
        let members: Vec<_> = NAMES.iter().map(|name| Member::new(name, &policy())).collect();
        let used_up = Simulator::start().await?;
        used_up.behave(Behaviour::status(402));
        let with_trials = |envoy| trial::prepare(envoy, trials, used_up.address());
        let fleet = Fleet::of(&members, |envoy, _| with_trials(envoy)).await?;
        let plain = members.into_iter().map(|member| {
            let member = Member { fleet: false, ..member };
            let envoy = member.envoy(fleet.provider.address(), fleet.etcd.address());
            (member.name, with_trials(envoy))
        });
        let plain = if is_all() { start_all(plain).await? } else { Vec::new() };
        fleet.provider.forget_calls();
        Ok(Self { fleet, plain, _used_up: used_up, trials: 0 })
    }

    /// In turns, where there are both.
    fn traffic(&self) -> Steady {
        let addresses = (0..NAMES.len()).flat_map(|place| {
            let both = [self.fleet.proxies.get(place), self.plain.get(place)];
            both.into_iter().flatten().map(|proxy| proxy.envoy.address())
        });
        let sides = if self.plain.is_empty() { 1 } else { 2 };
        Steady::start(addresses.collect(), sides * PACE)
    }

    /// What becomes of calls while this happens to the store, and until the proxies agree again.
    async fn suffer(&mut self, fault: Fault) -> Outcome<Vec<Sample>> {
        let traffic = self.traffic();
        let since = Instant::now();
        let number = self.trials;
        self.trials += 1;
        fault.begin(&mut self.fleet.etcd).await?;
        if fault.is_absence() {
            until_noticed(fault, &self.fleet).await;
        }
        // While the store is away one proxy learns something, too.
        if fault == Fault::Stopped {
            self.learn(number).await;
        }
        fault.end(&mut self.fleet.etcd).await?;
        let over = Instant::now();
        if fault != Fault::Stopped {
            self.learn(number).await;
        }
        self.until_they_agree(fault, number, over).await;
        if is_all() {
            tokio::time::sleep(PHASE.saturating_sub(since.elapsed())).await;
        }
        let samples = traffic.stop().await;
        assert_none_lost(&samples, 200);
        Ok(samples)
    }

    /// One proxy is told that a quota is used up.
    async fn learn(&self, number: usize) {
        assert_eq!(self.fleet.proxies[0].send(&trial::call(number)).await.status, 402);
    }

    async fn until_they_agree(&self, fault: Fault, number: usize, over: Instant) {
        for proxy in &self.fleet.proxies {
            proxy.opening(&trial::breaker(number)).await;
        }
        let took = over.elapsed();
        println!("{fault:?}: all four proxies agree {took:.2?} after it is over");
        let margin = if is_all() { Duration::ZERO } else { MARGIN };
        assert!(took <= 2 * RECONNECT_MAX + margin, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_store_does_no_call_is_lost_and_none_is_slower() -> Outcome {
    let rounds = amount(1, 5);
    let mut scene = Scene::start(rounds * FAULTS.len()).await?;
    let mut seen = Vec::new();
    for _ in 0..rounds {
        for fault in FAULTS {
            let samples = scene.suffer(fault).await?;
            println!("{fault:?}: {} calls, none lost", samples.len());
            seen.extend(is_all().then(|| Round::of(fault, &samples)));
        }
    }
    let ignored = GARBAGE.len() as f64 / 2.0;
    for proxy in &scene.fleet.proxies {
        assert_eq!(proxy.state().await, CLOSED, "{}", proxy.show().await);
        assert!(proxy.sum("fleet_hints_ignored_total").await >= ignored);
        let memory = proxy.envoy.linear_memories_mib()?;
        println!("{}: the linear memories of its {VMS} VMs are {memory:.1} MiB", proxy.name);
        assert!(memory <= VMS * VM_MIB, "{memory}");
        assert!(!proxy.envoy.log().lines().iter().any(|line| line.contains("panicked")));
    }
    if is_all() {
        let dear = judge(&seen, &FAULTS);
        assert!(dear.is_empty(), "{dear:?}");
    }
    Ok(())
}

/// A store that takes nothing more: what is known stays, and nobody is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_takes_nothing_more_and_harms_nobody() -> Outcome {
    let provider = Simulator::start().await?;
    let etcd = Etcd::start_with(None, &["--quota-backend-bytes=3000000"]).await?;
    let mut proxies = Vec::new();
    for name in &NAMES[..2] {
        let envoy = Member::new(name, &policy()).envoy(provider.address(), etcd.address());
        let envoy = trial::prepare(envoy, 2, provider.address());
        proxies.push(Proxy::start(name, envoy).await?);
        proxies[proxies.len() - 1].until_connected(true).await;
    }
    let full = async { while etcd.fill("/full/", 128, &"x".repeat(5_000)).await.is_ok() {} };
    patiently("a full store", full).await;
    provider.queue([Behaviour::status(402)]);
    assert_eq!(proxies[0].send(&trial::call(0)).await.status, 402);
    proxies[0].opening(&trial::breaker(0)).await;
    for _ in 0..20 {
        assert_eq!(proxies[1].send(&trial::call(0)).await.status, 200);
    }
    // The operator makes room.
    let control = etcd.control();
    control.delete_prefix("/full/").await?;
    control.compact().await?;
    control.run(&["defrag"]).await?;
    control.run(&["alarm", "disarm"]).await?;
    provider.queue([Behaviour::status(402)]);
    assert_eq!(proxies[0].send(&trial::call(1)).await.status, 402);
    proxies[1].opening(&trial::breaker(1)).await;
    Ok(())
}

/// Something else listens where the store should be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_store_is_not_believed() -> Outcome {
    let (provider, impostor) = (Simulator::start().await?, Simulator::start().await?);
    let member = Member::new("a", &policy());
    for behaviour in [
        Behaviour::Healthy,
        Behaviour::grpc(0),
        Behaviour::status(503),
        Behaviour::Close,
        Behaviour::Hang,
        Behaviour::answer(200, &[("content-type", "application/grpc")], vec![0xff; 10_000]),
        Behaviour::answer(
            200,
            &[("content-type", "application/grpc")],
            vec![0, 0, 0, 0, 3, 0xff, 0xff, 0xff],
        ),
    ] {
        impostor.behave(behaviour.clone());
        let envoy = member.envoy_by(Cluster::at(STORE, impostor.address()), provider.address());
        let proxy = Proxy::start("a", envoy).await?;
        impostor.wait_for_calls(impostor.calls() + 1).await;
        for _ in 0..5 {
            assert_eq!(proxy.call().await.status, 200, "{behaviour:?}");
        }
        provider.queue(std::iter::repeat_with(|| Behaviour::status(500)).take(5));
        for _ in 0..5 {
            assert_eq!(proxy.call().await.status, 500, "{behaviour:?}");
        }
        assert_eq!(proxy.state().await, OPEN, "it goes on alone");
        proxy.until_connected(false).await;
        assert!(!proxy.envoy.log().lines().iter().any(|line| line.contains("panicked")));
    }
    Ok(())
}
