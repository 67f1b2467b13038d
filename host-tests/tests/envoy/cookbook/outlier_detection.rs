//! `docs/cookbook/outlier-detection.md`.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::Recipe;
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};

use super::kitchen::Kitchen;
use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome, assert_blocked};

const VLLM: &str = "vllm";

async fn start(sick: &Simulator, well: &Simulator, ejection: &str) -> Outcome<Kitchen> {
    let recipe = Recipe::new("outlier-detection.yaml")
        .pool(VLLM, &[sick.address(), well.address()])
        .instead("base_ejection_time: 30s", &format!("base_ejection_time: {ejection}"))
        .instead("{base: 10s, max: 60s}", "{base: 1s, jitter: 0}")
        .instead("interval: 1s", "interval: 0.1s");
    Kitchen::start("outlier-detection", recipe).await
}

async fn ejected(kitchen: &Kitchen) -> u64 {
    kitchen.envoy.counter("cluster.vllm.outlier_detection.ejections_active").await
}

#[tokio::test]
async fn a_sick_host_is_taken_out_and_the_breaker_stays_closed() -> Outcome {
    let (sick, well) = (Simulator::start().await?, Simulator::start().await?);
    let kitchen = start(&sick, &well, "30s").await?;
    sick.behave(Behaviour::status(500));
    patiently("an ejection", async {
        while ejected(&kitchen).await == 0 {
            kitchen.send(&Call::chat()).await;
        }
    })
    .await;
    // The other workers hear of it a moment later.
    patiently("every worker to know", async {
        let mut in_a_row = 0;
        while in_a_row < 20 {
            let is_well = kitchen.send(&Call::chat()).await.status == 200;
            in_a_row = if is_well { in_a_row + 1 } else { 0 };
        }
    })
    .await;
    let before = sick.calls();
    kitchen.reach(20, &Call::chat(), 200).await;
    assert_eq!((sick.calls(), kitchen.state(VLLM).await), (before, CLOSED));
    kitchen.assert_seen(&[]).await;
    Ok(())
}

#[tokio::test]
async fn when_all_are_sick_the_breaker_answers_and_lets_traffic_back_with_care() -> Outcome {
    let (one, other) = (Simulator::start().await?, Simulator::start().await?);
    let kitchen = start(&one, &other, "0.5s").await?;
    [&one, &other].iter().for_each(|host| host.behave(Behaviour::status(500)));
    patiently("an open breaker", async {
        while kitchen.state(VLLM).await != OPEN {
            kitchen.send(&Call::chat()).await;
        }
    })
    .await;
    assert_blocked(&kitchen.send(&Call::chat()).await);
    [&one, &other].iter().for_each(|host| host.behave(Behaviour::Healthy));
    patiently("the hosts to be back", async {
        while ejected(&kitchen).await > 0 {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    })
    .await;
    kitchen.until(VLLM, "state", &[], HALF_OPEN).await;
    kitchen.reach(1, &Call::chat(), 200).await;
    kitchen.until(VLLM, "state", &[], CLOSED).await;
    Ok(())
}
