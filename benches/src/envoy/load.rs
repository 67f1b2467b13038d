//! What do so many requests get, and how fast? h2load asks.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use super::Failure;
use crate::spread::percentile;

/// What is answered to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A small completion.
    Whole,
    /// A stream of 100 server-sent events.
    Stream,
    /// A 400 with a body that says why.
    Error,
    /// A small completion, to a request without a body: a refusal of one with a body ends its
    /// connection, as the body was not read.
    ToGet,
}

impl Answer {
    /// The path by which it is asked for.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Whole => "/v1/chat/completions",
            Self::Stream => "/stream/v1/chat/completions",
            Self::Error => "/error/v1/chat/completions",
            Self::ToGet => "/v1/chat/completions/1",
        }
    }
}

/// Some requests.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many.
    pub requests: u32,
    /// Connections, each with one request at a time.
    pub clients: u32,
    /// Requests a second on each connection; as many as go if absent.
    pub rate: Option<u32>,
    /// What they ask for.
    pub answer: Answer,
}

/// What became of them.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Answered requests in a second.
    pub throughput: f64,
    /// Of each request, in microseconds, sorted.
    pub latencies: Vec<f64>,
    /// Requests that got no answer.
    pub unanswered: usize,
}

impl Measured {
    /// The latency below which this share of the requests is, in microseconds.
    #[must_use]
    pub fn latency(&self, share: f64) -> f64 {
        percentile(&self.latencies, share)
    }
}

impl Answer {
    /// Whether it is asked for with a body.
    #[must_use]
    pub fn to_a_body(self) -> bool {
        self != Self::ToGet
    }
}

const BODY: &str =
    r#"{"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}"#;

impl Load {
    /// Send it.
    ///
    /// # Errors
    /// When h2load is missing.
    pub fn send(&self, to: SocketAddr) -> Result<Measured, Failure> {
        let directory = TempDir::with_prefix("llm-breaker-load-")?;
        let (body, log) = (directory.path().join("body"), directory.path().join("log"));
        std::fs::write(&body, BODY)?;
        let mut command = Command::new("h2load");
        command.args(["--h1", "-t", "1", "-H", "content-type: application/json"]);
        command.args([
            "-H",
            "accept: application/json",
            "-H",
            "authorization: Bearer sk-0123456789",
        ]);
        command.args(["-H", "user-agent: OpenAI/Python 3.54.0"]);
        command.args(["-n", &self.requests.to_string(), "-c", &self.clients.to_string()]);
        if let Some(rate) = self.rate {
            command.args(["--rps", &rate.to_string()]);
        }
        if self.answer.to_a_body() {
            command.arg("-d").arg(&body);
        }
        command.arg("--log-file").arg(&log);
        command.arg(format!("http://{to}{}", self.answer.path()));
        let output = command.output().map_err(|error| {
            format!("h2load: {error}; `apt-get install nghttp2-client` brings it")
        })?;
        let said = String::from_utf8_lossy(&output.stdout);
        let throughput = throughput(&said).ok_or_else(|| format!("h2load said: {said}"))?;
        let latencies = latencies(&std::fs::read_to_string(&log)?);
        let unanswered = (self.requests as usize).saturating_sub(latencies.len());
        Ok(Measured { throughput, latencies, unanswered })
    }
}

/// `finished in 1.43s, 6993.77 req/s, 1.42MB/s`
fn throughput(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.starts_with("finished in"))?;
    line.split(", ").nth(1)?.strip_suffix(" req/s")?.parse().ok()
}

/// Start, status (-1 without an answer) and microseconds of each.
fn latencies(log: &str) -> Vec<f64> {
    let latency = |line: &str| {
        let mut fields = line.split('\t').skip(1);
        let status: i32 = fields.next()?.parse().ok()?;
        fields.next()?.parse::<f64>().ok().filter(|_| status > 0)
    };
    let mut latencies: Vec<f64> = log.lines().filter_map(latency).collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}
