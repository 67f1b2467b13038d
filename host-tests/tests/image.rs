//! What `make release` leaves in `dist/`: the image, pushed to a registry, pulled as Istio's fetcher pulls,
//! run in Envoy; and the manifests that pin it.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use flate2::read::GzDecoder;
use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{
    Cluster, Envoy, Listener, OPENAI, filter_module, fleet_module,
};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use llm_breaker_packaging::layout::hex;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Debian's registry on a free port of the loopback; it ends with this value.
struct Registry {
    address: SocketAddr,
    _process: Child,
    _storage: TempDir,
}

impl Registry {
    async fn start() -> Outcome<Self> {
        let storage = tempfile::tempdir()?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let folder = storage.path().display();
        let configuration = format!(
            "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{address}'}}\nstorage: {{filesystem: \
             {{rootdirectory: '{folder}/blobs'}}}}\n"
        );
        let file = storage.path().join("registry.yaml");
        std::fs::write(&file, configuration)?;
        let unpacked = workspace().join(".tools/docker-registry/usr/bin/docker-registry");
        let binary = if unpacked.exists() { unpacked } else { "docker-registry".into() };
        let mut command = Command::new(binary);
        command.arg("serve").arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.stderr(Stdio::null()).kill_on_drop(true).spawn()?;
        let registry = Self { address, _process: process, _storage: storage };
        patiently("the registry", registry.serves()).await;
        Ok(registry)
    }

