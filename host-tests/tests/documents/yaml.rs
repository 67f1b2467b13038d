//! Is every YAML file of the repository started or validated? Each is claimed by a test, and what Envoy
//! can start from is validated here by the real one, as it is shipped.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;

use llm_breaker_host_tests::envoy::{filter_module, fleet_module};
use llm_breaker_host_tests::etcd::Certificates;
use llm_breaker_host_tests::patience::patiently;
use serde_json::Value;
use tokio::process::Command;

use crate::proofs::has_test;
use crate::repository;

/// Who starts or judges a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// This test takes all files there are.
    By(&'static str),
    /// Envoy, below.
    Here,
    /// The tests that name it.
    ByName,
}

/// How a path begins; the first that fits.
const CLAIMS: &[(&str, Claim)] = &[
    ("envoy/istio/", Claim::By("envoy/manifests::every_manifest_fits_the_schema_of_its_kind")),
    (
        "envoy/envoy-gateway/",
        Claim::By("envoy/manifests::every_manifest_fits_the_schema_of_its_kind"),
    ),
    ("envoy/prometheus/rules/", Claim::By("prometheus/rules::the_rules_do_what_their_tests_say")),
    ("envoy/prometheus/tests/", Claim::By("prometheus/rules::the_rules_do_what_their_tests_say")),
    (
        "envoy/prometheus/prometheus.yaml",
        Claim::By("prometheus/rules::prometheus_would_take_the_configuration_and_the_rules"),
    ),
    (
        ".github/workflows/",
        Claim::By("documents/workflows::every_workflow_calls_make_and_only_targets_that_are_there"),
    ),
    (
        "envoy/cookbook/dynamic/",
        Claim::By(
            "envoy/cookbook/shadow_rollout::enforcing_costs_no_call_and_what_was_learnt_stays",
        ),
    ),
    (
        "envoy/cookbook/secrets/",
        Claim::By(
            "envoy/cookbook/credentials::each_provider_gets_its_own_key_and_nobody_can_read_it_from_envoy",
        ),
    ),
    ("envoy/llm-", Claim::Here),
    ("envoy/fleet/", Claim::Here),
    ("envoy/", Claim::ByName),
    ("docs/", Claim::ByName),
];

fn claim(path: &str) -> Option<Claim> {
    CLAIMS.iter().find(|(begin, _)| path.starts_with(begin)).map(|(_, claim)| *claim)
}

/// All that tests do, in one text.
fn sources() -> String {
    let sources = repository::files(&[".rs"]);
    let of_tests = sources.iter().filter(|path| path.starts_with("host-tests/"));
    of_tests.map(|path| repository::read(path)).collect()
}

/// Its path or its name, as a text of the tests' code.
fn is_named(path: &str, sources: &str) -> bool {
    let (_, name) = path.rsplit_once('/').expect("a folder");
    [path, name].iter().any(|it| sources.contains(&format!("\"{it}\"")))
}

#[test]
fn a_test_claims_every_yaml() {
    let sources = sources();
    let mut unclaimed = Vec::new();
    for path in repository::files(&[".yaml", ".yml"]) {
        let is_claimed = match claim(&path) {
            None => false,
            Some(Claim::Here) => true,
            Some(Claim::By(test)) => {
                let (file, name) = test.split_once("::").expect("file::test");
                has_test(file, name)
            }
            Some(Claim::ByName) => is_named(&path, &sources),
        };
        if !is_claimed {
            unclaimed.push(path);
        }
    }
    assert_eq!(unclaimed, [] as [String; 0], "nothing starts or validates them");
    // Put together, lest this very line name it.
    assert!(!is_named(&["envoy/no", "where/no", "thing.yaml"].concat(), &sources));
}

/// The file as it is shipped, but for where this machine's build left the module, and where the
/// certificates are.
fn bootstrap(path: &str, certificates: &Certificates) -> Value {
    let shipped = "target/wasm32-wasip1/release/";
    let mut text = repository::read(path);
    for (name, module) in
        [("llm_breaker.wasm", filter_module()), ("llm_breaker_fleet.wasm", fleet_module())]
    {
        let module = module.canonicalize().expect("the module");
        text = text.replace(&format!("{shipped}{name}"), &module.to_string_lossy());
    }
    let folder = format!("{}/", certificates.folder().display());
    let text = text.replace("/etc/llm-breaker/etcd/", &folder);
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The variables of the environment that it reads its secrets from.
fn variables(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("environment_variable").and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(variables)).collect()
        }
        Value::Array(elements) => elements.iter().flat_map(variables).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn envoy_takes_every_bootstrap_as_it_is_shipped() {
    let envoy = env::var_os("ENVOY")
        .map_or_else(|| repository::root().join(".venv/bin/envoy"), PathBuf::from);
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::make(&["proxy"]).expect("certificates");
    let mut judged = 0;
    for path in repository::files(&[".yaml", ".yml"]) {
        if claim(&path) != Some(Claim::Here) {
            continue;
        }
        let bootstrap = bootstrap(&path, &certificates);
        let file = folder.path().join("bootstrap.json");
        std::fs::write(&file, bootstrap.to_string()).expect("a file");
        let mut command = Command::new(&envoy);
        command.args(["--mode", "validate", "-c"]).arg(&file).stdin(Stdio::null());
        command.envs(variables(&bootstrap).into_iter().map(|name| (name, "a secret")));
        let output = patiently("envoy --mode validate", command.output()).await.expect("Envoy");
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        judged += 1;
    }
    assert!(judged >= 6, "{judged}");
}
