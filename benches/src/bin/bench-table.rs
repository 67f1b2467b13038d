//! `make bench-table`: every budget of `docs/performance.md`, measured in one run, and whether it is
//! kept. A miss does not fail the command: it is a figure like the others.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use failsafe::CircuitBreaker as _;
use llm_breaker::outcome::{Category, Outcome};
use llm_breaker::policy::WindowShape;
use llm_breaker_benches::envoy::{
    Answer, Costs, Failure, Load, Stage, Variant, interleaved, microseconds_over,
};
use llm_breaker_benches::many::Many;
use llm_breaker_benches::page;
use llm_breaker_benches::sample::Sample;
use llm_breaker_benches::spread::Spread;
use llm_breaker_benches::stopwatch::nanoseconds;
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI};
use llm_breaker_host_tests::host::{Module, Request, Response, World, path_of};
use serde_json::json;

const SUCCESS: Outcome = Outcome::of(Category::Success);
const CLUSTER: &str = "outbound|443||api.openai.com";
const EVENTS: f64 = 100.0;

/// A row of the table.
struct Row {
    what: &'static str,
    budget: String,
    measured: String,
    is_kept: bool,
}

#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    fn add(
        &mut self,
        what: &'static str,
        budget: impl Into<String>,
        measured: String,
        is_kept: bool,
    ) {
        self.0.push(Row { what, budget: budget.into(), measured, is_kept });
    }

    fn text(&self) -> String {
        let row = |it: &Row| {
            let kept = if it.is_kept { "kept" } else { "**missed**" };
            format!("| {} | {} | {} | {kept} |\n", it.what, it.budget, it.measured)
        };
        let rows: String = self.0.iter().map(row).collect();
        format!("| what | budget | measured | |\n|---|---|---|---|\n{rows}")
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench-table: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), Failure> {
    let mut table = Table::default();
    decisions(&mut table);
    records(&mut table);
    windows(&mut table);
    one_worker(&mut table).await?;
    two_workers(&mut table).await?;
    module(&mut table).await?;
    print!("{}", table.text());
    page::put("table", &table.text())
}

fn decisions(table: &mut Table) {
    let mut closed = Sample::closed();
    let ours = nanoseconds(|| closed.call(&SUCCESS));
    let recloser = recloser::Recloser::custom().build();
    let theirs = nanoseconds(|| recloser.call(|| Ok::<(), ()>(())));
    let failsafe = failsafe::Config::new().build();
    let others = nanoseconds(|| failsafe.call(|| Ok::<(), ()>(())));
    let measured = format!("{ours:.1} ns; recloser {theirs:.1}, failsafe {others:.1}");
    table.add(
        "admit and record a success, closed, in memory",
        "≤ 17 ns, and under recloser's call",
        measured,
        ours <= 17.0 && ours <= theirs,
    );
    let mut open = Sample::open();
    let reject = nanoseconds(|| open.admit());
    table.add("reject while open", "≤ 10 ns", format!("{reject:.1} ns"), reject <= 10.0);
}

fn records(table: &mut Table) {
    let mut sample = Sample::closed();
    let admit = nanoseconds(|| sample.admit_from_bytes());
    let record = nanoseconds(|| sample.record_in_bytes(&SUCCESS));
    let size = sample.record().len();
    let measured = format!("{admit:.0} ns and {record:.0} ns; the record has {size} bytes");
    table.add(
        "bytes → admit → decision; bytes → record → bytes",
        "≤ 150 ns each",
        measured,
        admit <= 150.0 && record <= 150.0,
    );
    let mut many = Many::of(10_000);
    let hot = nanoseconds(|| many.record_in_one(&SUCCESS));
    let random = nanoseconds(|| many.record_in_any(&SUCCESS));
    let is_kept = hot <= 1.15 * record && random <= record + 150.0;
    let measured = format!("hot {hot:.0} ns, random {random:.0} ns");
    table.add(
        "the same with 10,000 breakers",
        "a hot one as before, a random one ≤ 150 ns more",
        measured,
        is_kept,
    );
}

