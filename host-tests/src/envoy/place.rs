//! Where the Envoy binary and the Wasm modules are.

use std::path::{Path, PathBuf};

use super::StartError;

/// The workspace's root.
pub(super) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// The Envoy that the environment variable `ENVOY` names, else the one that `make setup` installs.
pub(super) fn envoy() -> Result<PathBuf, StartError> {
    let path = std::env::var_os("ENVOY")
        .map_or_else(|| workspace().join(".venv/bin/envoy"), PathBuf::from);
    existing(path, "`make setup` installs Envoy; or name one in the environment variable ENVOY")
}

/// `module`, or the filter: the one for fleets, where the shipped YAML names that.
pub(super) fn existing_module(module: Option<&Path>, shipped: &str) -> Result<PathBuf, StartError> {
    let ours = || if shipped.ends_with(FLEET_FILE) { fleet_module() } else { filter_module() };
    let path = module.map_or_else(ours, Path::to_owned);
    existing(path, "`make build` and `make build-guests` compile the Wasm modules")
}

/// How the name of the module for fleets ends.
const FLEET_FILE: &str = "llm_breaker_fleet.wasm";

/// The filter: what the environment variable `LLM_BREAKER_WASM` names, else what `make build`
/// leaves.
#[must_use]
pub fn filter_module() -> PathBuf {
    std::env::var_os("LLM_BREAKER_WASM").map_or_else(|| built_module("llm_breaker"), PathBuf::from)
}

/// The filter for fleets: what the environment variable `LLM_BREAKER_FLEET_WASM` names, else what
/// `make build` leaves.
#[must_use]
pub fn fleet_module() -> PathBuf {
    std::env::var_os("LLM_BREAKER_FLEET_WASM")
        .map_or_else(|| built_module("llm_breaker_fleet"), PathBuf::from)
}

/// Where cargo leaves a workspace member's release build for Wasm; `name` with underscores.
#[must_use]
pub fn built_module(name: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    workspace().join(target).join("wasm32-wasip1/release").join(name).with_extension("wasm")
}

fn existing(path: PathBuf, remedy: &str) -> Result<PathBuf, StartError> {
    // Envoy runs in another directory.
    path.canonicalize()
        .map_err(|error| StartError::new(&path.display(), &format_args!("{error}\n{remedy}")))
}
