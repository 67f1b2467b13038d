//! Where Prometheus, promtool and the shipped files are.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of the shipped configuration, rules and their tests.
#[must_use]
pub fn shipped_folder() -> PathBuf {
    workspace().join("envoy/prometheus")
}

/// The Prometheus that the environment variable `PROMETHEUS` names, else one on the `PATH`, else the
/// one that `make setup` installs.
pub(super) fn prometheus() -> io::Result<PathBuf> {
    let named = env::var_os("PROMETHEUS").map(PathBuf::from);
    let found = named.or_else(on_the_path);
    let path = found.unwrap_or_else(|| workspace().join(".tools/prometheus/usr/bin/prometheus"));
    path.canonicalize().map_err(|error| {
        let remedy = "`make setup` installs Prometheus; or name one in PROMETHEUS";
        io::Error::new(error.kind(), format!("{}: {error}\n{remedy}", path.display()))
    })
}

/// The promtool beside that Prometheus.
///
/// # Errors
/// When Prometheus is missing.
pub fn promtool() -> io::Result<PathBuf> {
    prometheus().map(|binary| binary.with_file_name("promtool"))
}

/// The files of its pages, where Debian's package puts them.
pub(super) fn pages_beside(binary: &Path) -> Option<PathBuf> {
    let pages = binary.parent()?.parent()?.join("share/prometheus/web");
    pages.exists().then_some(pages)
}

fn on_the_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("prometheus")).find(|binary| binary.is_file())
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}
