//! What one decision costs, with time as an argument and the breaker in memory.

use core::hint::black_box;
use core::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use llm_breaker::breaker::{Admission, Breaker, Jitter};
use llm_breaker::outcome::{Category, Outcome};
use llm_breaker::policy::Policy;
use llm_breaker::shared::{decode, encode};
use llm_breaker::time::Instant;

const START: Instant = Instant::from_nanos(1_000_000_000);
const BETWEEN_CALLS: Duration = Duration::from_micros(10);

struct Bench {
    breaker: Breaker,
    policy: Policy,
    jitter: Jitter,
    now: Instant,
}

impl Bench {
    fn closed() -> Self {
        let jitter = Jitter::of("openai", "node");
        Self { breaker: Breaker::new(START), policy: Policy::default(), jitter, now: START }
    }

    fn open() -> Self {
        let mut bench = Self::closed();
        bench.call(&Outcome::of(Category::QuotaExhausted));
        bench
    }

    fn call(&mut self, outcome: &Outcome) {
        self.now = self.now + BETWEEN_CALLS;
        let (admission, _) = self.breaker.admit(&self.policy, self.now, 0.0);
        if let Admission::Pass(permit) = admission {
            let permit = Some(&permit);
            black_box(self.breaker.record(&self.policy, self.now, permit, outcome, self.jitter));
        }
    }
}

fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decision");
    let mut closed = Bench::closed();
    let success = Outcome::of(Category::Success);
    group.bench_function("admit and record a success", |b| b.iter(|| closed.call(&success)));

    let mut open = Bench::open();
    group.bench_function("reject while open", |b| {
        b.iter(|| black_box(open.breaker.admit(&open.policy, open.now, 0.0)));
    });

    let record = encode(&closed.breaker);
    group.bench_function("decode a record", |b| b.iter(|| black_box(decode(&record))));
    group.bench_function("encode a record", |b| b.iter(|| black_box(encode(&closed.breaker))));
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
