//! What `envoy/fleet/` and the manifests for a fleet say is what is tested here, and Envoy takes it.

use std::path::Path;

use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI};
use llm_breaker_host_tests::etcd::{Certificates, shipped_folder};
use serde_json::{Value, json};

use crate::Outcome;
use crate::stage::STORE;

const MODULE: &str = "target/wasm32-wasip1/release/llm_breaker.wasm";
const PROTOCOL: &str =
    "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

fn documents(file: &str) -> Vec<Value> {
    let path = shipped_folder().join("..").join(file);
    let text = std::fs::read_to_string(path).expect(file);
    serde_saphyr::from_multiple(&text).expect(file)
}

fn bootstrap(file: &str) -> Value {
    documents(file).swap_remove(0)
}

fn take<'a>(list: &'a mut Value, name: &str) -> Vec<Value> {
    let all: &'a mut Vec<Value> = list.as_array_mut().expect("a list");
    let (named, others) = all.drain(..).partition(|it| it["name"] == name);
    *all = others;
    named
}

/// Of the shipped file for one proxy it differs in what a fleet needs, and in nothing else.
#[test]
fn the_store_and_the_module_are_all_that_the_file_for_fleets_adds() {
    let mut file = bootstrap("fleet/egress.yaml");
    assert!(file["node"]["id"].is_string());
    file.as_object_mut().expect("fields").remove("node");
    let store = take(&mut file["static_resources"]["clusters"], STORE);
    assert_eq!(store.len(), 1);
    let mut fleets = 0;
    let listeners = file["static_resources"]["listeners"].as_array_mut().expect("listeners");
    for listener in listeners {
        let plugin = listener
            .pointer_mut(
                "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config",
            )
            .expect("a plugin");
        let module = plugin.pointer_mut("/vm_config/code/local/filename").expect("a file");
        assert_eq!(*module, "target/wasm32-wasip1/release/llm_breaker_fleet.wasm");
        *module = json!(MODULE);
        let document = plugin["configuration"]["value"].as_object_mut().expect("a document");
        let fleet = document.remove("fleet");
        let listed = document.remove("breakers");
        assert_eq!(listed.is_some(), fleet.is_some());
        fleets += usize::from(fleet.is_some_and(|it| it["cluster"] == STORE));
    }
    assert!(fleets >= 1);
    assert_eq!(file, bootstrap("llm-egress.yaml"));
}

/// The clusters of the store that the manifests for Istio and Envoy Gateway bring.
fn clusters_of_manifests() -> Vec<Value> {
    let mut found = Vec::new();
    for manifest in documents("istio/fleet.yaml") {
        let patches = manifest["spec"]["configPatches"].as_array().expect("patches").clone();
        found.extend(
            patches
                .into_iter()
                .filter(|it| it["applyTo"] == "CLUSTER")
                .map(|mut it| it["patch"]["value"].take()),
        );
    }
    for manifest in documents("envoy-gateway/fleet.yaml") {
        let patches = manifest["spec"]["jsonPatches"].as_array().cloned().unwrap_or_default();
        found.extend(patches.into_iter().map(|mut it| it["operation"]["value"].take()));
    }
    assert_eq!(found.len(), 2);
    found
}

#[test]
fn every_way_to_the_store_has_the_keep_alive_that_is_tested() {
    let shipped = bootstrap("fleet/egress.yaml")["static_resources"]["clusters"].clone();
    let shipped = shipped.as_array().expect("clusters").iter().find(|it| it["name"] == STORE);
    let shipped = shipped.expect("the store").pointer(PROTOCOL).cloned();
    assert!(shipped.is_some());
    for cluster in clusters_of_manifests() {
        assert_eq!(cluster.pointer(PROTOCOL).cloned(), shipped, "{cluster}");
    }
}

/// Paths to where the certificates are here.
fn furnished(mut cluster: Value, folder: &Path) -> Value {
    let context = cluster
        .pointer_mut("/transport_socket/typed_config/common_tls_context")
        .expect("a context");
    let certificate = &mut context["tls_certificates"][0];
    certificate["certificate_chain"]["filename"] = json!(folder.join("proxy.pem"));
    certificate["private_key"]["filename"] = json!(folder.join("proxy.key"));
    context["validation_context"]["trusted_ca"]["filename"] = json!(folder.join("ca.pem"));
    cluster
}

#[tokio::test]
async fn envoy_takes_what_the_manifests_embed() -> Outcome {
    let certificates = Certificates::make(&["proxy"])?;
    let [manifest] = &documents("istio/fleet.yaml")[..] else { panic!("one manifest") };
    let filter = &manifest["spec"]["configPatches"][0]["patch"]["value"];
    let document = &filter["typed_config"]["config"]["configuration"]["value"];
    for cluster in clusters_of_manifests() {
        assert_eq!(document["fleet"]["cluster"], cluster["name"]);
        let name = cluster["name"].as_str().expect("a name").to_owned();
        let cluster = furnished(cluster, certificates.folder());
        let listener = Listener::default().allow_on_headers_stop_iteration();
        let verdict = Envoy::builder()
            .shipped("fleet/egress.yaml")
            .cluster(Cluster::empty(OPENAI))
            .cluster(Cluster::empty(&name).patch(cluster))
            .listener(listener.configuration(document))
            .validate()
            .await?;
        assert!(verdict.is_ok, "{name}: {}", verdict.output);
    }
    Ok(())
}
