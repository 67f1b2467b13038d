//! By keyboard alone, and the focus stays where it is while the page refreshes itself.

use llm_breaker_host_tests::envoy::OPENAI;
use serde_json::json;

use super::browser::DESKTOP;
use super::stage::{Stage, TOKEN};
use crate::scene::{Outcome, assert_blocked, assert_reached};

#[tokio::test]
async fn all_that_a_mouse_can() -> Outcome {
    let mut stage = Stage::start(json!({})).await?;
    stage.scene.call().await;
    stage.open_page(DESKTOP).await?;
    let title = stage.browser.press_until("Tab", OPENAI).await?;
    assert_eq!((title.tag.as_str(), title.outlined), ("button", true), "{title:?}");
    let expanded = json!({"do": "attribute", "css": ".title", "name": "aria-expanded"});
    assert_eq!(stage.browser.tell(expanded.clone()).await?, "false");
    stage.browser.press("Enter").await?;
    assert_eq!(stage.browser.tell(expanded).await?, "true");

    stage.browser.press_until("Tab", "Force open").await?;
    let first = stage.browser.press("Enter").await?;
    assert!(first.in_dialog && first.outlined, "{first:?}");
    // Escape is a no, and leads back.
    let back = stage.browser.press("Escape").await?;
    assert!(back.name.starts_with("Force open") && back.outlined, "{back:?}");
    assert_reached(&stage.scene.call().await, 200);

    stage.browser.press("Enter").await?;
    stage.browser.press_until("Tab", "Token").await?;
    stage.browser.tell(json!({"do": "type", "text": TOKEN})).await?;
    stage.browser.press("Enter").await?;
    stage.browser.until_breaker(OPENAI, &["Forced open"]).await?;
    assert_blocked(&stage.scene.call().await);
    // The button that was pressed is gone: there is nothing more to force.
    let after = stage.browser.focus().await?;
    assert!(after.tag == "button" && after.name.contains(OPENAI), "{after:?}");

    stage.browser.press_until("Tab", "Reset").await?;
    stage.browser.press("Enter").await?;
    stage.browser.press_until("Tab", "Cancel").await?;
    assert!(stage.browser.press("Tab").await?.in_dialog);
    stage.browser.press("Enter").await?;
    stage.browser.until_breaker(OPENAI, &["Closed"]).await?;
    assert_reached(&stage.scene.call().await, 200);
    stage.browser.assert_no_faults(0).await
}

#[tokio::test]
async fn the_focus_stays_while_the_list_changes_around_it() -> Outcome {
    let further = ["a-first", "b-second", "c-third"];
    let policy = json!({"open": {"base": "600s"}});
    let mut stage = Stage::start_with(policy, Some(TOKEN), &further).await?;
    for number in 1..=further.len() {
        stage.call_further(number).await;
    }
    stage.open_page(DESKTOP).await?;
    stage.browser.press_until("Tab", "b-second").await?;
    stage.browser.press("Enter").await?;
    stage.browser.press_until("Tab", "Reset").await?;
    for (worse, order) in [
        ("c-third", ["c-third", "a-first", "b-second"]),
        ("b-second", ["b-second", "c-third", "a-first"]),
        ("a-first", ["a-first", "b-second", "c-third"]),
    ] {
        stage.order(worse, "open", &json!({})).await;
        stage.browser.until_breaker(worse, &["Forced open"]).await?;
        let names = stage.browser.tell(json!({"do": "texts", "css": ".breaker .name"})).await?;
        assert_eq!(names, json!(order));
        let focus = stage.browser.focus().await?;
        assert_eq!(focus.name, "Reset b-second");
    }
    stage.browser.assert_no_faults(0).await
}
