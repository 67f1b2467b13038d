//! A mock LLM server that others wrote: `aimock`, with the answers of `sdk/aimock.json`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::patience::patiently;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::scene::Outcome;

/// A running server; dropping it kills its process.
pub(super) struct Aimock {
    _process: Child,
    address: SocketAddr,
}

impl Aimock {
    /// Starts it on a free port.
    pub(super) async fn start() -> Outcome<Self> {
        let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/sdk"));
        let server = directory.join("node_modules/@copilotkit/aimock/dist/cli.js");
        if !server.exists() {
            return Err(format!("{} is missing: `make setup`", server.display()).into());
        }
        // Not by its launcher, which would outlive us if that alone were killed.
        let mut process = Command::new("node")
            .arg(server)
            .args(["--port", "0", "--fixtures"])
            .arg(directory.join("aimock.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut output = BufReader::new(process.stdout.take().expect("a piped stdout")).lines();
        let listening = async {
            while let Some(line) = output.next_line().await? {
                if let Some((_, address)) = line.split_once("listening on http://") {
                    return Ok(address.parse()?);
                }
            }
            Err("aimock ended".into())
        };
        let address: Outcome<SocketAddr> = patiently("aimock to listen", listening).await;
        let address = address?;
        // What it says further is not of interest, but has to go somewhere.
        tokio::spawn(async move { while let Ok(Some(_)) = output.next_line().await {} });
        Ok(Self { _process: process, address })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does this to every call from now on, such as `{"rateLimitRate": 1}`.
    pub(super) async fn chaos(&self, rates: &Value) -> Outcome {
        let call = Call::post_json("/__aimock/chaos", rates);
        let client = Client::http1(self.address);
        let answer = patiently("aimock to answer", client.send(&call)).await?;
        assert!(answer.status.is_success(), "{}", answer.text());
        Ok(())
    }
}
