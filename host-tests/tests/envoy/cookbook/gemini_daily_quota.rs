//! `docs/cookbook/gemini-daily-quota.md`.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::Recipe;
use llm_breaker_host_tests::simulator::Simulator;
use serde_json::json;

use super::kitchen::{Kitchen, last_header, recorded};
use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome};

const GEMINI: &str = "outbound|443||generativelanguage.googleapis.com";
const SECOND: &str = "gemini-second-project";

fn call() -> Call {
    let body = json!({"contents": [{"parts": [{"text": "Say hello."}]}]});
    Call::post_json("/v1beta/models/gemini-2.5-flash:generateContent", &body)
        .header("x-goog-api-key", "of-the-first-project")
}

async fn gemini() -> Outcome<Simulator> {
    let provider = Simulator::start().await?;
    provider.behave(recorded("gemini/whole-text.json"));
    Ok(provider)
}

async fn start(first: &Simulator, second: &Simulator, recipe: Recipe) -> Outcome<Kitchen> {
    let recipe = recipe.provider(GEMINI, first.address()).provider(SECOND, second.address());
    Kitchen::start("gemini-daily-quota", recipe).await
}

fn recipe() -> Recipe {
    Recipe::new("gemini-daily-quota.yaml")
}

#[tokio::test]
async fn a_day_is_waited_for_and_a_minute_is_none() -> Outcome {
    let (first, second) = (gemini().await?, gemini().await?);
    let kitchen = start(&first, &second, recipe()).await?;
    first.queue([recorded("gemini/429-per-minute.json"), recorded("gemini/429-per-day.json")]);
    kitchen.reach(1, &call(), 429).await;
    assert_eq!(kitchen.state(GEMINI).await, CLOSED);
    kitchen.reach(1, &call(), 429).await;
    assert_eq!(kitchen.state(GEMINI).await, OPEN);
    kitchen.reach(3, &call(), 200).await;
    assert_eq!((first.calls(), second.calls()), (2, 3));
    let key = last_header(&second, "x-goog-api-key");
    assert_eq!(key.as_deref(), Some("GEMINI_SECOND_API_KEY"));
    let wait = kitchen.now(GEMINI, "open_remaining_seconds", &[]).await;
    assert!((3_500.0..=3_600.0).contains(&wait), "an hour, where no time is announced: {wait}");
    kitchen.assert_seen(&[]).await;
    Ok(())
}

#[tokio::test]
async fn an_announced_time_is_believed_for_hours() -> Outcome {
    let (first, second) = (gemini().await?, gemini().await?);
    let kitchen = start(&first, &second, recipe()).await?;
    first.queue([recorded("gemini/429-retry-in-message.json")]);
    kitchen.reach(1, &call(), 429).await;
    let wait = kitchen.now(GEMINI, "open_remaining_seconds", &[]).await;
    assert!(wait > 10.0 * 3_600.0, "{wait}");
    kitchen.reach(1, &call(), 200).await;
    assert_eq!((first.calls(), second.calls()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn with_quota_again_it_closes() -> Outcome {
    let (first, second) = (gemini().await?, gemini().await?);
    let recipe = recipe()
        // A day, an hour, thirty seconds.
        .instead("{announced_max: 86400s, quota: 3600s}", "{announced_max: 2s, quota: 1s}")
        .defaults(&json!({"open": {"base": "1s", "jitter": 0}}));
    let kitchen = start(&first, &second, recipe).await?;
    first.queue([recorded("gemini/429-per-day.json")]);
    kitchen.reach(1, &call(), 429).await;
    kitchen.until(GEMINI, "state", &[], HALF_OPEN).await;
    kitchen.reach(1, &call(), 200).await;
    kitchen.until(GEMINI, "state", &[], CLOSED).await;
    assert_eq!((first.calls(), second.calls()), (2, 0));
    Ok(())
}
