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

/// How long after the proxies started it does.
const BEFORE: [Duration; 2] = [Duration::from_secs(60), Duration::ZERO];

/// So many outages of that many proxies, of which the one with the median of the failures is told.
const fn outages(proxies: usize) -> u64 {
    match proxies {
        0..=10 => 15,
        11..=1_000 => 5,
        _ => 1,
    }
}

fn main() {
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<usize>().ok());
    let largest = number("PROXIES").unwrap_or(10_000);
    let sizes: Vec<usize> = [10, 1_000, 10_000].into_iter().filter(|it| *it <= largest).collect();
    let mut courses = Vec::new();
    for proxies in sizes {
        for corroborate in [None, Some(1), Some(2), Some(3)] {
            courses.push((corroborate, median(proxies, corroborate)));
        }
    }
    paid(&courses);
    asked(&courses);
    broken();
}

/// The outage in whose middle the others are, by what callers pay.
fn median(proxies: usize, corroborate: Option<u32>) -> Course {
    let seeds = 1..=outages(proxies);
    let outage = |seed| Outage { proxies, corroborate, lasts: LASTS, after: AFTER, seed }.run();
    let mut courses: Vec<Course> = seeds.map(outage).collect();
    courses.sort_by_key(|course| course.failures);
    let middle = courses.len() / 2;
    courses.swap_remove(middle)
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
        "| proxies | | wrote a word at first | wanted | writes of etcd | a second | busiest second | events to watchers | a second | busiest second |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (corroborate, it) in courses {
        let Some(corroborate) = corroborate else { continue };
        println!(
            "| {} | corroborate {corroborate} | {} | {} | {} | {:.2} | {} | {} | {:.1} | {} |",
            it.proxies,
            it.reporters,
            corroborate + 1,
            it.writes,
            it.writes as f64 / it.seconds as f64,
            it.writes_in_a_second,
            it.events,
            it.events as f64 / it.seconds as f64,
            it.events_in_a_second,
        );
    }
    println!();
}

fn broken() {
    println!(
        "One network of four is broken for ten minutes, two proxies see 2 % errors, in {WORLDS} worlds."
    );
    for (corroborate, before) in [2, 3].into_iter().flat_map(|it| BEFORE.map(|before| (it, before)))
    {
        let worlds = (0..WORLDS).filter(|seed| who_opens(corroborate, before, *seed) != [0]);
        let (others, seconds) = (worlds.count(), before.as_secs());
        println!(
            "Corroborate {corroborate}, {seconds} s after they started: somebody else opened in {others}."
        );
    }
}
