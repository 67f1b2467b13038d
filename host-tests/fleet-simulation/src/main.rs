//! `make fleet`, its second part: what sharing breakers is worth, and what it costs the store. It prints
//! the tables of `docs/scaling.md`.

use core::time::Duration;
use std::env;

use llm_breaker_fleet_simulation::broken_network::who_opens;
use llm_breaker_fleet_simulation::outage::{Course, Outage};

/// How long the provider is down, and how long it is watched afterwards.
const LASTS: Duration = Duration::from_secs(600);
const AFTER: Duration = Duration::from_secs(700);

/// Worlds in which one network breaks.
const WORLDS: u64 = 1_000;

fn main() {
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<usize>().ok());
    let largest = number("PROXIES").unwrap_or(10_000);
    let sizes: Vec<usize> = [10, 1_000, 10_000].into_iter().filter(|it| *it <= largest).collect();
    let mut courses = Vec::new();
    for proxies in sizes {
        for corroborate in [None, Some(1), Some(2), Some(3)] {
            let outage = Outage { proxies, corroborate, lasts: LASTS, after: AFTER, seed: 1 };
            courses.push((corroborate, outage.run()));
        }
    }
    paid(&courses);
    asked(&courses);
    broken();
}

fn sharing(corroborate: Option<u32>) -> String {
    corroborate.map_or_else(|| "nothing shared".to_owned(), |it| format!("corroborate {it}"))
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(|| "later".to_owned(), |it| format!("{:.1} s", it.as_secs_f64()))
}

fn paid(courses: &[(Option<u32>, Course)]) {
    println!("A provider is down for {} s.\n", LASTS.as_secs());
    println!(
        "| proxies | | failures that callers pay | for each proxy | in the first 30 s | probes | busiest second | at once | half are open after | half are back after | all after |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (corroborate, it) in courses {
        println!(
            "| {} | {} | {} | {:.2} | {} | {} | {} | {} | {} | {} | {} |",
            it.proxies,
            sharing(*corroborate),
            it.failures,
            it.failures as f64 / it.proxies as f64,
            it.first_failures,
            it.probes,
            it.probes_in_a_second,
            it.probes_at_once,
            seconds(it.reached(&it.open_after, 0.5)),
            seconds(it.reached(&it.back_after, 0.5)),
            seconds(it.reached(&it.back_after, 1.0)),
        );
    }
    println!();
}

fn asked(courses: &[(Option<u32>, Course)]) {
    println!(
        "| proxies | | wrote a word at first | wanted | writes of etcd | busiest second | events to watchers | busiest second |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (corroborate, it) in courses {
        let Some(corroborate) = corroborate else { continue };
        println!(
            "| {} | corroborate {corroborate} | {} | {} | {} | {} | {} | {} |",
            it.proxies,
            it.reporters,
            corroborate + 1,
            it.writes,
            it.writes_in_a_second,
            it.events,
            it.events_in_a_second,
        );
    }
    println!();
}

fn broken() {
    println!(
        "One network of four is broken for ten minutes, two proxies see 2 % errors, in {WORLDS} worlds."
    );
    for corroborate in [2, 3] {
        let mut others = 0;
        for seed in 0..WORLDS {
            others += u64::from(who_opens(corroborate, seed) != [0]);
        }
        println!("Corroborate {corroborate}: somebody else opened in {others}.");
    }
}
