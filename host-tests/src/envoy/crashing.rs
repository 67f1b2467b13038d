//! The filter, but for a request that crashes it.
//!
//! Nothing is known to crash the filter, so the tests give it a body callback that must: they swap
//! what two of the module's exports lead to, and the SDK panics on a request's body that arrives
//! where only TCP streams are known. Requests without a body are served as ever. Likewise with the
//! message in a shared queue.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::filter_module;

/// The filter, but for a crash at every request that has a body, or at messages in a queue.
#[derive(Debug)]
pub struct CrashingModule {
    /// Removes the file when the test is over.
    _directory: TempDir,
    path: PathBuf,
}

impl CrashingModule {
    /// Makes one of the filter.
    ///
    /// # Errors
    /// When the filter is not built, or the file cannot be written.
    ///
    /// # Panics
    /// When the module is none.
    pub fn make() -> io::Result<Self> {
        Self::make_of(&filter_module())
    }

    /// Makes one of this module, which is the filter in one of its forms.
    ///
    /// # Errors
    /// As [`Self::make`].
    ///
    /// # Panics
    /// As [`Self::make`].
    pub fn make_of(module: &Path) -> io::Result<Self> {
        Self::swapped(module, "proxy_on_request_body", "proxy_on_downstream_data")
    }

    /// Makes one of this module that serves all requests, but crashes in the VM that is woken for a
    /// message in a shared queue: the one that speaks for a fleet, at the first news of its own
    /// process.
    ///
    /// # Errors
    /// As [`Self::make`].
    ///
    /// # Panics
    /// As [`Self::make`].
    pub fn at_news(module: &Path) -> io::Result<Self> {
        Self::swapped(module, "proxy_on_queue_ready", "proxy_on_downstream_connection_close")
    }

    fn swapped(module: &Path, one: &str, other: &str) -> io::Result<Self> {
        let mut module = std::fs::read(module)?;
        swap_exports(&mut module, one, other);
        let directory = TempDir::with_prefix("llm-breaker-")?;
        let path = directory.path().join("crashing.wasm");
        std::fs::write(&path, module)?;
        Ok(Self { _directory: directory, path })
    }

    /// Where it is, until this is dropped.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Lets each of two exported functions of the same type be called by the other's name.
fn swap_exports(module: &mut [u8], one: &str, other: &str) {
    let (one, other) = (function_index(module, one), function_index(module, other));
    assert_eq!(one.len(), other.len(), "indices of the same encoded length");
    for (left, right) in one.zip(other) {
        module.swap(left, right);
    }
}

/// Where the index of an exported function stands: behind its name's length, its name and a 0 for
/// "function", as a number whose bytes but the last have their highest bit set.
fn function_index(module: &[u8], export: &str) -> std::ops::Range<usize> {
    let length = u8::try_from(export.len()).expect("a short name");
    let entry = [&[length], export.as_bytes(), &[0]].concat();
    let at = module.windows(entry.len()).position(|bytes| bytes == entry).expect("an export");
    let start = at + entry.len();
    let continued = module[start..].iter().take_while(|byte| **byte >= 0x80).count();
    start..start + continued + 1
}
