//! `make run`: a provider dies and comes back, with the filter in a real Envoy in front of it.
//!
//! Every step prints how long each answer took, how many calls reached the provider, and the
//! breaker's state as Envoy's stats show it. The exit status is 0 only if the story came out as
//! told. On a terminal everything goes on serving afterwards, until Ctrl-C.

use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use llm_breaker_host_tests::client::{Answer, Call};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

const STATE: &str = "llm_circuit_breaker_state";
const LABELS: [(&str, &str); 1] = [("llm_cluster", OPENAI)];
/// The default is 30 s: too long to watch.
const OPEN_SECONDS: u32 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    match Story::begin().await {
        Ok(mut story) => story.tell().await,
        Err(failure) => {
            eprintln!("make run: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The loopback ports, each to be set by an environment variable.
struct Ports {
    listener: u16,
    admin: u16,
    provider: u16,
    control: u16,
}

impl Ports {
    fn from_environment() -> Result<Self, Failure> {
        Ok(Self {
            listener: free_port("LISTENER_PORT", 10000)?,
            admin: free_port("ADMIN_PORT", 9901)?,
            provider: free_port("PROVIDER_PORT", 10001)?,
            control: free_port("CONTROL_PORT", 10002)?,
        })
    }
}

/// The port that the variable names, if nobody listens there yet.
fn free_port(variable: &str, default: u16) -> Result<u16, Failure> {
    let port = match std::env::var(variable) {
        Ok(text) => text.parse().map_err(|_| format!("{variable}={text} is not a port"))?,
        Err(_) => default,
    };
    match TcpListener::bind(loopback(port)) {
        Ok(_) => Ok(port),
        Err(error) => Err(format!(
            "port {port} cannot be listened on ({error}); choose another: make run {variable}=…"
        )
        .into()),
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

struct Story {
    ports: Ports,
    provider: Simulator,
    envoy: Envoy,
    /// What did not come out as told.
    broken: Vec<String>,
}

impl Story {
    async fn begin() -> Result<Self, Failure> {
        let ports = Ports::from_environment()?;
        let provider = Simulator::start_on(loopback(ports.provider)).await?;
        let open = json!({"base": format!("{OPEN_SECONDS}s"), "jitter": 0});
        let envoy = Envoy::builder()
            .cluster(Cluster::at(OPENAI, provider.address()))
            .listener(
                Listener::default()
                    .port(ports.listener)
                    .configuration(&json!({"defaults": {"open": open}})),
            )
            .admin_port(ports.admin)
            .start()
            .await?;
        Ok(Self { ports, provider, envoy, broken: Vec::new() })
    }

    async fn tell(&mut self) -> ExitCode {
        println!("Envoy with llm-breaker, in front of a simulated LLM provider.");
        println!("The breaker stays open for {OPEN_SECONDS} s here (the default is 30 s).\n");
        println!("{:<46} {:>9} {:>12} {:>8}  breaker", "", "answers", "median time", "reached");

        self.step("healthy calls", 3, HEALTHY.reaching(3)).await;
        self.provider.behave(Behaviour::status(500));
        self.step("the provider dies: five calls fail", 5, FAILED.reaching(5)).await;
        self.step("the rest are answered at once", 15, BLOCKED).await;
        self.open_time_ends(OPEN_SECONDS).await;
        self.step("a probe goes out, and fails", 1, FAILED.reaching(1)).await;
        self.step("answered at once, for twice as long", 5, BLOCKED).await;
        self.provider.behave(Behaviour::Healthy);
        self.open_time_ends(2 * OPEN_SECONDS).await;
        self.step("the provider is back: a probe succeeds", 1, HEALTHY.reaching(1)).await;
        self.step("healthy calls", 5, HEALTHY.reaching(5)).await;

        if !self.broken.is_empty() {
            eprintln!("\nThe story did not come out as told:\n  {}", self.broken.join("\n  "));
            return ExitCode::FAILURE;
        }
        println!("\nThe story came out as told.");
        if std::io::stdout().is_terminal() {
            self.go_on_serving().await;
        }
        ExitCode::SUCCESS
    }

    /// Calls one after another, what came of them, and whether that is what should have.
    async fn step(&mut self, what: &str, calls: usize, expected: Expected) {
        let reached_before = self.provider.calls();
        let mut answers = Vec::new();
        for _ in 0..calls {
            match self.envoy.client().send(&Call::chat()).await {
                Ok(answer) => answers.push(answer),
                Err(failure) => self.broken.push(format!("{what}: {failure:?}")),
            }
        }
        let reached = self.provider.calls() - reached_before;
        let state = self.envoy.stats().await.value(STATE, &LABELS);
        println!(
            "{what:<46} {:>9} {:>9.1} ms {reached:>8}  {}",
            format!("{} × {}", answers.len(), statuses(&answers)),
            median(&answers).as_secs_f64() * 1e3,
            state_name(state),
        );
        let as_told = answers.iter().all(|answer| answer.status == expected.status)
            && reached == expected.reached
            && state == Some(expected.state);
        if !as_told {
            self.broken.push(format!("{what}: expected {expected:?}"));
        }
    }

    async fn open_time_ends(&mut self, seconds: u32) {
        self.envoy.wait_for_stat(STATE, &LABELS, |state| state == 2.0).await;
        println!("… {seconds} s later: half-open");
    }

    async fn go_on_serving(&self) {
        let Ports { listener, admin, control, .. } = self.ports;
        let control = match self.provider.control(loopback(control)).await {
            Ok((address, serving)) => {
                tokio::spawn(serving);
                address
            }
            Err(error) => {
                eprintln!("no control of the provider: {error}");
                return;
            }
        };
        println!("\nStill serving; Ctrl-C ends it. In another terminal:");
        println!("  curl -i http://127.0.0.1:{listener}/v1/chat/completions -d '{{}}'");
        println!(
            "  curl -X PUT http://{control}/behaviour -d '{{\"kind\": \"status\", \"status\": 500}}'"
        );
        println!("  curl -X PUT http://{control}/behaviour -d '{{\"kind\": \"healthy\"}}'");
        println!("  curl -s http://127.0.0.1:{admin}/stats/prometheus | grep llm_circuit_breaker");
        if let Err(error) = tokio::signal::ctrl_c().await {
            eprintln!("cannot wait for Ctrl-C: {error}");
        }
    }
}

/// How a step should come out.
#[derive(Clone, Copy, Debug)]
struct Expected {
    status: u16,
    reached: usize,
    state: f64,
}

const HEALTHY: Expected = Expected { status: 200, reached: 0, state: 0.0 };
const FAILED: Expected = Expected { status: 500, reached: 0, state: 1.0 };
const BLOCKED: Expected = Expected { status: 503, reached: 0, state: 1.0 };

impl Expected {
    const fn reaching(self, reached: usize) -> Self {
        Self { reached, ..self }
    }
}

fn statuses(answers: &[Answer]) -> String {
    let mut statuses: Vec<String> =
        answers.iter().map(|answer| answer.status.as_u16().to_string()).collect();
    statuses.dedup();
    statuses.join("/")
}

fn median(answers: &[Answer]) -> Duration {
    let mut times: Vec<Duration> = answers.iter().map(|answer| answer.elapsed).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn state_name(state: Option<f64>) -> &'static str {
    match state {
        Some(0.0) => "closed",
        Some(1.0) => "open",
        Some(2.0) => "half-open",
        _ => "unknown",
    }
}
