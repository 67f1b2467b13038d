//! Logs of any length: how fast they are replayed, and in how much memory.

#![expect(clippy::disallowed_methods, reason = "a stopwatch needs the time")]

use std::fs;
use std::io::{BufWriter, Write};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::command::{ended, file, started};
use crate::lines::Scene;

/// The memory that a replay may take, whatever the log.
const MAX_RESIDENT: u64 = 512 << 20;

/// What is run all of if the environment says `TRUST=all`.
pub(crate) fn amount(share: u64, all: u64) -> u64 {
    if std::env::var("TRUST").is_ok_and(|wanted| wanted == "all") { all } else { share }
}

/// The most that it ever took.
fn resident(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a high-water mark");
    let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
    kilobytes << 10
}

/// For how long it was computing so far: a busy machine makes it wait, too.
fn busy(child: &Child) -> Duration {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).expect("it runs").flatten();
    let computed = threads.map(|thread| -> u64 {
        let text = fs::read_to_string(thread.path().join("schedstat")).expect("it runs");
        text.split_whitespace().next().and_then(|first| first.parse().ok()).expect("nanoseconds")
    });
    Duration::from_nanos(computed.sum())
}

/// Replays so many bytes of a scene from a pipe; its lines, the seconds and the memory that took.
fn replay(scene: &Scene, bytes: u64, arguments: &[&str]) -> (serde_json::Value, f64, u64) {
    let each = scene.text(1).len() as u64;
    let begin = Instant::now();
    let mut all = vec!["--format", "json"];
    all.extend(arguments);
    all.push("-");
    let (child, stdin) = started(&all);
    let mut pipe = BufWriter::with_capacity(1 << 20, stdin);
    scene.write(bytes / each, &mut pipe).expect("it reads");
    pipe.flush().expect("it reads");
    // All but what is in the pipe was read.
    let resident = resident(&child);
    drop(pipe);
    let said = ended(child);
    (said.json(), begin.elapsed().as_secs_f64(), resident)
}

#[test]
fn a_stream_of_any_length_is_replayed_in_bounded_memory() {
    let bytes = amount(20 << 20, 5 << 30);
    let (told, seconds, resident) = replay(&Scene::default(), bytes, &[]);
    let lines = told["reading"]["lines"].as_u64().expect("a number");
    println!("{bytes} bytes, {lines} lines in {seconds:.1} s, at most {} MiB", resident >> 20);
    assert_eq!(told["reading"]["calls"], lines);
    assert!(resident <= MAX_RESIDENT, "{resident}");
}

#[test]
fn a_hundred_thousand_models_take_bounded_memory() {
    let models = 100_000;
    let by_model = file(
        "by-model.yaml",
        "max_breakers: 256\nstop_iteration: true\ndefaults: {key_by: model, models: [model-1*, model-2*]}",
    );
    let many = format!(
        "max_breakers: 16384\nstop_iteration: true\ndefaults: {{key_by: model, models: [{}]}}",
        (0..256).map(|it| format!("model-{it}")).collect::<Vec<_>>().join(", ")
    );
    let many = file("many-models.yaml", many);
    let scene = Scene { models, ..Scene::default() };
    let bytes = amount(10 << 20, 1 << 30);
    let (told, seconds, resident) =
        replay(&scene, bytes, &["--config", &by_model, "--config", &many]);
    println!("{models} models, {bytes} bytes in {seconds:.1} s, at most {} MiB", resident >> 20);
    assert!(resident <= MAX_RESIDENT, "{resident}");
    let configurations = &told["findings"]["configurations"];
    assert_eq!(configurations[0]["breakers"].as_array().map(Vec::len), Some(4));
    assert!(configurations[1]["breakers"].as_array().map(Vec::len) > Some(10));
    assert_eq!(told["findings"]["series"].as_array().map(Vec::len), Some(1_000));
    assert!(told["findings"]["calls_beyond_series"].as_u64() > Some(10_000));
}

#[test]
fn a_million_lines_take_ten_seconds_at_most_where_it_is_optimised() {
    // Not optimised, it is some ten times slower: then it only has to work.
    let is_optimised = !cfg!(debug_assertions);
    let lines = if is_optimised { 1_000_000 } else { 20_000 };
    let log = Scene::default().text(lines);
    let (child, mut stdin) = started(&["--format", "json", "-"]);
    stdin.write_all(log.as_bytes()).expect("it reads");
    // All but what the pipe holds was read.
    let seconds = busy(&child).as_secs_f64();
    drop(stdin);
    let told = ended(child).json();
    let per_second = lines as f64 / seconds;
    println!("{lines} lines in {seconds:.2} s of CPU time: {per_second:.0} a second");
    assert_eq!(told["reading"]["calls"], lines);
    assert!(!is_optimised || per_second >= 1e5, "{per_second}");
}
