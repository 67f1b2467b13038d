//! `docs/cookbook/multi-tenant.md`.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{OPENAI, Recipe};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::json;

use super::kitchen::{Kitchen, last_header};
use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome, assert_blocked};

fn of(tenant: &str) -> Call {
    Call::chat().header("host", format!("{tenant}.llm.internal"))
}

async fn start(provider: &Simulator) -> Outcome<Kitchen> {
    let recipe = Recipe::new("multi-tenant.yaml")
        .provider(OPENAI, provider.address())
        // Thirty seconds.
        .defaults(&json!({"open": {"base": "1s", "jitter": 0}}));
    Kitchen::start("multi-tenant", recipe).await
}

#[tokio::test]
async fn a_tenants_failures_are_its_own_whatever_it_calls_itself() -> Outcome {
    let provider = Simulator::start().await?;
    let kitchen = start(&provider).await?;
    provider.queue(vec![Behaviour::status(500); 5]);
    kitchen.reach(5, &of("search").header("x-tenant", "support"), 500).await;
    assert_eq!(last_header(&provider, "x-tenant"), None);
    let blocked = kitchen.send(&of("search")).await;
    assert_blocked(&blocked);
    for other in ["support", "nobody-listed"] {
        kitchen.reach(2, &of(other), 200).await;
    }
    assert_eq!(kitchen.now(OPENAI, "state", &[("llm_model", "support")]).await, CLOSED);
    kitchen.assert_seen(&[&blocked]).await;

    let search = [("llm_model", "search")];
    kitchen.until(OPENAI, "state", &search, HALF_OPEN).await;
    kitchen.reach(1, &of("search"), 200).await;
    kitchen.until(OPENAI, "state", &search, CLOSED).await;
    Ok(())
}

#[tokio::test]
async fn a_quota_of_all_stops_all() -> Outcome {
    let provider = Simulator::start().await?;
    let kitchen = start(&provider).await?;
    provider.queue([Behaviour::status(402)]);
    kitchen.reach(1, &of("search"), 402).await;
    assert_eq!(kitchen.state(OPENAI).await, OPEN);
    assert_blocked(&kitchen.send(&of("support")).await);
    Ok(())
}
