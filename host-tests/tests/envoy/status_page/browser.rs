//! Chromium, as `browser/driver.mjs` drives it, which says what it takes and tells.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use llm_breaker_host_tests::patience::patiently;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::scene::Outcome;

/// A screen, and what its owner prefers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) scheme: &'static str,
}

pub(crate) const DESKTOP: Device = Device { width: 1100, height: 800, scheme: "light" };
pub(crate) const PHONE: Device = Device { width: 390, height: 844, scheme: "light" };

impl Device {
    pub(crate) const fn dark(self) -> Self {
        Self { scheme: "dark", ..self }
    }
}

/// A running browser with one page; dropping it ends both.
pub(crate) struct Browser {
    _process: Child,
    orders: ChildStdin,
    results: Lines<BufReader<ChildStdout>>,
    /// What the browser leaves behind.
    _home: TempDir,
}

/// What has the focus.
#[derive(Debug, Deserialize)]
pub(crate) struct Focus {
    pub(crate) tag: String,
    pub(crate) name: String,
    /// One can see it.
    pub(crate) outlined: bool,
    #[serde(rename = "inDialog")]
    pub(crate) in_dialog: bool,
}

impl Browser {
    pub(crate) async fn start() -> Outcome<Self> {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/browser"));
        if !folder.join("node_modules/playwright-core").exists() {
            return Err(
                format!("{}/node_modules is missing: `make setup`", folder.display()).into()
            );
        }
        let home = tempfile::tempdir()?;
        let mut process = Command::new("node")
            .arg(folder.join("driver.mjs"))
            .env_clear()
            .envs(["PATH", "CHROMIUM"].iter().filter_map(|name| Some((name, env::var_os(name)?))))
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let orders = process.stdin.take().expect("a piped stdin");
        let output = process.stdout.take().expect("a piped stdout");
        let results = BufReader::new(output).lines();
        let mut browser = Self { _process: process, orders, results, _home: home };
        assert_eq!(browser.result("a browser").await?, "ready");
        Ok(browser)
    }

    /// Carries out one order.
    pub(crate) async fn tell(&mut self, order: Value) -> Outcome<Value> {
        self.orders.write_all(format!("{order}\n").as_bytes()).await?;
        self.result(&order.to_string()).await
    }

    async fn result(&mut self, what: &str) -> Outcome<Value> {
        let line = patiently(what, self.results.next_line()).await?;
        let mut result: Value = serde_json::from_str(&line.ok_or("the browser ended")?)?;
        match result.get("failed") {
            Some(why) => Err(why.to_string().into()),
            None => Ok(result["result"].take()),
        }
    }

    /// Opens the page of this listener afresh.
    pub(crate) async fn open(&mut self, listener: SocketAddr, device: Device) -> Outcome {
        self.open_at(&format!("http://{listener}/"), device).await
    }

    /// Opens a page that lies in a file.
    pub(crate) async fn open_file(&mut self, file: &Path, device: Device) -> Outcome {
        self.open_at(&format!("file://{}", file.display()), device).await
    }

    async fn open_at(&mut self, url: &str, device: Device) -> Outcome {
        let Device { width, height, scheme } = device;
        let order =
            json!({"do": "open", "url": url, "width": width, "height": height, "scheme": scheme});
        self.tell(order).await.map(drop)
    }

    /// Waits until what `css` finds first says all these, and returns what it says.
    pub(crate) async fn until(&mut self, css: &str, has: &[&str]) -> Outcome<String> {
        let text = self.tell(json!({"do": "until", "css": css, "has": has})).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the breaker whose row contains `name` says all these.
    pub(crate) async fn until_breaker(&mut self, name: &str, has: &[&str]) -> Outcome<String> {
        let within = json!({"css": ".breaker", "text": name});
        let order = json!({"do": "until", "within": within, "css": "xpath=.", "has": has});
        let text = self.tell(order).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks the button that says this.
    pub(crate) async fn click(&mut self, button: &str) -> Outcome {
        self.tell(json!({"do": "click", "role": "button", "name": button})).await.map(drop)
    }

    pub(crate) async fn fill(&mut self, label: &str, value: &str) -> Outcome {
        self.tell(json!({"do": "fill", "label": label, "value": value})).await.map(drop)
    }

    /// Presses a key once.
    pub(crate) async fn press(&mut self, key: &str) -> Outcome<Focus> {
        Ok(serde_json::from_value(self.tell(json!({"do": "press", "key": key})).await?)?)
    }

    /// Presses a key until what has the focus is named so.
    pub(crate) async fn press_until(&mut self, key: &str, name: &str) -> Outcome<Focus> {
        let order = json!({"do": "press", "key": key, "until": name});
        Ok(serde_json::from_value(self.tell(order).await?)?)
    }

    pub(crate) async fn focus(&mut self) -> Outcome<Focus> {
        Ok(serde_json::from_value(self.tell(json!({"do": "focus"})).await?)?)
    }

    /// How many elements there are.
    pub(crate) async fn count(&mut self, css: &str) -> Outcome<u64> {
        let count = self.tell(json!({"do": "count", "css": css})).await?;
        Ok(count.as_u64().unwrap_or(u64::MAX))
    }

    /// What a JavaScript expression is in the page.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Outcome<Value> {
        self.tell(json!({"do": "evaluate", "expression": expression})).await
    }

    /// The accessibility checker finds nothing, and found much to check.
    pub(crate) async fn assert_accessible(&mut self, what: &str) -> Outcome {
        let found = self.tell(json!({"do": "axe"})).await?;
        assert_eq!(found["violations"], json!([]), "{what}");
        assert!(found["passes"].as_u64() > Some(10), "{what}: {found}");
        Ok(())
    }

    /// No dialog, error or request elsewhere so far, and so many refusals by the API.
    pub(crate) async fn assert_no_faults(&mut self, refused: u32) -> Outcome {
        let faults = self.tell(json!({"do": "faults", "refused": refused})).await?;
        assert_eq!(faults, json!([]));
        Ok(())
    }

    /// Keeps a picture of the page in `target/status-page`, for people to look at.
    pub(crate) async fn picture(&mut self, name: &str, whole: bool) -> Outcome {
        let folder: PathBuf = [env!("CARGO_TARGET_TMPDIR"), "..", "status-page"].iter().collect();
        let file = folder.join(format!("{name}.png"));
        self.tell(json!({"do": "picture", "file": file, "whole": whole})).await.map(drop)
    }
}
