//! `make evidence`: everything is run, told and held against its bounds. `SEED=` runs it from another
//! seed on and changes no page; `CALLS=` and `INCIDENTS=` say how much.

use llm_breaker_evidence::campaign::{Scope, Size, run};
use llm_breaker_evidence::ours::Setting;
use llm_breaker_evidence::{bounds, page};
use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

const PAGE: &str = "docs/evidence.md";

fn main() -> ExitCode {
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let (seed, calls, incidents) = (number("SEED"), number("CALLS"), number("INCIDENTS"));
    let size = Size {
        seed: seed.unwrap_or(1),
        calls: calls.unwrap_or(1_000_000),
        hours: if calls.is_some() { 0 } else { 350 },
        incidents: incidents.unwrap_or(200).max(1),
    };
    let begun = Instant::now();
    let campaign = run(&Setting::defaults(), size, Scope::Everything);
    let tables = page::tables(&campaign, size);
    for (name, table) in &tables[..5] {
        println!("{name}\n\n{table}\n");
    }
    println!("{:.0} s", begun.elapsed().as_secs_f64());
    let slips = bounds::slips(&campaign);
    for slip in &slips {
        println!("slips: {slip}");
    }
    let is_the_pages = seed.is_none() && calls.is_none() && incidents.is_none();
    if is_the_pages && let Err(why) = write(&tables) {
        println!("{PAGE}: {why}");
        return ExitCode::FAILURE;
    }
    if slips.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write(tables: &[page::Named]) -> Result<(), String> {
    let text = fs::read_to_string(PAGE).map_err(|error| error.to_string())?;
    fs::write(PAGE, page::put(&text, tables)?).map_err(|error| error.to_string())
}
