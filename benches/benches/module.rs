//! What does the compiled module cost in a VM, with a host that does as good as nothing?

use criterion::{Criterion, criterion_group, criterion_main};
use llm_breaker_host_tests::host::{Module, Request, Response, World};

const CLUSTER: &str = "outbound|443||api.openai.com";

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("module on wasmtime, host included");
    for name in ["idle", "llm_breaker"] {
        let world = World::running(&Module::optimized(name)).start();
        let chat = || Request::post("/v1/chat/completions").cluster(CLUSTER);
        group.bench_function(format!("{name}: a request and its whole answer"), |b| {
            b.iter(|| {
                let completion = Response::status(200).body(r#"{"choices": []}"#);
                world.worker(0).request(chat()).upstream_answers(completion)
            });
        });
        let call = world.worker(0).request(chat());
        call.response_headers(&Response::event_stream());
        let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" world\"}}]}\n\n";
        group.bench_function(format!("{name}: an event"), |b| b.iter(|| call.body_chunk(event)));
    }
    group.finish();
}

criterion_group!(benches, requests);
criterion_main!(benches);
