//! An image: one layer with one file, `plugin.wasm`, as `FROM scratch` and one `COPY` would make it.
//!
//! That form, a gzipped tar under the media type of an ordinary layer, is the one that Istio's fetcher
//! and Envoy Gateway's take without conditions. (Of an artifact they want exactly two layers.) It is a
//! single manifest, not an index: `WasmPlugin.sha256` is compared with the digest of a manifest.

use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use crate::layout::{Descriptor, Layout, hex};

/// What an image is made of.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'c> {
    /// The module.
    pub module: &'c [u8],
    /// Its bill of materials, CycloneDX as JSON, attached as an artifact that refers to the image.
    pub sbom: Option<&'c [u8]>,
    /// The version.
    pub version: &'c str,
    /// The image's name in the layout, which is its tag in a registry.
    pub name: &'c str,
}

/// The digests of the images' manifests, after writing them as one layout.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(folder: &Path, images: &[Contents<'_>]) -> io::Result<Vec<String>> {
    let mut layout = Layout::create(folder)?;
    let mut digests = Vec::new();
    for contents in images {
        let image = layout_image(&mut layout, contents)?;
        if let Some(sbom) = contents.sbom {
            attach(&mut layout, &image, sbom, contents)?;
        }
        digests.push(image["digest"].as_str().unwrap_or_default().to_owned());
    }
    layout.finish()?;
    Ok(digests)
}

fn layout_image(layout: &mut Layout, contents: &Contents<'_>) -> io::Result<Descriptor> {
    let tar = layer(contents.module)?;
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "created": EPOCH,
        "config": {"Labels": annotations(contents.version)},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex(&tar))]},
        "history": [{"created": EPOCH, "created_by": "COPY llm_breaker.wasm /plugin.wasm"}],
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": layout.blob(CONFIG, config.to_string().as_bytes())?,
        "layers": [layout.blob(LAYER, &gzip(&tar)?)?],
        "annotations": annotations(contents.version),
    });
    layout.manifest(&manifest, Some(contents.name))
}

/// Attaches the bill of materials as an artifact whose `subject` is the image.
fn attach(
    layout: &mut Layout,
    image: &Value,
    sbom: &[u8],
    contents: &Contents<'_>,
) -> io::Result<()> {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": SBOM,
        "config": layout.blob("application/vnd.oci.empty.v1+json", b"{}")?,
        "layers": [layout.blob(SBOM, sbom)?],
        "subject": image,
        "annotations": annotations(contents.version),
    });
    layout.manifest(&manifest, Some(&format!("{}.sbom", contents.name))).map(drop)
}

fn annotations(version: &str) -> Value {
    json!({
        "org.opencontainers.image.title": "llm-breaker",
        "org.opencontainers.image.description": "A circuit breaker for LLM upstreams, as a proxy-wasm filter for Envoy and Istio",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.version": version,
    })
}

/// No file's own time or owner, lest two builds differ.
fn layer(module: &[u8]) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(module.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "plugin.wasm", module)?;
    archive.into_inner()
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    // Of no operating system and of no time.
    let mut encoder =
        GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const SBOM: &str = "application/vnd.cyclonedx+json";
const EPOCH: &str = "1970-01-01T00:00:00Z";

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn contents<'c>(module: &'c [u8], name: &'c str, sbom: &'c [u8]) -> Contents<'c> {
        Contents { module, sbom: Some(sbom), version: "1.2.3", name }
    }

    fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for name in ["index.json", "oci-layout"] {
            files.push((name.into(), fs::read(folder.join(name)).unwrap()));
        }
        for entry in fs::read_dir(folder.join("blobs/sha256")).unwrap() {
            let entry = entry.unwrap();
            files.push((entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
        }
        files.sort();
        files
    }

    #[test]
    fn the_same_module_is_the_same_image_to_the_last_byte() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, module: &[u8]| {
            let contents = contents(module, "1.2.3", b"{}");
            let digests = write(&folder.path().join(name), &[contents]).unwrap();
            (digests, files(&folder.path().join(name)))
        };
        let (first, again) = (write("a", b"\0asm1"), write("b", b"\0asm1"));
        assert_eq!(first, again);
        assert_ne!(first.0, write("c", b"\0asm2").0);
        assert_eq!(
            write("a", b"\0asm2"),
            write("c", b"\0asm2"),
            "nothing is left of what was there"
        );
    }

    #[test]
    fn every_blob_is_named_by_its_own_hash() {
        let folder = tempfile::tempdir().unwrap();
        let contents = contents(b"\0asm", "1.2.3", br#"{"components":[]}"#);
        let digests = write(folder.path(), &[contents]).unwrap();
        let files = files(folder.path());
        let blobs: Vec<_> = files.iter().filter(|(name, _)| name.len() == 64).collect();
        assert_eq!(blobs.len(), 6, "two manifests, each with a configuration and a layer");
        assert!(blobs.iter().all(|(name, bytes)| *name == hex(bytes)));
        assert!(blobs.iter().any(|(name, _)| format!("sha256:{name}") == digests[0]));
    }

    #[test]
    fn two_images_stand_in_one_layout_under_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let two = [contents(b"\0asm1", "1.2.3", b"{}"), contents(b"\0asm2", "1.2.3-fleet", b"{}")];
        let digests = write(folder.path(), &two).unwrap();
        let index: Value =
            serde_json::from_slice(&fs::read(folder.path().join("index.json")).unwrap()).unwrap();
        let named = |name: &str| {
            let mut all = index["manifests"].as_array().unwrap().iter();
            let key = "org.opencontainers.image.ref.name";
            all.find(|one| one["annotations"][key] == name).map(|one| one["digest"].clone())
        };
        assert_eq!(named("1.2.3"), Some(json!(digests[0])));
        assert_eq!(named("1.2.3-fleet"), Some(json!(digests[1])));
        assert!(named("1.2.3-fleet.sbom").is_some() && digests[0] != digests[1]);
    }
}
