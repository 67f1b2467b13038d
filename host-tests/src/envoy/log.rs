//! The lines that a running Envoy wrote, kept and waited for.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;

use crate::patience::{PATIENCE, patiently};

/// All lines so far of one of Envoy's outputs; clones share them.
#[derive(Clone, Debug)]
pub struct Log {
    lines: Arc<watch::Sender<Vec<String>>>,
    is_at_end: watch::Receiver<bool>,
}

impl Log {
    /// Reads `output` to its end in the background.
    pub(crate) fn follow(output: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let lines = Arc::new(watch::Sender::new(Vec::new()));
        let (at_end, is_at_end) = watch::channel(false);
        let log = Self { lines: Arc::clone(&lines), is_at_end };
        tokio::spawn(async move {
            let mut reader = BufReader::new(output);
            let mut line = Vec::new();
            // By bytes: a log line may quote what a client sent, and that need not be UTF-8.
            while reader.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
                lines.send_modify(|lines| lines.push(text));
                line.clear();
            }
            at_end.send_replace(true);
        });
        log
    }

    /// Waits until the process has closed its output.
    pub(crate) async fn ended(&self) {
        let mut is_at_end = self.is_at_end.clone();
        drop(patiently("the end of a log", is_at_end.wait_for(|&at_end| at_end)).await);
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// The lines so far that `wanted` accepts.
    #[must_use]
    pub fn matching(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.lines.borrow().iter().filter(|line| wanted(line)).cloned().collect()
    }

    /// Waits for a line that `wanted` accepts, written before or after this call, and returns the
    /// first.
    ///
    /// # Panics
    /// When none comes within [`crate::patience::PATIENCE`].
    pub async fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_for_count(1, wanted).await.swap_remove(0)
    }

    /// Waits until at least `count` lines are such that `wanted` accepts them, and returns all of
    /// these.
    ///
    /// # Panics
    /// When they do not come within [`crate::patience::PATIENCE`].
    pub async fn wait_for_count(&self, count: usize, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut changes = self.lines.subscribe();
        let enough =
            |lines: &Vec<String>| lines.iter().filter(|line| wanted(line)).count() >= count;
        // The sender lives in self, so the channel cannot close meanwhile.
        if tokio::time::timeout(PATIENCE, changes.wait_for(enough)).await.is_err() {
            panic!("waited in vain for {count} lines in the log:\n{}", self.lines().join("\n"));
        }
        self.matching(wanted)
    }
}
