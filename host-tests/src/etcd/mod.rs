//! A real etcd on free ports of the loopback address, with data of its own, that a test stops, freezes,
//! wipes and fills.
//!
//! ```ignore
//! let mut etcd = Etcd::start().await?;
//! etcd.control().put("/llm-breaker/v1/a/b/c/d", "…").await?;
//! etcd.freeze().await?;                       // SIGSTOP: it accepts connections and says nothing
//! etcd.thaw().await?;
//! etcd.stop().await?;                         // killed; connections to its port are refused
//! etcd.wipe().await?;                         // stopped, and its data gone
//! etcd.start_again().await?;                  // on the same port
//! etcd.fill("/foreign/", 100_000).await?;
//! ```
//!
//! With [`Certificates`] it speaks TLS, and knows who asks by the name in the certificate. Dropping it
//! kills its process and removes its data.

mod certificates;
mod control;
mod place;
mod process;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use self::certificates::Certificates;
pub use self::control::{Control, Entry, Event, Watch};
pub use self::place::{etcdctl, shipped_folder};
use self::process::{Plan, Port, Process};
use crate::client::{Call, Client};
use crate::envoy::Log;
use crate::patience::patiently;

/// An etcd, running or not.
#[derive(Debug)]
pub struct Etcd {
    process: Option<Process>,
    directory: TempDir,
    client: Port,
    peer: Port,
    certificates: Option<PathBuf>,
    further: Vec<String>,
}

/// How many keys one transaction may write; etcd's own limit.
const KEYS_AT_ONCE: usize = 128;

impl Etcd {
    /// Starts one, without TLS, that lets everybody do everything.
    ///
    /// # Errors
    /// When the binary is missing, or it refuses its options: with what it wrote last.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(None, &[]).await
    }

    /// Starts one with further options, and with TLS if there are certificates.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(
        certificates: Option<&Certificates>,
        options: &[&str],
    ) -> io::Result<Self> {
        let mut etcd = Self {
            process: None,
            directory: TempDir::with_prefix("llm-breaker-etcd-")?,
            client: Port::reserve()?,
            peer: Port::reserve()?,
            certificates: certificates.map(|it| it.folder().to_owned()),
            further: options.iter().map(|&option| option.to_owned()).collect(),
        };
        etcd.start_again().await?;
        Ok(etcd)
    }

    /// Starts it where it was, with the data that it has.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_again(&mut self) -> io::Result<()> {
        let plan = Plan {
            client: self.client.address(),
            peer: self.peer.address(),
            data: &self.data(),
            certificates: self.certificates.as_deref(),
            further: &self.further,
        };
        self.process = Some(Process::start(&plan).await?);
        Ok(())
    }

    /// Kills it; connections to its port are refused from then on.
    ///
    /// # Errors
    /// When the kernel does not let us.
    pub async fn stop(&mut self) -> io::Result<()> {
        match self.process.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Stops it and removes all that it knows.
    ///
    /// # Errors
    /// As [`Self::stop`].
    pub async fn wipe(&mut self) -> io::Result<()> {
        self.stop().await?;
        std::fs::remove_dir_all(self.data())
    }

    /// Lets it do nothing more, while the kernel goes on accepting connections for it.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn freeze(&self) -> io::Result<()> {
        self.running()?.signal("-STOP").await
    }

    /// Lets a frozen one go on.
    ///
    /// # Errors
    /// As [`Self::freeze`].
    pub async fn thaw(&self) -> io::Result<()> {
        self.running()?.signal("-CONT").await
    }

    fn running(&self) -> io::Result<&Process> {
        self.process.as_ref().ok_or_else(|| io::Error::other("etcd is stopped"))
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Where it listens, or refuses.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.client.address()
    }

    /// Its process, while there is one.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::id)
    }

    /// What it wrote since it was started.
    ///
    /// # Panics
    /// When it is stopped.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.process.as_ref().expect("a running etcd").log()
    }

    /// Whoever may do everything: with certificates the user `root`.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(self.address(), self.certificates.as_deref())
    }

    /// Writes so many keys, each of this prefix and a number, in as few transactions as it lets us.
    ///
    /// # Errors
    /// When it refuses one, or speaks TLS: its JSON gateway knows nobody by their certificate.
    pub async fn fill(&self, prefix: &str, keys: usize, value: &str) -> io::Result<()> {
        let client = Client::http1(self.address());
        let put = |number: usize| {
            let key = STANDARD.encode(format!("{prefix}{number}"));
            json!({"requestPut": {"key": key, "value": STANDARD.encode(value)}})
        };
        for first in (0..keys).step_by(KEYS_AT_ONCE) {
            let puts: Vec<Value> = (first..keys.min(first + KEYS_AT_ONCE)).map(put).collect();
            let call = Call::post_json("/v3/kv/txn", &json!({"success": puts}));
            let answer = patiently("etcd", client.send(&call)).await.map_err(io::Error::other)?;
            if answer.status != 200 {
                return Err(io::Error::other(answer.text()));
            }
        }
        Ok(())
    }
}
