//! What an operator does with etcdctl: keys, users and roles, compaction.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::process::{Child, Command};

use super::place;
use crate::envoy::Log;
use crate::patience::patiently;

/// One who asks an etcd, by etcdctl.
#[derive(Clone, Debug)]
pub struct Control {
    address: SocketAddr,
    /// The folder of certificates, and whose of them is shown.
    identity: Option<(PathBuf, String)>,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// What it holds; bytes that are no text replaced.
    pub value: String,
    /// The revision of the store that wrote it.
    pub mod_revision: i64,
    /// The lease that it ends with; 0 is none.
    pub lease: i64,
}

impl Control {
    pub(super) fn new(address: SocketAddr, certificates: Option<&Path>) -> Self {
        Self { address, identity: certificates.map(|folder| (folder.to_owned(), "root".into())) }
    }

    /// The same as another user; of no meaning to an etcd without certificates.
    #[must_use]
    pub fn as_user(mut self, name: &str) -> Self {
        if let Some((_, user)) = &mut self.identity {
            name.clone_into(user);
        }
        self
    }

    /// What etcdctl is told in the environment: where the etcd is, and who asks.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let scheme = if self.identity.is_some() { "https" } else { "http" };
        let mut variables = vec![
            ("ETCDCTL_API", "3".to_owned()),
            ("ETCDCTL_ENDPOINTS", format!("{scheme}://{}", self.address)),
        ];
        if let Some((folder, user)) = &self.identity {
            let file = |name: &str| folder.join(name).display().to_string();
            variables.push(("ETCDCTL_CACERT", file("ca.pem")));
            variables.push(("ETCDCTL_CERT", file(&format!("{user}.pem"))));
            variables.push(("ETCDCTL_KEY", file(&format!("{user}.key"))));
        }
        variables
    }

    fn command(&self, arguments: &[&str]) -> io::Result<Command> {
        let mut command = Command::new(place::etcdctl()?);
        command.args(arguments).envs(self.environment());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        Ok(command)
    }

    /// Runs etcdctl with these arguments and returns what it printed.
    ///
    /// # Errors
    /// When it fails: with what it complained about.
    pub async fn run(&self, arguments: &[&str]) -> io::Result<String> {
        let mut command = self.command(arguments)?;
        let output = patiently("etcdctl", command.output()).await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("etcdctl {}: {}", arguments.join(" "), complaint.trim())))
    }

    /// Writes a key without a lease.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn put(&self, key: &str, value: &str) -> io::Result<()> {
        // A value may begin with a hyphen.
        self.run(&["put", "--", key, value]).await.map(drop)
    }

    /// Writes a key that ends after so many seconds.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn put_for(&self, key: &str, value: &str, seconds: u32) -> io::Result<()> {
        let granted = self.run(&["lease", "grant", &seconds.to_string()]).await?;
        let lease = granted.split_whitespace().nth(1).unwrap_or_default().to_owned();
        self.run(&["put", "--lease", &lease, "--", key, value]).await.map(drop)
    }

    /// Removes all keys that begin so.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn delete_prefix(&self, prefix: &str) -> io::Result<()> {
        self.run(&["del", "--prefix", prefix]).await.map(drop)
    }

    /// All keys that begin so, in their order.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn entries(&self, prefix: &str) -> io::Result<Vec<Entry>> {
        let answer = self.get(prefix).await?;
        Ok(entries(&answer["kvs"]))
    }

    async fn get(&self, prefix: &str) -> io::Result<Value> {
        let printed = self.run(&["get", "--prefix", prefix, "--write-out", "json"]).await?;
        serde_json::from_str(&printed).map_err(io::Error::other)
    }

    /// The store's revision.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn revision(&self) -> io::Result<i64> {
        let answer = self.get("no such key").await?;
        answer["header"]["revision"].as_i64().ok_or_else(|| io::Error::other("no revision"))
    }

    /// Forgets what was before the present revision.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn compact(&self) -> io::Result<()> {
        let revision = self.revision().await?.to_string();
        self.run(&["compact", "--physical", &revision]).await.map(drop)
    }

    /// Follows all keys that begin so, from a revision on, 0 being now.
    ///
    /// # Errors
    /// When etcdctl is missing.
    pub fn watch(&self, prefix: &str, from: i64) -> io::Result<Watch> {
        let revision = format!("--rev={from}");
        let mut command =
            self.command(&["watch", "--prefix", prefix, &revision, "--write-out", "json"])?;
        let mut process = command.spawn()?;
        let log = Log::follow(process.stdout.take().expect("a piped stdout"));
        Ok(Watch { _process: process, log })
    }
}

/// An etcdctl that follows keys; dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    _process: Child,
    log: Log,
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether it went away.
    pub is_deleted: bool,
    /// What it is now; of one that went away the name and revision alone.
    pub entry: Entry,
}

impl Watch {
    /// All that happened so far, in the store's order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let answers = self.log.lines();
        let answers = answers.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let events = answers.filter_map(|answer| answer["Events"].as_array().cloned()).flatten();
        let entry = |event: Value| {
            let entry = entry(&event["kv"])?;
            Some(Event { is_deleted: event["type"] == 1, entry })
        };
        events.filter_map(entry).collect()
    }

    /// Waits until a key was written such that `wanted` accepts it, and returns it.
    ///
    /// # Panics
    /// When none is within [`crate::patience::PATIENCE`].
    pub async fn wait_for(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        let found = async {
            loop {
                if let Some(event) = self.events().into_iter().find(&wanted) {
                    return event;
                }
                tokio::time::sleep(crate::patience::POLL_INTERVAL).await;
            }
        };
        patiently("a key in etcd", found).await
    }
}

fn entries(list: &Value) -> Vec<Entry> {
    list.as_array().into_iter().flatten().filter_map(entry).collect()
}

fn entry(kv: &Value) -> Option<Entry> {
    let text = |name: &str| {
        let bytes = STANDARD.decode(kv[name].as_str().unwrap_or_default()).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    Some(Entry {
        key: text("key")?,
        value: text("value")?,
        mod_revision: kv["mod_revision"].as_i64()?,
        lease: kv["lease"].as_i64().unwrap_or(0),
    })
}
