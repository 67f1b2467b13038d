//! Proxies with names of their own, the provider behind them, and the etcd that they share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use llm_breaker_host_tests::client::{Answer, Call};
use llm_breaker_host_tests::envoy::{Builder, Cluster, CrashingModule, Envoy, Listener, OPENAI};
use llm_breaker_host_tests::etcd::Etcd;
use llm_breaker_host_tests::patience::{PATIENCE, POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use crate::Outcome;
use crate::journal::Logged;
use crate::trial;

/// The values of the gauge `llm_circuit_breaker_state`.
pub(crate) const CLOSED: f64 = 0.0;
pub(crate) const OPEN: f64 = 1.0;

/// The account that the proxies share unless a test says otherwise.
pub(crate) const SCOPE: &str = "acme";
/// What all keys of that account's facts begin with.
pub(crate) const FACTS: &str = "/llm-breaker/v1/acme/";
/// The longest wait before a proxy connects to the store again.
pub(crate) const RECONNECT_MAX: Duration = Duration::from_secs(2);
/// Four proxies, as most tests have them.
pub(crate) const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// Where the cluster of the store stands in the shipped YAML.
pub(crate) const STORE: &str = "etcd";

/// One proxy as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) scope: String,
    pub(crate) domain: Option<String>,
    pub(crate) policy: Value,
    pub(crate) fleet: bool,
}

impl Member {
    /// A proxy of the shared account, its node id being its domain.
    pub(crate) fn new(name: &str, policy: &Value) -> Self {
        Self {
            name: name.to_owned(),
            scope: SCOPE.to_owned(),
            domain: None,
            policy: policy.clone(),
            fleet: true,
        }
    }

    /// The filter's configuration.
    pub(crate) fn document(&self) -> Value {
        let fleet = json!({
            "cluster": STORE,
            "scope": self.scope,
            "domain": self.domain,
            "corroborate": 2,
            "ramp": "1s",
            "reconnect_max": format!("{}s", RECONNECT_MAX.as_secs()),
        });
        let fleet = if self.fleet { fleet } else { Value::Null };
        // What is not listed is heard of only after a call to it.
        let breakers = json!([{"cluster": OPENAI}, {"cluster": trial::ALL}]);
        json!({"fleet": fleet, "breakers": breakers, "defaults": self.policy})
    }

    /// The Envoy with the shipped YAML for fleets, in front of these.
    pub(crate) fn envoy(&self, provider: SocketAddr, store: SocketAddr) -> Builder {
        self.envoy_by(Cluster::at(STORE, store), provider)
    }

    /// The same, the store being reached in another way.
    pub(crate) fn envoy_by(&self, store: Cluster, provider: SocketAddr) -> Builder {
        self.envoy_of(Listener::default(), store, provider)
    }

    /// The same as [`Self::envoy`], with this module in the place of the one that is shipped.
    pub(crate) fn envoy_with(
        &self,
        module: &CrashingModule,
        provider: SocketAddr,
        store: SocketAddr,
    ) -> Builder {
        let listener = Listener::default().module(module.path());
        self.envoy_of(listener, Cluster::at(STORE, store), provider)
    }

    fn envoy_of(&self, listener: Listener, store: Cluster, provider: SocketAddr) -> Builder {
        Envoy::builder()
            .shipped("fleet/egress.yaml")
            .node(&self.name)
            .cluster(Cluster::at(OPENAI, provider))
            .cluster(store)
            .listener(listener.configuration(&self.document()))
    }
}

/// A running proxy.
pub(crate) struct Proxy {
    pub(crate) name: String,
    pub(crate) envoy: Envoy,
}

impl Proxy {
    pub(crate) async fn start(name: &str, envoy: Builder) -> Outcome<Self> {
        Ok(Self { name: name.to_owned(), envoy: envoy.start().await? })
    }

