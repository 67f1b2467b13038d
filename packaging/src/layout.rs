//! A folder that holds images: the OCI Image Layout, version 1.0.0.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What points at a blob: its type, digest and size.
pub type Descriptor = Value;

/// The folder, while images are written to it.
#[derive(Debug)]
pub struct Layout {
    folder: PathBuf,
    manifests: Vec<Descriptor>,
}

impl Layout {
    /// Begins an empty layout in a folder, in place of what was there.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(folder: &Path) -> io::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder.join("blobs/sha256"))?;
        Ok(Self { folder: folder.into(), manifests: Vec::new() })
    }

    /// Writes a blob.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn blob(&self, media_type: &str, bytes: &[u8]) -> io::Result<Descriptor> {
        let hash = hex(bytes);
        fs::write(self.folder.join("blobs/sha256").join(&hash), bytes)?;
        let digest = format!("sha256:{hash}");
        Ok(json!({"mediaType": media_type, "digest": digest, "size": bytes.len()}))
    }

    /// Writes an image's manifest, listed in the index under a name if it has one.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn manifest(&mut self, manifest: &Value, name: Option<&str>) -> io::Result<Descriptor> {
        let descriptor = self.blob(MANIFEST, manifest.to_string().as_bytes())?;
        let mut listed = descriptor.clone();
        if let Some(name) = name {
            listed["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        }
        if let Some(kind) = manifest.get("artifactType") {
            listed["artifactType"] = kind.clone();
        }
        self.manifests.push(listed);
        Ok(descriptor)
    }

    /// Writes the index: only now is the folder a layout.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn finish(self) -> io::Result<()> {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests});
        fs::write(self.folder.join("index.json"), index.to_string())?;
        fs::write(self.folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The SHA-256 of these bytes, in hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
