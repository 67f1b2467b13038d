//! Who has the token steers, and sees what came of it; who has not is refused, and sees that.

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::OPENAI;
use serde_json::json;

use super::browser::{DESKTOP, PHONE};
use super::stage::{Stage, TOKEN};
use crate::scene::{CLOSED, OPEN, Outcome, assert_blocked, assert_reached};

fn button(label: &str) -> String {
    format!("{label} {OPENAI}")
}

async fn expand(stage: &mut Stage) -> Outcome {
    stage.browser.tell(json!({"do": "click", "css": ".title"})).await.map(drop)
}

/// Fills in the dialog that is open, and confirms it.
async fn confirm(stage: &mut Stage, label: &str, token: &str) -> Outcome {
    stage.browser.fill("Reason", "incident 4711").await?;
    stage.browser.fill("Your name", "dana").await?;
    stage.browser.fill("Token", token).await?;
    stage.browser.click(label).await
}

#[tokio::test]
async fn forced_open_and_reset_through_the_page() -> Outcome {
    let mut stage = Stage::start(json!({})).await?;
    assert_reached(&stage.scene.call().await, 200);
    stage.open_page(DESKTOP).await?;
    expand(&mut stage).await?;

    stage.browser.click(&button("Force open")).await?;
    let asked = ["Force open?", OPENAI, "Every call is refused", "No probe goes out"];
    stage.browser.until("dialog", &asked).await?;
    // Nothing has happened yet.
    assert_reached(&stage.scene.call().await, 200);
    stage.browser.fill("For how long", "10").await?;
    stage.browser.picture("force-open", false).await?;
    confirm(&mut stage, "Force open", TOKEN).await?;
    let told = ["Forced open", "by dana", "“incident 4711”", "left", "Set by dana"];
    stage.browser.until_breaker(OPENAI, &told).await?;
    let refused = stage.scene.call().await;
    assert_blocked(&refused);
    let wait: u64 = refused.header("retry-after").unwrap_or_default().parse()?;
    assert!((500..=600).contains(&wait), "the override's remaining time, not {wait} s");
    assert_eq!(stage.scene.now("state", &[]).await, OPEN);
    stage.browser.until_breaker(OPENAI, &["Requests blocked\n1\n"]).await?;
    stage.browser.picture("forced-open", true).await?;

    stage.browser.click(&button("Reset")).await?;
    stage.browser.until("dialog", &["Reset?", "Starts afresh"]).await?;
    // The token is remembered by the tab, the reason is not.
    assert_eq!(stage.browser.evaluate("document.activeElement.id").await?, "reason");
    stage.browser.click("Reset").await?;
    stage
        .browser
        .until_breaker(OPENAI, &["Closed", "reset by dana", "open for 10 m by dana"])
        .await?;
    assert_reached(&stage.scene.call().await, 200);
    assert_eq!(stage.scene.now("state", &[]).await, CLOSED);

    // Neither in the address nor beyond the tab.
    assert_eq!(
        stage.browser.tell(json!({"do": "url"})).await?,
        format!("http://{}/", stage.page())
    );
    assert_eq!(stage.browser.evaluate("localStorage.length + document.cookie").await?, "0");
    stage.browser.assert_no_faults(0).await
}

#[tokio::test]
async fn every_mode_and_the_way_back() -> Outcome {
    let mut stage = Stage::start(json!({"open": {"base": "600s"}})).await?;
    stage.scene.open().await;
    stage.open_page(DESKTOP).await?;

    stage.browser.click(&button("Set mode")).await?;
    let shadow = json!({"do": "choose", "label": "Mode", "value": "shadow"});
    stage.browser.tell(shadow).await?;
    confirm(&mut stage, "Set mode", TOKEN).await?;
    let told = ["Would be open", "Mode\nShadow", "configured: enforce", "until someone ends it"];
    stage.browser.until_breaker(OPENAI, &told).await?;
    assert_reached(&stage.scene.call().await, 200);

    stage.browser.click(&button("End override")).await?;
    stage.browser.until("dialog", &["is in force again"]).await?;
    stage.browser.click("End override").await?;
    stage.browser.until_breaker(OPENAI, &["Open", "next probe in"]).await?;
    assert_blocked(&stage.scene.call().await);

    stage.browser.click(&button("Close")).await?;
    stage.browser.click("Close").await?;
    stage.browser.until_breaker(OPENAI, &["Closed"]).await?;
    assert_reached(&stage.scene.call().await, 200);
    stage.browser.assert_no_faults(0).await
}

