//! The process in which the SDKs run: `sdk/driver.py`, which says what it takes and tells.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use llm_breaker_host_tests::patience::patiently;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::scene::Outcome;

/// The loaded SDKs; dropping them kills their process and so hangs up.
pub(super) struct Sdks {
    _process: Child,
    calls: ChildStdin,
    results: Lines<BufReader<ChildStdout>>,
}

/// What came of one call.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Told {
    pub(super) raised: Option<Raised>,
    pub(super) events: usize,
    pub(super) text: String,
    pub(super) finish: Vec<String>,
}

/// The exception that an SDK raised.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Raised {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: Option<u16>,
    pub(super) message: String,
    pub(super) retry_after: Option<String>,
}

impl Sdks {
    /// Loads them, every call to go to this address.
    pub(super) async fn start(address: SocketAddr) -> Outcome<Self> {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let python = root.join(".venv/bin/python");
        if !python.exists() {
            return Err(format!("{} is missing: `make setup`", python.display()).into());
        }
        let mut process = Command::new(python)
            // They warn of what mock servers invent.
            .args(["-W", "ignore"])
            .arg(root.join("host-tests/sdk/driver.py"))
            .arg(format!("http://{address}"))
            // Neither a proxy nor a base URL of the machine that runs the tests, and no .pyc files
            // among the sources.
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let calls = process.stdin.take().expect("a piped stdin");
        let output = process.stdout.take().expect("a piped stdout");
        let mut results = BufReader::new(output).lines();
        let ready = patiently("the SDKs to load", results.next_line()).await?;
        assert_eq!(ready.as_deref(), Some("ready"));
        Ok(Self { _process: process, calls, results })
    }

    /// Makes one call.
    pub(super) async fn ask(&mut self, call: &Value) -> Outcome<Told> {
        let mut told = self.ask_at_once(&json!([call])).await?;
        Ok(told.swap_remove(0))
    }

    /// Makes all these calls at once, and returns what came of each in their order.
    pub(super) async fn ask_at_once(&mut self, calls: &Value) -> Outcome<Vec<Told>> {
        self.calls.write_all(format!("{calls}\n").as_bytes()).await?;
        let line = patiently("the SDKs' answers", self.results.next_line()).await?;
        Ok(serde_json::from_str(&line.expect("one line for each of ours"))?)
    }
}

impl Told {
    /// The name of the exception's type, if one was raised.
    pub(super) fn exception(&self) -> Option<&str> {
        self.raised.as_ref().map(|raised| raised.kind.as_str())
    }
}
