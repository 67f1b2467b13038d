//! A real Prometheus that scrapes the tests' Envoys by the shipped configuration and rules, only
//! faster.
//!
//! ```ignore
//! let prometheus = Prometheus::start(&[envoy.admin_address()], 0, Pace::FOR_TESTS).await?;
//! let open = prometheus.wait_for_alert("LLMBreakerOpen", AlertState::Firing).await;
//! assert_eq!(open.labels["llm_cluster"], OPENAI);
//! let calls = prometheus.query("sum(llm_circuit_breaker_outcomes_total)").await?;
//! ```
//!
//! Dropping it kills its process and removes its data.

mod answer;
mod place;
mod shipped;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub use self::answer::{Alert, AlertState, Refused, Series};
pub use self::place::{promtool, shipped_folder};
pub use self::shipped::{Pace, document};
use crate::client::{Call, Client};
use crate::envoy::Log;
use crate::patience::{PATIENCE, POLL_INTERVAL, patiently};

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    _process: Child,
    _directory: TempDir,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts one that scrapes these targets at this pace, on this port of the loopback address or,
    /// with 0, a free one.
    ///
    /// # Errors
    /// When the binary is missing, or it refuses the files or the port: with what it wrote last.
    pub async fn start(targets: &[SocketAddr], port: u16, pace: Pace) -> io::Result<Self> {
        let directory = TempDir::with_prefix("llm-breaker-prometheus-")?;
        let configuration = shipped::write(directory.path(), targets, pace)?;
        let binary = place::prometheus()?;
        let mut command = Command::new(&binary);
        command
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={}:{port}", Ipv4Addr::LOCALHOST));
        // Debian's takes its pages from files, which are beside it; others have no such option.
        if let Some(pages) = place::pages_beside(&binary) {
            command.arg(format!("--web.local-assets={}", pages.display()));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn()?;
        let log = Log::follow(process.stderr.take().expect("a piped stderr"));
        let address = tokio::select! {
            address = listening(&log) => address?,
            status = process.wait() => {
                log.ended().await;
                return Err(failed(&format!("it ended ({})", status?), &log));
            }
        };
        let started = Self { _process: process, _directory: directory, address };
        started.wait_until_ready().await;
        Ok(started)
    }

    async fn wait_until_ready(&self) {
        let ready = async {
            let client = Client::http1(self.address);
            while !client.send(&Call::get("/-/ready")).await.is_ok_and(|a| a.status == 200) {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently("Prometheus to be ready", ready).await;
    }

    /// Where its pages and its API are.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL under which its pages `alerts` and `graph` are. Debian's has only the old ones.
    pub async fn pages(&self) -> String {
        let old = Client::http1(self.address).send(&Call::get("/classic/alerts")).await;
        let folder = if old.is_ok_and(|answer| answer.status == 200) { "/classic" } else { "" };
        format!("http://{}{folder}", self.address)
    }

    /// The values of an expression now; those that are not a number are left out.
    ///
    /// # Errors
    /// When Prometheus refuses the expression, saying why.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn query(&self, expression: &str) -> Result<Vec<Series>, Refused> {
        self.ask("query", &[("query", expression)]).await.map(|data| answer::series(&data))
    }

    /// The values of an expression between two moments, in Unix seconds, one every `step` seconds;
    /// of each series the last that is a number.
    ///
    /// # Errors
    /// As [`Self::query`].
    ///
    /// # Panics
    /// As [`Self::query`].
    pub async fn query_range(
        &self,
        expression: &str,
        (start, end): (f64, f64),
        step: f64,
    ) -> Result<Vec<Series>, Refused> {
        let (start, end, step) = (start.to_string(), end.to_string(), step.to_string());
        let parameters = [("query", expression), ("start", &start), ("end", &end), ("step", &step)];
        self.ask("query_range", &parameters).await.map(|data| answer::series(&data))
    }

    /// The values of a label among the series that match, as Grafana asks for its variables.
    ///
    /// # Errors
    /// When Prometheus refuses the selector, saying why.
    ///
    /// # Panics
    /// As [`Self::query`].
    pub async fn label_values(
        &self,
        label: &str,
        selector: Option<&str>,
    ) -> Result<Vec<String>, Refused> {
        let parameters: Vec<_> = selector.iter().map(|selector| ("match[]", *selector)).collect();
        let data = self.ask(&format!("label/{label}/values"), &parameters).await?;
        Ok(serde_json::from_value(data).expect("a list of values"))
    }

    /// The alerts that are pending or firing now.
    ///
    /// # Panics
    /// As [`Self::query`].
    pub async fn alerts(&self) -> Vec<Alert> {
        let data = self.ask("alerts", &[]).await.expect("the alerts");
        serde_json::from_value(data["alerts"].clone()).expect("alerts")
    }

    /// Waits until an alert of that name is in that state, and returns it.
    ///
    /// # Panics
    /// When that does not happen within [`PATIENCE`]: with the alerts that there are.
    pub async fn wait_for_alert(&self, name: &str, state: AlertState) -> Alert {
        let is_it = |alert: &Alert| alert.name() == name && alert.state == state;
        let wanted = async {
            loop {
                if let Some(alert) = self.alerts().await.into_iter().find(is_it) {
                    return alert;
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        match tokio::time::timeout(PATIENCE, wanted).await {
            Ok(alert) => alert,
            Err(_) => panic!("{name} is not {state:?}: {:#?}", self.alerts().await),
        }
    }

    /// Waits until no alert of that name is firing.
    ///
    /// # Panics
    /// When one still is after [`PATIENCE`].
    pub async fn wait_for_end_of_alert(&self, name: &str) {
        let is_firing = |alert: &Alert| alert.name() == name && alert.state == AlertState::Firing;
        let ended = async {
            while self.alerts().await.iter().any(is_firing) {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently(&format!("the end of {name}"), ended).await;
    }

    async fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Value, Refused> {
        let query: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
            .collect();
        let call = Call::get(&format!("/api/v1/{what}?{}", query.join("&")));
        let answer = patiently("Prometheus", Client::http1(self.address).send(&call)).await;
        answer::data(&answer.expect("an answer of Prometheus").json())
    }
}

/// Where it listens, as it says itself.
async fn listening(log: &Log) -> io::Result<SocketAddr> {
    const SAYING: &str = "msg=\"Listening on\" address=";
    let line = log.wait_for(|line| line.contains(SAYING)).await;
    let address = line.split(SAYING).nth(1).and_then(|rest| rest.split_whitespace().next());
    address
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| failed(&format!("no address in: {line}"), log))
}

fn failed(what: &str, log: &Log) -> io::Error {
    let mut lines = log.lines();
    let last = lines.split_off(lines.len().saturating_sub(20));
    io::Error::other(format!("Prometheus: {what}\n{}", last.join("\n")))
}

/// All but letters and digits written as `%XX`.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}
