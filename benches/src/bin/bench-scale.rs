//! `make bench-scale`: what the cost does as breakers, streams, workers and windows grow.

use std::process::ExitCode;
use std::time::Duration;

use llm_breaker::outcome::{Category, Outcome};
use llm_breaker::policy::WindowShape;
use llm_breaker_benches::envoy::{
    Answer, Failure, Load, Stage, Variant, interleaved, memory_bytes,
};
use llm_breaker_benches::many::Many;
use llm_breaker_benches::sample::Sample;
use llm_breaker_benches::spread::Spread;
use llm_breaker_benches::stopwatch::nanoseconds;
use llm_breaker_benches::{page as pages, plot};
use llm_breaker_host_tests::host::{Call, Module, Request, Response, World};

const SUCCESS: Outcome = Outcome::of(Category::Success);
const CLUSTER: &str = "outbound|443||api.openai.com";

type Line = (String, Vec<(f64, f64)>);

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench-scale: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), Failure> {
    let out = std::env::var("OUT").unwrap_or_else(|_| "docs/performance".to_owned());
    std::fs::create_dir_all(&out)?;
    let mut text = String::new();
    text += &page(
        &out,
        "breakers",
        "Bytes, record, bytes: one of so many breakers",
        "breakers",
        "ns",
        &breakers(),
    )?;
    text += &page(
        &out,
        "windows",
        "Admit and record, in memory",
        "buckets or calls of the window",
        "ns",
        &windows(),
    )?;
    text += &page(&out, "streams", "Memory of a VM", "live streams", "KiB", &streams())?;
    text += &page(
        &out,
        "workers",
        "CPU time for one proxied request, one hot breaker",
        "workers",
        "µs",
        &workers().await?,
    )?;
    print!("{text}");
    pages::put("scale", &text)
}

/// One figure as a table and as a plot.
fn page(
    out: &str,
    file: &str,
    title: &str,
    x: &str,
    unit: &str,
    lines: &[Line],
) -> Result<String, Failure> {
    std::fs::write(format!("{out}/{file}.svg"), plot::lines(title, x, unit, lines))?;
    let mut text = format!("**{title}** ({unit})\n\n| {x} |");
    let marks: Vec<f64> =
        lines.first().map_or_else(Vec::new, |(_, points)| points.iter().map(|it| it.0).collect());
    text += &marks.iter().map(|mark| format!(" {mark} |")).collect::<String>();
    text += &format!("\n|---|{}\n", "---|".repeat(marks.len()));
    for (name, points) in lines {
        text += &format!("| {name} |");
        text += &points.iter().map(|(_, y)| format!(" {y:.1} |")).collect::<String>();
        text += "\n";
    }
    Ok(text + "\n")
}

fn breakers() -> Vec<Line> {
    let mut hot = Vec::new();
    let mut random = Vec::new();
    for count in [1_usize, 10, 100, 1_000, 10_000] {
        let mut many = Many::of(count);
        hot.push((count as f64, nanoseconds(|| many.record_in_one(&SUCCESS))));
        random.push((count as f64, nanoseconds(|| many.record_in_any(&SUCCESS))));
    }
    vec![("the same one".to_owned(), hot), ("a random one".to_owned(), random)]
}

fn windows() -> Vec<Line> {
    let cost = |window| {
        let mut sample = Sample::with_window(window);
        nanoseconds(|| sample.call(&SUCCESS))
    };
    let by_time = [1, 10, 60, 120].map(|buckets| {
        (f64::from(buckets), cost(WindowShape::Time { duration: Duration::from_secs(60), buckets }))
    });
    let by_count = [1, 10, 60, 120].map(|calls| {
        (f64::from(calls), cost(WindowShape::Count { calls, max_age: Duration::from_secs(600) }))
    });
    vec![("by time".to_owned(), by_time.to_vec()), ("by count".to_owned(), by_count.to_vec())]
}

fn streams() -> Vec<Line> {
    let world = World::running(&Module::built("llm_breaker")).start();
    let mut calls: Vec<Call> = Vec::new();
    let mut memory = Vec::new();
    for count in [1_usize, 10, 100, 500, 1_000, 2_000] {
        while calls.len() < count {
            let call =
                world.worker(0).request(Request::post("/v1/chat/completions").cluster(CLUSTER));
            call.response_headers(&Response::event_stream());
            call.body_chunk(
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n",
            );
            calls.push(call);
        }
        memory.push((count as f64, world.memory_bytes(0) as f64 / 1024.0));
    }
    vec![("one worker".to_owned(), memory)]
}

async fn workers() -> Result<Vec<Line>, Failure> {
    let variants = [Variant::Bare, Variant::Idle, Variant::Ours];
    let mut lines: Vec<Line> =
        variants.iter().map(|it| (it.name().to_owned(), Vec::new())).collect();
    for workers in [1, 2, 4] {
        let stage = Stage::start(&variants, workers).await?;
        let load = Load { requests: 3_000, clients: 16, rate: None, answer: Answer::Whole };
        for (line, cost) in lines.iter_mut().zip(interleaved(&stage, load, 5)?) {
            line.1.push((f64::from(workers), Spread::of(&cost.cpu).median));
        }
        for (variant, envoy) in stage.envoys() {
            let stats = envoy.stats().await;
            let calls = stats.sum("llm_circuit_breaker_outcomes_total");
            let conflicts = stats.sum("llm_circuit_breaker_shared_state_conflicts_total");
            let memory = envoy.pid().map_or(0, memory_bytes) / 1024 / 1024;
            eprintln!(
                "{workers} workers, {}: {conflicts} conflicts in {calls} calls, each with one retry, {memory} MiB resident",
                variant.name()
            );
        }
    }
    Ok(lines)
}