    /// Another process in its place, with the same name.
    pub(crate) async fn restart(self) -> Outcome<Self> {
        let parts = self.envoy.parts().clone();
        drop(self.envoy);
        Self::start(&self.name, parts).await
    }

    pub(crate) async fn call(&self) -> Answer {
        self.send(&Call::chat()).await
    }

    pub(crate) async fn send(&self, call: &Call) -> Answer {
        patiently("an answer", self.envoy.client().send(call)).await.expect("an answer")
    }

    /// Whether a call was answered by the breaker, the provider untouched.
    pub(crate) async fn is_blocked(&self) -> bool {
        self.call().await.breaker() == Some("open")
    }

    pub(crate) async fn state(&self) -> f64 {
        self.stat("state").await
    }

    /// A stat of the provider's breaker, named without the common prefix.
    pub(crate) async fn stat(&self, name: &str) -> f64 {
        self.stat_of(OPENAI, name).await
    }

    /// The same of another breaker.
    pub(crate) async fn stat_of(&self, breaker: &str, name: &str) -> f64 {
        let stats = self.envoy.stats().await;
        let labels = [("llm_cluster", breaker)];
        stats.value(&format!("llm_circuit_breaker_{name}"), &labels).unwrap_or(0.0)
    }

    pub(crate) async fn until_state(&self, wanted: f64) {
        let reached = async {
            while self.state().await != wanted {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            panic!("the state of {} is not {wanted}:\n{}", self.name, self.show().await);
        }
    }

    /// Waits until it has read the store, or knows that it has lost it; says how long that took.
    pub(crate) async fn until_connected(&self, wanted: bool) -> Duration {
        let (since, value) = (Instant::now(), f64::from(u8::from(wanted)));
        let reached = async {
            while !self.is_connected_as(value).await {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            panic!("{}: connected is not {wanted}:\n{}", self.name, self.show().await);
        }
        since.elapsed()
    }

    /// Waits until it was told that another proxy sees something fail.
    pub(crate) async fn until_it_heard(&self) {
        let heard = async {
            while self.received().await == 0.0 {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently("a word of another proxy", heard).await;
    }

    async fn received(&self) -> f64 {
        let name = "llm_circuit_breaker_fleet_events_total";
        let stats = self.envoy.stats().await;
        let samples = stats.samples(name).into_iter();
        let is_word = |labels: &BTreeMap<String, String>| {
            labels["direction"] == "received" && labels["kind"] == "observed"
        };
        let received = samples.filter(|(_, labels, _)| is_word(labels));
        received.map(|(_, _, value)| value).sum()
    }

    async fn is_connected_as(&self, value: f64) -> bool {
        let stats = self.envoy.stats().await;
        stats.value("llm_circuit_breaker_fleet_connected", &[]).unwrap_or(0.0) == value
    }

    /// The sum over all labels of a stat.
    pub(crate) async fn sum(&self, name: &str) -> f64 {
        self.envoy.stats().await.sum(&format!("llm_circuit_breaker_{name}"))
    }

    /// The lines of its log that `wanted` accepts.
    pub(crate) fn logged(&self, wanted: impl Fn(&Logged) -> bool) -> Vec<Logged> {
        let lines = self.envoy.log().lines();
        lines.iter().filter_map(|line| Logged::in_line(line)).filter(wanted).collect()
    }

    /// Waits until there are so many of them, and returns the last.
    pub(crate) async fn until_logged(
        &self,
        what: &str,
        count: usize,
        wanted: impl Fn(&Logged) -> bool,
    ) -> Logged {
        let is_wanted = |line: &str| Logged::in_line(line).is_some_and(|it| wanted(&it));
        let lines = self.envoy.log().wait_for_count(count, is_wanted);
        let Ok(lines) = tokio::time::timeout(PATIENCE / 2, lines).await else {
            panic!("{} has not logged: {what}\n{}", self.name, self.show().await);
        };
        Logged::in_line(&lines[count - 1]).expect("a line as before")
    }

    /// The transitions of a breaker that it has logged.
    pub(crate) fn transitions(&self, breaker: &str) -> Vec<Logged> {
        self.logged(|it| it.is_transition_of(breaker))
    }

    /// When a breaker opened, as its log says, and why.
    pub(crate) async fn opening(&self, breaker: &str) -> Logged {
        self.until_logged(&format!("{breaker} opens"), 1, |it| it.opens(breaker)).await
    }

    pub(crate) async fn show(&self) -> String {
        let stats = self.envoy.stats().await;
        let samples = stats.lines("llm_circuit_breaker").into_iter();
        let samples: Vec<_> = samples.filter(|line| !line.contains("_bucket{")).collect();
        let samples = samples.join("\n");
        let log = self.envoy.log().matching(|line| line.contains("[wasm]"));
        let last = log[log.len().saturating_sub(30)..].join("\n");
        format!("{samples}\n{last}")
    }
}

/// Starts them at the same time, for most of a start is waiting.
pub(crate) async fn start_all(
    envoys: impl IntoIterator<Item = (String, Builder)>,
) -> Outcome<Vec<Proxy>> {
    let starting = envoys.into_iter().map(|(name, envoy)| {
        tokio::spawn(async move { Proxy::start(&name, envoy).await.map_err(|it| it.to_string()) })
    });
    let mut proxies = Vec::new();
    for proxy in starting.collect::<Vec<_>>() {
        proxies.push(proxy.await??);
    }
    Ok(proxies)
}

/// All of it, running.
pub(crate) struct Fleet {
    pub(crate) etcd: Etcd,
    pub(crate) provider: Simulator,
    pub(crate) proxies: Vec<Proxy>,
}

impl Fleet {
    /// Four proxies of one account in front of one provider, all connected to the store.
    pub(crate) async fn start(policy: &Value) -> Outcome<Self> {
        let members: Vec<_> = NAMES.iter().map(|name| Member::new(name, policy)).collect();
        Self::of(&members, |builder, _| builder).await
    }

    /// These proxies, in front of the same provider, shaped as a test wants them.
    pub(crate) async fn of(
        members: &[Member],
        shape: impl Fn(Builder, SocketAddr) -> Builder,
    ) -> Outcome<Self> {
        let (etcd, provider) = (Etcd::start().await?, Simulator::start().await?);
        let envoy = |member: &Member| {
            let envoy = member.envoy(provider.address(), etcd.address());
            (member.name.clone(), shape(envoy, provider.address()))
        };
        let proxies = start_all(members.iter().map(envoy)).await?;
        let fleet = Self { etcd, provider, proxies };
        fleet.until_connected(true).await;
        Ok(fleet)
    }

    pub(crate) async fn until_connected(&self, wanted: bool) {
        for proxy in &self.proxies {
            proxy.until_connected(wanted).await;
        }
    }

    /// Lets the first proxies fail so many calls each while the store stands still, so that none of them
    /// hears of another before it has opened by itself.
    pub(crate) async fn fail_at_once(&self, proxies: usize, calls: usize) {
        let arrived = self.provider.calls();
        let failing = || Behaviour::status(500).held();
        self.provider.queue(std::iter::repeat_with(failing).take(proxies * calls));
        let mut burst = tokio::task::JoinSet::new();
        for proxy in &self.proxies[..proxies] {
            let client = proxy.envoy.client();
            burst.spawn(async move { client.burst(calls, &Call::chat()).await });
        }
        self.provider.wait_for_calls(arrived + proxies * calls).await;
        self.etcd.freeze().await.expect("an etcd");
        self.provider.release();
        let answers = patiently("all answers", burst.join_all()).await;
        self.etcd.thaw().await.expect("an etcd");
        assert!(answers.iter().flatten().all(|answer| answer.status == 500));
    }
}
