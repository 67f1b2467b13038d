//! The process in which the SDKs of a language run: `sdk/driver.py`, which says what it takes and
//! tells, or `sdk/driver.mjs`, which does the same.

use std::env;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use llm_breaker_host_tests::patience::patiently;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::scene::Outcome;

/// A language that the SDKs are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Node,
}

impl Language {
    /// What runs the driver.
    fn command(self) -> Outcome<Command> {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let sdk = root.join("host-tests/sdk");
        let python = root.join(".venv/bin/python");
        let installed = match self {
            Self::Python => &python,
            Self::Node => &sdk.join("node_modules/openai"),
        };
        if !installed.exists() {
            return Err(format!("{} is missing: `make setup`", installed.display()).into());
        }
        Ok(match self {
            Self::Python => {
                let mut command = Command::new(python);
                // They warn of what mock servers invent.
                command.args(["-W", "ignore"]).arg(sdk.join("driver.py"));
                command
            }
            Self::Node => {
                let mut command = Command::new("node");
                command.arg(sdk.join("driver.mjs"));
                command
            }
        })
    }
}

/// The loaded SDKs; dropping them kills their process and so hangs up.
pub(crate) struct Sdks {
    _process: Child,
    calls: ChildStdin,
    results: Lines<BufReader<ChildStdout>>,
}

/// What came of one call.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Told {
    pub(crate) raised: Option<Raised>,
    pub(crate) events: usize,
    pub(crate) text: String,
    pub(crate) finish: Vec<String>,
    pub(crate) model: Option<String>,
    pub(crate) seconds: f64,
}

/// The exception that an SDK raised.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Raised {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) retry_after: Option<String>,
}

impl Sdks {
    /// Loads them, every call to go to this address.
    pub(crate) async fn start(language: Language, address: SocketAddr) -> Outcome<Self> {
        let mut process = language
            .command()?
            .arg(format!("http://{address}"))
            // Neither a proxy nor a base URL of the machine that runs the tests, and no .pyc files
            // among the sources.
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PATH", env::var_os("PATH").unwrap_or_default())
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
    pub(crate) async fn ask(&mut self, call: &Value) -> Outcome<Told> {
        let mut told = self.ask_at_once(&json!([call])).await?;
        Ok(told.swap_remove(0))
    }

    /// Makes all these calls at once, and returns what came of each in their order.
    pub(crate) async fn ask_at_once(&mut self, calls: &Value) -> Outcome<Vec<Told>> {
        self.calls.write_all(format!("{calls}\n").as_bytes()).await?;
        let line = patiently("the SDKs' answers", self.results.next_line()).await?;
        Ok(serde_json::from_str(&line.expect("one line for each of ours"))?)
    }
}

impl Told {
    /// The name of the exception's type, if one was raised.
    pub(crate) fn exception(&self) -> Option<&str> {
        self.raised.as_ref().map(|raised| raised.kind.as_str())
    }
}
