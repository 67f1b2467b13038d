//! `docs/cookbook/models.md`.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{OPENAI, Recipe};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::json;

use super::kitchen::Kitchen;
use crate::scene::{CLOSED, HALF_OPEN, Outcome, assert_blocked};

fn of(model: &str) -> Call {
    let messages = json!([{"role": "user", "content": "Say hello."}]);
    Call::post_json("/v1/chat/completions", &json!({"messages": messages, "model": model}))
}

#[tokio::test]
async fn one_model_fails_and_the_others_go_on() -> Outcome {
    let provider = Simulator::start().await?;
    let recipe = Recipe::new("models.yaml")
        .provider(OPENAI, provider.address())
        // Thirty seconds.
        .defaults(&json!({"open": {"base": "1s", "jitter": 0}}));
    let kitchen = Kitchen::start("models", recipe).await?;
    provider.queue(vec![Behaviour::status(500); 5]);
    kitchen.reach(5, &of("o3-pro"), 500).await;
    let blocked = kitchen.send(&of("o3")).await;
    assert_blocked(&blocked);
    for other in ["gpt-4.1", "gpt-4.1-mini-2025-04-14", "a-model-that-nobody-listed"] {
        kitchen.reach(2, &of(other), 200).await;
    }
    kitchen.assert_seen(&[&blocked]).await;

    let o3 = [("llm_model", "o3*")];
    kitchen.until(OPENAI, "state", &o3, HALF_OPEN).await;
    kitchen.reach(1, &of("o3"), 200).await;
    kitchen.until(OPENAI, "state", &o3, CLOSED).await;
    Ok(())
}
