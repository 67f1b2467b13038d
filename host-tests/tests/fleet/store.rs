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
use crate::stage::{CLOSED, FACTS, Fleet, Member, NAMES, OPEN, Proxy, RECONNECT_MAX, STORE};
use crate::steady::{Sample, Steady, assert_none_lost, quantile};
use crate::trial;

/// Calls a second to the fleet, and as many to proxies without one.
const PACE: u32 = 200;
/// What a fault may cost in latency.
const DEARER: f64 = 1.10;
/// Within which a store that answers no more is to be noticed.
const NOTICED: Duration = Duration::from_secs(5);
const FOREIGN_KEYS: usize = 100_000;
/// Memory of a VM, in MiB.
const VM_MIB: f64 = 2.0;
/// Two workers and the main thread.
const VMS: f64 = 3.0;

fn policy() -> Value {
    json!({"open": {"quota": "600s"}})
}

/// What is done to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    Stopped,
    Frozen,
    Wiped,
    Restarted,
    Compacted,
    Garbage,
    ForeignKeys,
}

const FAULTS: [Fault; 8] = [
    Fault::Nothing,
    Fault::Stopped,
    Fault::Frozen,
    Fault::Wiped,
    Fault::Restarted,
    Fault::Compacted,
    Fault::Garbage,
    Fault::ForeignKeys,
];

