//! `docs/cookbook/openai-to-azure.md`.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{OPENAI, Recipe};
use llm_breaker_host_tests::simulator::Simulator;
use serde_json::json;

use super::kitchen::{Kitchen, fail, last_header, recorded};
use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome, assert_blocked, assert_reached};

const AZURE: &str = "outbound|443||my-resource.openai.azure.com";

#[tokio::test]
async fn azure_answers_while_openai_has_no_quota_and_openai_afterwards() -> Outcome {
    let (openai, azure) = (Simulator::start().await?, Simulator::start().await?);
    let recipe = Recipe::new("openai-to-azure.yaml")
        .provider(OPENAI, openai.address())
        .provider(AZURE, azure.address())
        // Five minutes, and thirty seconds.
        .instead("{quota: 300s}", "{quota: 1.5s}")
        .defaults(&json!({"open": {"base": "1s", "jitter": 0}}));
    let kitchen = Kitchen::start("openai-to-azure", recipe).await?;
    let call = Call::chat().header("authorization", "Bearer of-openai");

    openai.queue([recorded("openai/429-insufficient-quota.json")]);
    assert_reached(&kitchen.send(&call).await, 429);
    assert_eq!(kitchen.state(OPENAI).await, OPEN);
    kitchen.reach(3, &call, 200).await;
    assert_eq!((openai.calls(), azure.calls()), (1, 3));
    assert_eq!(azure.received()[0].path, "/openai/v1/chat/completions");
    assert_eq!(last_header(&azure, "api-key").as_deref(), Some("AZURE_OPENAI_API_KEY"));
    assert_eq!(last_header(&azure, "authorization"), None);

    kitchen.until(OPENAI, "state", &[], HALF_OPEN).await;
    kitchen.reach(1, &call, 200).await;
    kitchen.until(OPENAI, "state", &[], CLOSED).await;
    kitchen.reach(1, &call, 200).await;
    assert_eq!((openai.calls(), azure.calls()), (3, 3));

    // An outage is no matter of quota.
    fail(&openai);
    kitchen.reach(5, &call, 500).await;
    let blocked = kitchen.send(&call).await;
    assert_blocked(&blocked);
    assert_eq!(azure.calls(), 3);
    kitchen.assert_seen(&[&blocked]).await;
    Ok(())
}
