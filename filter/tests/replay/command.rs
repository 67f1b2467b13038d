//! The command, run.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) complaint: String,
}

impl Said {
    /// What it printed as JSON.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.complaint);
        serde_json::from_str(&self.out).expect("JSON")
    }
}

/// A file of this content.
pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).expect("a file");
    path.display().to_string()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-breaker"));
    command.args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Replays.
pub(crate) fn replay(arguments: &[&str]) -> Said {
    run(&[&["replay"], arguments].concat())
}

/// Runs another of its commands.
pub(crate) fn run(arguments: &[&str]) -> Said {
    let mut child = command(arguments).spawn().expect("the command");
    drop(child.stdin.take());
    ended(child)
}

/// Runs one of its commands, whose standard output goes there.
pub(crate) fn run_into(out: Stdio, arguments: &[&str]) -> Said {
    let mut child = command(arguments).stdout(out).spawn().expect("the command");
    drop(child.stdin.take());
    ended(child)
}

/// The command, with its standard input.
pub(crate) fn started(arguments: &[&str]) -> (Child, ChildStdin) {
    let mut child = command(&[&["replay"], arguments].concat()).spawn().expect("the command");
    let stdin = child.stdin.take().expect("a pipe");
    (child, stdin)
}

/// Replays what is on its standard input.
pub(crate) fn replay_of(text: &[u8], arguments: &[&str]) -> Said {
    let (child, mut stdin) = started(arguments);
    stdin.write_all(text).expect("it reads");
    drop(stdin);
    ended(child)
}

/// Waits for its end.
pub(crate) fn ended(child: Child) -> Said {
    let output = child.wait_with_output().expect("it ends");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