#[tokio::test]
async fn one_model_of_a_provider() -> Outcome {
    let policy = json!({"key_by": "model", "models": ["gpt-4.1*", "o3/*"]});
    let mut stage = Stage::start(policy).await?;
    assert_reached(&stage.scene.call().await, 200);
    let other = Call::post_json("/v1/chat/completions", &json!({"model": "o3/mini"}));
    assert_reached(&stage.scene.send(&other).await, 200);
    stage.open_page(DESKTOP).await?;
    let row = json!({"css": ".breaker", "text": "model o3/*"});
    stage.browser.tell(json!({"do": "click", "within": row, "css": ".title"})).await?;
    stage.browser.tell(json!({"do": "click", "within": row, "css": "[data-action=open]"})).await?;
    stage.browser.until("#target", &[&format!("{OPENAI}, model o3/*")]).await?;
    confirm(&mut stage, "Force open", TOKEN).await?;
    stage.browser.until_breaker("model o3/*", &["Forced open", OPENAI]).await?;
    assert_blocked(&stage.scene.send(&other).await);
    assert_reached(&stage.scene.call().await, 200);
    let states = stage.browser.tell(json!({"do": "texts", "css": ".state"})).await?;
    assert_eq!(states, json!(["Forced open", "Closed", "Closed"]));
    stage.browser.assert_no_faults(0).await
}

#[tokio::test]
async fn without_the_token_refused_and_told_so() -> Outcome {
    let mut stage = Stage::start(json!({})).await?;
    stage.scene.call().await;
    stage.open_page(PHONE).await?;
    expand(&mut stage).await?;
    stage.browser.click(&button("Force open")).await?;
    for token in ["", "a-token-that-is-not-it-000"] {
        confirm(&mut stage, "Force open", token).await?;
        stage.browser.until("#error", &["oken"]).await?;
        stage.browser.picture("refused", false).await?;
        assert_eq!(stage.browser.focus().await?.name, "Token");
        assert_reached(&stage.scene.call().await, 200);
    }
    stage.browser.assert_accessible("a refusal").await?;
    confirm(&mut stage, "Force open", TOKEN).await?;
    stage.browser.until_breaker(OPENAI, &["Forced open"]).await?;
    stage.browser.assert_no_faults(2).await
}

#[tokio::test]
async fn what_the_api_says_against_it_is_shown() -> Outcome {
    let mut stage = Stage::start(json!({})).await?;
    stage.scene.call().await;
    stage.open_page(DESKTOP).await?;
    expand(&mut stage).await?;
    stage.browser.click(&button("Force open")).await?;
    stage.browser.fill("For how long", "31").await?;
    let days = json!({"do": "choose", "label": "Unit of the duration", "value": "86400"});
    stage.browser.tell(days).await?;
    confirm(&mut stage, "Force open", TOKEN).await?;
    stage.browser.until("#error", &["duration", "2678400s"]).await?;
    assert_reached(&stage.scene.call().await, 200);
    stage.browser.assert_no_faults(1).await
}

#[tokio::test]
async fn an_order_is_for_this_proxy_or_for_the_fleet_if_that_is_heard() -> Outcome {
    let mut stage = Stage::start_in_a_fleet().await?;
    stage.scene.call().await;
    stage.open_page(DESKTOP).await?;
    expand(&mut stage).await?;
    stage.browser.click(&button("Reset")).await?;
    assert_eq!(stage.browser.count("#scope:visible").await?, 0, "no fleet is reset");
    stage.browser.click("Cancel").await?;

    stage.browser.click(&button("Force open")).await?;
    stage.browser.until("dialog", &["For whom", "as they are"]).await?;
    let fleet = json!({"do": "choose", "label": "For whom", "value": "fleet"});
    stage.browser.tell(fleet).await?;
    stage.browser.until("dialog", &["out of touch"]).await?;
    stage.browser.picture("for-the-fleet", false).await?;
    stage.browser.assert_accessible("an order for the fleet").await?;
    confirm(&mut stage, "Force open", TOKEN).await?;
    stage.browser.until("#error", &["fleet"]).await?;
    assert_reached(&stage.scene.call().await, 200);

    let here = json!({"do": "choose", "label": "For whom", "value": "local"});
    stage.browser.tell(here).await?;
    confirm(&mut stage, "Force open", TOKEN).await?;
    stage.browser.until_breaker(OPENAI, &["Forced open", "by dana"]).await?;
    assert_blocked(&stage.scene.call().await);
    stage.browser.assert_no_faults(1).await
}

#[tokio::test]
async fn without_a_configured_token_there_is_nothing_to_steer_with() -> Outcome {
    let mut stage = Stage::start_with(json!({}), None, &[]).await?;
    stage.scene.call().await;
    stage.open_page(DESKTOP).await?;
    stage.browser.until("header", &["read-only: no admin token is configured"]).await?;
    expand(&mut stage).await?;
    stage.browser.until_breaker(OPENAI, &["Mode\nEnforce"]).await?;
    assert_eq!(stage.browser.count(".steer button:visible").await?, 0);
    assert_eq!(stage.order(OPENAI, "open", &json!({})).await.status, 403);
    stage.browser.assert_no_faults(0).await
}
