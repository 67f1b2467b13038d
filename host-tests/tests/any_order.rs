//! Callbacks in any order, on several streams at once, and a host that fails or lies: the module
//! never traps, leaves nothing paused that nobody would let go, and is as good as new afterwards.
//!
//! `make fuzz` looks for scripts that show otherwise; what is kept of them is played here, and random
//! ones. `SEED=` plays one of those again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    thread,
};

use llm_breaker_host_tests::host::{
    Module,
    unruly::{Callback, Played, Setting, play, play_in_a_fleet},
};

/// Random scripts, of all lengths up to this.
const PLAYS: u64 = 2_000;
const PLAYS_IN_A_FLEET: u64 = 1_000;
const MAX_BYTES: usize = 1500;

/// Plays a script.
type Play = fn(&Module, &[u8]) -> Played;

#[test]
fn what_the_fuzzer_kept() {
    everything_happened(&all_kept("any_order", "llm_breaker", play));
}

#[test]
fn what_the_fuzzer_kept_in_a_fleet() {
    happened_in_a_fleet(&all_kept("any_order_fleet", "llm_breaker_fleet", play_in_a_fleet));
}

#[test]
fn scripts_of_any_bytes() {
    let all = all_random("llm_breaker", play, PLAYS, &[]);
    everything_happened(&all);
    every_host_call_failed(&all);
}

#[test]
fn scripts_of_any_bytes_in_a_fleet() {
    // Any bytes hardly ever read a store to its end: half of them go on where a kept script left off.
    let beginnings: Vec<_> = kept("any_order_fleet").into_values().collect();
    let all = all_random("llm_breaker_fleet", play_in_a_fleet, PLAYS_IN_A_FLEET, &beginnings);
    happened_in_a_fleet(&all);
    let of_fleet = |call: &str| call.starts_with("proxy_grpc_") || call.ends_with("_queue");
    let all = all.refused.iter().filter(|(call, _)| of_fleet(call));
    let missing: Vec<_> = all.filter(|(_, times)| **times == 0).collect();
    assert!(missing.is_empty(), "never failed: {missing:?}");
}

fn all_kept(corpus: &str, module: &str, play: Play) -> Played {
    let module = Module::built(module);
    let mut all = Played::default();
    for (file, script) in kept(corpus) {
        let _named = Named(format!("corpus: {}", file.display()));
        all.add(&play(&module, &script));
    }
    all
}

/// The scripts of a corpus, by their files.
fn kept(corpus: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(corpus);
    let files = fs::read_dir(corpus).expect("the corpus").map(|entry| entry.expect("it").path());
    let scripts = files.map(|file| (file.clone(), fs::read(file).expect("a script")));
    let scripts: BTreeMap<_, _> = scripts.collect();
    assert!(scripts.len() >= 15, "only {} scripts", scripts.len());
    scripts
}

fn all_random(module: &str, play: Play, plays: u64, beginnings: &[Vec<u8>]) -> Played {
    let module = Module::built(module);
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        return play_random(&module, play, beginnings, seed);
    }
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let mut running = Vec::new();
        for first in 0..threads {
            let seeds = (0..plays).skip(first).step_by(threads);
            let module = &module;
            running.push(scope.spawn(move || {
                let mut all = Played::default();
                seeds.for_each(|seed| all.add(&play_random(module, play, beginnings, seed)));
                all
            }));
        }
        let mut all = Played::default();
        running.into_iter().for_each(|it| all.add(&it.join().expect("no play fails")));
        all
    })
}

fn play_random(module: &Module, play: Play, beginnings: &[Vec<u8>], seed: u64) -> Played {
    let _named = Named(format!("SEED={seed}"));
    let mut random = fastrand::Rng::with_seed(seed);
    let beginning = random.choice(beginnings).filter(|_| seed % 2 == 1);
    let mut script = beginning.cloned().unwrap_or_default();
    let size = random.usize(..MAX_BYTES);
    script.extend(std::iter::repeat_with(|| random.u8(..)).take(size));
    play(module, &script)
}

fn every_host_call_failed(all: &Played) {
    let failed = all.refused.iter().filter(|(_, times)| **times > 0).map(|(call, _)| *call);
    let failed: BTreeSet<&str> = failed.collect();
    let missing: Vec<_> = all.refused.keys().filter(|call| !failed.contains(*call)).collect();
    assert!(missing.is_empty(), "never failed: {missing:?}");
}

fn happened_in_a_fleet(all: &Played) {
    println!("{all:#?}");
    for callback in ["proxy_on_grpc_receive", "proxy_on_grpc_close", "proxy_on_queue_ready"] {
        assert!(all.of_fleet.contains_key(callback), "{callback} never came");
    }
    assert!(all.in_touch > 0, "no store was read to its end");
    assert!(all.settings.contains_key(&Setting::Fleet), "no fleet was in force");
}

/// What no play reaches, no play tests.
fn everything_happened(all: &Played) {
    println!("{all:#?}");
    for callback in Callback::ALL {
        assert!(all.callbacks.contains_key(&callback), "{callback:?} never came");
    }
    for setting in Setting::ALL {
        assert!(all.settings.contains_key(&setting), "{setting:?} was never in force");
    }
    for (what, count) in [
        ("request was held", all.held_requests),
        ("request was let go", all.released_requests),
        ("request was answered", all.answered_requests),
        ("answer was held", all.held_answers),
        ("answer was let go", all.released_answers),
        ("answer was replaced", all.replaced_answers),
        ("answer was ended by a tick", all.ended_by_ticks),
    ] {
        assert!(count > 0, "no {what}");
    }
}

/// Says which play it was, if it fails.
struct Named(String);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{} fails", self.0);
        }
    }
}
