//! The process of one Envoy: started on a bootstrap in a directory of its own, and never outlived.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Log, StartError, place};
use crate::patience::{PATIENCE, POLL_INTERVAL};

/// A running Envoy process; dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    directory: TempDir,
    log: Log,
    access_log: Log,
}

/// How a process is started, beside its bootstrap.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) workers: u32,
    pub(super) log_level: &'static str,
    /// How long what an update replaces may go on.
    pub(super) drain: Duration,
    /// What Envoy merges into the bootstrap.
    pub(super) overlay: Option<Value>,
}

/// What `envoy --mode validate` said.
#[derive(Clone, Debug)]
pub struct Validation {
    /// Whether Envoy would start.
    pub is_ok: bool,
    /// Everything it wrote, the filter's log lines included.
    pub output: String,
}

/// A directory for one Envoy's files, removed with it.
pub(super) fn directory() -> Result<TempDir, StartError> {
    TempDir::with_prefix("llm-breaker-").map_err(|e| StartError::new(&"temporary directory", &e))
}

impl Process {
    pub(super) fn spawn(
        directory: TempDir,
        bootstrap: &Value,
        options: &Options,
    ) -> Result<Self, StartError> {
        let mut command = envoy(&directory, bootstrap)?;
        if let Some(overlay) = &options.overlay {
            overlaid(&mut command, overlay);
        }
        command
            .args(["--concurrency", &options.workers.to_string()])
            .args(["--log-level", options.log_level])
            .arg("--admin-address-path")
            .arg(directory.path().join(ADMIN_ADDRESS))
            // The access log's lines are waited for; 10 s of Envoy's default would be test time.
            .args(["--file-flush-interval-msec", "50"])
            // What an updated listener leaves behind should be gone while the test still runs.
            .args(["--drain-time-s", &options.drain.as_secs().to_string()])
            .args(["--parent-shutdown-time-s", &(options.drain.as_secs() + 1).to_string()])
            // Its log's times can be compared with those of the access log.
            .env("TZ", "UTC")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| StartError::new(&"envoy", &error))?;
        let access_log = Log::follow(child.stdout.take().expect("a piped stdout"));
        let log = Log::follow(child.stderr.take().expect("a piped stderr"));
        Ok(Self { child, directory, log, access_log })
    }

    pub(super) const fn log(&self) -> &Log {
        &self.log
    }

    pub(super) const fn access_log(&self) -> &Log {
        &self.access_log
    }

    /// Where it runs: relative paths of its configuration begin here.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Where the admin interface listens, as soon as it does.
    pub(super) async fn admin_address(&mut self) -> Result<SocketAddr, StartError> {
        let file = self.directory.path().join(ADMIN_ADDRESS);
        let written = async {
            loop {
                // Envoy does not write it in one piece with an end, so only a whole address counts.
                let text = std::fs::read_to_string(&file).unwrap_or_default();
                if let Ok(address) = text.trim().parse() {
                    return address;
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        self.unless_it_ends(written).await
    }

    /// Waits for an event of the start, or for the process to end without it.
    pub(super) async fn unless_it_ends<T>(
        &mut self,
        event: impl Future<Output = T>,
    ) -> Result<T, StartError> {
        let ended = tokio::select! {
            value = event => return Ok(value),
            status = self.child.wait() => match status {
                Ok(status) => {
                    // Its last words are in the pipe still.
                    self.log.ended().await;
                    format!("it ended ({status})")
                }
                Err(error) => error.to_string(),
            },
            () = tokio::time::sleep(PATIENCE) => "it did not come up".to_owned(),
        };
        let mut lines = self.log.lines();
        let last = lines.split_off(lines.len().saturating_sub(20));
        Err(StartError::new(&"Envoy", &format_args!("{ended}\n{}", last.join("\n"))))
    }
}

const ADMIN_ADDRESS: &str = "admin-address";

/// Runs Envoy over a bootstrap that it shall only judge.
pub(super) async fn validate(bootstrap: &Value) -> Result<Validation, StartError> {
    let directory = directory()?;
    let command = envoy(&directory, bootstrap)?;
    judged(command).await
}

/// The same, with something that Envoy merges into the bootstrap, in a directory that has what they
/// name.
pub(super) async fn validate_overlaid(
    directory: TempDir,
    bootstrap: &Value,
    overlay: &Value,
) -> Result<Validation, StartError> {
    let mut command = envoy(&directory, bootstrap)?;
    overlaid(&mut command, overlay);
    judged(command).await
}

async fn judged(mut command: Command) -> Result<Validation, StartError> {
    command.args(["--mode", "validate"]);
    let because = |error: &dyn std::fmt::Display| StartError::new(&"envoy --mode validate", error);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .map_err(|error| because(&error))?
        .map_err(|error| because(&error))?;
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let output_text = String::from_utf8_lossy(&text).into_owned();
    Ok(Validation { is_ok: output.status.success(), output: output_text })
}

/// The command line that every Envoy begins with.
fn envoy(directory: &TempDir, bootstrap: &Value) -> Result<Command, StartError> {
    let file: PathBuf = directory.path().join("bootstrap.json");
    let because = |error| StartError::new(&file.display(), &error);
    std::fs::write(&file, bootstrap.to_string()).map_err(because)?;
    let mut command = Command::new(place::envoy()?);
    // Hot restart shares memory between Envoys of one machine; these are strangers.
    command.arg("-c").arg(&file).arg("--disable-hot-restart");
    command.current_dir(directory.path()).stdin(Stdio::null()).kill_on_drop(true);
    command.envs(credentials(bootstrap).map(|variable| (variable, variable)));
    Ok(command)
}

fn overlaid(command: &mut Command, overlay: &Value) {
    command.arg("--config-yaml").arg(overlay.to_string());
    command.envs(credentials(overlay).map(|variable| (variable, variable)));
}

/// The environment variables from which Envoy reads its secrets. In tests the value of each is its
/// own name.
fn credentials(bootstrap: &Value) -> impl Iterator<Item = &str> {
    let secrets = bootstrap.pointer("/static_resources/secrets").and_then(Value::as_array);
    secrets.into_iter().flatten().filter_map(|secret| {
        secret.pointer("/generic_secret/secret/environment_variable")?.as_str()
    })
}
