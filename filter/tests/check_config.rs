//! `llm-breaker check-config`: what an operator sees of right and of wrong files.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

const WASM_PLUGIN: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: unrelated}
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: llm-breaker}
spec:
  url: oci://registry.example/llm-breaker:0.1.0
  pluginConfig:
    defaults: {mode: disabled}
    breakers:
    - cluster: "outbound|443||*.openai.com"
      mode: shadow
      trip: {consecutive_failures: 3, slow_rate: null}
"#;

const BOOTSTRAP: &str = r#"
static_resources:
  listeners:
  - name: a
    filter:
      name: envoy.filters.http.wasm
      config:
        name: another
        vm_config: {code: {local: {filename: another.wasm}}}
        configuration: {"@type": t, value: {nonsense: true}}
  - name: b
    filter:
      name: llm_breaker
      config:
        name: llm_breaker
        vm_config: {vm_id: llm-breaker}
        configuration: {"@type": t, value: '{"defaults": {"trip": {"failure_rate": "0.25"}}}'}
  clusters:
  - name: openai
    connect_timeout: 5s
    metadata: {filter_metadata: {llm_breaker: {trip: {consecutive_failures: 2}, mode: enforce}}}
"#;

fn check(name: &str, text: &str, arguments: &[&str]) -> Output {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-breaker"));
    command.arg("check-config").arg(&path).args(arguments).output().expect("the command")
}

fn report(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The row of a field, its columns apart by one blank.
fn row(report: &str, field: &str) -> Option<String> {
    let mut rows = report.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    rows.find(|row| row.starts_with(&format!("{field} ")))
}

#[test]
fn the_policy_in_force_is_shown_with_the_layer_of_each_value() {
    let output = check("layers.yaml", WASM_PLUGIN, &["--cluster", "outbound|443||eu.openai.com"]);
    let report = report(&output);
    assert!(report.contains("document 2.spec.pluginConfig"), "{report}");
    assert!(
        report.contains(
            "outbound|443||eu.openai.com (breakers[0])\n  Would open after 3 failures in a row, "
        ),
        "{report}"
    );
    for (field, expected) in [
        ("mode", "mode shadow breakers[0]"),
        ("trip.consecutive_failures", "trip.consecutive_failures 3 breakers[0]"),
        ("trip.slow_rate", "trip.slow_rate none breakers[0]"),
        ("trip.failure_rate", "trip.failure_rate 0.5 built in"),
        ("window.duration", "window.duration 60s built in"),
        ("fallback", "fallback error built in"),
    ] {
        assert_eq!(row(&report, field).as_deref(), Some(expected), "{report}");
    }
    assert_eq!(row(&report, "window.calls"), None, "another type's");
}

#[test]
fn a_cluster_that_no_entry_names_gets_the_defaults() {
    let report = report(&check("rest.yaml", WASM_PLUGIN, &["--cluster", "inbound|80||"]));
    assert!(report.contains("inbound|80|| (defaults)\n  Never opens"), "{report}");
    assert_eq!(row(&report, "mode").as_deref(), Some("mode disabled defaults"));
}

#[test]
fn another_plugin_is_left_alone_and_a_clusters_metadata_is_layered() {
    let report = report(&check("bootstrap.yaml", BOOTSTRAP, &["--changed"]));
    let metadata = report.split_once("openai (defaults)").expect("the cluster's own policy").1;
    assert!(
        metadata.contains("Opens after 2 failures in a row, when 25 % of at least 10"),
        "{report}"
    );
    let failures = "trip.consecutive_failures 2 its metadata";
    assert_eq!(row(metadata, "trip.consecutive_failures").as_deref(), Some(failures), "{report}");
    assert!(report.contains("the cluster openai gets defaults"), "{report}");
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let broken = WASM_PLUGIN.replace("shadow", "off").replace("failures: 3", "failures: 0");
    let complaint = complaint(&check("broken.yaml", &broken, &[]));
    let place = "broken.yaml: document 2.spec.pluginConfig: breakers[0].";
    assert_eq!(complaint.lines().count(), 2, "{complaint}");
    assert!(complaint.lines().all(|line| line.contains(place)), "{complaint}");
}

#[test]
fn a_bare_configuration_is_one_in_json_too_and_a_field_given_twice_is_told() {
    report(&check("bare.json", r#"{"defaults": {"mode": "shadow"}}"#, &[]));
    report(&check("bare.yaml", "defaults: {mode: shadow}\n", &[]));
    report(&check("empty.yaml", "", &[]));
    let twice = r#"{"defaults": {"mode": "shadow", "mode": "enforce"}}"#;
    assert!(complaint(&check("twice.json", twice, &[])).contains("given twice"));
    let twice = "defaults: {mode: shadow}\ndefaults: {mode: shadow}\n";
    complaint(&check("twice.yaml", twice, &[]));
}

#[test]
fn a_file_without_a_configuration_is_no_right_one() {
    let without = complaint(&check("without.yaml", "apiVersion: v1\nkind: Service\n", &[]));
    assert!(without.contains("no plugin in it is named llm-breaker"), "{without}");
    let other = BOOTSTRAP.replace("llm", "xyz");
    assert!(
        complaint(&check("other.yaml", &other, &[]))
            .contains("other Wasm plugins: static_resources")
    );
    complaint(&check("garbage.yaml", "a: [", &[]));
    let missing = Command::new(env!("CARGO_BIN_EXE_llm-breaker"))
        .args(["check-config", "/nowhere/at/all.yaml"])
        .output()
        .expect("the command");
    complaint(&missing);
}
