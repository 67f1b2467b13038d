//! What does a decision on a record cost, bytes to bytes; one of many records; and reading a
//! configuration?

use core::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use llm_breaker::config::Config;
use llm_breaker::outcome::{Category, Outcome};
use llm_breaker_benches::many::Many;
use llm_breaker_benches::sample::Sample;

const SUCCESS: Outcome = Outcome::of(Category::Success);

fn records(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record");
    group.bench_function("nothing", |b| b.iter(|| black_box(())));
    let mut sample = Sample::closed();
    group.bench_function("bytes, admit, decision", |b| b.iter(|| sample.admit_from_bytes()));
    group.bench_function("bytes, record, bytes", |b| b.iter(|| sample.record_in_bytes(&SUCCESS)));
    let mut open = Sample::open();
    group.bench_function("bytes, reject", |b| b.iter(|| open.admit_from_bytes()));
    group.finish();
}

/// A hot breaker costs the same however many there are; a random one some misses of the cache.
fn many(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one of so many breakers");
    group.bench_function("nothing", |b| b.iter(|| black_box(())));
    for count in [1_usize, 100, 10_000] {
        let mut many = Many::of(count);
        group.bench_function(BenchmarkId::new("hot", count), |b| {
            b.iter(|| many.record_in_one(&SUCCESS));
        });
        group.bench_function(BenchmarkId::new("random", count), |b| {
            b.iter(|| many.record_in_any(&SUCCESS));
        });
    }
    group.finish();
}

fn configurations(criterion: &mut Criterion) {
    let breaker = |at: u32| {
        format!(
            r#"{{"cluster": "c{at}", "trip": {{"failure_rate": 0.3}}, "open": {{"base": "5s"}}}}"#
        )
    };
    let breakers: Vec<String> = (0..100).map(breaker).collect();
    let large = format!(r#"{{"breakers": [{}]}}"#, breakers.join(","));
    let mut group = criterion.benchmark_group("configuration");
    group.bench_function("nothing", |b| b.iter(|| black_box(large.as_bytes()).len()));
    for (name, text) in [("empty", ""), ("100 breakers", large.as_str())] {
        group
            .bench_function(name, |b| b.iter(|| black_box(Config::parse(text.as_bytes())).is_ok()));
    }
    group.finish();
}

criterion_group!(benches, records, many, configurations);
criterion_main!(benches);
