//! `docs/cookbook/credentials.md`.

use std::fs;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{OPENAI, Recipe};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::json;

use super::kitchen::{Kitchen, last_header};
use crate::scene::{CLOSED, HALF_OPEN, Outcome, assert_blocked, assert_reached};

const ANTHROPIC: &str = "outbound|443||api.anthropic.com";
const KEYS: [&str; 2] = ["put-the-key-of-openai-here", "put-the-key-of-anthropic-here"];

fn to_openai() -> Call {
    Call::chat().header("authorization", "Bearer of-the-client")
}

fn to_anthropic() -> Call {
    Call::post_json("/v1/messages", &json!({})).header("x-api-key", "of-the-client")
}

async fn start(openai: &Simulator, anthropic: &Simulator) -> Outcome<Kitchen> {
    let recipe = Recipe::new("credentials.yaml")
        .provider(OPENAI, openai.address())
        .provider(ANTHROPIC, anthropic.address())
        // Thirty seconds.
        .instead("{trip: {consecutive_failures: 5}}", "{open: {base: 1s, jitter: 0}}");
    Kitchen::start("credentials", recipe).await
}

#[tokio::test]
async fn each_provider_gets_its_own_key_and_nobody_can_read_it_from_envoy() -> Outcome {
    let (openai, anthropic) = (Simulator::start().await?, Simulator::start().await?);
    let kitchen = start(&openai, &anthropic).await?;
    kitchen.reach(1, &to_openai(), 200).await;
    assert_reached(&kitchen.send(&to_anthropic()).await, 200);
    let bearer = format!("Bearer {}", KEYS[0]);
    assert_eq!(last_header(&openai, "authorization"), Some(bearer));
    assert_eq!(last_header(&anthropic, "x-api-key").as_deref(), Some(KEYS[1]));

    let dump = kitchen.envoy.admin(&Call::get("/config_dump?include_eds")).await.text();
    assert!(dump.contains("credential_injector") && dump.contains("llm_breaker"), "{dump}");
    let secrets =
        kitchen.envoy.admin(&Call::get("/config_dump?resource=dynamic_active_secrets")).await;
    assert!(secrets.text().contains("[redacted]"), "{}", secrets.text());
    for key in KEYS {
        assert!(!dump.contains(key) && !secrets.text().contains(key), "{key}");
        assert!(kitchen.envoy.log().matching(|line| line.contains(key)).is_empty(), "{key}");
    }
    Ok(())
}

#[tokio::test]
async fn a_new_key_is_used_from_its_file_without_a_restart() -> Outcome {
    let (openai, anthropic) = (Simulator::start().await?, Simulator::start().await?);
    let kitchen = start(&openai, &anthropic).await?;
    kitchen.reach(1, &to_openai(), 200).await;
    let file = kitchen.envoy.directory().join("envoy/cookbook/secrets/openai.yaml");
    let fresh = file.with_extension("new");
    fs::write(&fresh, fs::read_to_string(&file)?.replace(KEYS[0], "a-fresh-key"))?;
    fs::rename(&fresh, &file)?;
    patiently("the fresh key", async {
        while last_header(&openai, "authorization").as_deref() != Some("Bearer a-fresh-key") {
            kitchen.reach(1, &to_openai(), 200).await;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn a_key_that_is_revoked_opens_nothing_and_an_outage_does() -> Outcome {
    let (openai, anthropic) = (Simulator::start().await?, Simulator::start().await?);
    let kitchen = start(&openai, &anthropic).await?;
    openai.queue(vec![Behaviour::status(401); 10]);
    kitchen.reach(10, &to_openai(), 401).await;
    assert_eq!(kitchen.state(OPENAI).await, CLOSED);
    openai.queue(vec![Behaviour::status(500); 5]);
    kitchen.reach(5, &to_openai(), 500).await;
    assert_blocked(&kitchen.send(&to_openai()).await);
    assert_reached(&kitchen.send(&to_anthropic()).await, 200);
    kitchen.assert_seen(&[]).await;
    kitchen.until(OPENAI, "state", &[], HALF_OPEN).await;
    kitchen.reach(1, &to_openai(), 200).await;
    kitchen.until(OPENAI, "state", &[], CLOSED).await;
    Ok(())
}
