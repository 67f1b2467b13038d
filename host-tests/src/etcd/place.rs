//! Where etcd and etcdctl are.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

/// The etcd that the environment variable `ETCD` names, else one on the `PATH`, else the one that
/// `make setup` installs.
pub(super) fn etcd() -> io::Result<PathBuf> {
    binary("etcd", "ETCD", ".tools/etcd-server/usr/bin/etcd")
}

/// The etcdctl that the environment variable `ETCDCTL` names, else one on the `PATH`, else the one that
/// `make setup` installs.
///
/// # Errors
/// When it is missing.
pub fn etcdctl() -> io::Result<PathBuf> {
    binary("etcdctl", "ETCDCTL", ".tools/etcd-client/usr/bin/etcdctl")
}

fn binary(name: &str, variable: &str, installed: &str) -> io::Result<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from);
    let found = named.or_else(|| on_the_path(name));
    let path = found.unwrap_or_else(|| workspace().join(installed));
    path.canonicalize().map_err(|error| {
        let remedy = format!("`make setup` installs etcd; or name {name} in {variable}");
        io::Error::new(error.kind(), format!("{}: {error}\n{remedy}", path.display()))
    })
}

fn on_the_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|binary| binary.is_file())
}

/// The folder of the shipped YAML and scripts for a fleet.
#[must_use]
pub fn shipped_folder() -> PathBuf {
    workspace().join("envoy/fleet")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}
