//! Certificates for an etcd and for those who ask it, made by the shipped script.

use std::io;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::place;

/// A folder with an authority (`ca.pem`), and of each name a certificate that it signed and its key:
/// `etcd.pem`, `etcd.key` and so on. It goes away with this.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Those of etcd, of `root`, and of proxies of these names.
    ///
    /// # Errors
    /// When openssl is missing or refuses something: with what it says.
    pub fn make(proxies: &[&str]) -> io::Result<Self> {
        let folder = TempDir::with_prefix("llm-breaker-certificates-")?;
        let script = place::shipped_folder().join("certificates.sh");
        let output = Command::new("sh").arg(script).arg(folder.path()).args(proxies).output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(Self { folder })
    }

    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