    async fn serves(&self) {
        while self.get("/v2/", "*/*").await.is_err() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn get(&self, path: &str, accept: &str) -> Outcome<Vec<u8>> {
        let call = Call::get(path).header("accept", accept);
        let answer = Client::http1(self.address).send(&call).await?;
        if answer.status != 200 {
            return Err(format!("{path}: {}", answer.status).into());
        }
        Ok(answer.body.to_vec())
    }

    /// Pushes what is in `dist/`, as an operator would; what was said in the end.
    async fn push(&self) -> Outcome<String> {
        let mut command = Command::new("make");
        command.args(["--no-print-directory", "push", "SKOPEO_FLAGS=tls-verify=false"]);
        command.arg(format!("REGISTRY_IMAGE={}/llm-breaker", self.address));
        // Of the make that runs the tests, which is another one.
        command.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").current_dir(workspace());
        let output = patiently("make push", command.output()).await?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A manifest and its digest.
    async fn manifest(&self, name: &str) -> Outcome<(String, Value)> {
        let accept = "application/vnd.docker.distribution.manifest.v2+json, \
                      application/vnd.oci.image.manifest.v1+json";
        let manifest = self.get(&format!("/v2/llm-breaker/manifests/{name}"), accept).await?;
        Ok((format!("sha256:{}", hex(&manifest)), serde_json::from_slice(&manifest)?))
    }

    /// The module of an image and the digest of its manifest, by the steps of Istio's fetcher for what
    /// `docker build` makes: of the last layer, a gzipped tar, the file `plugin.wasm`.
    async fn pull(&self, name: &str) -> Outcome<(String, Vec<u8>)> {
        let (digest, manifest) = self.manifest(name).await?;
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        let layers = manifest["layers"].as_array().expect("layers");
        let layer = layers.last().expect("a layer");
        assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
        let blob = format!("/v2/llm-breaker/blobs/{}", layer["digest"].as_str().expect("a digest"));
        let blob = self.get(&blob, "*/*").await?;
        let mut archive = tar::Archive::new(GzDecoder::new(blob.as_slice()));
        for entry in archive.entries()? {
            let mut entry = entry?;
            if entry.path()?.file_name().is_some_and(|name| name == "plugin.wasm") {
                let mut module = Vec::new();
                entry.read_to_end(&mut module)?;
                return Ok((digest, module));
            }
        }
        Err("no plugin.wasm in the last layer".into())
    }
}

fn dist(name: &str) -> Outcome<String> {
    let path = workspace().join("dist").join(name);
    let text = std::fs::read_to_string(&path);
    Ok(text.map_err(|error| format!("{}: {error}; run `make release`", path.display()))?)
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[tokio::test]
async fn what_a_mesh_pulls_is_the_module_that_was_built_and_envoy_runs_it() -> Outcome {
    let registry = Registry::start().await?;
    let said = registry.push().await?;
    let (digest, module) = registry.pull(version()).await?;
    assert!(said.contains(&format!("{}/llm-breaker@{digest}", registry.address)), "{said}");
    assert_eq!(digest, dist("image.digest")?.trim(), "the registry keeps the manifest as it is");
    assert_eq!(hex(&module), hex(&std::fs::read(filter_module())?), "of `make build`");
    assert!(module.len() < 1 << 20, "envoy/istio/envoy-filter.yaml mounts it from a ConfigMap");
    let line = format!("{}  llm_breaker.wasm", hex(&module));
    assert!(dist("SHA256SUMS")?.lines().any(|it| it == line), "{line}");

    let folder = tempfile::tempdir()?;
    let pulled = folder.path().join("plugin.wasm");
    std::fs::write(&pulled, &module)?;
    let simulator = Simulator::start().await?;
    let envoy = Envoy::builder()
        .cluster(Cluster::at(OPENAI, simulator.address()))
        .listener(Listener::default().module(&pulled))
        .start()
        .await?;
    for _ in 0..5 {
        simulator.queue([Behaviour::status(500)]);
        assert_eq!(envoy.client().send(&Call::chat()).await?.status, 500);
    }
    assert_eq!(envoy.client().send(&Call::chat()).await?.breaker(), Some("open"));
    Ok(())
}

#[tokio::test]
async fn the_image_with_a_fleet_has_a_tag_of_its_own_and_holds_the_other_module() -> Outcome {
    let registry = Registry::start().await?;
    let said = registry.push().await?;
    let (digest, module) = registry.pull(&format!("{}-fleet", version())).await?;
    assert!(said.contains(&format!("{}/llm-breaker@{digest}", registry.address)), "{said}");
    assert_eq!(digest, dist("image-fleet.digest")?.trim());
    assert_eq!(hex(&module), hex(&std::fs::read(fleet_module())?), "of `make build`");
    assert!(module.len() < 1 << 20, "a ConfigMap has room for it");
    let line = format!("{}  llm_breaker_fleet.wasm", hex(&module));
    assert!(dist("SHA256SUMS")?.lines().any(|it| it == line), "{line}");
    Ok(())
}

#[tokio::test]
async fn the_bill_of_materials_refers_to_the_image_and_names_what_is_in_it() -> Outcome {
    let registry = Registry::start().await?;
    registry.push().await?;
    let (pushed, _) = registry.manifest(&format!("{}.sbom", version())).await?;
    let index: Value = serde_json::from_str(&dist("image/index.json")?)?;
    let manifests = index["manifests"].as_array().expect("manifests");
    let artifact =
        manifests.iter().find(|one| one["artifactType"] == "application/vnd.cyclonedx+json");
    let blob = |descriptor: &Value| -> Outcome<Value> {
        let digest = descriptor["digest"].as_str().expect("a digest").replace(':', "/");
        Ok(serde_json::from_str(&dist(&format!("image/blobs/{digest}"))?)?)
    };
    let artifact = artifact.expect("the bill of materials");
    assert_eq!(artifact["digest"], pushed.as_str(), "the registry has it, too");
    let artifact = blob(artifact)?;
    assert_eq!(artifact["subject"]["digest"], dist("image.digest")?.trim());
    let sbom = blob(&artifact["layers"][0])?;
    let names: Vec<_> =
        sbom["components"].as_array().expect("components").iter().map(|one| &one["name"]).collect();
    for dependency in ["proxy-wasm", "serde_json", "prost", "miniz_oxide"] {
        assert!(names.iter().any(|name| *name == dependency), "{dependency} in {names:?}");
    }
    for tool in ["clap", "jsonschema", "hyper"] {
        assert!(names.iter().all(|name| *name != tool), "{tool} is not in the module");
    }
    Ok(())
}

/// All YAML below a folder: by its path from there, what is in it.
fn yaml(folder: &Path) -> Outcome<BTreeMap<PathBuf, String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "yaml") {
                let text = std::fs::read_to_string(&path)?;
                found.insert(path.strip_prefix(folder)?.to_owned(), text);
            }
        }
    }
    Ok(found)
}

#[test]
fn the_manifests_of_a_release_pin_the_image_and_are_else_what_the_repository_has() -> Outcome {
    let (source, shipped) =
        (yaml(&workspace().join("envoy"))?, yaml(&workspace().join("dist/envoy"))?);
    let digest = dist("image.digest")?;
    let digest = digest.trim().trim_start_matches("sha256:");
    let unpinned = "0".repeat(64);
    let mut pinned = 0;
    assert!(source.keys().eq(shipped.keys()), "{:?}", shipped.keys());
    for (path, text) in &source {
        pinned += text.matches(&unpinned).count();
        assert_eq!(text.replace(&unpinned, digest), shipped[path], "{}", path.display());
    }
    assert!(pinned >= 3, "{pinned}: the manifests pin in another way");
    Ok(())
}
