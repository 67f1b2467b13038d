//! The wasmtime host tells the filter what the real Envoy tells it, in the same order.

use llm_breaker_host_tests::conformance::{EnvoySide, HostSide, all};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_and_the_real_envoy_agree_on_every_scenario() {
    let envoy = EnvoySide::start().await;
    let mut differences = String::new();
    let mut real_traces = Vec::new();
    for scenario in all() {
        real_traces.push(envoy.run(scenario).await);
    }
    let host = HostSide::start();
    for (scenario, real) in all().zip(real_traces) {
        let modelled = host.run(scenario);
        if modelled != real {
            differences += &format!(
                "\n{}\n  on the real Envoy:\n{real:?}  on the host:\n{modelled:?}",
                scenario.name
            );
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
