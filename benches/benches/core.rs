//! What does one decision cost, with time as an argument and the breaker in memory; and what do the
//! breakers of others cost, and doing nothing, in the same run?

use core::hint::black_box;
use core::time::Duration;
use std::sync::Mutex;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use failsafe::CircuitBreaker as _;
use llm_breaker::outcome::{Category, Outcome};
use llm_breaker::policy::WindowShape;
use llm_breaker_benches::sample::Sample;

const SUCCESS: Outcome = Outcome::of(Category::Success);

fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decision");
    group.bench_function("nothing", |b| b.iter(|| black_box(())));
    let mut closed = Sample::closed();
    group.bench_function("admit and record a success", |b| b.iter(|| closed.call(&SUCCESS)));
    let mut open = Sample::open();
    group.bench_function("reject while open", |b| b.iter(|| open.admit()));
    let recloser = recloser::Recloser::custom().build();
    group.bench_function("recloser: call of a no-op", |b| {
        b.iter(|| black_box(recloser.call(|| Ok::<(), ()>(()))).is_ok());
    });
    let failsafe = failsafe::Config::new().build();
    group.bench_function("failsafe: call of a no-op", |b| {
        b.iter(|| black_box(failsafe.call(|| Ok::<(), ()>(()))).is_ok());
    });
    group.finish();
}

/// Neither the window's length nor how long nothing happened may matter.
fn windows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("window");
    group.bench_function("nothing", |b| b.iter(|| black_box(())));
    for buckets in [1, 10, 120] {
        let window = WindowShape::Time { duration: Duration::from_secs(60), buckets };
        let mut sample = Sample::with_window(window);
        group.bench_function(BenchmarkId::new("buckets", buckets), |b| {
            b.iter(|| sample.call(&SUCCESS))
        });
    }
    for calls in [10, 100, 1000] {
        let window = WindowShape::Count { calls, max_age: Duration::from_secs(600) };
        let mut sample = Sample::with_window(window);
        group
            .bench_function(BenchmarkId::new("calls", calls), |b| b.iter(|| sample.call(&SUCCESS)));
    }
    for seconds in [1, 60, 86_400] {
        let mut sample = Sample::closed();
        group.bench_function(BenchmarkId::new("idle for seconds", seconds), |b| {
            b.iter(|| {
                sample.idle(Duration::from_secs(seconds));
                sample.call(&SUCCESS);
            });
        });
    }
    group.finish();
}

/// Threads that share one breaker, as workers would without shared data: under a lock.
fn contention(criterion: &mut Criterion) {
    const CALLS: u32 = 1_000;
    let mut group = criterion.benchmark_group("1,000 calls of each thread on one breaker");
    let crowd = |threads: u32, call: &(dyn Fn(&mut Sample) + Sync)| {
        let sample = Mutex::new(Sample::closed());
        let work = || (0..CALLS).for_each(|_| call(&mut sample.lock().expect("nobody panics")));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
    };
    for threads in [1, 2, 4] {
        group.bench_function(BenchmarkId::new("nothing, under the lock", threads), |b| {
            b.iter(|| crowd(threads, &|sample| _ = black_box(sample)));
        });
        group.bench_function(BenchmarkId::new("admit and record a success", threads), |b| {
            b.iter(|| crowd(threads, &|sample| sample.call(&SUCCESS)));
        });
    }
    group.finish();
}

criterion_group!(benches, decisions, windows, contention);
criterion_main!(benches);