/// Keys and values that no proxy would write.
const GARBAGE: [(&str, &str); 12] = [
    ("/llm-breaker/v1/acme/", "{}"),
    ("/llm-breaker/v1/acme/x", "{\"state\":\"open\"}"),
    ("/llm-breaker/v1/acme/x/y/z/too/long", "{\"state\":\"open\"}"),
    ("/llm-breaker/v1/acme/%zz/y/z", "{\"state\":\"open\"}"),
    ("/llm-breaker/v1/acme/provider-0/evil/1", "not JSON"),
    (
        "/llm-breaker/v1/acme/provider-0/evil/2",
        "{\"state\":\"open\",\"basis\":\"announced\",\"remaining_ms\":-1}",
    ),
    (
        "/llm-breaker/v1/acme/provider-0/evil/3",
        "{\"state\":\"open\",\"basis\":\"announced\",\"remaining_ms\":1e400}",
    ),
    ("/llm-breaker/v1/acme/provider-0/evil/4", "{\"state\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
    ("/llm-breaker/v1/acme/provider-0/evil/5", "{\"state\":\"ajar\"}"),
    ("/llm-breaker/turn/v1/acme/provider-0/x", "nobody"),
    ("/llm-breaker/override/v1/acme/provider-0", "{\"mode\":\"everything\"}"),
    ("/llm-breaker/override/v1/acme/nobody", "{\"mode\":\"forced_open\",\"remaining_ms\":600000}"),
];

/// The fleet and, beside it, proxies of the same module without a fleet.
struct Scene {
    fleet: Fleet,
    plain: Vec<Proxy>,
    /// Who answers the trials: each is told that its quota is used up.
    _used_up: Simulator,
    trials: usize,
}

impl Scene {
    async fn start() -> Outcome<Self> {
        let members: Vec<_> = NAMES.iter().map(|name| Member::new(name, &policy())).collect();
        let used_up = Simulator::start().await?;
        used_up.behave(Behaviour::status(402));
        let with_trials = |envoy| trial::prepare(envoy, FAULTS.len(), used_up.address());
        let fleet = Fleet::of(&members, |envoy, _| with_trials(envoy)).await?;
        let mut plain = Vec::new();
        for name in NAMES {
            let member = Member { fleet: false, ..Member::new(name, &policy()) };
            let envoy = member.envoy(fleet.provider.address(), fleet.etcd.address());
            plain.push(Proxy::start(name, with_trials(envoy)).await?);
        }
        fleet.provider.forget_calls();
        Ok(Self { fleet, plain, _used_up: used_up, trials: 0 })
    }

    fn traffic(&self) -> Steady {
        // In turn, so that whatever else this machine does meets both.
        let pairs = self.fleet.proxies.iter().zip(&self.plain);
        let addresses = pairs.flat_map(|(one, other)| [one.envoy.address(), other.envoy.address()]);
        Steady::start(addresses.collect(), 2 * PACE)
    }

    /// Does it, for as long as the store suffers it, and waits until it is over.
    async fn suffer(&mut self, fault: Fault) -> Outcome {
        let pause = Duration::from_secs(amount(2, 10));
        let etcd = &mut self.fleet.etcd;
        match fault {
            Fault::Nothing => tokio::time::sleep(pause).await,
            Fault::Stopped | Fault::Wiped | Fault::Restarted => {
                if fault == Fault::Wiped {
                    etcd.wipe().await?
                } else {
                    etcd.stop().await?
                }
                if fault != Fault::Restarted {
                    self.fleet.until_connected(false).await;
                    tokio::time::sleep(pause).await;
                }
                self.fleet.etcd.start_again().await?;
            }
            Fault::Frozen => {
                etcd.freeze().await?;
                self.until_noticed().await;
                tokio::time::sleep(pause).await;
                self.fleet.etcd.thaw().await?;
            }
            Fault::Compacted => {
                etcd.control().compact().await?;
                tokio::time::sleep(pause).await;
            }
            Fault::Garbage => {
                for (key, value) in GARBAGE {
                    etcd.control().put(key, value).await?;
                }
                etcd.fill("/llm-breaker/v1/acme/provider-0/evil/long-", 1, &"x".repeat(100_000))
                    .await?;
                tokio::time::sleep(pause).await;
            }
            Fault::ForeignKeys => {
                // Half of them look like those of breakers that nobody here has.
                let value = r#"{"state":"open","basis":"observed","remaining_ms":60000}"#;
                etcd.fill("/another/application/", FOREIGN_KEYS / 2, value).await?;
                etcd.fill(&format!("{FACTS}foreign/domain/"), FOREIGN_KEYS / 2, value).await?;
            }
        }
        Ok(())
    }

    /// Every proxy knows that a frozen store does not answer.
    async fn until_noticed(&self) {
        let since = Instant::now();
        self.fleet.until_connected(false).await;
        let took = since.elapsed();
        println!("frozen: all four proxies know after {took:.2?}");
        assert!(!is_all() || took <= NOTICED, "{took:?}");
    }

    /// What one proxy learns from now on is known to all, and it is soon.
    async fn until_converged(&mut self, fault: Fault, since: Instant, opened: bool) {
        let number = self.trials;
        self.trials += 1;
        if !opened {
            self.open(number).await;
        }
        for proxy in &self.fleet.proxies {
            proxy.opening(&trial::breaker(number)).await;
        }
        let took = since.elapsed();
        println!("{fault:?}: all four proxies agree {took:.2?} after it is over");
        assert!(!is_all() || took <= 2 * RECONNECT_MAX, "{took:?}");
    }

    /// One proxy is told that a quota is used up.
    async fn open(&self, number: usize) {
        assert_eq!(self.fleet.proxies[0].send(&trial::call(number)).await.status, 402);
    }
}

fn side(samples: &[Sample], plain: bool) -> impl Iterator<Item = &Sample> + Clone {
    samples.iter().filter(move |sample| (sample.to % 2 == 1) == plain)
}

/// Of the fleet's latency, how many times that of the others.
fn dearer(samples: &[Sample], share: f64) -> (Duration, Duration, f64) {
    let (fleet, plain) =
        (quantile(side(samples, false), share), quantile(side(samples, true), share));
    (fleet, plain, fleet.as_secs_f64() / plain.as_secs_f64())
}

fn report(what: &str, samples: &[Sample]) -> [f64; 2] {
    let (fleet_50, plain_50, ratio_50) = dearer(samples, 0.5);
    let (fleet_99, plain_99, ratio_99) = dearer(samples, 0.99);
    println!(
        "{what}: {} calls, none lost; p50 {fleet_50:.2?} against {plain_50:.2?} without fleet ({ratio_50:.2}), \
         p99 {fleet_99:.2?} against {plain_99:.2?} ({ratio_99:.2})",
        samples.len(),
    );
    [ratio_50, ratio_99]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_store_does_no_call_is_lost_and_none_is_slower() -> Outcome {
    let mut scene = Scene::start().await?;
    let mut all = Vec::new();
    for fault in FAULTS {
        let traffic = scene.traffic();
        // While the store is away one proxy learns something, too.
        let opened = matches!(fault, Fault::Stopped);
        if opened {
            scene.fleet.etcd.stop().await?;
            scene.fleet.until_connected(false).await;
            scene.open(scene.trials).await;
        }
        scene.suffer(fault).await?;
        scene.until_converged(fault, Instant::now(), opened).await;
        let samples = traffic.stop().await;
        assert_none_lost(&samples, 200);
        report(&format!("{fault:?}"), &samples);
        all.extend(samples);
    }
    let ratios = report("all of it", &all);
    assert!(!is_all() || ratios.iter().all(|ratio| *ratio <= DEARER), "{ratios:?}");
    for proxy in &scene.fleet.proxies {
        assert_eq!(proxy.state().await, CLOSED, "{}", proxy.show().await);
        assert!(proxy.sum("fleet_hints_ignored_total").await >= GARBAGE.len() as f64 / 2.0);
        let memory = proxy.envoy.linear_memories_mib()?;
        println!("{}: the linear memories of its {VMS} VMs are {memory:.1} MiB", proxy.name);
        assert!(memory <= VMS * VM_MIB, "{memory}");
        assert!(!proxy.envoy.log().lines().iter().any(|line| line.contains("panicked")));
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
