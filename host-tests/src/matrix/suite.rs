//! The end-to-end suite on one Envoy: run within a time, or read from where it was run before.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use tokio::process::{Child, Command};

use super::Version;
use crate::envoy::filter_module;

/// The binaries that start a real Envoy and nothing but an Envoy.
const BINARIES: [&str; 2] = ["conformance", "envoy"];

/// What says little about which Envoy it is, and takes long: browsers, the providers' SDKs, load, manifests,
/// and the admin API. Parts of tests' names.
const LEFT_OUT: [&str; 13] = [
    "status_page",
    "sdks",
    "sdk_fallbacks",
    "admin",
    "attacks",
    "bodies",
    "callers",
    "downtime",
    "manifests",
    "memory",
    "monitoring",
    "slow",
    "transparency",
];

/// One Envoy to be tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// As it says itself.
    pub version: Version,
    /// Its binary, or what starts it.
    pub envoy: PathBuf,
    /// Where the tests' output is kept, until the module is built anew.
    pub log: PathBuf,
}

/// What came of the suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// The names of the tests that passed.
    pub passed: BTreeSet<String>,
    /// And of those that failed.
    pub failed: BTreeSet<String>,
    /// How many binaries came to their end.
    ended: usize,
}

impl Verdicts {
    /// Of what the tests wrote; of a test that ran twice its last verdict.
    #[must_use]
    pub fn read(output: &str) -> Self {
        let mut verdicts = Self::default();
        for line in output.lines() {
            if line.starts_with("test result:") {
                verdicts.ended += 1;
            }
            let Some((name, verdict)) =
                line.strip_prefix("test ").and_then(|it| it.rsplit_once(" ... "))
            else {
                continue;
            };
            if LEFT_OUT.iter().any(|left_out| name.contains(left_out)) {
                continue;
            }
            verdicts.passed.remove(name);
            verdicts.failed.remove(name);
            match verdict {
                "ok" => verdicts.passed.insert(name.to_owned()),
                "FAILED" => verdicts.failed.insert(name.to_owned()),
                _ => false,
            };
        }
        verdicts
    }

    /// Whether all of the suite ran.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.ended >= BINARIES.len()
    }
}

/// Why there are no verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Somebody wants it to end.
    Interrupted,
    /// It took longer than it may.
    Late,
}

impl Candidate {
    /// Whether this Envoy can load the module at all; otherwise what it says.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn loads_wasm(&self, workspace: &Path) -> io::Result<Result<(), String>> {
        let mut command = std::process::Command::new(&self.envoy);
        command.current_dir(workspace).args(["--mode", "validate", "-c", "envoy/llm-egress.yaml"]);
        let output = command.stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let reason = text.lines().find(|line| line.contains("compiled without support"));
        Ok(reason.map_or(Ok(()), |line| Err(line.to_owned())))
    }

    /// What came of an earlier run with the same module, if it came to its end.
    #[must_use]
    pub fn known(&self) -> Option<Verdicts> {
        let modified = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
        let built: SystemTime = modified(&filter_module())?;
        let is_of_this_module = modified(&self.log).is_some_and(|it| it > built);
        let verdicts = Verdicts::read(&fs::read_to_string(&self.log).ok()?);
        (is_of_this_module && verdicts.is_whole()).then_some(verdicts)
    }

    /// Runs the suite. What fails is tried once more, one after the other: with everything else going on
    /// at the same time a machine may have been too busy. `skipped` are parts of the names of further
    /// tests that are left out.
    ///
    /// # Errors
    /// When cargo cannot be started or its output not be kept.
    pub async fn run(
        &self,
        limit: Duration,
        skipped: &[String],
    ) -> io::Result<Result<Verdicts, Cut>> {
        File::create(&self.log)?;
        let skipped = LEFT_OUT.into_iter().chain(skipped.iter().map(String::as_str));
        let first = skipped.flat_map(|name| ["--skip", name]);
        let verdicts = match self.cargo_test(limit, &first.collect::<Vec<_>>()).await? {
            Ok(verdicts) if !verdicts.failed.is_empty() => verdicts,
            ended => return Ok(ended),
        };
        let failed = verdicts.failed.iter().map(String::as_str);
        let again: Vec<&str> =
            ["--exact", "--test-threads", "1"].into_iter().chain(failed).collect();
        self.cargo_test(limit, &again).await
    }

    /// Adds to the log what the tests write, and reads all of it.
    async fn cargo_test(
        &self,
        limit: Duration,
        arguments: &[&str],
    ) -> io::Result<Result<Verdicts, Cut>> {
        let mut command = Command::new("cargo");
        command.args(["test", "--package", "llm-breaker-host-tests", "--no-fail-fast"]);
        command.args(BINARIES.iter().flat_map(|binary| ["--test", binary]));
        command.arg("--").args(arguments);
        command.env("ENVOY", &self.envoy).stdin(Stdio::null());
        let log = File::options().append(true).open(&self.log)?;
        command.stdout(log.try_clone()?).stderr(log);
        // A group of its own: whoever ends it ends the Envoys that the tests started.
        let mut child = command.process_group(0).spawn()?;
        let cut = tokio::select! {
            status = child.wait() => {
                status?;
                return Ok(Ok(Verdicts::read(&fs::read_to_string(&self.log)?)));
            }
            () = tokio::time::sleep(limit) => Cut::Late,
            _ = tokio::signal::ctrl_c() => Cut::Interrupted,
        };
        end(&mut child).await?;
        Ok(Err(cut))
    }
}

async fn end(child: &mut Child) -> io::Result<()> {
    if let Some(leader) = child.id() {
        let group = format!("-{leader}");
        Command::new("kill").args(["-TERM", "--", &group]).status().await?;
    }
    child.wait().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tests_wrote_says_which_passed_and_whether_all_ran() {
        let output = "running 3 tests\ntest a::b ... ok\ntest c ... FAILED\ntest d ... ignored\n\
                      \n---- c stdout ----\ntest result: FAILED. 1 passed\n";
        let verdicts = Verdicts::read(output);
        assert_eq!(verdicts.passed, BTreeSet::from(["a::b".to_owned()]));
        assert_eq!(verdicts.failed, BTreeSet::from(["c".to_owned()]));
        assert!(!verdicts.is_whole(), "one binary of two");
        assert!(Verdicts::read(&output.repeat(2)).is_whole());
        let again = Verdicts::read(&format!("{output}test c ... ok\n"));
        assert!(again.failed.is_empty() && again.passed.contains("c"));
    }
}
