//! `make observe`: callers, a provider whose faults come and go, and a Prometheus that says so.
//!
//! It prints where to look, and then what changes: faults, and the alerts that fire and end. On a
//! terminal it goes on until Ctrl-C; else until one outage has come and gone, with exit status 0 only
//! if its alert fired and ended.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use llm_breaker_host_tests::envoy::STATUS;
use llm_breaker_host_tests::ports;
use llm_breaker_host_tests::prometheus::{Alert, AlertState, Pace, Prometheus};
use llm_breaker_host_tests::site::{Fault, Plan, Site, TOKEN};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

type Failure = Box<dyn std::error::Error>;

/// What five minutes of an alert's patience become: 5 s.
const PACE: Pace = Pace { interval: Duration::from_secs(1), divisor: 60 };
/// How long a fault lasts: long enough for an alert to fire, and to look at it.
const FAULT: Duration = Duration::from_secs(20);
const OPEN: Duration = Duration::from_secs(2);
const SLOW: Duration = Duration::from_millis(500);
/// Between two calls of a caller.
const CALL: Duration = Duration::from_millis(200);
/// Between two looks at the alerts.
const LOOK: Duration = Duration::from_millis(500);
/// What an outage of [`Watch::one_outage`] may take, on a busy machine too.
const OUTAGE: Duration = Duration::from_mins(3);

#[tokio::main]
async fn main() -> ExitCode {
    match observe().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("make observe: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn observe() -> Result<(), Failure> {
    let plan = Plan {
        listener_port: ports::from_environment("LISTENER_PORT", 10000)?,
        admin_port: ports::from_environment("ADMIN_PORT", 9901)?,
        status_port: ports::from_environment("STATUS_PORT", 9902)?,
        open: OPEN,
        slow: SLOW,
    };
    let prometheus_port = ports::from_environment("PROMETHEUS_PORT", 9090)?;
    let site = Site::start(plan).await?;
    let prometheus =
        Prometheus::start(&[site.envoy.admin_address()], prometheus_port, PACE).await?;
    let _callers = site.callers(CALL);
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    say_where_to_look(&site, prometheus.address(), &prometheus.pages().await);
    let told = watch::Sender::default();
    let watch = Watch { site, prometheus, started: Instant::now(), told };
    // Whatever ends it, everything it started is dropped, and so ended, on the way out.
    tokio::select! {
        done = watch.run() => done,
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
    }
}

fn say_where_to_look(site: &Site, prometheus: SocketAddr, pages: &str) {
    let (callers, admin) = (site.envoy.address(), site.envoy.admin_address());
    println!(
        "Callers, an Envoy with llm-breaker, a provider whose faults come and go, and Prometheus with"
    );
    println!("the shipped rules, only faster: 5 minutes of an alert's patience are 5 s here.\n");
    println!("What fires, and why:");
    println!("  {pages}/alerts");
    println!("The status page: what is open, why, until when; with the token {TOKEN} it steers:");
    println!("  http://{}/", site.envoy.address_of(STATUS));
    println!("The breakers (0 closed, 1 open, 2 half-open), and how much is blocked:");
    println!("  {pages}/graph?{}", graph("llm_circuit_breaker_state"));
    println!(
        "  {pages}/graph?{}",
        graph("cluster:llm_circuit_breaker_requests_blocked:ratio_rate5m")
    );
    println!("What Prometheus scrapes, and what callers get just now:");
    println!("  http://{admin}/stats/prometheus");
    println!("  curl -i http://{callers}/v1/chat/completions -d '{{\"model\": \"gpt-4.1\"}}'");
    println!("For a Grafana of yours, a data source and a dashboard:");
    println!("  http://{prometheus}   envoy/grafana/llm-breaker.json\n");
}

/// The query of Prometheus' page that draws an expression.
fn graph(expression: &str) -> String {
    format!("g0.tab=0&g0.range_input=10m&g0.expr={expression}")
}

/// What is watched, and since when.
struct Watch {
    site: Site,
    prometheus: Prometheus,
    started: Instant,
    /// The alerts that fire, as far as it was said, by name, provider and model.
    told: watch::Sender<BTreeMap<String, Alert>>,
}

impl Watch {
    async fn run(&self) -> Result<(), Failure> {
        let story = async {
            if std::io::stdin().is_terminal() {
                println!("Ctrl-C ends it.");
                self.all_faults().await
            } else {
                self.one_outage().await
            }
        };
        tokio::select! {
            told = story => told,
            () = self.tell_of_alerts() => Ok(()),
        }
    }

    async fn all_faults(&self) -> Result<(), Failure> {
        for fault in Fault::CYCLE.into_iter().cycle() {
            self.suffer(fault);
            tokio::time::sleep(FAULT).await;
        }
        Ok(())
    }

    /// From the first failure until the last alert of it has ended.
    async fn one_outage(&self) -> Result<(), Failure> {
        let is_open = |alert: &String| alert.starts_with("LLMBreakerOpen");
        let mut told = self.told.subscribe();
        let outage = async {
            self.suffer(Fault::Failing);
            told.wait_for(|alerts| alerts.keys().any(is_open)).await?;
            self.suffer(Fault::None);
            told.wait_for(|alerts| !alerts.keys().any(is_open)).await?;
            Ok(())
        };
        let ended = tokio::time::timeout(OUTAGE, outage).await;
        ended.map_err(|_| "the alert of the outage did not fire and end")?
    }

    fn suffer(&self, fault: Fault) {
        self.site.suffer(fault);
        self.say(&fault.what());
    }

    /// Says which alerts begin and end, for ever.
    async fn tell_of_alerts(&self) {
        loop {
            let (before, now) = (self.told.borrow().clone(), self.firing().await);
            for (what, alert) in &now {
                if !before.contains_key(what) {
                    self.say(&format_args!("  {what} fires: {}", alert.annotations["summary"]));
                }
            }
            for what in before.keys().filter(|what| !now.contains_key(*what)) {
                self.say(&format_args!("  {what} ends"));
            }
            self.told.send_replace(now);
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn firing(&self) -> BTreeMap<String, Alert> {
        let alerts = self.prometheus.alerts().await.into_iter();
        let firing = alerts.filter(|alert| alert.state == AlertState::Firing);
        firing.map(|alert| (name(&alert), alert)).collect()
    }

    fn say(&self, what: &dyn Display) {
        println!("{:>5} s  {what}", self.started.elapsed().as_secs());
    }
}

fn name(alert: &Alert) -> String {
    let labels = ["alertname", "llm_cluster", "llm_model", "instance"];
    let shown = labels.iter().filter_map(|label| alert.labels.get(*label)).map(String::as_str);
    shown.collect::<Vec<_>>().join(" ")
}