fn windows(table: &mut Table) {
    let cost = |window, gap: Duration| {
        let mut sample = Sample::with_window(window);
        nanoseconds(|| {
            sample.idle(gap);
            sample.call(&SUCCESS);
        })
    };
    let by_count = |calls| WindowShape::Count { calls, max_age: Duration::from_secs(600) };
    let by_time = |buckets| WindowShape::Time { duration: Duration::from_secs(60), buckets };
    let lengths = [by_count(10), by_count(1000), by_time(10), by_time(120)]
        .map(|it| cost(it, Duration::ZERO));
    let gaps = [61, 3_600, 86_400].map(|seconds| cost(by_time(10), Duration::from_secs(seconds)));
    let spread = |costs: &[f64]| {
        costs.iter().fold(0.0_f64, |a, b| a.max(*b)) / costs.iter().fold(f64::MAX, |a, b| a.min(*b))
    };
    let measured = format!(
        "10 or 1,000 calls: {:.1}, {:.1} ns; 10 or 120 buckets: {:.1}, {:.1} ns; idle for 61 s, 1 h, 1 day: {:.1}, {:.1}, {:.1} ns",
        lengths[0], lengths[1], lengths[2], lengths[3], gaps[0], gaps[1], gaps[2]
    );
    let is_kept =
        spread(&lengths[..2]) <= 1.5 && spread(&lengths[2..]) <= 1.5 && spread(&gaps) <= 1.5;
    table.add("window cost", "independent of its length and of the idle gap", measured, is_kept);
}

const fn load(answer: Answer, requests: u32) -> Load {
    Load { requests, clients: 8, rate: None, answer }
}

async fn one_worker(table: &mut Table) -> Result<(), Failure> {
    let rounds = std::env::var("ROUNDS").ok().and_then(|it| it.parse().ok()).unwrap_or(15);
    let stage =
        Stage::start(&[Variant::Bare, Variant::Idle, Variant::Ours, Variant::Open], 1).await?;
    let whole = interleaved(&stage, load(Answer::Whole, 4_000), rounds)?;
    let over = |costs: &[Costs], variant, base| {
        Spread::of(&microseconds_over(costs, variant, base)).median
    };
    let (idle, ours) =
        (over(&whole, Variant::Idle, Variant::Bare), over(&whole, Variant::Ours, Variant::Bare));
    let measured = format!("{ours:.1} µs against {idle:.1}: {:.2}", ours / idle);
    table.add(
        "Envoy CPU per proxied request over no filter, against a do-nothing Wasm filter",
        "≤ 2.0 × its cost",
        measured,
        ours <= 2.0 * idle,
    );
    let streams = interleaved(&stage, load(Answer::Stream, 800), rounds)?;
    let event = (over(&streams, Variant::Ours, Variant::Idle)
        - over(&whole, Variant::Ours, Variant::Idle))
        / EVENTS;
    let errors = interleaved(&stage, load(Answer::Error, 2_000), rounds)?;
    let error = over(&errors, Variant::Ours, Variant::Idle);
    table.add(
        "the same per SSE event; a 400 with its body read",
        "< 2 µs an event",
        format!("{event:.2} µs an event; {error:.1} µs a 400"),
        event < 2.0,
    );
    for (what, answer) in [
        ("a rejected request without a body, Envoy CPU", Answer::ToGet),
        ("a rejected request with a body (its connection ends)", Answer::Whole),
    ] {
        let costs = interleaved(&stage, load(answer, 4_000), rounds)?;
        let of = |wanted| {
            costs
                .iter()
                .find(|it| it.variant == wanted)
                .map_or(0.0, |it| Spread::of(&it.cpu).median)
        };
        let (open, bare) = (of(Variant::Open), of(Variant::Bare));
        table.add(
            what,
            "less than a proxied one without a filter",
            format!("{open:.1} µs against {bare:.1}"),
            open < bare,
        );
    }
    // One client: several would all send at the same instants, and wait for each other.
    let calm = Load { clients: 1, rate: Some(480), ..load(Answer::Whole, 2_000) };
    let calm = interleaved(&stage, calm, rounds.min(5))?;
    let latency = |wanted, share| {
        calm.iter()
            .find(|it| it.variant == wanted)
            .map_or(0.0, |it| it.each(|it| it.latency(share)).median)
    };
    let [ours, idle] =
        [Variant::Ours, Variant::Idle].map(|it| [latency(it, 0.5), latency(it, 0.99)]);
    let measured = format!(
        "p50 {:.0} µs against {:.0}, p99 {:.0} against {:.0}",
        ours[0], idle[0], ours[1], idle[1]
    );
    table.add(
        "latency at 480 requests a second",
        "p50 within 10 % of the do-nothing filter's",
        measured,
        ours[0] <= 1.1 * idle[0],
    );
    Ok(())
}

