//! The report of a replay in a real browser: on every device, for those who do not see it, and with
//! names in it that others chose.

mod day;

use std::path::{Path, PathBuf};

use llm_breaker::config::Config;
use llm_breaker::replay::log::{Options, Reader};
use llm_breaker::replay::report::{Log, page, sheet::Sheet};
use llm_breaker::replay::{Candidate, Replay};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scene::Outcome;
use crate::status_page::browser::{Browser, DESKTOP, Device, PHONE};

/// A report that lies in a folder, and a browser.
struct Stage {
    folder: TempDir,
    browser: Browser,
}

fn candidate(name: &str, config: &Value) -> Candidate {
    let config = Config::parse(config.to_string().as_bytes()).expect("a configuration");
    Candidate { name: name.into(), config }
}

/// What the command writes for two configurations.
fn report(log: &str, second: &str) -> String {
    let proposed = json!({"defaults": {
        "trip": {"minimum_calls": 4, "failure_rate": 0.4}, "window": {"type": "time", "duration": "120s"},
        "slow": {"first_token": "20s"},
    }});
    let candidates = vec![candidate("today.yaml", &json!({})), candidate(second, &proposed)];
    let mut replay = Replay::new(candidates.clone());
    let mut reader = Reader::new(Options::default());
    reader.read("access.log", log.as_bytes(), &mut replay);
    let reading = reader.finish(&mut replay);
    assert!(reading.calls > 1_000, "{reading:?}");
    let log = Log { sources: vec!["access.log".into()], skipped: Vec::new() };
    page(&Sheet::of(&replay.finish(), &candidates, &log))
}

impl Stage {
    async fn set(report: &str) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("report.html"), report)?;
        Ok(Self { folder, browser: Browser::start().await? })
    }

    async fn open(&mut self, device: Device) -> Outcome {
        self.browser.open_file(&self.folder.path().join("report.html"), device).await
    }

    /// Keeps a picture of it for people to look at.
    async fn picture(&mut self, name: &str) -> Outcome {
        let folder: PathBuf = [env!("CARGO_TARGET_TMPDIR"), "..", "replay-report"].iter().collect();
        let file = Path::new(&folder).join(format!("{name}.png"));
        self.browser.tell(json!({"do": "picture", "file": file, "whole": true})).await.map(drop)
    }

    /// All that can be unfolded is.
    async fn unfold(&mut self) -> Outcome<Value> {
        let unfold = "document.querySelectorAll('details').forEach((it) => { it.open = true; })";
        self.browser.evaluate(unfold).await
    }
}

#[tokio::test]
async fn on_every_device_it_is_readable_and_the_checker_finds_nothing() -> Outcome {
    let mut stage = Stage::set(&report(&day::log(day::SPARSE), "proposed.yaml")).await?;
    for (name, device) in [
        ("desktop-light", DESKTOP),
        ("desktop-dark", DESKTOP.dark()),
        ("phone-light", PHONE),
        ("phone-dark", PHONE.dark()),
    ] {
        stage.open(device).await?;
        stage.browser.until("h1", &["What the breakers would have done"]).await?;
        stage.browser.until("main", &[day::BUSY, day::SPARSE, "proposed.yaml"]).await?;
        stage.picture(name).await?;
        stage.unfold().await?;
        let overflow = "document.documentElement.scrollWidth - innerWidth";
        assert_eq!(stage.browser.evaluate(overflow).await?, 0, "{name}");
        stage.browser.assert_accessible(name).await?;
    }
    stage.browser.assert_no_faults(0).await
}

#[tokio::test]
async fn what_happened_is_drawn_and_told() -> Outcome {
    let mut stage = Stage::set(&report(&day::log(day::SPARSE), "proposed.yaml")).await?;
    stage.open(DESKTOP).await?;
    // Each drawing has something in it that takes up room, and says in words what it shows.
    let empty = "[...document.querySelectorAll('svg')]\
                 .filter((at) => ![...at.querySelectorAll('path')].some((path) => path.getBBox().width > 0))\
                 .map((at) => at.ariaLabel)";
    assert_eq!(stage.browser.evaluate(empty).await?, json!([]));
    let drawn = "['.open', '.failed', '.spared', '.alarm', '.p50', '.p95', '.p99', '.limit']\
                 .filter((kind) => ![...document.querySelectorAll(kind)].some((path) => path.getTotalLength() > 0))";
    assert_eq!(stage.browser.evaluate(drawn).await?, json!([]), "nothing is drawn of these");
    let unnamed = "[...document.querySelectorAll('svg')].filter((at) => !at.ariaLabel).length";
    assert_eq!(stage.browser.evaluate(unnamed).await?, 0);
    stage.unfold().await?;
    let told = ["5 failures in a row", "closed after", "False alarms of all good calls"];
    stage.browser.until("main", &told).await?;
    assert_eq!(stage.browser.count("article").await?, 2);
    assert_eq!(stage.browser.count("script").await?, 0);
    stage.browser.assert_no_faults(0).await
}

#[tokio::test]
async fn names_that_look_like_markup_are_text() -> Outcome {
    const MARKUP: &str = "</code></td><img src=http://127.0.0.1:1/x onerror=alert(1)>\u{202e}<script>alert(2)</script>";
    let mut stage = Stage::set(&report(&day::log(MARKUP), MARKUP)).await?;
    stage.open(DESKTOP).await?;
    stage.browser.until("main", &["<img src=http://127.0.0.1:1/x", r"\u{202e}<script>"]).await?;
    assert_eq!(stage.browser.count("img, script").await?, 0);
    // Were something of it run or fetched all the same, the page's own policy would forbid it.
    let inserted = "document.body.append(Object.assign(document.createElement('script'), \
                    {textContent: 'window.ran = true'})), typeof window.ran";
    assert_eq!(stage.browser.evaluate(inserted).await?, "undefined");
    stage.picture("markup").await
}
