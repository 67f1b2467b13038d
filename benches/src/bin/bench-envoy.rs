//! `make bench-envoy`: what a request costs the real Envoy's process, without a filter, with one that
//! does nothing, with ours, and with what others offer.

use std::process::ExitCode;

use llm_breaker_benches::envoy::{
    Answer, Costs, Failure, Load, Stage, Variant, interleaved, microseconds_over,
};
use llm_breaker_benches::spread::Spread;
use llm_breaker_benches::{page, plot};

const REQUESTS: u32 = 4_000;
const CLIENTS: u32 = 8;

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench-envoy: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), Failure> {
    let rounds = std::env::var("ROUNDS").ok().and_then(|it| it.parse().ok()).unwrap_or(15);
    let out = std::env::var("OUT").unwrap_or_else(|_| "docs/performance".to_owned());
    std::fs::create_dir_all(&out)?;
    let stage = Stage::start(&Variant::ALL, 1).await?;
    let load = |answer, requests| Load { requests, clients: CLIENTS, rate: None, answer };
    let whole = interleaved(&stage, load(Answer::Whole, REQUESTS), rounds)?;
    let streams = interleaved(&stage, load(Answer::Stream, REQUESTS / 8), rounds.div_ceil(2))?;
    let errors = interleaved(&stage, load(Answer::Error, REQUESTS / 2), rounds.div_ceil(2))?;
    let mut text = format!(
        "{rounds} interleaved rounds of {REQUESTS} requests on {CLIENTS} connections, one worker.\n\n"
    );
    for (title, costs) in [
        ("A whole answer", &whole),
        ("A stream of 100 events in one piece", &streams),
        ("A 400 with a body", &errors),
    ] {
        text += &table(title, costs);
    }
    print!("{text}");
    page::put("envoy", &text)?;
    let rows: Vec<_> =
        whole.iter().map(|it| (it.variant.name().to_owned(), Spread::of(&it.cpu))).collect();
    let title = "CPU time of the Envoy process for one proxied request";
    std::fs::write(format!("{out}/envoy.svg"), plot::bars(title, "µs", &rows))?;
    Ok(())
}

fn table(title: &str, costs: &[Costs]) -> String {
    let mut text = format!(
        "**{title}**\n\n| variant | CPU µs a request: median (middle half) | over no filter | over the idle filter | p50 µs | p99 µs |\n|---|---|---|---|---|---|\n"
    );
    for cost in costs {
        let over = |base| Spread::of(&microseconds_over(costs, cost.variant, base));
        text += &format!(
            "| {} | {} | {} | {} | {:.0} | {:.0} |\n",
            cost.variant.name(),
            Spread::of(&cost.cpu),
            over(Variant::Bare),
            over(Variant::Idle),
            cost.each(|it| it.latency(0.5)).median,
            cost.each(|it| it.latency(0.99)).median,
        );
    }
    text + "\n"
}
