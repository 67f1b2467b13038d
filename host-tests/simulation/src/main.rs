//! `make simulate`: many runs and what they came by; `SEED=` replays one, `RUNS=` says how many.

use llm_breaker_simulation::campaign::{attempt, campaign};
use std::env;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("SEED") {
        return match attempt(seed) {
            Ok(shown) => {
                println!("seed {seed}: {} events, no rule broken", shown.events);
                ExitCode::SUCCESS
            }
            Err(_) => ExitCode::FAILURE,
        };
    }
    let begun = Instant::now();
    // One line tells what failed, not one for each thread.
    std::panic::set_hook(Box::new(|_| {}));
    match campaign(0, number("RUNS").unwrap_or(2_000)) {
        Ok(campaign) => {
            let mut gaps = campaign.coverage.gaps(campaign.runs);
            if campaign.tripped.gathered < campaign.runs {
                gaps.push("successes that are gathered".to_owned());
            }
            println!("{campaign}\n{:.0} s", begun.elapsed().as_secs_f64());
            gaps.iter().for_each(|gap| println!("hardly covered: {gap}"));
            if gaps.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(failed) => {
            println!("{failed}");
            ExitCode::FAILURE
        }
    }
}
