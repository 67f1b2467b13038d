//! Readable on a phone and on a desk, in dark and in light, and for those who do not see it.

use llm_breaker_host_tests::envoy::OPENAI;
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;

use super::browser::{DESKTOP, Device, PHONE};
use super::stage::{Stage, TOKEN};
use crate::scene::Outcome;

const CLUSTERS: [&str; 4] = [
    "outbound|443||api.anthropic.com",
    "outbound|443||generativelanguage.googleapis.com",
    "outbound|443||bedrock-runtime.eu-central-1.amazonaws.com",
    "azure-openai",
];

/// A provider that is down, one that is forced open, one in shadow, and healthy ones.
async fn eventful() -> Outcome<Stage> {
    let fallback = json!([{
        "kind": "reroute", "header": "x-llm-route", "value": "azure", "cluster": "azure-openai",
        "when": ["quota_exhausted"],
    }, {"kind": "error"}]);
    let policy = json!({"open": {"base": "600s"}, "fallback": fallback});
    let stage = Stage::start_with(policy, Some(TOKEN), &CLUSTERS).await?;
    for number in 1..=CLUSTERS.len() {
        for _ in 0..=number {
            stage.call_further(number).await;
        }
    }
    stage.scene.open().await;
    stage.scene.calls(12).await;
    stage.scene.provider.queue([Behaviour::status(500)]);
    stage.call_further(4).await;
    let forced =
        json!({"user": "dana", "reason": "incident 4711: answers are garbled", "duration": "900s"});
    assert_eq!(stage.order(CLUSTERS[1], "open", &forced).await.status, 200);
    let watched =
        json!({"mode": "shadow", "user": "kim", "reason": "new limits, first only watched"});
    assert_eq!(stage.order(CLUSTERS[2], "mode", &watched).await.status, 200);
    Ok(stage)
}

const DEVICES: [(&str, Device); 4] = [
    ("desktop-light", DESKTOP),
    ("desktop-dark", DESKTOP.dark()),
    ("phone-light", PHONE),
    ("phone-dark", PHONE.dark()),
];

#[tokio::test]
async fn on_every_device_nothing_is_cut_off_and_the_checker_finds_nothing() -> Outcome {
    let mut stage = eventful().await?;
    for (name, device) in DEVICES {
        stage.open_page(device).await?;
        stage.browser.until_breaker(OPENAI, &["Open", "Requests blocked\n12\n"]).await?;
        stage.browser.until_breaker(CLUSTERS[1], &["Forced open", "dana"]).await?;
        assert_fits(&mut stage, name).await?;
        stage.browser.assert_accessible(name).await?;
        stage.browser.picture(name, true).await?;

        stage.browser.click(&format!("Close {OPENAI}")).await?;
        assert_fits(&mut stage, name).await?;
        stage.browser.assert_accessible(&format!("{name}: a dialog")).await?;
        stage.browser.picture(&format!("{name}-dialog"), false).await?;
        stage.browser.press("Escape").await?;
    }
    stage.browser.assert_no_faults(0).await
}

/// Nothing has to be scrolled sideways, and a finger hits what it aims at.
async fn assert_fits(stage: &mut Stage, name: &str) -> Outcome {
    let overflow = "document.documentElement.scrollWidth - innerWidth";
    assert_eq!(stage.browser.evaluate(overflow).await?, 0, "{name}");
    let smallest = "Math.min(...[...document.querySelectorAll('button, input, select, summary')]\
                    .map((at) => at.getBoundingClientRect().height).filter(Boolean))";
    let smallest = stage.browser.evaluate(smallest).await?.as_f64();
    assert!(smallest >= Some(24.0), "{name}: {smallest:?} pixels");
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_comes_first() -> Outcome {
    let mut stage = eventful().await?;
    stage.open_page(DESKTOP).await?;
    let states = stage.browser.tell(json!({"do": "texts", "css": ".state"})).await?;
    assert_eq!(states, json!(["Open", "Forced open", "Closed", "Closed", "Closed"]));
    let names = stage.browser.tell(json!({"do": "texts", "css": ".breaker .name"})).await?;
    let order = [OPENAI, CLUSTERS[1], CLUSTERS[2], CLUSTERS[3], CLUSTERS[0]];
    assert_eq!(names, json!(order), "down, forced, overridden, failing a little, well");
    stage.browser.until("h1", &["2 of 5 breakers are open"]).await?;
    stage.browser.assert_no_faults(0).await
}

#[tokio::test]
async fn a_screen_reader_finds_landmarks_headings_and_labels() -> Outcome {
    let mut stage = eventful().await?;
    stage.open_page(DESKTOP).await?;
    for landmark in ["header", "main", "footer", "h1", "[role=status]", "ul[aria-label]"] {
        assert_eq!(stage.browser.count(landmark).await?, 1, "{landmark}");
    }
    assert_eq!(stage.browser.count("li h2 button[aria-expanded][aria-controls]").await?, 5);
    stage.browser.click(&format!("Set mode {OPENAI}")).await?;
    let unlabelled = "dialog :is(input, select):not([aria-label])";
    let labelled = "[...document.querySelectorAll('dialog :is(input, select)')]\
                    .every((at) => at.labels.length || at.ariaLabel)";
    assert!(stage.browser.count(unlabelled).await? >= 5);
    assert_eq!(stage.browser.evaluate(labelled).await?, true);
    // Said by a shape and a word, never by a colour alone.
    let words = stage.browser.tell(json!({"do": "texts", "css": ".state"})).await?;
    assert!(words.as_array().is_some_and(|all| all.iter().all(|word| word != "")), "{words}");
    assert_eq!(stage.browser.count("h2 svg[aria-hidden=true]").await?, 5);
    Ok(())
}
