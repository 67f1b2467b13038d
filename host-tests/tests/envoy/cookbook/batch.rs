//! `docs/cookbook/batch.md`.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::Recipe;
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};

use super::kitchen::{Kitchen, last_header};
use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome, assert_blocked};

const INTERACTIVE: &str = "openai-interactive";
const BATCH: &str = "openai-batch";

fn batch() -> Call {
    Call::chat().header("x-llm-traffic", "batch")
}

#[tokio::test]
async fn batch_stops_and_comes_back_while_the_interactive_traffic_goes_on() -> Outcome {
    let (batches, interactive) = (Simulator::start().await?, Simulator::start().await?);
    let recipe = Recipe::new("batch.yaml")
        .provider(BATCH, batches.address())
        .provider(INTERACTIVE, interactive.address())
        // Two minutes, and five.
        .instead("{base: 120s, max: 1800s}", "{base: 1s, jitter: 0}")
        .instead("ramp: 300s", "ramp: 1s");
    let kitchen = Kitchen::start("batch", recipe).await?;
    batches.behave(Behaviour::status(500));
    kitchen.reach(20, &batch(), 500).await;
    let blocked = kitchen.send(&batch()).await;
    assert_blocked(&blocked);
    assert_eq!(last_header(&batches, "x-llm-traffic"), None);
    kitchen.reach(5, &Call::chat(), 200).await;
    assert_eq!((batches.calls(), interactive.calls()), (20, 5));
    let states = (kitchen.state(BATCH).await, kitchen.state(INTERACTIVE).await);
    assert_eq!(states, (OPEN, CLOSED));
    kitchen.assert_seen(&[&blocked]).await;

    batches.behave(Behaviour::Healthy);
    kitchen.until(BATCH, "state", &[], HALF_OPEN).await;
    kitchen.reach(1, &batch(), 200).await;
    kitchen.until(BATCH, "state", &[], CLOSED).await;
    Ok(())
}

#[tokio::test]
async fn what_is_too_much_at_once_waits_outside_and_opens_nothing() -> Outcome {
    let (batches, interactive) = (Simulator::start().await?, Simulator::start().await?);
    let recipe = Recipe::new("batch.yaml")
        .provider(BATCH, batches.address())
        .provider(INTERACTIVE, interactive.address());
    let kitchen = Kitchen::start("batch", recipe).await?;
    batches.behave(Behaviour::Hang);
    let client = kitchen.envoy.client();
    let burst = tokio::spawn(async move { client.burst(60, &batch()).await });
    batches.wait_for_in_flight(8).await;
    kitchen.reach(5, &Call::chat(), 200).await;
    batches.behave(Behaviour::Healthy);
    batches.release();
    let answers = burst.await?;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 200);
    // Eight at a time, and as many that wait.
    assert!((8..=16).contains(&taken.len()), "{}", taken.len());
    assert!(refused.iter().all(|it| it.status == 503 && it.breaker().is_none()));
    let overflow = [("category", "local")];
    kitchen.until(BATCH, "outcomes_total", &overflow, refused.len() as f64).await;
    assert_eq!(kitchen.state(BATCH).await, CLOSED);
    Ok(())
}
