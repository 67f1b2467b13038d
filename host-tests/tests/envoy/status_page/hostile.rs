//! What others named is text, whatever it looks like.

use serde_json::json;

use super::browser::DESKTOP;
use super::stage::{Stage, TOKEN};
use crate::scene::Outcome;

const NAME: &str = "<img src=x onerror=alert(1)>";
/// Markup, and a character that turns the rest of a line around.
const MARKUP: &str = "</small><script>alert(2)</script><b id=bold>\u{202e}&amp;";

#[tokio::test]
async fn a_cluster_named_like_markup_is_text() -> Outcome {
    let mut stage = Stage::start_with(json!({}), Some(TOKEN), &[NAME]).await?;
    assert_eq!(stage.call_further(1).await.status, 200);
    let body = json!({"user": MARKUP, "reason": MARKUP, "duration": "600s"});
    let answer = stage.order(NAME, "open", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    stage.open_page(DESKTOP).await?;
    let told = format!("“{}”", MARKUP.replace('\u{202e}', r"\u{202e}"));
    stage.browser.until_breaker(NAME, &["Forced open", &told]).await?;
    assert_eq!(stage.browser.until(".name", &[]).await?, NAME);
    stage.browser.until("h1", &[NAME]).await?;
    stage.browser.picture("markup", true).await?;

    // Its dialog names it, too; and what was given by the API can be ended by the page.
    stage.browser.click(&format!("End override {NAME}")).await?;
    stage.browser.until("#target", &[NAME]).await?;
    stage.browser.fill("Token", TOKEN).await?;
    stage.browser.click("End override").await?;
    stage.browser.until_breaker(NAME, &["Closed"]).await?;

    assert_eq!(stage.browser.count("img, #bold, body script ~ script").await?, 0);
    assert_eq!(stage.browser.count("script").await?, 1);
    stage.browser.assert_no_faults(0).await
}

#[tokio::test]
async fn the_page_may_run_nothing_but_itself() -> Outcome {
    let mut stage = Stage::start(json!({})).await?;
    stage.scene.call().await;
    stage.open_page(DESKTOP).await?;
    let inserted = "document.body.append(Object.assign(document.createElement('script'), \
                    {textContent: 'window.ran = true'})), typeof window.ran";
    assert_eq!(stage.browser.evaluate(inserted).await?, "undefined");
    let elsewhere = "fetch('http://127.0.0.1:1/').then(() => 'sent', () => 'refused')";
    assert_eq!(stage.browser.evaluate(elsewhere).await?, "refused");
    let faults = stage.browser.tell(json!({"do": "faults"})).await?;
    let faults: Vec<String> = serde_json::from_value(faults)?;
    assert!(faults.iter().all(|fault| fault.contains("Content Security Policy")), "{faults:?}");
    for directive in ["script-src 'sha256-", "connect-src 'self'"] {
        assert!(faults.iter().any(|fault| fault.contains(directive)), "{faults:?}");
    }
    Ok(())
}
