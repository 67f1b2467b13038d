//! Mixed traffic, faults, hostile requests and new configurations for as long as one likes: nothing
//! that is measured goes on growing.

mod series;

use std::time::{Duration, Instant};

use fastrand::Rng;
use llm_breaker::shared::{Cell, Loaded, Stored, index_key, key_names};
use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::simulator::{Behaviour, Encoding, Pause, StreamEnd};
use tokio::task::JoinSet;

use self::series::Series;
use crate::Outcome;
use crate::amount::seed;
use crate::hostile::{Kind, Stage};

/// The environment variable that says for how many seconds.
const SOAK_SECONDS: &str = "SOAK_SECONDS";
const DEFAULT: Duration = Duration::from_mins(10);
/// Nobody's machine is kept for longer.
const LONGEST: Duration = Duration::from_hours(12);
const SAMPLES: u32 = 60;
/// Of these, so many until all has happened once.
const WARM_UP: usize = 20;
const CALLERS: usize = 8;
const PAUSE: Duration = Duration::from_millis(20);

fn duration() -> Duration {
    let asked = std::env::var(SOAK_SECONDS).ok().and_then(|text| text.parse().ok());
    asked.map_or(DEFAULT, Duration::from_secs).clamp(Duration::from_secs(SAMPLES.into()), LONGEST)
}

/// What the provider does, one after the other.
fn faults() -> Vec<Behaviour> {
    let compressed = Behaviour::compressed_script(
        Encoding::Gzip,
        ["data: {}\n\n", "data: [DONE]\n\n"],
        Pause::None,
        StreamEnd::Silent,
    );
    vec![
        Behaviour::Healthy,
        Behaviour::status(500),
        Behaviour::Healthy,
        Behaviour::status_with_header(429, "retry-after", "1"),
        Behaviour::Healthy,
        Behaviour::status(402),
        Behaviour::Close,
        Behaviour::cut_after(3),
        compressed,
        Behaviour::Healthy.after_milliseconds(200),
        Behaviour::ShortBody,
        Behaviour::status(529),
    ]
}

/// The list of breakers, as it was read.
struct Index(Vec<u8>);

impl Cell for Index {
    fn load(&self, key: &str) -> Loaded {
        if key == index_key() { Loaded::Found(self.0.clone(), 0) } else { Loaded::Absent }
    }

    fn store(&self, _key: &str, _value: &[u8], _version: Option<u32>) -> Stored {
        Stored::Unavailable
    }
}

/// Calls for ever, whatever comes back.
async fn call(client: Client, call: Call) {
    loop {
        drop(client.send(&call).await);
        tokio::time::sleep(PAUSE).await;
    }
}

/// One attack after the other.
async fn attack(targets: [std::net::SocketAddr; 2], mut rng: Rng) {
    loop {
        let target = targets[rng.usize(..targets.len())];
        Kind::random(&mut rng).attack(target, Rng::with_seed(rng.u64(..))).await;
        tokio::time::sleep(PAUSE).await;
    }
}

fn traffic(stage: &Stage) -> JoinSet<()> {
    let targets = stage.targets();
    let mut tasks = JoinSet::new();
    for number in 0..CALLERS {
        let target = targets[number % targets.len()];
        let client = if number % 4 < 2 { Client::http1(target) } else { Client::http2(target) };
        tasks.spawn(call(
            client,
            if number % 3 == 0 { Call::chat() } else { Call::streamed_chat() },
        ));
        tasks.spawn(attack(targets, Rng::with_seed(seed() + number as u64)));
    }
    tasks
}

/// Everything that must not grow, with how far it may seem to.
fn all_series() -> [Series; 5] {
    [
        Series::new("resident MiB", 12.0),
        Series::new("linear memory MiB", 1.0),
        Series::new("active VMs", 0.9),
        Series::new("breakers in shared data", 0.9),
        Series::new("stats", 30.0),
    ]
}

async fn sample(stage: &Stage) -> Outcome<[f64; 5]> {
    let keys = key_names(&Index(stage.shared(&index_key()).await?)).len();
    let stats = stage.envoy.admin(&Call::get("/stats")).await.text().lines().count();
    let vms = stage.envoy.counter("wasm.envoy.wasm.runtime.v8.active").await;
    Ok([
        stage.envoy.resident_mib()?,
        stage.envoy.linear_memories_mib()?,
        vms as f64,
        keys as f64,
        stats as f64,
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as SOAK_SECONDS says: `make soak`"]
async fn nothing_goes_on_growing() -> Outcome {
    let (started, duration) = (Instant::now(), duration());
    let mut stage = Stage::start().await?;
    let (faults, mut series) = (faults(), all_series());
    let traffic = traffic(&stage);
    let mut due = tokio::time::interval(duration / SAMPLES);
    due.tick().await;
    for number in 0..SAMPLES {
        stage.provider.behave(faults[number as usize % faults.len()].clone());
        stage.push(number).await?;
        due.tick().await;
        let values = sample(&stage).await?;
        series.iter_mut().zip(values).for_each(|(series, value)| series.push(value));
    }
    drop(traffic);

    println!("{} calls reached the provider in {:.0?}", stage.provider.calls(), started.elapsed());
    for series in &series {
        println!("{}", series.chart(WARM_UP));
    }
    std::fs::write(series::svg_path(), series::svg(&series))?;
    println!("{}", series::svg_path().display());
    stage.assert_no_traps();
    for series in &series {
        series.assert_flat(WARM_UP);
    }
    Ok(())
}
