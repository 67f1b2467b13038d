//! Listener updates at run time, through the file from which Envoy reads its listeners.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::StartError;
use super::admin::Admin;
use super::bootstrap::discovery_response;
use crate::patience::{POLL_INTERVAL, patiently};

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Every worker accepts connections with the new listener.
    Applied,
    /// Envoy goes on with the old one; its log says why.
    Rejected,
}

/// The file, and what it says now.
#[derive(Debug)]
pub(super) struct ListenerFile {
    path: PathBuf,
    listeners: Vec<Value>,
    version: u64,
}

impl ListenerFile {
    pub(super) fn write(directory: &Path, listeners: &[Value]) -> Result<Self, StartError> {
        let path = directory.join("listeners.json");
        let file = Self { path, listeners: listeners.to_vec(), version: 1 };
        file.replace()?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Envoy watches for a file being moved there, so that it never reads half of one.
    fn replace(&self) -> Result<(), StartError> {
        let because = |error| StartError::new(&self.path.display(), &error);
        let fresh = self.path.with_extension("new");
        let response = discovery_response(self.version, &self.listeners).to_string();
        std::fs::write(&fresh, response).map_err(because)?;
        std::fs::rename(&fresh, &self.path).map_err(because)
    }

    /// Writes the file and waits for Envoy's verdict, and then for its workers.
    pub(super) async fn update(
        &mut self,
        listeners: &[Value],
        admin: &Admin,
        workers: u32,
    ) -> Result<Update, StartError> {
        let changed = self.listeners.iter().zip(listeners).filter(|(old, new)| old != new).count();
        let before = Progress::read(admin).await;
        let added = before.added_to_workers + changed as u64 * u64::from(workers);
        self.version += 1;
        let former = std::mem::replace(&mut self.listeners, listeners.to_vec());
        self.replace()?;
        let verdict = async {
            loop {
                let now = Progress::read(admin).await;
                if now.rejected > before.rejected {
                    return Update::Rejected;
                }
                if now.taken > before.taken && now.added_to_workers >= added {
                    return Update::Applied;
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        let verdict = patiently("the listener update", verdict).await;
        if verdict == Update::Rejected {
            self.listeners = former;
        }
        Ok(verdict)
    }
}

/// How far Envoy has come with its listener updates.
#[derive(Clone, Copy, Debug)]
struct Progress {
    taken: u64,
    rejected: u64,
    added_to_workers: u64,
}

impl Progress {
    async fn read(admin: &Admin) -> Self {
        Self {
            taken: admin.counter("listener_manager.lds.update_success").await,
            rejected: admin.counter("listener_manager.lds.update_rejected").await,
            added_to_workers: admin.counter("listener_manager.listener_create_success").await,
        }
    }
}
