//! Is the same version said wherever one is said?

use serde_json::Value;

use crate::repository;

/// What stands between quotes behind this in a TOML file.
fn value_of<'t>(text: &'t str, key: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.trim_start_matches([' ', '=']).trim_matches('"')
}

fn variable(name: &str) -> Vec<String> {
    let makefile = repository::read("Makefile");
    let line = makefile.lines().find(|line| line.starts_with(&format!("{name} ")));
    let (_, value) =
        line.and_then(|line| line.split_once("= ")).expect("a variable of the Makefile");
    value.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_everything_is_built_with_is_the_oldest_rust_that_the_packages_promise() {
    let (cargo, toolchain) =
        (repository::read("Cargo.toml"), repository::read("rust-toolchain.toml"));
    let (promised, built) = (value_of(&cargo, "rust-version"), value_of(&toolchain, "channel"));
    assert_eq!(built.trim_end_matches(".0"), promised);
    for manifest in repository::files(&["Cargo.toml"]) {
        let text = repository::read(&manifest);
        let is_package = text.contains("[package]");
        assert!(!is_package || text.contains("rust-version.workspace = true"), "{manifest}");
    }
    assert!(repository::read("README.md").contains(&format!("Rust {promised}")), "README: MSRV");
}

#[test]
fn the_manifests_pull_the_version_that_is_built() {
    for file in ["extension-policy.yaml", "ai-gateway.yaml"] {
        let text = repository::read(&format!("envoy/envoy-gateway/{file}"));
        let manifests: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
        let policy = manifests.iter().find(|it| it["kind"] == "EnvoyExtensionPolicy");
        let url = &policy.expect("a policy")["spec"]["wasm"][0]["code"]["image"]["url"];
        let (_, tag) = url.as_str().and_then(|url| url.rsplit_once(':')).expect("a tag");
        assert_eq!(tag, env!("CARGO_PKG_VERSION"), "{file}");
    }
}

#[test]
fn the_readme_has_a_row_for_each_envoy_that_is_tried() {
    let readme = repository::read("README.md");
    let (_, rest) = readme.split_once("<!-- made by `make matrix` -->").expect("a table");
    let (table, _) = rest.split_once("<!-- end -->").expect("its end");
    let shown: Vec<&str> = table
        .lines()
        .skip(4)
        .filter_map(|line| line.split(" | ").next()?.strip_prefix("| "))
        .collect();
    let newest = variable("ENVOY_VERSION").remove(0);
    let mut tried = variable("ENVOY_VERSIONS");
    tried.iter_mut().filter(|it| it.starts_with('$')).for_each(|it| it.clone_from(&newest));
    tried.reverse();
    assert_eq!(shown, tried, "`make matrix` writes it");
}
