//! What whoever is paged sees: before, during and after an outage.

use std::time::Duration;

use llm_breaker_host_tests::envoy::OPENAI;
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;

use super::browser::DESKTOP;
use super::stage::Stage;
use crate::scene::{Outcome, assert_blocked, assert_reached, silence};

#[tokio::test]
async fn an_outage_is_told_as_it_goes() -> Outcome {
    // Long enough to be seen by a page that looks every two seconds, on any machine.
    let open = json!({"base": "20s", "jitter": 0});
    let mut stage = Stage::start(json!({"open": open})).await?;
    assert_reached(&stage.scene.call().await, 200);
    stage.open_page(DESKTOP).await?;
    stage.browser.until("h1", &["The breaker is not open"]).await?;
    stage.browser.until_breaker(OPENAI, &["Closed", "0 of 1 call failed"]).await?;
    stage.browser.picture("before", true).await?;

    stage.scene.open().await;
    for _ in 0..3 {
        assert_blocked(&stage.scene.call().await);
    }
    stage.browser.until("h1", &[OPENAI, "is open"]).await?;
    let told = ["Open", "next probe in", "5 failures in a row", "server_error"];
    stage.browser.until_breaker(OPENAI, &told).await?;
    let row = stage
        .browser
        .until_breaker(OPENAI, &["Requests blocked\n3\n", "Callers get\nError\n", "Mode\nEnforce"])
        .await?;
    assert!(row.contains("closed → open, for 20 s: 5 failures in a row"), "{row}");
    assert_eq!(stage.browser.tell(json!({"do": "title"})).await?, "1 open – llm-breaker");
    // A screen reader was told, and no more than that.
    let said = stage.browser.until("#said", &[OPENAI]).await?;
    assert_eq!(said, format!("{OPENAI}: Open"));
    stage.browser.picture("during", true).await?;

    stage.browser.until_breaker(OPENAI, &["Half-open", "next probe with the next call"]).await?;
    stage.scene.provider.behave(Behaviour::Healthy);
    assert_reached(&stage.scene.call().await, 200);
    stage.browser.until("h1", &["The breaker is not open"]).await?;
    let row = stage.browser.until_breaker(OPENAI, &["Closed"]).await?;
    assert!(!row.contains("Open"), "what is well takes one line: {row}");
    stage.browser.tell(json!({"do": "click", "css": ".title"})).await?;
    let history = ["half-open → closed", "open → half-open", "closed → open"];
    let row = stage.browser.until_breaker(OPENAI, &history).await?;
    let places = history.map(|event| row.find(event));
    assert!(places.is_sorted(), "newest first: {row}");
    stage.browser.picture("after", true).await?;
    stage.browser.assert_no_faults(0).await
}

#[tokio::test]
async fn what_cannot_be_refreshed_says_since_when_it_is_stale() -> Outcome {
    let mut stage = Stage::start(json!({"open": {"base": "600s"}})).await?;
    stage.scene.open().await;
    stage.open_page(DESKTOP).await?;
    stage.browser.until_breaker(OPENAI, &["Open", "next probe in"]).await?;
    stage.browser.until("#fresh", &["live"]).await?;
    stage.browser.tell(json!({"do": "offline", "offline": true})).await?;
    stage.browser.until("#stale", &["Stale since", "it does not answer", "Trying again"]).await?;
    assert_eq!(stage.browser.tell(json!({"do": "title"})).await?, "stale – llm-breaker");
    stage.browser.picture("stale", false).await?;
    // A countdown that nobody confirms would deceive.
    let lead = stage.browser.until(".lead", &["next probe in"]).await?;
    silence(Duration::from_millis(2_500)).await;
    assert_eq!(stage.browser.until(".lead", &[]).await?, lead);
    stage.browser.assert_accessible("stale").await?;

    stage.browser.tell(json!({"do": "offline", "offline": false})).await?;
    stage.browser.until("#fresh", &["live"]).await?;
    assert_eq!(stage.browser.count("#stale:not([hidden])").await?, 0);
    stage.browser.assert_no_faults(0).await
}

#[tokio::test]
async fn a_paused_page_stands_still_until_it_goes_on() -> Outcome {
    let mut stage = Stage::start(json!({"open": {"base": "600s"}})).await?;
    stage.scene.call().await;
    stage.open_page(DESKTOP).await?;
    stage.browser.click("Pause").await?;
    stage.browser.until("#fresh", &["Paused at"]).await?;
    stage.scene.open().await;
    // More than twice the time between two looks.
    silence(Duration::from_secs(5)).await;
    stage.browser.until("h1", &["The breaker is not open"]).await?;
    stage.browser.click("Pause").await?;
    stage.browser.until("h1", &["is open"]).await?;
    stage.browser.assert_no_faults(0).await
}
