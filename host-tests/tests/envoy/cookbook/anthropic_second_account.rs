//! `docs/cookbook/anthropic-second-account.md`.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::Recipe;
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::json;

use super::kitchen::{Kitchen, last_header, recorded};
use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome};

const FIRST: &str = "anthropic";
const SECOND: &str = "anthropic-second-account";
const GATEWAY: &str = "bedrock-gateway";

struct Accounts {
    first: Simulator,
    second: Simulator,
    gateway: Simulator,
}

impl Accounts {
    async fn start() -> Outcome<Self> {
        let start = async || -> Outcome<Simulator> {
            let provider = Simulator::start().await?;
            provider.behave(message());
            Ok(provider)
        };
        Ok(Self { first: start().await?, second: start().await?, gateway: start().await? })
    }

    async fn kitchen(&self) -> Outcome<Kitchen> {
        let recipe = Recipe::new("anthropic-second-account.yaml")
            .provider(FIRST, self.first.address())
            .provider(SECOND, self.second.address())
            .provider(GATEWAY, self.gateway.address())
            // Thirty seconds, and five minutes where a quota is used up.
            .defaults(&json!({"open": {"base": "1s", "quota": "1.5s", "jitter": 0}}));
        Kitchen::start("anthropic-second-account", recipe).await
    }

    fn calls(&self) -> [usize; 3] {
        [self.first.calls(), self.second.calls(), self.gateway.calls()]
    }
}

fn message() -> Behaviour {
    recorded("anthropic/whole-message.json")
}

fn call() -> Call {
    let body = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 64,
        "messages": [{"role": "user", "content": "Say hello."}],
    });
    Call::post_json("/v1/messages", &body).header("x-api-key", "of-the-client")
}

#[tokio::test]
async fn the_second_account_answers_for_the_quota_of_the_first_and_the_gateway_for_both() -> Outcome
{
    let accounts = Accounts::start().await?;
    let kitchen = accounts.kitchen().await?;
    kitchen.reach(1, &call(), 200).await;
    assert_eq!(last_header(&accounts.first, "x-api-key").as_deref(), Some("ANTHROPIC_API_KEY"));

    let quota = || recorded("anthropic/429-enforced-spend-limit.json");
    accounts.first.queue([quota()]);
    kitchen.reach(1, &call(), 429).await;
    kitchen.reach(1, &call(), 200).await;
    let key = last_header(&accounts.second, "x-api-key");
    assert_eq!(key.as_deref(), Some("ANTHROPIC_SECOND_API_KEY"));
    kitchen.assert_seen(&[]).await;

    accounts.second.queue([quota()]);
    // Where the first is asked again meanwhile, it has no quota yet.
    accounts.first.behave(quota());
    while kitchen.state(SECOND).await != OPEN {
        kitchen.send(&call()).await;
    }
    kitchen.reach(1, &call(), 200).await;
    assert_eq!(last_header(&accounts.gateway, "x-api-key"), None);

    accounts.first.behave(message());
    kitchen.until(FIRST, "state", &[], HALF_OPEN).await;
    kitchen.reach(1, &call(), 200).await;
    kitchen.until(FIRST, "state", &[], CLOSED).await;
    Ok(())
}

#[tokio::test]
async fn an_outage_of_anthropic_passes_the_second_account_over() -> Outcome {
    let accounts = Accounts::start().await?;
    let kitchen = accounts.kitchen().await?;
    accounts.first.queue(vec![recorded("anthropic/529-overloaded.json"); 5]);
    kitchen.reach(5, &call(), 529).await;
    kitchen.reach(1, &call(), 200).await;
    assert_eq!(accounts.calls(), [5, 0, 1]);

    // A gateway that is down is a provider like any other.
    accounts.gateway.behave(Behaviour::status(500));
    accounts.first.behave(recorded("anthropic/529-overloaded.json"));
    while kitchen.state(GATEWAY).await != OPEN {
        kitchen.send(&call()).await;
    }
    let answer = kitchen.send(&call()).await;
    // Unless that was the first one's probe.
    if answer.breaker().is_some() {
        assert_eq!(answer.status.as_u16(), 529, "{}", answer.text());
    }
    Ok(())
}