async fn two_workers(table: &mut Table) -> Result<(), Failure> {
    let mut conflicts = Vec::new();
    let mut ratio = Spread::default();
    for workers in [2, 4] {
        let stage = Stage::start(&[Variant::Idle, Variant::Ours], workers).await?;
        let load = Load { clients: 16, ..load(Answer::Whole, 6_000) };
        let costs = interleaved(&stage, load, 7)?;
        if let (2, [idle, ours]) = (workers, costs.as_slice()) {
            let pairs = ours.measured.iter().zip(&idle.measured);
            ratio = Spread::of(
                &pairs.map(|(ours, idle)| ours.throughput / idle.throughput).collect::<Vec<_>>(),
            );
        }
        for (_, envoy) in stage.envoys().filter(|(variant, _)| *variant == Variant::Ours) {
            let stats = envoy.stats().await;
            let calls = stats.sum("llm_circuit_breaker_outcomes_total").max(1.0);
            let lost = stats.sum("llm_circuit_breaker_shared_state_conflicts_total");
            conflicts.push(format!(
                "{workers} workers: {lost} conflicts in {calls} calls, {:.2} %, each with one retry",
                100.0 * lost / calls
            ));
        }
    }
    let measured = format!("{ratio} of its throughput; {}", conflicts.join("; "));
    table.add(
        "two workers on one hot key",
        "≥ 0.88 × the do-nothing filter's throughput",
        measured,
        ratio.median >= 0.88,
    );
    Ok(())
}

/// By how many milliseconds longer Envoy takes to look at a configuration with the filter than at one
/// without: it compiles the module, starts a VM and has it read its configuration.
async fn first_starts() -> Result<Vec<f64>, Failure> {
    let mut starts = Vec::new();
    for _ in 0..5 {
        let without = milliseconds_to_validate(Listener::default().without_plugin()).await?;
        let with = milliseconds_to_validate(Listener::default().configuration(&json!({}))).await?;
        starts.push(with - without);
    }
    Ok(starts)
}

async fn milliseconds_to_validate(listener: Listener) -> Result<f64, Failure> {
    let cluster = Cluster::at(OPENAI, ([127, 0, 0, 1], 9).into());
    let begun = Instant::now();
    Envoy::builder().cluster(cluster).listener(listener).validate().await?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

async fn module(table: &mut Table) -> Result<(), Failure> {
    let kilobytes = std::fs::metadata(path_of("llm_breaker"))?.len() / 1000;
    table.add("module", "≤ 350 kB", format!("{kilobytes} kB"), kilobytes <= 350);
    let module = Module::optimized("llm_breaker");
    let starts: Vec<f64> = (0..9)
        .map(|_| {
            let begun = Instant::now();
            let world = World::running(&module).start();
            // The throwaway VM, the main thread's and one worker's.
            drop(world);
            begun.elapsed().as_secs_f64() * 1000.0 / 3.0
        })
        .collect();
    let start = Spread::of(&starts).median;
    let first = Spread::of(&first_starts().await?);
    table.add(
        "start of a VM, compiled",
        "≤ 20 ms",
        format!("{start:.2} ms (wasmtime); the first in Envoy, which compiles it, {first} ms"),
        start <= 20.0,
    );
    let requests: u32 =
        std::env::var("REQUESTS").ok().and_then(|it| it.parse().ok()).unwrap_or(1_000_000);
    let world = World::running(&module).start();
    for _ in 0..requests {
        world.advance(Duration::from_millis(1));
        let completion = Response::status(200).body(r#"{"choices": []}"#);
        world
            .worker(0)
            .request(Request::post("/v1/chat/completions").cluster(CLUSTER))
            .upstream_answers(completion);
    }
    let mebibytes = world.memory_bytes(0) as f64 / 1024.0 / 1024.0;
    table.add(
        "linear memory of a VM after 10^6 requests",
        "≤ 2 MiB",
        format!("{mebibytes:.2} MiB after {requests}"),
        mebibytes <= 2.0,
    );
    Ok(())
}
