//! `make run`: a provider dies and comes back, with the filter in a real Envoy in front of it.
//!
//! Every step prints how long each answer took, how many calls reached the provider, and the
//! breaker's state as Envoy's stats show it. The exit status is 0 only if the story came out as
//! told. On a terminal everything goes on serving afterwards, until Ctrl-C.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use llm_breaker_host_tests::client::{Answer, Call};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI, Route, STATUS};
use llm_breaker_host_tests::ports;
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

type Failure = Box<dyn std::error::Error>;

const STATE: &str = "llm_circuit_breaker_state";
const LABELS: [(&str, &str); 1] = [("llm_cluster", OPENAI)];
/// The default is 30 s: too long to watch.
const OPEN_SECONDS: u32 = 2;
/// Another provider, where calls go whose quota is used up.
const SPARE: &str = "spare";
/// What the status page asks for before it changes something, on this machine alone.
const TOKEN: &str = "only-for-this-story";
const ROUTE_HEADER: &str = "x-llm-route";

#[tokio::main]
async fn main() -> ExitCode {
    match told_until_ended().await {
        Ok(exit) => exit,
        Err(failure) => {
            eprintln!("make run: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Whatever ends it, everything it started is dropped, and so ended, on the way out.
async fn told_until_ended() -> Result<ExitCode, Failure> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let ended = async {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    };
    tokio::pin!(ended);
    let told = async {
        let mut story = Story::begin().await?;
        let exit = story.tell().await;
        Ok::<_, Failure>((story, exit))
    };
    let (story, exit) = tokio::select! {
        told = told => told?,
        () = &mut ended => return Err("ended before the story was".into()),
    };
    if exit == ExitCode::SUCCESS && std::io::stdout().is_terminal() {
        story.goes_on_serving().await;
        ended.await;
    }
    Ok(exit)
}

/// The loopback ports, each to be set by an environment variable.
struct Ports {
    listener: u16,
    admin: u16,
    provider: u16,
    control: u16,
    status: u16,
}

impl Ports {
    fn from_environment() -> Result<Self, Failure> {
        Ok(Self {
            listener: ports::from_environment("LISTENER_PORT", 10000)?,
            admin: ports::from_environment("ADMIN_PORT", 9901)?,
            provider: ports::from_environment("PROVIDER_PORT", 10001)?,
            control: ports::from_environment("CONTROL_PORT", 10002)?,
            status: ports::from_environment("STATUS_PORT", 9902)?,
        })
    }
}

struct Story {
    ports: Ports,
    provider: Simulator,
    spare: Simulator,
    envoy: Envoy,
    /// What did not come out as told.
    broken: Vec<String>,
}

impl Story {
    async fn begin() -> Result<Self, Failure> {
        let ports = Ports::from_environment()?;
        let provider = Simulator::start_on(ports::loopback(ports.provider)).await?;
        let spare = Simulator::start().await?;
        let listener = Listener::default()
            .port(ports.listener)
            .allow_on_headers_stop_iteration()
            .route(Route::to(SPARE).header(ROUTE_HEADER, SPARE))
            .route(Route::to(OPENAI))
            .configuration(&configuration());
        let envoy = Envoy::builder()
            .cluster(Cluster::at(OPENAI, provider.address()))
            .cluster(Cluster::at(SPARE, spare.address()))
            .listener(listener)
            .listener(Listener::status_page(Some(TOKEN)).port(ports.status))
            .admin_port(ports.admin)
            .start()
            .await?;
        Ok(Self { ports, provider, spare, envoy, broken: Vec::new() })
    }

    async fn tell(&mut self) -> ExitCode {
        println!("Envoy with llm-breaker, in front of a simulated LLM provider.");
        println!("The breaker stays open for {OPEN_SECONDS} s here (the default is 30 s).");
        println!(
            "Its status page, with the token {TOKEN}: http://{}\n",
            self.envoy.address_of(STATUS)
        );
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

        self.provider.behave(Behaviour::status(402));
        self.step("its quota is used up: one call fails", 1, UNPAID.reaching(1)).await;
        self.step("the next are sent to the spare", 5, REROUTED).await;
        self.provider.behave(Behaviour::status(529));
        self.open_time_ends(OPEN_SECONDS).await;
        self.step("a probe goes out: it is overloaded", 1, OVERLOADED.reaching(1)).await;
        self.step("answered with a made completion", 5, MADE).await;

        if !self.broken.is_empty() {
            eprintln!("\nThe story did not come out as told:\n  {}", self.broken.join("\n  "));
            return ExitCode::FAILURE;
        }
        println!("\nThe story came out as told.");
        ExitCode::SUCCESS
    }

    /// Calls one after another, what came of them, and whether that is what should have.
    async fn step(&mut self, what: &str, calls: usize, expected: Expected) {
        let (reached_before, spare_before) = (self.provider.calls(), self.spare.calls());
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
            && answers.iter().all(|answer| answer.breaker() == expected.mark)
            && reached == expected.reached
            && self.spare.calls() - spare_before == if expected.rerouted { calls } else { 0 }
            && state == Some(expected.state);
        if !as_told {
            self.broken.push(format!("{what}: expected {expected:?}"));
        }
    }

    async fn open_time_ends(&mut self, seconds: u32) {
        self.envoy.wait_for_stat(STATE, &LABELS, |state| state == 2.0).await;
        println!("… {seconds} s later: half-open");
    }

    /// Until it is dropped.
    async fn goes_on_serving(&self) {
        let Ports { listener, admin, control, .. } = self.ports;
        let control = match self.provider.control(ports::loopback(control)).await {
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
    }
}

/// How a step should come out.
#[derive(Clone, Copy, Debug)]
struct Expected {
    status: u16,
    /// The value of `x-llm-breaker`, which the filter's own answers have.
    mark: Option<&'static str>,
    reached: usize,
    /// Whether the spare served.
    rerouted: bool,
    state: f64,
}

const HEALTHY: Expected =
    Expected { status: 200, mark: None, reached: 0, rerouted: false, state: 0.0 };
const FAILED: Expected = Expected { status: 500, state: 1.0, ..HEALTHY };
const BLOCKED: Expected = Expected { status: 503, mark: Some("open"), ..FAILED };
const UNPAID: Expected = Expected { status: 402, ..FAILED };
const REROUTED: Expected = Expected { status: 200, rerouted: true, ..FAILED };
const OVERLOADED: Expected = Expected { status: 529, ..FAILED };
const MADE: Expected = Expected { status: 200, mark: Some("fallback"), ..FAILED };

impl Expected {
    const fn reaching(self, reached: usize) -> Self {
        Self { reached, ..self }
    }
}

/// A failing provider is answered for by a typed error, an exhausted quota by another provider, and
/// an overloaded one by a made completion.
fn configuration() -> Value {
    let open_time = format!("{OPEN_SECONDS}s");
    let spare = json!({
        "kind": "reroute", "when": ["quota_exhausted"],
        "header": ROUTE_HEADER, "value": SPARE, "cluster": SPARE,
    });
    let made = json!({
        "kind": "completion", "when": ["overloaded"],
        "text": "I cannot answer just now. Please try again in a minute.",
    });
    json!({
        "stop_iteration": true,
        "defaults": {
            "open": {"base": open_time, "quota": open_time, "jitter": 0},
            "fallback": [spare, made, {"kind": "error"}],
        },
    })
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
