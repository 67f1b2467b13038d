//! `docs/cookbook/own-vllm.md`.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{OPENAI, Recipe};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use super::kitchen::{Kitchen, fail};
use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome, assert_blocked};

const VLLM: &str = "outbound|8000||vllm.internal";

async fn start(openai: &Simulator, vllm: &Simulator, recipe: Recipe) -> Outcome<Kitchen> {
    let recipe = recipe.provider(OPENAI, openai.address()).provider(VLLM, vllm.address());
    Kitchen::start("own-vllm", recipe).await
}

fn recipe() -> Recipe {
    Recipe::new("own-vllm.yaml")
}

#[tokio::test]
async fn the_own_model_answers_until_the_provider_is_back() -> Outcome {
    let (openai, vllm) = (Simulator::start().await?, Simulator::start().await?);
    // Thirty seconds.
    let recipe = recipe().defaults(&json!({"open": {"base": "1s", "jitter": 0}}));
    let kitchen = start(&openai, &vllm, recipe).await?;
    fail(&openai);
    kitchen.reach(5, &Call::chat(), 500).await;
    kitchen.reach(3, &Call::chat(), 200).await;
    let asked: Value = serde_json::from_slice(&vllm.received()[0].body)?;
    assert_eq!(asked["model"], "llama-3.3-70b");
    assert_eq!((openai.calls(), vllm.calls()), (5, 3));
    kitchen.assert_seen(&[]).await;

    kitchen.until(OPENAI, "state", &[], HALF_OPEN).await;
    kitchen.reach(2, &Call::chat(), 200).await;
    kitchen.until(OPENAI, "state", &[], CLOSED).await;
    assert_eq!((openai.calls(), vllm.calls()), (7, 3));
    Ok(())
}

#[tokio::test]
async fn with_both_down_one_call_at_a_time_is_the_last_resort() -> Outcome {
    let (openai, vllm) = (Simulator::start().await?, Simulator::start().await?);
    let kitchen = start(&openai, &vllm, recipe()).await?;
    for (provider, cluster) in [(&openai, OPENAI), (&vllm, VLLM)] {
        fail(provider);
        kitchen.reach(5, &Call::chat(), 500).await;
        assert_eq!(kitchen.state(cluster).await, OPEN);
    }
    kitchen.reach(1, &Call::chat(), 200).await;
    assert_eq!(kitchen.now(OPENAI, "fallbacks_total", &[("kind", "last_resort")]).await, 1.0);
    // vLLM's wait ends first.
    assert_eq!((openai.calls(), vllm.calls()), (5, 6));

    // While one call is out at each, the others are refused.
    [&openai, &vllm].iter().for_each(|provider| provider.behave(Behaviour::Hang));
    let client = kitchen.envoy.client();
    let out = tokio::spawn(async move { client.burst(2, &Call::chat()).await });
    openai.wait_for_calls(6).await;
    vllm.wait_for_calls(7).await;
    assert_blocked(&kitchen.send(&Call::chat()).await);
    [&openai, &vllm].iter().for_each(|provider| provider.release());
    assert!(out.await?.iter().all(|answer| answer.status == 200));
    Ok(())
}

#[tokio::test]
async fn what_is_too_large_for_it_is_not_sent_there() -> Outcome {
    let (openai, vllm) = (Simulator::start().await?, Simulator::start().await?);
    let kitchen = start(&openai, &vllm, recipe()).await?;
    fail(&openai);
    kitchen.reach(5, &Call::chat(), 500).await;
    let large =
        json!({"messages": [{"role": "user", "content": "x".repeat(200_000)}], "model": "gpt-4.1"});
    kitchen.reach(1, &Call::post_json("/v1/chat/completions", &large), 200).await;
    assert_eq!((openai.calls(), vllm.calls()), (6, 0), "the last resort is OpenAI itself");
    Ok(())
}
