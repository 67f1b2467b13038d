//! `envoy/istio/` and `envoy/envoy-gateway/`: no cluster runs here, but their CRDs' schemas judge the
//! manifests, and the real Envoy what is embedded in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, Route, filter_module};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use crate::scene::{OPEN, Outcome, assert_reached, value};

const INBOUND: &str = "inbound|8080||";
const PROVIDER: &str = "outbound|80||api.openai.com";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(workspace().join("envoy").join(folder)).expect(folder);
    let mut files: Vec<_> = entries.map(|entry| entry.expect(folder).path()).collect();
    files.sort();
    assert!(!files.is_empty(), "nothing in {folder}");
    files
}

/// The manifests of a file.
pub(crate) fn manifests(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(workspace().join("envoy").join(file)).expect(file);
    serde_saphyr::from_multiple(&text).expect(file)
}

/// The manifest of this kind, of which there is one in the file.
pub(crate) fn manifest(file: &str, kind: &str) -> Value {
    let mut found = manifests(file).into_iter().filter(|manifest| manifest["kind"] == kind);
    let manifest = found.next().unwrap_or_else(|| panic!("{kind} in {file}"));
    assert!(found.next().is_none(), "more than one {kind} in {file}");
    manifest
}

fn wasm_plugin() -> Value {
    manifest("istio/wasm-plugin.yaml", "WasmPlugin")["spec"]["pluginConfig"].clone()
}

fn judge(files: &[PathBuf]) -> (bool, String) {
    let script = workspace().join("host-tests/manifests/judge.mjs");
    let output = Command::new("node").arg(script).args(files).output().expect("Node.js");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn every_manifest_fits_the_schema_of_its_kind() {
    let files: Vec<_> = ["istio", "envoy-gateway"].into_iter().flat_map(files).collect();
    let (right, output) = judge(&files);
    assert!(right, "{output}");
}

#[test]
fn a_manifest_with_a_wrong_value_or_a_field_that_does_not_exist_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = workspace().join("envoy/istio/wasm-plugin.yaml");
    let text = std::fs::read_to_string(shipped).expect("the WasmPlugin");
    for (from, to) in [("FAIL_RELOAD\n", "RELOAD\n"), ("phase:", "fase:"), ("url:", "uri:")] {
        let broken = folder.path().join("broken.yaml");
        std::fs::write(&broken, text.replace(from, to)).expect("a file");
        let (right, output) = judge(&[broken]);
        assert!(!right, "{to}: {output}");
    }
}

#[tokio::test]
async fn envoy_takes_what_the_manifests_embed() -> Outcome {
    let plugin = |text: Value| Listener::default().configuration_text(&text.to_string());
    let policy = manifest("envoy-gateway/extension-policy.yaml", "EnvoyExtensionPolicy");
    let mut filter = manifest("istio/envoy-filter.yaml", "EnvoyFilter");
    let mut filter = filter["spec"]["configPatches"][0]["patch"]["value"].take();
    let file = &mut filter["typed_config"]["config"]["vm_config"]["code"]["local"]["filename"];
    *file = json!(filter_module().canonicalize()?);
    for (what, listener) in [
        ("WasmPlugin", plugin(wasm_plugin())),
        ("EnvoyExtensionPolicy", plugin(policy["spec"]["wasm"][0]["config"].clone())),
        ("EnvoyFilter", Listener::default().without_plugin().filter_before(filter)),
    ] {
        let envoy = Envoy::builder().cluster(Cluster::empty(PROVIDER)).listener(listener);
        let verdict = envoy.validate().await?;
        assert!(verdict.is_ok, "{what}: {}", verdict.output);
    }
    Ok(())
}

/// The shipped listener, which the tests of the status page run with.
#[test]
fn the_status_page_of_a_sidecar_is_the_one_that_is_tested() {
    let shipped = std::fs::read_to_string(workspace().join("envoy/llm-egress.yaml")).expect("YAML");
    let mut shipped: Value = serde_saphyr::from_str(&shipped).expect("YAML");
    let listeners = shipped["static_resources"]["listeners"].as_array_mut().expect("listeners");
    let mut listeners = listeners.iter_mut().filter(|listener| listener["name"] == "llm_status");
    let plugin = "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
    let shipped = listeners.next().expect("a status page");
    let place = format!("{plugin}/vm_config/code/local/filename");
    *shipped.pointer_mut(&place).expect("a module") = json!("/etc/llm-breaker/llm_breaker.wasm");
    let manifest = manifest("istio/status-page.yaml", "EnvoyFilter");
    assert_eq!(manifest["spec"]["configPatches"][0]["patch"]["value"], *shipped);
}

/// Those of `llm-egress.yaml`, which every other test of a stat runs with.
#[test]
fn the_stats_have_the_labels_that_are_tested() {
    let shipped = std::fs::read_to_string(workspace().join("envoy/llm-egress.yaml")).expect("YAML");
    let shipped: Value = serde_saphyr::from_str(&shipped).expect("YAML");
    let tags = &shipped["stats_config"]["stats_tags"];

    let proxy = manifest("envoy-gateway/stats.yaml", "EnvoyProxy");
    let bootstrap = proxy["spec"]["bootstrap"]["value"].as_str().expect("a bootstrap");
    let bootstrap: Value = serde_saphyr::from_str(bootstrap).expect("YAML");
    assert_eq!(bootstrap["stats_config"]["stats_tags"], *tags);

    let deployment = manifest("istio/stats.yaml", "Deployment");
    let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
    let config = annotations["proxy.istio.io/config"].as_str().expect("a proxy configuration");
    let config: Value = serde_saphyr::from_str(config).expect("YAML");
    let names: Vec<_> = tags.as_array().unwrap().iter().map(|tag| &tag["tag_name"]).collect();
    assert_eq!(json!(names), config["extraStatTags"]);
    // What Istio makes of such a name.
    for tag in tags.as_array().unwrap() {
        let name = tag["tag_name"].as_str().unwrap();
        assert_eq!(tag["regex"], format!(r"({name}=\.=(.*?);\.;)"));
    }
}

#[tokio::test]
async fn what_calls_the_workload_opens_nothing_and_what_is_listed_is_watched() -> Outcome {
    let (workload, provider) = (Simulator::start().await?, Simulator::start().await?);
    let envoy = Envoy::builder()
        .cluster(Cluster::at(PROVIDER, provider.address()))
        .cluster(Cluster::at(INBOUND, workload.address()))
        .listener(Listener::default().configuration_text(&wasm_plugin().to_string()))
        .route(Route::to(INBOUND).header("x-direction", "inbound"))
        .route(Route::to(PROVIDER))
        .start()
        .await?;
    let client = envoy.client();
    for _ in 0..20 {
        workload.queue([Behaviour::status(500)]);
        let call = Call::chat().header("x-direction", "inbound");
        assert_reached(&client.send(&call).await?, 500);
    }
    let stats = envoy.stats().await;
    let ours = stats.lines("llm_circuit_breaker");
    assert!(ours.iter().all(|line| !line.contains(INBOUND)), "{ours:#?}");

    for _ in 0..6 {
        provider.queue([Behaviour::status(500)]);
        assert_reached(&client.send(&Call::chat()).await?, 500);
    }
    let stats = envoy.stats().await;
    assert_eq!(value(&stats, PROVIDER, "state", &[]), OPEN);
    assert_eq!(value(&stats, PROVIDER, "requests_would_block_total", &[]), 1.0);
    Ok(())
}
